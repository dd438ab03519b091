"""Where the source and the detector stand, view by view, in the stage's frame.

World: right-handed x, y, z in mm, the rotation axis is z. At angle 0 the beam runs along +x, detector u along -y and v
along -z, as in CTSimU; the stage turns counter-clockwise seen from +z, so in the stage's frame source and detector
turn clockwise. Pixel and voxel centres lie at i + 1/2; row 0 is the top of the detector.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Geometry:
    """Source and flat detector per view, as ASTRA's cone_vec has them.

    Attributes:
        source_mm: Where the focal spot is [mm].
        centre_mm: Where the detector's centre is [mm].
        u_mm: From one pixel to the next in its row [mm].
        v_mm: From one pixel to the next in its column [mm].
        rows: Pixels in a column.
        columns: Pixels in a row.
    """

    source_mm: Float[np.ndarray, "view 3"]
    centre_mm: Float[np.ndarray, "view 3"]
    u_mm: Float[np.ndarray, "view 3"]
    v_mm: Float[np.ndarray, "view 3"]
    rows: int
    columns: int

    @property
    def views(self) -> int:
        """How many views there are."""
        return len(self.source_mm)

    @cached_property
    def corner_ray_mm(self) -> Float[np.ndarray, "view 3"]:
        """From the source to the outer corner of pixel (row 0, column 0) [mm]."""
        half = self.columns / 2 * self.u_mm + self.rows / 2 * self.v_mm
        return self.centre_mm - half - self.source_mm

    @cached_property
    def normal(self) -> Float[np.ndarray, "view 3"]:
        """The detector's unit normal, pointing away from the source."""
        w = np.cross(self.u_mm, self.v_mm)
        w /= np.linalg.norm(w, axis=1, keepdims=True)
        return w * np.sign(np.sum(w * self.corner_ray_mm, axis=1, keepdims=True))

    @cached_property
    def distance_mm(self) -> Float[np.ndarray, " view"]:
        """From the source to the detector's plane, along its normal [mm]."""
        return np.sum(self.normal * self.corner_ray_mm, axis=1)

    @cached_property
    def projection(self) -> Float[np.ndarray, "view 3 4"]:
        r"""The matrices P that send a point X to its pixel and depth.

        $$ (a, b, w) = P (X, 1), \quad column = a / w, \quad row = b / w $$

        with pixel i covering i .. i + 1, and w the share of the way from the source to the detector's plane at which
        the point lies (0 in the source, 1 in the detector).
        """
        # X - S = w (corner + column u + row v): solve the 3x3 system for (w column, w row, w)
        basis = np.stack([self.u_mm, self.v_mm, self.corner_ray_mm], axis=2)
        inverse = np.linalg.inv(basis)
        return np.concatenate([inverse, -inverse @ self.source_mm[:, :, None]], axis=2)

    def sampled(self, rays_per_side: int) -> "Geometry":
        """Return the same detector with every pixel cut in `rays_per_side` squared."""
        n = rays_per_side
        return Geometry(
            source_mm=self.source_mm,
            centre_mm=self.centre_mm,
            u_mm=self.u_mm / n,
            v_mm=self.v_mm / n,
            rows=self.rows * n,
            columns=self.columns * n,
        )

    def with_panel(self, rows: int, columns: int) -> "Geometry":
        """Return the same detector cut into so many rows and columns."""
        return Geometry(
            source_mm=self.source_mm,
            centre_mm=self.centre_mm,
            u_mm=self.u_mm * (self.columns / columns),
            v_mm=self.v_mm * (self.rows / rows),
            rows=rows,
            columns=columns,
        )

    def some(self, views: slice | Int[np.ndarray, " view"]) -> "Geometry":
        """Return the geometry of some of the views."""
        parts = {name: getattr(self, name)[views] for name in ("source_mm", "centre_mm", "u_mm", "v_mm")}
        return Geometry(**parts, rows=self.rows, columns=self.columns)

    def to_astra(self, voxel_mm: float = 1.0) -> Float[np.ndarray, "view 12"]:
        """Return the vectors of ASTRA's cone_vec: source, detector centre, u and v (each x y z) in one row a view.

        Args:
            voxel_mm: What ASTRA's volume geometry takes as its unit; 1 leaves them in mm [mm].

        The detector centre is the middle of the whole detector, u leads from pixel (0, 0) to (0, 1), v from (0, 0) to
        (1, 0), as the documentation of ASTRA's 3D projection geometries has it; its data are [row view col].
        """
        return np.concatenate([self.source_mm, self.centre_mm, self.u_mm, self.v_mm], axis=1) / voxel_mm

    @classmethod
    def from_astra(
        cls, vectors: Float[np.ndarray, "view 12"], *, rows: int, columns: int, voxel_mm: float = 1.0
    ) -> "Geometry":
        """Return the geometry of ASTRA's cone_vec vectors for a detector of so many pixels; see `to_astra`."""
        source, centre, u, v = np.split(voxel_mm * np.asarray(vectors, float), 4, axis=1)
        return cls(source_mm=source, centre_mm=centre, u_mm=u, v_mm=v, rows=rows, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain numbers: one row of twelve a view, as ASTRA's cone_vec."""
        return {"rows": self.rows, "columns": self.columns, "cone_vec_mm": self.to_astra().tolist()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Geometry":
        """Return the geometry that `to_json` wrote."""
        vectors = np.asarray(record["cone_vec_mm"], float)
        return cls.from_astra(vectors, rows=record["rows"], columns=record["columns"])


def circular(
    *,
    source_object_mm: float,
    source_detector_mm: float,
    rows: int,
    columns: int,
    pixel_mm: float,
    angles_deg: Float[np.ndarray, " view"],
) -> Geometry:
    """Return a circular cone-beam trajectory about the z axis.

    Args:
        source_object_mm: From the source to the rotation axis [mm].
        source_detector_mm: From the source to the detector [mm].
        rows: Pixels in a column.
        columns: Pixels in a row.
        pixel_mm: Pitch of the square pixels [mm].
        angles_deg: How far the stage has turned, counter-clockwise seen from +z [deg].
    """
    turn = np.deg2rad(-np.asarray(angles_deg, float))
    cos, sin, zero = np.cos(turn), np.sin(turn), np.zeros_like(turn)
    beam = np.stack([cos, sin, zero], axis=1)
    u = np.stack([sin, -cos, zero], axis=1)  # -y, turned
    v = np.broadcast_to([0.0, 0.0, -1.0], beam.shape)
    return Geometry(
        source_mm=-source_object_mm * beam,
        centre_mm=(source_detector_mm - source_object_mm) * beam,
        u_mm=pixel_mm * u,
        v_mm=pixel_mm * v,
        rows=rows,
        columns=columns,
    )


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The voxels of a volume [z y x], centred on the stage's origin.

    Attributes:
        shape: Voxels along z, y and x.
        voxel_mm: Side of the cubic voxels.
    """

    shape: tuple[int, int, int]
    voxel_mm: float

    def centres_mm(self, axis: int) -> Float[np.ndarray, " voxel"]:
        """Return the coordinates of the voxel centres along axis 0 (z), 1 (y) or 2 (x) [mm]."""
        n = self.shape[axis]
        return (np.arange(n) + 0.5 - n / 2) * self.voxel_mm

    @property
    def corner_mm(self) -> Float[np.ndarray, "3"]:
        """The outer corner (x, y, z) of voxel (0, 0, 0) [mm]."""
        return -np.array(self.shape[::-1]) * self.voxel_mm / 2
