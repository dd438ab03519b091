"""A missing component: one body of an assembly is not there."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Changed, Kind, Parameter
from defects.messages import BadInput, unknown

ANY = "any"
"""In place of a body's name: one of those beside the host, with equal chance."""


@dataclass(frozen=True, kw_only=True)
class MissingComponent:
    """One body less.

    Attributes:
        body: Its name.
    """

    body: str

    def __post_init__(self) -> None:
        require_body(self.body)

    def changed(self, solids: Mapping[str, Manifold]) -> Changed:
        """Return the part without the body, whose place is the flaw, with nothing in it.

        Args:
            solids: Of the bodies, by name.
        """
        if self.body not in solids:
            raise unknown("body", self.body, solids)
        left = {name: solid for name, solid in solids.items() if name != self.body}
        return Changed(solids=left, region=solids[self.body])


def sample(rng: np.random.Generator, *, bodies: tuple[str, ...], body: str = ANY) -> MissingComponent | None:
    """Return which body is missing; None where any may be and none is left beside the host.

    Args:
        rng: Where the choice comes from.
        bodies: Names of the bodies that are there, the host first.
        body: Of the missing one, or `any` for one of those beside the host.
    """
    chosen = choose_body(rng, bodies, body)
    return None if chosen is None else MissingComponent(body=chosen)


def choose_body(rng: np.random.Generator, bodies: tuple[str, ...], body: str) -> str | None:
    """Return the name of a body beside the host: the one asked for, or any with equal chance; None if there is none.

    Raises:
        BadInput: The body asked for is not there, or it is the host.
    """
    host, *others = bodies
    if body == ANY:
        return others[int(rng.integers(len(others)))] if others else None
    if body == host:
        raise BadInput(f"body {body!r} is the host, which all other defects sit in; use {' or '.join([*others, ANY])}")
    if body not in others:
        raise unknown("body", body, [*others, ANY])
    return body


def require_body(body: str) -> None:
    """Raise BadInput unless it can be the name of one body."""
    if not isinstance(body, str) or body in ("", ANY):
        raise BadInput(f"body must be the name of one body, got {body!r}")


KINDS = (
    Kind(
        name="missing_component",
        record=MissingComponent,
        sample=sample,
        parameters={"body": Parameter(default=ANY, text=True, help="name of a body, or any beside the host")},
        family="part",
        reference="none; an error of assembly",
        whole_part=True,
    ),
)
