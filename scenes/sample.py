"""(DatasetSpec, index) -> SceneSpec: every random choice there is."""

from collections import Counter

from scenes.choose import fidelity_of, is_sound_twin, original_of, pair_of, shared_draws
from scenes.field_of_view import enclosing_voxel_mm
from scenes.flaws import in_order, sample_flaws
from scenes.need import ByNeed, Ratio, by_need, in_fidelity
from scenes.scene import Item, ScanSpec, SceneSpec, VolumeSpec
from scenes.seeds import stream
from scenes.setup import Measure, Setup, sample_setup
from scenes.spec import DatasetSpec
from scenes.splits import wishes_for
from scenes.standing import LoadPart


def sample(
    spec: DatasetSpec, index: int, load: LoadPart, measure: Measure | None = None, ratio: Ratio | None = None
) -> SceneSpec:
    """Return scene `index` of the dataset: the same on any machine, in any order.

    Args:
        spec: What to draw from.
        index: Of the scene.
        load: Returns the part of a choice.
        measure: Tells what gets through the parts; needed where the scan says penetration.
        ratio: Tells how much they scatter; needed where a rule chooses the fidelity.

    Raises:
        BadInput: The parts do not fit the scanner.
    """
    original = original_of(spec, index)
    setup = sample_setup(spec, original, load, measure)
    items, unplaced = _items(spec, original, setup)
    scene = _scene(spec, original, setup, items, unplaced, _scan(spec, index, setup, ratio))
    related = {"index": index}
    if is_sound_twin(spec, index):
        sound = tuple(item.model_copy(update={"defects": ()}) for item in items)
        related |= {"items": sound, "unplaced": {}, "twin_of": scene.key_of(index - 1)}
    if index != (same := pair_of(spec, index)):
        related["pair_of"] = scene.key_of(same)
    return scene.model_copy(update=related)


def _items(spec: DatasetSpec, index: int, setup: Setup) -> tuple[tuple[Item, ...], dict[str, int]]:
    """Return the parts with all that is wrong with them, and how many defects of a kind found no place."""
    shared, wishes = shared_draws(spec, index), wishes_for(spec, setup.split)
    items, unplaced = [], Counter()
    for number, one in enumerate(setup.standing):
        rng = stream(spec.seed, index, f"defects {number}" if number else "defects")
        flaws, without_place = sample_flaws(wishes, one.changed, one.choice.host, rng, shared)
        both = tuple(a + b for a, b in zip(one.whole, flaws, strict=True))
        items.append(Item(part=one.choice, pose=one.pose, defects=in_order(both)))
        unplaced.update(one.unplaced)
        unplaced.update(without_place)
    return tuple(items), dict(sorted(unplaced.items()))


def _scan(spec: DatasetSpec, index: int, setup: Setup, ratio: Ratio | None) -> ScanSpec:
    """Return the scan in the fidelity that scene `index` has: as listed, as drawn, or as it needs."""
    draws, listed = setup.draws, fidelity_of(spec, index)
    if listed is not None:
        return in_fidelity(setup.scan, listed, draws.monte_carlo, draws.gate)
    if not isinstance(draws.fidelity, ByNeed):
        return setup.scan
    if ratio is None:
        raise TypeError("a scan with fidelity by need wants `ratio`")
    return by_need(setup.scan, draws.fidelity.hybrid_above, ratio(setup.matter, setup.scan))


def _scene(
    spec: DatasetSpec, index: int, setup: Setup, items: tuple[Item, ...], unplaced: dict[str, int], scan: ScanSpec
) -> SceneSpec:
    side, voxel_mm = spec.volume.voxels, spec.volume.voxel_mm
    if voxel_mm == "fit":
        voxel_mm = enclosing_voxel_mm(setup.points_mm, side)
    return SceneSpec(
        dataset=spec.name,
        index=index,
        seed=spec.seed,
        split=setup.split,
        items=items,
        fixture=setup.fixture,
        unplaced=unplaced,
        scan=scan,
        volume=VolumeSpec(
            shape=(side, side, side),
            voxel_mm=voxel_mm,
            **{name: getattr(spec.volume, name) for name in ("method", "iterations", "window")},
        ),
    )
