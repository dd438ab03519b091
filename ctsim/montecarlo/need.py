"""How much the parts of a scene scatter, by a quick probe before its scan is settled."""

from collections.abc import Sequence

from scenes.body import Body
from scenes.scene import ScanSpec


def highest_ratio(bodies: Sequence[Body], scan: ScanSpec) -> float:
    """Return the highest ratio of scattered to primary signal over all pixels and views of a scan of bodies."""
    raise NotImplementedError
