r"""How much each ray counts, where some lines are seen twice and others once.

In a full turn every line of the middle plane is seen twice, as (\beta, \gamma) and as (\beta + \pi + 2\gamma, -\gamma):
\beta is where the source stands, \gamma the direction in the fan, both counter-clockwise. Weights here are those of a
full turn: the two of a line sum to 2.
"""

import numpy as np
from jaxtyping import Float

from ctsim.reconstruct.course import Course


def ray_weights(course: Course, fan_rad: Float[np.ndarray, "view place"]) -> Float[np.ndarray, "view place"]:
    """Return the weights of rays; 1 where every line is seen twice.

    Args:
        course: How the source runs.
        fan_rad: Their directions; see `course.fan_of`.
    """
    if course.kind == "arc":
        return 2 * parker(course.azimuth_rad[:, None], fan_rad, course.range_rad)
    if course.offset:
        clockwise, other = course.sides_rad
        return 2 * offset_detector(fan_rad if other > clockwise else -fan_rad, min(course.sides_rad))
    return np.ones(fan_rad.shape)


def parker(
    azimuth_rad: Float[np.ndarray, "view 1"], fan_rad: Float[np.ndarray, "view column"], range_rad: float
) -> Float[np.ndarray, "view column"]:
    r"""Return the weights of a short scan; the two of a line sum to 1.

    $$ w = \sin^2 \frac{\pi}{4} \frac{\beta}{\delta - \gamma} \text{ for } \beta < 2 (\delta - \gamma), \quad
       w = \sin^2 \frac{\pi}{4} \frac{\pi + 2 \delta - \beta}{\delta + \gamma} \text{ for } \beta > \pi - 2 \gamma $$

    and 1 between, for a range of \pi + 2\delta (Parker, Med. Phys. 9, 254, 1982). Any
    \delta from the fan's half angle up to \pi / 2 will do, so longer arcs are taken as well (Silver, Med. Phys. 27,
    773, 2000).

    Args:
        azimuth_rad: \beta, from the beginning of the arc.
        fan_rad: \gamma.
        range_rad: Of the arc, at least \pi and the fan angle.
    """
    delta = (range_rad - np.pi) / 2
    fan = np.clip(fan_rad, -delta * (1 - 1e-6), delta * (1 - 1e-6))
    begins = np.clip(azimuth_rad / (delta - fan), 0, 2)
    ends = np.clip((np.pi + 2 * delta - azimuth_rad) / (delta + fan), 0, 2)
    return np.sin(np.pi / 4 * begins) ** 2 * np.sin(np.pi / 4 * ends) ** 2


def offset_detector(fan_rad: Float[np.ndarray, "view column"], overlap_rad: float) -> Float[np.ndarray, "view column"]:
    r"""Return the weights of a detector that stands beside the axis; the two of a line sum to 1.

    $$ w = \frac{1}{2} \Big( 1 + \sin \frac{\pi \gamma}{2 \gamma_o} \Big) $$

    within the overlap |\gamma| < \gamma_o that is seen from either side, 0 and 1 beyond it (Wang, Med. Phys. 29, 1634,
    2002).

    Args:
        fan_rad: \gamma, positive towards the longer side of the detector.
        overlap_rad: \gamma_o, what the shorter side sees.
    """
    return 0.5 + 0.5 * np.sin(np.pi / 2 * np.clip(fan_rad / overlap_rad, -1, 1))


def turn_weights(course: Course, fade: float, height_mm: Float[np.ndarray, " z"]) -> Float[np.ndarray, "z view"]:
    r"""Return how much each view of a helix counts for voxels at some heights: over all turns it sums to 1.

    A voxel takes the turn whose middle is at its own height, as in the helical Feldkamp algorithm (Wang et al., IEEE
    Trans. Med. Imaging 12, 486, 1993); here the turn is faded into its neighbours, so that its ends leave no streak.
    Voxels beyond the first and the last whole turn take that turn, as in a circular scan.

    Args:
        course: Of a helix.
        fade: Share of a turn over which one turn goes over into the next.
        height_mm: Of the voxels.
    """
    reach = abs(course.climb_mm) * (1 + fade) / 2
    ends = np.sort(course.height_mm[[0, -1]])
    step = abs(course.climb_mm) * course.share_rad.mean() / (2 * np.pi)
    low, high = ends[0] - step / 2 + reach, ends[1] + step / 2 - reach
    height = np.clip(height_mm, min(low, (low + high) / 2), max(high, (low + high) / 2))
    turns = np.abs(height[:, None] - course.height_mm) / abs(course.climb_mm)
    if fade < 1e-6:
        return (turns <= 0.5 + 1e-6).astype(float)
    return np.cos(np.pi / 2 * np.clip((turns - (1 - fade) / 2) / fade, 0, 1)) ** 2
