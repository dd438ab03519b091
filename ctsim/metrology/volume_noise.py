"""The noise of a voxel that filtered backprojection makes of the noise of the radiographs."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import map_coordinates

from ctsim.geometry import Geometry, Grid
from ctsim.reconstruct.fdk import Plan, plan_of
from ctsim.reconstruct.ramp import padded_length, response
from ctsim.reconstruct.redundancy import turn_weights
from scenes.scene import Window

FREQUENCIES = 128
"""Over which the integral of the noise's spectrum is taken, along rows and columns alike."""

LAYERS = 5
"""Of voxels that the variance is averaged over: how far the rows of pixels lie off their middles differs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VolumeNoise:
    r"""How the noise of some views, which stand for all, comes together in a voxel.

    A voxel of FDK sums the views with weights a = g / w^2 (see `ctsim.reconstruct.weigh`), each filtered by H along its
    rows and read between four pixels,

    $$ \sigma_v^2 = \sum_{views} a^2 \iint (T^2 \sigma_q^2 + \sigma_r^2) \, H^2 \, I(f_u) I(f_v) \, df_u df_v, \qquad
       I(f) = (1 - t)^2 + t^2 + 2 t (1 - t) \cos 2 \pi f $$

    for quantum noise q that the detector's light blurs by T and noise r that it does not; I is what a linear
    interpolation leaves of the power at t pixels from one to the next: along columns that of each view, for voxels may
    lie in step with the rows; along rows its mean over all t. Noise is taken as alike in all pixels that the filter
    weighs most, and as independent from pixel to pixel and view to view but for T (as in Kak and Slaney, Principles of
    Computerized Tomographic Imaging, 5.2).

    Attributes:
        which: The views.
        plan: Of the reconstruction.
        grid: The voxels.
        window: On the ramp.
        known: What the filter passes, with blur and without, once it has been asked for.
    """

    which: Int[np.ndarray, " some"]
    plan: Plan
    grid: Grid
    window: Window
    known: dict[bool, tuple[float, float]] = field(default_factory=dict)

    def noise_per_mm(
        self,
        points_mm: Float[np.ndarray, "point 3"],
        quantum: Float[np.ndarray, "point some"],
        rest: Float[np.ndarray, "point some"],
        transfer: Float[np.ndarray, "row col"] | None,
    ) -> Float[np.ndarray, " point"]:
        """Return the standard deviation of some voxels [1/mm], each the mean square of LAYERS above each other.

        Args:
            points_mm: Where they are (x, y, z).
            quantum: Variance of the attenuation where each view sees it, as the quanta arrive; 0 where none does.
            rest: What is added to that after blurring.
            transfer: What blur leaves of each spatial frequency; None for all.
        """
        (blurred_still, blurred_next), (still, following) = self._passed(transfer), self._passed(None)
        some, voxel_mm = chosen(self.plan.detector, self.which), self.grid.voxel_mm
        layers = self.grid.centres_mm(0)
        nearest = layers[np.argmin(np.abs(layers - points_mm[:, 2:]), axis=1)]
        total = np.zeros(len(points_mm))
        for above in (np.arange(LAYERS) - LAYERS // 2) * voxel_mm:
            at = np.column_stack([points_mm[:, :2], nearest + above])
            t = (places(some, at)[..., 0] - 0.5) % 1
            near, far = (1 - t) ** 2 + t**2, 2 * t * (1 - t)
            passed = (blurred_still * near + blurred_next * far) * quantum + (still * near + following * far) * rest
            total += (self._weights(some, at) ** 2 * passed).sum(1) / LAYERS
        return np.sqrt(total * self.plan.detector.views / len(self.which))

    def _weights(self, some: Geometry, points_mm: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point some"]:
        """Return the factor on each view's filtered line, at some points."""
        plan = self.plan
        row, column = np.moveaxis(places(some, points_mm), -1, 0)
        depth = np.sum(some.normal * (points_mm[:, None] - some.source_mm), axis=2) / some.distance_mm
        ray = some.corner_ray_mm + column[..., None] * some.u_mm + row[..., None] * some.v_mm
        width = np.linalg.norm(some.u_mm, axis=1)
        upon = np.cross(some.u_mm / width[:, None], ray)
        fan = np.sum(np.cross(plan.going_mm[self.which], ray) * upon, axis=2)
        fan = fan / (np.sum(upon**2, axis=2) * np.linalg.norm(ray, axis=2))
        ends = plan.weights[self.which, :, np.clip(column.astype(int), 0, some.columns - 1)]
        share = np.clip(row / some.rows, 0, 1)
        seen = ends[..., 0] * (1 - share) + ends[..., 1] * share
        if plan.course.kind == "helix":
            seen = seen * turn_weights(plan.course, plan.fade, points_mm[:, 2])[:, self.which]
        return seen * fan / (2 * width * depth**2)

    def _passed(self, transfer: Float[np.ndarray, "row col"] | None) -> tuple[float, float]:
        """Return what the filter passes of a pixel's variance, and of its covariance with the row below."""
        key = transfer is None
        if key not in self.known:
            length = padded_length(self.plan.lead + self.plan.detector.columns + self.plan.tail)
            f = (np.arange(FREQUENCIES) + 0.5) / (2 * FREQUENCIES)
            ramp = np.interp(f, np.arange(length // 2 + 1) / length, response(length, self.window))
            left = np.ones((1, 1)) if key else transfer_at(transfer, *np.meshgrid(f, f, indexing="ij")) ** 2
            power = left * (ramp**2 * (2 + np.cos(2 * np.pi * f)) / 3)[None, :] * np.ones((len(f), 1))
            self.known[key] = float(power.mean()), float((power * np.cos(2 * np.pi * f)[:, None]).mean())
        return self.known[key]


def volume_noise(nominal: Geometry, which: Int[np.ndarray, " some"], grid: Grid, window: Window) -> VolumeNoise:
    """Return how the noise of some views comes together in the voxels of a scan's reconstruction."""
    return VolumeNoise(which=which, plan=plan_of(nominal, grid), grid=grid, window=window)


def chosen(geometry: Geometry, which: Int[np.ndarray, " some"]) -> Geometry:
    """Return the geometry of some views, by their numbers."""
    parts = {name: getattr(geometry, name)[which] for name in ("source_mm", "centre_mm", "u_mm", "v_mm")}
    return replace(geometry, **parts)


def places(geometry: Geometry, points_mm: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point view 2"]:
    """Return the row and the column that points are seen at in each view; pixel i covers i .. i + 1."""
    seen = np.einsum("vij,pj->pvi", geometry.projection, np.column_stack([points_mm, np.ones(len(points_mm))]))
    return seen[..., 1::-1] / seen[..., 2:]


def transfer_at(
    transfer: Float[np.ndarray, "row col"], down: Float[np.ndarray, "..."], across: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Return a transfer function of `ctsim.detector.blur` between its frequencies, along columns and rows [1/pixel]."""
    at = [2 * n * f for n, f in zip(transfer.shape, (down, across), strict=True)]
    return map_coordinates(transfer, at, order=1, mode="nearest")
