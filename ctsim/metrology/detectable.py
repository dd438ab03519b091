"""Whether a flaw can be told from the noise, by a rule that stands beside the answer."""

import numpy as np
from jaxtyping import Float

LEAST_ROSE_RATIO = 5.0
"""Signal to noise from which on something is seen with certainty (Rose, J. Opt. Soc. Am. 38, 196, 1948)."""

LEAST_VOXELS_ACROSS = 3.0
"""Of the ball of equal volume: 14 voxels. A choice of ours; no standard is followed."""

RULE = f"rose_ratio >= {LEAST_ROSE_RATIO:g} and voxels_across >= {LEAST_VOXELS_ACROSS:g}"
"""As it stands in each record."""


def rose_ratio(share: Float[np.ndarray, "box_z box_y box_x"], contrast_per_mm: float, noise_per_mm: float) -> float:
    r"""Return the signal to noise of a whole flaw,

    $$ k = \frac{\Delta\mu}{\sigma} \sqrt{\sum_i s_i^2} $$

    Rose's contrast to noise times the root of the area, for voxels with shares s in place of equal pixels: what an
    observer reaches who knows the flaw's shape, where noise differs from voxel to voxel (Burgess, J. Opt. Soc. Am. A
    16, 633, 1999). The noise of filtered backprojection has little power at low frequencies, so of flaws of many voxels
    it says too little rather than too much.

    Args:
        share: Of each voxel, that the flaw fills [0..1].
        contrast_per_mm: What a voxel that it fills differs by [1/mm].
        noise_per_mm: Standard deviation of a voxel [1/mm].
    """
    return float(contrast_per_mm * np.sqrt((np.asarray(share, float) ** 2).sum()) / noise_per_mm)


def is_detectable(ratio: float | None, voxels_across: float) -> bool:
    """Return whether a flaw fulfils the RULE; in a scan without noise, which has no ratio, its size alone decides."""
    return bool((ratio is None or ratio >= LEAST_ROSE_RATIO) and voxels_across >= LEAST_VOXELS_ACROSS)
