"""The piece of matter that defects sit in: what is inside it, and how far the wall is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from defects.field import Field, field_of, thickness_mm, voxel_mm_of
from defects.wall import Wall


@dataclass(frozen=True, kw_only=True, eq=False)
class Host:
    """A closed solid that defects are placed in [mm].

    Attributes:
        solid: Its surface.
    """

    solid: Manifold

    @cached_property
    def box_mm(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """The lowest and highest corner of its bounding box."""
        box = np.array(self.solid.bounding_box())
        return box[:3], box[3:]

    @cached_property
    def wall(self) -> Wall:
        """Its faces, to measure distances to them."""
        return Wall.of(self.solid, voxel_mm_of(self.box_mm[1] - self.box_mm[0]))

    @cached_property
    def field(self) -> Field:
        """Its voxels, with bounds of their depths."""
        return field_of(self.wall, self.box_mm, self.contains)

    @cached_property
    def thickness_mm(self) -> Float[np.ndarray, "x y z"]:
        """Its local thickness at the centre of each voxel of the field."""
        return thickness_mm(self.field, self.wall, self.contains)

    def contains(self, point_mm: Float[np.ndarray, "3"]) -> bool:
        """Return whether the point lies inside: a ray to the outside crosses the surface an odd number of times."""
        beyond = np.array([point_mm[0], point_mm[1], 2 * self.box_mm[1][2] - self.box_mm[0][2] + 1])
        return len(self.solid.ray_cast(tuple(point_mm), tuple(beyond))) % 2 == 1

    def wall_mm(self, solid: Manifold) -> float:
        """Return the gap from a solid inside to the wall; 0 where it touches or cuts it."""
        points = np.asarray(solid.to_mesh64().vert_properties)[:, :3]
        middle = (points.min(0) + points.max(0)) / 2
        far = float(self.wall.nearest(points[np.argmin(self.wall.most_mm(points))][None])[0][0])
        faces = self.wall.near(middle, far + float(np.linalg.norm(points - middle, axis=1).max()))
        search = far * (1 + 1e-9) + 1e-9
        return min(self.wall.piece(faces).min_gap(solid, search), far)
