"""A body: one piece of one material, the noun that parts are made of."""

from dataclasses import dataclass

from manifold3d import Manifold

VOID = "void"
"""The material of a cavity with nothing in it."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """One piece of one material.

    Attributes:
        name: What it is called inside its part, such as "housing" or "pin".
        solid: Its closed surface [mm].
        material: A name from `ctsim.materials`, such as "Al".
    """

    name: str
    solid: Manifold
    material: str
