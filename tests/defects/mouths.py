"""What kinds that open to the surface are cut from here: all that lies below z = 0."""

from manifold3d import Manifold


def below(solid: Manifold) -> Manifold:
    """Return what a solid takes from a flat wall at z = 0."""
    return solid ^ Manifold.cube((400.0, 400.0, 200.0), True).translate((0.0, 0.0, -100.0))
