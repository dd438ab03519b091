"""(DatasetSpec, index) -> what stands on the stage in front of a scanner, before flaws are cut into it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from scenes.body import VOID, Body
from scenes.choose import choose_part, shared_draws
from scenes.draw import NOTHING, Draw, draw
from scenes.fidelity import settings_of
from scenes.field_of_view import check_clear, source_object_mm
from scenes.need import ByNeed
from scenes.penetration import Rays, set_for
from scenes.pose import posed
from scenes.records import Split
from scenes.scan_draws import ScanDraws
from scenes.scene import Fixture, ScanSpec
from scenes.seeds import stream
from scenes.spec import DatasetSpec
from scenes.splits import split_of
from scenes.stage import fixture_about
from scenes.standing import LoadPart, Standing, sample_stage

Measure = Callable[[Sequence[Body], ScanSpec], Rays]
"""Returns what tells how much the darkest ray through bodies leaves of a beam."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """What stands on the stage in front of a scanner.

    Attributes:
        split: By the parts.
        standing: The parts.
        fixture: What holds them.
        points_mm: Corners of all matter, sound or changed, in the stage's frame.
        matter: What a probe of the beam goes through, in the stage's frame.
        draws: Of the scan, settled for this scene; its fidelity may still be a rule.
        scan: How it is scanned; where a rule is to choose the fidelity, as hybrid.
    """

    split: Split
    standing: tuple[Standing, ...]
    fixture: Fixture | None
    points_mm: Float[np.ndarray, "vertex 3"]
    matter: tuple[Body, ...]
    draws: ScanDraws
    scan: ScanSpec


def sample_setup(spec: DatasetSpec, index: int, load: LoadPart, measure: Measure | None = None) -> Setup:
    """Return what scene `index` shows and how; raises BadInput where it does not fit the scanner."""
    shared = shared_draws(spec, index)
    standing, fixture = sample_stage(spec, index, load, shared)
    sound = [body for one in standing for body in posed(one.part, one.pose)]
    changed = [body for one in standing if one.changed is not one.part for body in posed(one.changed, one.pose)]
    same = [body for one in standing if one.changed is one.part for body in posed(one.part, one.pose)]
    held = [] if fixture is None else [fixture_about(fixture, sound, changed)]
    bodies = [body for body in (*same, *changed, *held) if body.material != VOID]
    # a part and its sound twin fit the same scan
    points_mm = corners_mm(body.solid for body in (*sound, *changed, *held))
    draws = spec.scan.settled(stream(spec.seed, index, "varied"), shared)
    scan = _scan_of(spec, draws, index, _title(standing, fixture), bodies, points_mm, shared, measure)
    split = split_of(spec, choose_part(spec, index))
    return Setup(
        split=split, standing=standing, fixture=fixture, points_mm=points_mm, matter=tuple(bodies), draws=draws,
        scan=scan,
    )  # fmt: skip


def _title(standing: Sequence[Standing], fixture: Fixture | None) -> str:
    """Return in a few words what stands there: what is too large may be the gaps or the fixture, not a part."""
    names = ", ".join(dict.fromkeys(one.choice.name for one in standing))
    together = f" ({len(standing)} together)" if len(standing) > 1 else ""
    return names + together + (f" in its {fixture.kind}" if fixture else "")


def _scan_of(
    spec: DatasetSpec,
    draws: ScanDraws,
    index: int,
    title: str,
    bodies: Sequence[Body],
    points_mm: Float[np.ndarray, "vertex 3"],
    shared: Mapping[str, float],
    measure: Measure | None,
) -> ScanSpec:
    """Return how bodies are scanned in scene `index`; messages call them by their title."""

    def scan_with(beam: ScanDraws, following: Mapping[str, float]) -> ScanSpec:
        return sample_scan(beam, points_mm, title, stream(spec.seed, index, "scan"), following)

    wish = draws.penetration
    if wish is None:
        return scan_with(draws, shared)
    if measure is None:
        raise TypeError("a scan with penetration needs `measure`")

    def scan_at(tube_kv: float) -> ScanSpec:
        return scan_with(draws.model_copy(update={"tube_kv": tube_kv}), {**shared, "tube_kv": tube_kv})

    rng = stream(spec.seed, index, "penetration")
    transmission = float(draw(wish.transmission, rng, shared))
    quanta = None if wish.quanta is None else float(draw(wish.quanta, rng, shared))
    return set_for(wish, transmission, quanta, scan_at, measure(bodies, scan_at(wish.tube_kv[1])), title)


def corners_mm(solids: Iterable[Manifold]) -> Float[np.ndarray, "vertex 3"]:
    """Return all vertices of solids [mm]."""
    return np.concatenate([np.asarray(solid.to_mesh64().vert_properties)[:, :3] for solid in solids])


def sample_scan(
    spec: ScanDraws,
    points_mm: np.ndarray,
    part: str,
    rng: np.random.Generator,
    shared: Mapping[str, float] = NOTHING,
) -> ScanSpec:
    """Return the scan in numbers, with the part in the field of view."""

    def number(value: Draw) -> float:
        return float(draw(value, rng, shared))

    source_detector_mm = number(spec.source_detector_mm)
    magnification = spec.magnification if spec.magnification == "fit" else number(spec.magnification)
    beam = {
        "tube_kv": number(spec.tube_kv) if spec.spectrum is None else None,
        "filters": {name: number(value) for name, value in sorted(spec.filters.items())},
        "exposure_mas": number(spec.exposure_mas),
    }
    distances = {}
    if spec.trajectory.vectors is None:
        distances["source_detector_mm"] = source_detector_mm
        distances["source_object_mm"] = source_object_mm(
            points_mm, spec.detector, source_detector_mm, magnification, part, spec.trajectory
        )
    same = ("tube_target", "anode_deg", "detector", "views", "flat_frames", "rays_per_pixel", "noise", "backend")
    same += ("trajectory", "focal_spot", "spectrum", "beam_drift", "heel")
    fidelity = "hybrid" if isinstance(spec.fidelity, ByNeed) else spec.fidelity
    settings = settings_of(fidelity, spec.monte_carlo, spec.gate)
    scan = ScanSpec(**beam, **distances, **settings, **{name: getattr(spec, name) for name in same})
    if spec.trajectory.vectors is not None or spec.trajectory.deviations:
        check_clear(points_mm, scan, part)
    return scan
