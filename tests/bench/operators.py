"""How fast projector, backprojector and CGLS are: `python -m tests.bench.operators [--json]`.

`gups` are billions of voxels times views a second, from numpy to numpy, float32: upright detectors of a circular scan,
and the same scan with its axis tilted, for which any other path stands.
"""

import time

import numpy as np
from scipy.spatial.transform import Rotation

from ctsim.geometry import Geometry, Grid, circular
from ctsim.operators.projector import backproject, project
from ctsim.reconstruct.iterate import cgls
from tests.bench.figures import median_seconds, show

GRID = Grid(shape=(96, 96, 96), voxel_mm=0.75)


def scanner(views: int = 180) -> Geometry:
    """Return a scan that sees the whole grid: 128 x 128 pixels, two thirds of a voxel wide in its middle."""
    return circular(
        source_object_mm=300.0, source_detector_mm=600.0, rows=128, columns=128, pixel_mm=1.0,
        angles_deg=np.arange(views) * 360 / views,
    )  # fmt: skip


def main() -> None:
    """Print the figures."""
    rng, upright = np.random.default_rng(0), scanner()
    volume = rng.random(GRID.shape, dtype=np.float32)
    tilt = Rotation.from_euler("x", 30, degrees=True)
    names = ("source_mm", "centre_mm", "u_mm", "v_mm")
    tilted = Geometry(**{name: tilt.apply(getattr(upright, name)) for name in names}, rows=128, columns=128)
    figures, updates = {}, volume.size * upright.views / 1e9
    for name, geometry in (("upright", upright), ("tilted", tilted)):
        image = project(volume, geometry, GRID)
        figures[f"project_gups_{name}"] = updates / median_seconds(lambda g=geometry: project(volume, g, GRID))
        figures[f"backproject_gups_{name}"] = updates / median_seconds(
            lambda g=geometry, y=image: backproject(y, g, GRID)
        )
        start = time.perf_counter()
        cgls(image, geometry, GRID, 20)
        figures[f"cgls_20_iterations_s_{name}"] = time.perf_counter() - start
    show(figures)


if __name__ == "__main__":
    main()
