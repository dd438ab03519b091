"""What scatter does to a scan, in a picture: `python -m tests.bench.cupping docs/scatter.png`.

A cylinder of aluminium, 90 mm across, with four holes, close to a large panel: the primary beam, what is scattered, and
the middle of the reconstruction with and without it. Half a minute on two cores.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from manifold3d import Manifold

from ctsim.detector.correct import correct
from ctsim.fidelity import Signal
from ctsim.geometry import Grid
from ctsim.radiograph import scan
from ctsim.reconstruct.fdk import fdk
from ctsim.scanner import scanner_of
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec
from scenes.seeds import stream

RADIUS_MM, HEIGHT_MM = 45.0, 60.0
GRID = Grid(shape=(3, 160, 160), voxel_mm=0.75)

SCAN = ScanSpec(
    tube_kv=200, filters={"Cu": 1.0}, exposure_mas=2.0, views=240, source_detector_mm=800, source_object_mm=600,
    detector=DetectorSpec(rows=128, columns=160, pixel_mm=1.25), noise=False,
)  # fmt: skip


def main() -> None:
    """Write the picture."""
    volumes, shown = scanned()
    draw(Path(sys.argv[1]), volumes, shown)
    print(f"highest ratio of scattered to primary: {(shown['scattered'] / shown['primary']).max():.3f}")
    for name, values in ((name, profile(volume)) for name, volume in volumes.items()):
        print(f"{name}: {values[80]:.5f} /mm in the middle, {values[25:30].mean():.5f} /mm 40 mm aside")


def scanned() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the volumes by fidelity, and what arrives in the first view: primary and scattered."""
    volumes, shown = {}, {}
    for fidelity in ("beer-lambert", "hybrid"):

        def keep(signal: Signal) -> None:
            if signal.views.start == 0 and signal.scatter is not None:
                shown["primary"] = (signal.mean - signal.scatter)[0, 0].copy()
                shown["scattered"] = signal.scatter[0, 0].copy()

        scanner = scanner_of(SCAN.at(fidelity))
        found = scan(cylinder(), scanner, rng=stream(0, 0, "photons"), watch=keep)
        volumes[fidelity] = fdk(correct(found.counts, found.flat, found.dark)[0], scanner.nominal, GRID, "hann")
    return volumes, shown


def cylinder() -> Specimen:
    """Return the part."""
    solid = Manifold.cylinder(HEIGHT_MM, RADIUS_MM, RADIUS_MM, 256, True)
    for angle_deg in (45, 135, 225, 315):
        hole = Manifold.cylinder(2 * HEIGHT_MM, 4.0, 4.0, 64, True).translate((28, 0, 0)).rotate((0, 0, angle_deg))
        solid -= hole
    return Specimen(solids=(Solid(surface=solid, material="Al", label="Al"),))


def profile(volume: np.ndarray) -> np.ndarray:
    """Return the mean of some rows through the middle [1/mm]."""
    return volume[1, 77:83].mean(0)


def draw(out: Path, volumes: dict[str, np.ndarray], shown: dict[str, np.ndarray]) -> None:
    """Draw the four panes."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, panes = pyplot.subplots(1, 4, figsize=(14, 3.4), constrained_layout=True)
    for pane, (name, image) in zip(panes, shown.items(), strict=False):
        seen = pane.imshow(image, cmap="gray", vmin=0)
        pane.set_title(f"{name}, share of the free beam", fontsize=9)
        pane.axis("off")
        figure.colorbar(seen, ax=pane, shrink=0.8)
    seen = panes[2].imshow(shown["scattered"] / shown["primary"], cmap="magma", vmin=0)
    panes[2].set_title("scattered to primary", fontsize=9)
    panes[2].axis("off")
    figure.colorbar(seen, ax=panes[2], shrink=0.8)
    at_mm = GRID.centres_mm(2)
    for name, label in (("beer-lambert", "primary alone"), ("hybrid", "with scatter")):
        panes[3].plot(at_mm, profile(volumes[name]), label=label, linewidth=1.2)
    panes[3].set_title("reconstruction through the middle", fontsize=9)
    panes[3].set_xlabel("mm", fontsize=8)
    panes[3].set_ylabel("1/mm", fontsize=8)
    panes[3].tick_params(labelsize=8)
    panes[3].set_ylim(bottom=0)
    panes[3].legend(fontsize=8, loc="lower center")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=90, metadata={"Software": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
