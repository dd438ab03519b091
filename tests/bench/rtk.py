"""RTK's reconstruction of the same projections, in a process of its own: `python -m tests.bench.rtk THREADS`.

RTK, the Reconstruction Toolkit (Rit et al., J. Phys. Conf. Ser. 489, 012079, 2014; PyPI `itk-rtk`), is the peer of our
filtered backprojection. Its threads and ours would disturb each other in one process.
"""

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numba
import numpy as np

from ctsim.geometry import Geometry, Grid

MISSING = "RTK is not installed; it comes with the extra `test`: pip install itk-rtk"


ROOT = Path(__file__).resolve().parents[2]


def installed() -> bool:
    """Return whether there is an RTK to compare with."""
    try:
        return bool(version("itk-rtk"))
    except PackageNotFoundError:
        return False


class Peer:
    """RTK at work beside us, on as many threads. Its start takes ten seconds and more, so one of them does many scans.

    Attributes:
        process: Where it runs.
    """

    def __init__(self) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.rtk", str(numba.get_num_threads())],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def seconds(self, folder: Path) -> float:
        """Reconstruct the scan that `hand_over` left in a folder, and return how long it took [s]."""
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise RuntimeError(f"RTK ended with {self.process.wait()}")


def hand_over(folder: Path, projections: np.ndarray, geometry: Geometry, grid: Grid, redundancy: str = "") -> None:
    """Leave a scan for RTK.

    Args:
        folder: Where it goes; RTK leaves `volume.npy` [z y x] there.
        projections: [view row col], line integrals.
        geometry: Where source and detector are.
        grid: The voxels.
        redundancy: `parker` for a short scan, `displaced` for an offset detector.
    """
    pixels = np.linalg.norm(geometry.u_mm[0]), np.linalg.norm(geometry.v_mm[0])
    np.savez(
        folder / "scan.npz", projections=np.asarray(projections, np.float32), vectors=geometry.to_astra(),
        pixels=pixels, shape=grid.shape, voxel_mm=grid.voxel_mm, redundancy=redundancy,
    )  # fmt: skip


def main() -> None:
    """Reconstruct the scan of every folder that is named on a line of the input."""
    import itk

    rtk = itk.RTK
    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(int(sys.argv[1]))
    for line in sys.stdin:
        folder = Path(line.strip())
        with np.load(folder / "scan.npz") as scan:
            scan = dict(scan)
        geometry = geometry_of(rtk, scan["vectors"], scan["pixels"])
        start = time.perf_counter()
        volume = reconstructed(itk, rtk, scan, geometry)
        seconds = time.perf_counter() - start
        np.save(folder / "volume.npy", volume)
        print("seconds", seconds, flush=True)


def geometry_of(rtk, vectors, pixels):
    """Return RTK's geometry. Its axis of rotation is y: our (x, y, z) are its (z, x, y)."""
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    for row in vectors.reshape(-1, 4, 3):
        source, centre, u, v = (part[[1, 2, 0]] for part in row)
        places = source, centre, u / pixels[0], v / pixels[1]
        if geometry.AddProjection(*[[float(number) for number in place] for place in places]) is False:
            raise ValueError(f"RTK does not take the geometry {row}")
    return geometry


def reconstructed(itk, rtk, scan, geometry):
    """Return RTK's volume [z y x], from numpy to numpy."""
    image_type, projections = itk.Image[itk.F, 3], scan["projections"]
    image = itk.image_view_from_array(projections)
    image.SetSpacing([*map(float, scan["pixels"]), 1.0])
    corner = [-(n - 1) / 2 * float(p) for n, p in zip(projections.shape[:0:-1], scan["pixels"], strict=True)]
    image.SetOrigin([*corner, 0.0])
    depth, height, width = map(int, scan["shape"])
    size, voxel_mm = [height, depth, width], float(scan["voxel_mm"])
    empty = rtk.ConstantImageSource[image_type].New()
    empty.SetOrigin([-(n - 1) / 2 * voxel_mm for n in size])
    empty.SetSpacing([voxel_mm] * 3)
    empty.SetSize(size)
    redundancy = {"parker": "ParkerShortScanImageFilter", "displaced": "DisplacedDetectorImageFilter"}
    if str(scan["redundancy"]):
        weighted = getattr(rtk, redundancy[str(scan["redundancy"])])[image_type].New()
        weighted.SetInput(image)
        weighted.SetGeometry(geometry)
        image = weighted.GetOutput()
    fdk = rtk.FDKConeBeamReconstructionFilter[image_type].New()
    fdk.SetInput(0, empty.GetOutput())
    fdk.SetInput(1, image)
    fdk.SetGeometry(geometry)
    fdk.Update()
    return itk.array_from_image(fdk.GetOutput()).transpose(1, 2, 0)


if __name__ == "__main__":
    main()
