"""Shards of a dataset, made scene by scene."""

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from ctsim.dataset.encode import encode
from ctsim.dataset.plan import ShardPlan
from ctsim.dataset.workers import Lost, cores, in_order
from ctsim.files import AnyPath, folder_of, local_copy, locked, write_file
from ctsim.montecarlo.need import highest_ratio
from ctsim.penetration import rays_through
from ctsim.pipeline import make_sample
from ctsim.shards import json_bytes, write_shard
from defects.messages import BadInput
from scenes.parts import load_part, load_parts
from scenes.sample import sample
from scenes.scene import SceneSpec
from scenes.spec import DatasetSpec

PROGRESS = "progress"
"""Folder inside an unfinished dataset: its identity, and one record for every finished shard."""

LARGEST_CREW = 64
"""Processes where nobody says how many: each holds some scenes, and memory is seldom 64 times as large."""

Tell = Callable[[str], None]
"""Told, in a sentence, what a user should know."""

Sampled = tuple[SceneSpec, dict[str, bytes]]
"""A scene and its sample's files."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What any machine needs to know to make some shards of a dataset.

    Attributes:
        spec: Of the dataset, its parts as they are kept in the dataset's own folder.
        out: That folder: a path, or a URL.
        classes: Names of the voxel classes.
        timeout_s: After which a scene is dropped.
    """

    spec: DatasetSpec
    out: str
    classes: tuple[str, ...]
    timeout_s: float


def make_shards(
    job: Job, plans: Sequence[ShardPlan], workers: int | None, tick: Callable[[], None], note: Tell
) -> None:
    """Make some shards on this machine, and put them with their records into the dataset's folder.

    Args:
        job: Whose they are.
        plans: Of the shards.
        workers: Processes; where None one a processor, up to `LARGEST_CREW`.
        tick: Told that a scene is done.
        note: Told what is dropped, and why.
    """
    out = folder_of(job.out)
    indices = [index for plan in plans for index in plan.scenes]
    workers = min(workers or min(cores(), LARGEST_CREW), max(len(indices), 1))
    with local_copy(out, "parts") as folder:
        work = functools.partial(_make, job, str(folder))
        made = in_order(work, indices, workers, timeout_s=job.timeout_s, note=note)
        for plan in plans:
            _write(out, plan, made, tick, note)


def make_one(spec: DatasetSpec, index: int, folder: Path, classes: tuple[str, ...]) -> Sampled | Lost:
    """Return a scene and its sample's files, or why it is dropped; its parts lie in the folder.

    Raises:
        OSError, MemoryError: The machine is at fault, not the scene: another time it can be made.
    """
    load = functools.partial(load_part, folder=folder)
    try:
        with one_thread_of_algebra():
            scene = sample(spec, index, load, rays_through, highest_ratio)
            return scene, encode(make_sample(scene, load_parts(scene, folder), classes), spec.scatters)
    except (BadInput, ArithmeticError) as error:  # a part that does not fit, a surface that rays leak through
        if isinstance(error.__cause__, OSError | MemoryError):
            raise error.__cause__ from None
        return Lost(str(error))


def one_thread_of_algebra() -> AbstractContextManager:
    """Keep numpy's linear algebra to one thread, while a sample is made.

    Its products are small: of two workers on two processors, each with two such threads, a third of the time went into
    threads that wait for each other. And how a product is shared out may change its last digit.
    """
    return threadpool_limits(1, user_api="blas")


def record_path(out: AnyPath, plan: ShardPlan) -> AnyPath:
    """Return where the record of a finished shard stands while others are missing."""
    return out / PROGRESS / f"{plan.file}.json"


def _make(job: Job, folder: str, index: int) -> Sampled | Lost:
    return make_one(job.spec, index, Path(folder), job.classes)


def _write(out: AnyPath, plan: ShardPlan, made: Iterator[Sampled | Lost], tick: Callable[[], None], note: Tell) -> None:
    """Write one shard and its record, from the scenes that are made next."""
    dropped, unplaced = [], Counter()

    def samples() -> Iterator[tuple[str, dict[str, bytes]]]:
        for index in plan.scenes:
            result = next(made)
            if isinstance(result, Lost):
                note(f"scene {index} is dropped: {result.reason}")
                dropped.append({"index": index, "reason": result.reason})
            else:
                scene, files = result
                unplaced.update(scene.unplaced)
                yield scene.key, files
            tick()

    with locked(out / PROGRESS / f"{plan.file}.lock"):
        shard = write_shard(out / plan.file, samples(), plan.split)
        # another run may have finished the dataset: then this raises FileNotFoundError, and it is left so
        whose = json.loads((out / PROGRESS / "identity.json").read_text())["identity_sha256"]
        record = {"identity_sha256": whose, "shard": asdict(shard), "dropped": dropped}
        record["unplaced"] = dict(sorted(unplaced.items()))
        write_file(record_path(out, plan), json_bytes(record))
