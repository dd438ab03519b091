"""Path lengths by gVirtualXray (https://gvirtualxray.sourceforge.io), a peer: to compare with, not to trust more.

It comes with the extra `gvxr` and is chosen with `scan: backend: gvxr`. gVXR runs in a process of its own
(`ctsim.backends.gvxr_process`), so that nothing it does can harm this one; that process is kept for the next scan,
because it takes seconds to start and 2.5 GB.

What is done for it here:

* It interpolates distances along the faces and is up to 20 % wrong on large ones (a tilted box of 12 triangles); the
  error falls with the square of their size. So large faces are cut first, without moving the surface.
* A surface that is open, inside out or not finite gives silently wrong images, or ends the process: refused here.
* Matter beyond the detector is not seen: the detector is put behind it, along the same rays.
* It draws 2048 x 2048 pixels at most: larger detectors are drawn in tiles.
"""

import atexit
import contextlib
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Error, Manifold, Mesh64

from ctsim import doctor
from ctsim.backends.mesh import Triangles
from ctsim.geometry import Geometry
from defects.messages import BadInput

FINE = 1 / 200
"""Longest edge that gVXR is given, as a share of its distance to the source.

A tilted box of 30 x 20 x 40 mm at 200 mm is then right to 0.15 % where its chord is above 5 % of the longest, and to
0.003 mm everywhere; at 1/100 to 0.7 % and 0.011 mm, at 1/400 to 0.04 % and 0.002 mm.
"""

MOST_TRIANGLES = 2_000_000
"""Faces are not cut finer than this: a source that touches the part would have them cut for ever."""

TILE = 2048
"""Pixels a side that gVXR can draw at once."""

WORKER = Path(__file__).with_name("gvxr_process.py")


def path_lengths(
    triangles: Triangles, geometry: Geometry, materials: int
) -> Iterator[tuple[slice, Float[np.ndarray, "view material row col"]]]:
    """Yield the path of every ray in every material [mm], one view at a time.

    Args:
        triangles: The specimen; every surface closed and its faces counter-clockwise seen from outside.
        geometry: Source and detector per view, with u at a right angle to v; the whole specimen lies in front of the
            source.
        materials: How many materials there are.

    Raises:
        BadInput: gVXR is not installed or cannot run, it ended in the middle, or the specimen or the geometry is one
            that it would draw wrongly.
    """
    shares = _shares(triangles, geometry)
    edge_mm = _edge_mm(triangles, geometry)
    surfaces = [_surface(triangles, material, edge_mm) for material in range(materials)]
    tiles = _tiles(geometry.rows, geometry.columns)
    views = [[_tile(geometry, view, float(shares[view]), *tile) for tile in tiles] for view in range(geometry.views)]
    process = _idle.pop() if _idle else _Process()
    try:
        process.send({"surfaces": surfaces, "views": views})
        for view in range(geometry.views):
            image = np.zeros((1, materials, geometry.rows, geometry.columns), np.float32)
            for rows, columns in tiles:
                image[0, :, rows, columns] = process.receive(f"in view {view} of {geometry.views}")
            yield slice(view, view + 1), image
    except BaseException:  # the caller's leaving early too: images that nobody takes are under way
        process.end()
        raise
    _idle.append(process)


def require() -> None:
    """Raise BadInput if the extra is not installed; a look at the disk, nothing is started."""
    if importlib.util.find_spec("gvxrPython3") is None:
        raise BadInput("backend gvxr needs gVirtualXray: pip install 'ctsim[gvxr]'; or choose backend: mesh")


@cache
def unavailable() -> str | None:
    """Return why gVXR cannot be used here and what to do about it, or None where it can."""
    try:
        _idle.append(_Process())
    except BadInput as error:
        return str(error)
    return None


class _Process:
    """gVXR, running and ready for a job."""

    def __init__(self) -> None:
        require()
        self.said = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `end`)
        self.process = subprocess.Popen(
            # -P: the folder of the program must not be searched for modules
            [sys.executable, "-P", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said,
            # gVXR fills 2.5 GB of tables when it is loaded: 4 s with large pages, 12 s without
            env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", **os.environ},
        )  # fmt: skip
        atexit.register(self.end)
        refusal = self.receive("while it was loaded")
        if refusal is not None:
            self.end()
            wanted = doctor.missing_libraries("gvxr") or doctor.LIBRARIES["gvxr"].values()
            raise BadInput(
                f"backend gvxr: gVirtualXray is installed but cannot run here ({' '.join(refusal.split())}); on Debian "
                f"and Ubuntu: apt-get install {' '.join(wanted)}; or choose backend: mesh"
            )

    def send(self, job: dict[str, Any]) -> None:
        """Give it a job."""
        try:
            pickle.dump(job, self.process.stdin, pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self._gone("before its job began") from self._cause(error)

    def receive(self, when: str) -> Any:
        """Return its next answer."""
        try:
            return pickle.load(self.process.stdout)
        except (EOFError, pickle.UnpicklingError) as error:
            raise self._gone(when) from self._cause(error)

    def end(self) -> None:
        """End it, whatever it is doing."""
        atexit.unregister(self.end)
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.said):
            with contextlib.suppress(BrokenPipeError):  # half a job still lay in the pipe
                stream.close()

    def _cause(self, error: Exception) -> Exception:
        """Return what has ended it: a lack of memory, where the system has killed it."""
        return MemoryError() if self.process.wait() == -signal.SIGKILL else error

    def _gone(self, when: str) -> BadInput:
        code = self.process.wait()
        self.said.seek(0)
        words = self.said.read().decode(errors="replace").strip().splitlines()
        last = f"; its last words: {words[-1].strip()}" if words else ""
        return BadInput(f"backend gvxr: gVirtualXray ended {when} (exit code {code}){last}; choose backend: mesh")


_idle: list[_Process] = []
"""Processes that have done their job and wait for the next."""


def _shares(triangles: Triangles, geometry: Geometry) -> Float[np.ndarray, " view"]:
    """Return how far the detector is to be moved along its rays, so that all matter lies before it: 1 or more.

    Raises:
        BadInput: Some vertex is not finite or lies behind the source, or the pixels are no rectangles.
    """
    if not np.isfinite(triangles.vertices_mm).all():
        raise BadInput("backend gvxr: some vertices of the part are not finite numbers; mend the part's file")
    slant = np.abs(np.sum(geometry.u_mm * geometry.v_mm, axis=1))
    size = np.linalg.norm(geometry.u_mm, axis=1) * np.linalg.norm(geometry.v_mm, axis=1)
    if np.any(slant > 1e-6 * size):
        raise BadInput(
            f"backend gvxr: the detector's rows must be at a right angle to its columns, got {slant.max():g} of "
            f"{size.max():g} mm2; choose backend: mesh"
        )
    corners = np.column_stack([_box_corners(triangles.vertices_mm), np.ones(8)])
    depths = corners @ geometry.projection[:, 2].T  # [corner view]
    for view in np.flatnonzero(depths.min(0) <= 0):  # a box reaches further than what is in it
        if np.min(triangles.vertices_mm @ geometry.projection[view, 2, :3] + geometry.projection[view, 2, 3]) <= 0:
            raise BadInput(f"the part reaches behind the source in view {view}; move it, or raise source_object_mm")
    return np.maximum(1.0, 1.01 * depths.max(0))


def _box_corners(vertices_mm: Float[np.ndarray, "vertex 3"]) -> Float[np.ndarray, "8 3"]:
    """Return the corners of the box around some points [mm]."""
    sides = np.stack([vertices_mm.min(0), vertices_mm.max(0)])
    return np.array([[sides[i, 0], sides[j, 1], sides[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])


def _edge_mm(triangles: Triangles, geometry: Geometry) -> float:
    """Return the longest edge that gVXR may be given [mm]."""
    low, high = triangles.vertices_mm.min(0), triangles.vertices_mm.max(0)
    outside = np.maximum(np.maximum(low - geometry.source_mm, geometry.source_mm - high), 0)
    nearest = np.linalg.norm(outside, axis=1).min()
    a, b, c = (triangles.vertices_mm[triangles.faces[:, i]] for i in range(3))
    area_mm2 = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    # an equilateral triangle has sqrt(3) / 4 of the square of its edge
    return float(max(FINE * nearest, np.sqrt(4 / np.sqrt(3) * area_mm2 / MOST_TRIANGLES)))


def _surface(
    triangles: Triangles, material: int, edge_mm: float
) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]] | None:
    """Return the surface of one material, cut about as fine as `edge_mm`, or None where there is none.

    Raises:
        BadInput: It is open or inside out.
    """
    faces = triangles.faces[triangles.materials == material]
    if not len(faces):
        return None
    used, corners = np.unique(faces, return_inverse=True)
    mesh = Mesh64(triangles.vertices_mm[used], corners.reshape(-1, 3).astype(np.uint64))
    mesh.merge()  # a file may give each face corners of its own
    solid = Manifold(mesh)
    if solid.status() != Error.NoError or not solid.volume() > 0:
        what = "inside out" if solid.status() == Error.NoError else "open"
        raise BadInput(
            f"backend gvxr: an {what} surface would give wrong images; mend the part's file, or allow repair: true"
        )
    fine = solid.refine_to_length(edge_mm).to_mesh64()
    return np.array(fine.vert_properties)[:, :3], np.array(fine.tri_verts, np.int64)


def _tiles(rows: int, columns: int) -> list[tuple[slice, slice]]:
    """Return the parts of the detector that are drawn one by one."""
    return [
        (slice(top, min(top + TILE, rows)), slice(left, min(left + TILE, columns)))
        for top in range(0, rows, TILE)
        for left in range(0, columns, TILE)
    ]


def _tile(geometry: Geometry, view: int, share: float, rows: slice, columns: slice) -> dict[str, Any]:
    """Return a part of a view's detector, moved along its rays to `share` times its distance."""
    source, u, v = geometry.source_mm[view], geometry.u_mm[view], geometry.v_mm[view]
    ray = geometry.corner_ray_mm[view] + (columns.start + columns.stop) / 2 * u + (rows.start + rows.stop) / 2 * v
    return {
        "source_mm": source,
        "centre_mm": source + share * ray,
        "u_mm": share * u,
        "v_mm": share * v,
        "rows": rows.stop - rows.start,
        "columns": columns.stop - columns.start,
    }
