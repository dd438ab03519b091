"""(DatasetSpec, index) -> SceneSpec: every random choice there is."""

from collections import Counter

from scenes.choose import original_of, shared_draws
from scenes.field_of_view import enclosing_voxel_mm
from scenes.flaws import in_order, sample_flaws
from scenes.scene import Item, SceneSpec, VolumeSpec
from scenes.seeds import stream
from scenes.setup import Measure, sample_setup
from scenes.spec import DatasetSpec
from scenes.splits import wishes_for
from scenes.standing import LoadPart


def sample(spec: DatasetSpec, index: int, load: LoadPart, measure: Measure | None = None) -> SceneSpec:
    """Return scene `index` of the dataset: the same on any machine, in any order.

    Args:
        spec: What to draw from.
        index: Of the scene.
        load: Returns the part of a choice.
        measure: Tells what gets through the parts; needed where the scan says penetration.

    Raises:
        BadInput: The parts do not fit the scanner.
    """
    if index != (original := original_of(spec, index)):
        whole = sample(spec, original, load, measure)
        items = tuple(item.model_copy(update={"defects": ()}) for item in whole.items)
        return whole.model_copy(update={"index": index, "items": items, "unplaced": {}, "twin_of": whole.key})
    setup = sample_setup(spec, index, load, measure)
    shared, wishes = shared_draws(spec, index), wishes_for(spec, setup.split)
    items, unplaced = [], Counter()
    for number, one in enumerate(setup.standing):
        rng = stream(spec.seed, index, f"defects {number}" if number else "defects")
        flaws, without_place = sample_flaws(wishes, one.changed, one.choice.host, rng, shared)
        both = tuple(a + b for a, b in zip(one.whole, flaws, strict=True))
        items.append(Item(part=one.choice, pose=one.pose, defects=in_order(both)))
        unplaced.update(one.unplaced)
        unplaced.update(without_place)
    side, voxel_mm = spec.volume.voxels, spec.volume.voxel_mm
    if voxel_mm == "fit":
        voxel_mm = enclosing_voxel_mm(setup.points_mm, side)
    return SceneSpec(
        dataset=spec.name,
        index=index,
        seed=spec.seed,
        split=setup.split,
        items=tuple(items),
        fixture=setup.fixture,
        unplaced=dict(sorted(unplaced.items())),
        scan=setup.scan,
        volume=VolumeSpec(
            shape=(side, side, side),
            voxel_mm=voxel_mm,
            **{name: getattr(spec.volume, name) for name in ("method", "iterations", "window")},
        ),
    )
