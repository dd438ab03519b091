"""The command `ctsim`."""

import errno
import importlib.metadata
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ctsim.terminal import counted, err_console, note, out_console, progress, reporter, show_parts
from defects.messages import BadInput, unknown

app = typer.Typer(
    name="ctsim", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON for programs.")]
Dataset = Annotated[str, typer.Argument(metavar="DIR", help="Folder of a dataset, or its URL.")]
DatasetName = Annotated[str, typer.Argument(help="A bundled dataset, such as demo, or a YAML file.")]


def _version(wanted: bool) -> bool:
    if wanted:
        out_console.print(f"ctsim {importlib.metadata.version('ctsim')}")
        raise typer.Exit
    return wanted


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Labelled industrial X-ray CT datasets from CAD files, for machine learning."""


@app.command()
def generate(
    dataset: DatasetName,
    out: Annotated[str, typer.Option(help="Folder of the dataset, or a URL: new, empty, or one to go on with.")],
    count: Annotated[int | None, typer.Option(min=1, help="Scenes, instead of the number in the spec.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the one in the spec.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes, or shards at once by Ray; one a processor if left out.")
    ] = None,
    slice_: Annotated[
        str, typer.Option("--slice", metavar="K/N", help="Make only every N-th shard from the K-th on.")
    ] = "1/1",
    timeout_s: Annotated[
        float, typer.Option(min=1, help="For one scene, compiling included; one that takes longer is dropped.")
    ] = 3600.0,
    engine: Annotated[str, typer.Option(help="What makes the shards: local, or ray.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster, host:port or auto; Ray is started here if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a labelled dataset; repeat the command to go on where it stopped."""
    from ctsim.dataset.generate import generate as run
    from ctsim.files import folder_of

    (spec, folder), share = _spec(dataset, count, seed), _slice(slice_)
    make = _engine(engine, address)
    with progress() as bar:
        try:
            outcome = run(
                spec, folder_of(out), folder=folder, workers=workers, slice_of=share, timeout_s=timeout_s,
                make=make, report=reporter(bar), note=note,
            )  # fmt: skip
        except KeyboardInterrupt:
            bar.stop()
            err_console.print(f"stopped; finished shards are kept in {out}: repeat the command to go on", markup=False)
            raise typer.Exit(130) from None
    for kind, number in outcome.unplaced.items():
        note(f"{kind}: {number} found no place in their parts and are left out")
    if as_json:
        print(json.dumps({"out": out, **outcome.__dict__}))  # noqa: T201
    elif outcome.finished and not outcome.scenes:
        err_console.print(f"{out}: no scans: every scene is dropped, for the reasons in dataset.json", markup=False)
    elif outcome.finished:
        dropped = f", {outcome.dropped} dropped (see dataset.json)" if outcome.dropped else ""
        made = f"{counted(outcome.scenes, 'labelled scan')} in {counted(outcome.shards, 'shard')}"
        out_console.print(f"{out}: {made}{dropped}", markup=False)
    else:
        so_far = f"{counted(outcome.shards, 'shard')} so far, others are still missing"
        out_console.print(f"{out}: this slice is done; {so_far}", markup=False)
    if outcome.finished and not outcome.scenes:
        raise typer.Exit(1)


@app.command()
def preview(
    dataset: Annotated[str, typer.Argument(help="A bundled dataset, a YAML file, or the folder of a dataset.")],
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("sheet.png"),
    count: Annotated[int, typer.Option(min=1, max=32, help="How many scenes.")] = 4,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the one in the spec.")] = None,
) -> None:
    """Draw a contact sheet of the first scenes, and write nothing else."""
    from ctsim.dataset.generate import first_samples
    from ctsim.dataset.preview import contact_sheet, save
    from ctsim.files import folder_of
    from ctsim.shards import read_dataset, read_samples

    if out.is_dir() or not out.resolve().parent.is_dir():
        raise BadInput(f"--out {out} must be a picture's name in a folder that exists, such as sheet.png")
    if "://" in dataset or Path(dataset).is_dir():
        classes = read_dataset(folder_of(dataset))["classes"]
        samples = list(itertools.islice(read_samples(folder_of(dataset)), count))
        if not samples:
            raise BadInput(f"{dataset} holds no scan to show; its dataset.json says why all were dropped")
    else:
        spec, folder = _spec(dataset, None, seed)
        classes, samples = first_samples(spec, folder, count, note)
        if not samples:
            raise BadInput(f"all of the first {count} scenes of {dataset} are dropped, for the reasons above")
    save(contact_sheet(samples, classes), out)
    out_console.print(f"{out}: {counted(len(samples), 'scene')} of {dataset}", markup=False)


@app.command()
def render(
    scene: Annotated[Path, typer.Argument(help="A scene.json, or a CTSimU scenario.")],
    out: Annotated[Path, typer.Option(help="Folder for the images: new or empty.")],
    as_scenario: Annotated[
        bool, typer.Option("--scenario", help="Write a CTSimU scenario with its meshes there, and no images.")
    ] = False,
    fidelity: Annotated[
        str | None,
        typer.Option(help="Instead of the file's: beer-lambert, hybrid, monte-carlo, gate.", show_default=False),
    ] = None,
) -> None:
    """Render the radiographs of one scene or scenario: TIFF images, flat and dark field, metadata.

    Of a scene that scatters, what arrives is written beside them, kind by kind where photons are followed.
    """
    from ctsim.scenario.read import is_metadata, is_scenario
    from scenes.fidelity import FIDELITIES
    from scenes.json_file import read_json

    if fidelity is not None and fidelity not in FIDELITIES:
        raise unknown("fidelity", fidelity, FIDELITIES)
    values = read_json(scene)
    if is_metadata(values):
        raise BadInput(f"{scene.name} holds the metadata of pictures, not how to take them; give their scenario itself")
    _new_folder(out)
    if is_scenario(values):
        _render_scenario(scene, values, out, as_scenario, fidelity)
    else:
        _render_scene(scene, values, out, as_scenario, fidelity)


def _render_scenario(file: Path, values: dict, out: Path, as_scenario: bool, fidelity: str | None) -> None:
    from ctsim.fidelity import check_fidelity
    from ctsim.scenario.read import read_scenario
    from ctsim.scenario.render import take_pictures, write_pictures

    if as_scenario:
        raise BadInput(f"{file.name} is a CTSimU scenario already; --scenario makes one of a scene.json")
    scenario = read_scenario(file, values)
    for told in scenario.not_supported:
        note(str(told))
    if fidelity is not None:
        scenario = replace(scenario, scan=scenario.scan.at(fidelity))
    strips = scenario.scan.detector.anti_scatter_grid
    check_fidelity(scenario.scan.fidelity, scenario.scan.gate, scenario.specimen.materials, strips)
    count = write_pictures(out, scenario, take_pictures(scenario), file)
    out_console.print(f"{out}: {counted(count, 'projection')} of {scenario.name}", markup=False)


def _render_scene(scene: Path, values: Any, out: Path, as_scenario: bool, fidelity: str | None) -> None:
    from ctsim.fidelity import Signal, check_fidelity
    from ctsim.images import arriving, write_radiographs
    from ctsim.pipeline import render as run
    from ctsim.scenario.write import write_scenario
    from ctsim.scene_file import read_scene

    spec, specimen = read_scene(scene, values, fidelity)
    if as_scenario:
        written = write_scenario(out, spec.key, spec.scan, specimen, seed=spec.seed)
        out_console.print(f"{out / written[-1].name}: the scenario of {spec.title}", markup=False)
        return
    check_fidelity(spec.scan.fidelity, spec.scan.gate, specimen.materials, spec.scan.detector.anti_scatter_grid)
    with progress("views/s") as bar, arriving(out) as keep:
        report = reporter(bar, "views")

        def watch(signal: Signal) -> None:
            keep(signal)
            if signal.arrivals is not None:  # followed view by view, which takes its time
                report(signal.views.stop, spec.scan.views)

        scanner, radiographs = run(spec, specimen, watch)
        count = write_radiographs(out, spec, scanner, radiographs)
    out_console.print(f"{out}: {count} projections of {spec.title}", markup=False)


@app.command()
def replay(
    dataset: Dataset,
    key: Annotated[str, typer.Argument(help="Key of a sample, such as demo-000003.")],
    out: Annotated[Path, typer.Option(help="Folder for the sample's files: new or empty.")],
) -> None:
    """Make a sample again from its key, and tell whether it is the same to the byte."""
    from ctsim.dataset.generate import replay as run
    from ctsim.dataset.versions import cause_of, made_by
    from ctsim.files import folder_of
    from ctsim.images import write_files
    from ctsim.shards import decode, read_dataset, read_raw

    folder = folder_of(dataset)
    record = read_dataset(folder)
    shards = [s["file"] for s in record["shards"] if key in s["samples"]]
    if not shards:
        raise unknown("sample", key, [k for s in record["shards"] for k in s["samples"]][:20])
    _new_folder(out)
    stored = next((files for name, files in read_raw(folder / shards[0]) if name == key), {})
    if "scene.json" not in stored:
        raise BadInput(f"{folder / shards[0]} lacks {key}.scene.json; see what else is wrong: ctsim check {folder}")
    told = decode(key, stored, shards[0])["scene"]
    scene, files = run(folder, key, told)
    write_files(out, {f"{key}.{name}": content for name, content in files.items()})
    for file in {item.part.file for item in scene.items if item.part.file}:  # so that scene.json renders where it lies
        write_files((out / file).parent, {Path(file).name: (folder / file).read_bytes()})
    differ = sorted(name for name in files if files[name] != stored.get(name))
    if differ:
        cause = cause_of(told.get("made_by"), made_by((scene.scan.backend,), (scene.scan.fidelity,)))
        err_console.print(f"{key}: {', '.join(differ)} differ from the dataset's: {cause}", markup=False)
        raise typer.Exit(1)
    out_console.print(f"{out}: {key} ({scene.title}), the same to the byte", markup=False)


@app.command()
def check(dataset: Dataset, as_json: Json = False) -> None:
    """Check every file, shard, sample, checksum, record and split; a line a fault."""
    from ctsim.dataset.check import faults
    from ctsim.files import folder_of
    from ctsim.shards import read_dataset

    folder, found = folder_of(dataset), []
    for fault in faults(folder, note=note):
        found.append(fault)
        if not as_json:
            out_console.print(fault, markup=False)
    shards = [] if found else read_dataset(folder)["shards"]
    samples = sum(len(s["samples"]) for s in shards)
    if as_json:  # how many samples a faulty dataset has, nobody knows
        print(json.dumps({"folder": dataset, "samples": None if found else samples, "faults": found}))  # noqa: T201
    elif not found:
        held = f"{counted(samples, 'sample')} in {counted(len(shards), 'shard')}"
        out_console.print(f"{folder}: {held}, no faults", markup=False)
    raise typer.Exit(1 if found else 0)


@app.command()
def parts(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="STL, OBJ, PLY, OFF, 3MF or STEP files.")],
    unit: Annotated[str | None, typer.Option(help="Of files that carry none: um, mm, cm, m, inch, ft.")] = None,
    tolerance_mm: Annotated[float, typer.Option(help="Of the facets of a STEP file.")] = 0.1,
    repair: Annotated[bool, typer.Option(help="Close holes where that is possible.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the importer makes of CAD files."""
    from dataclasses import asdict

    from scenes.cad.importer import read_solids

    reports, refused = [], []
    for path in files:
        try:
            reports.append(asdict(read_solids(path, unit=unit, tolerance_mm=tolerance_mm, repair=repair)[1]))
        except BadInput as error:
            refused.append({"file": str(path), "refused": _on_this_line(str(error))})
    if as_json:
        print(json.dumps([*reports, *refused]))  # noqa: T201
    else:
        show_parts(reports)
    if refused and not as_json:
        for record in refused:
            err_console.print(f"ctsim: {record['refused']}", markup=False)
    raise typer.Exit(2 if refused else 0)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine can run, and how to get what is missing."""
    from ctsim.doctor import examine

    found = examine()
    lacking = [name for name, version in found["core"].items() if version is None]
    if as_json:
        print(json.dumps(found))  # noqa: T201
    else:
        for name, value in found["machine"].items():
            out_console.print(f"{name:12} {value}")
        out_console.print("core         " + ", ".join(f"{n} {v or 'MISSING'}" for n, v in found["core"].items()))
        for name, extra in found["extras"].items():
            state = f"missing {', '.join(extra['missing'])}: {extra['install']}" if extra["missing"] else "ready"
            out_console.print(f"{name:12} {extra['for']}: {state}", markup=False)
    raise typer.Exit(1 if lacking else 0)


def main() -> None:
    """Run the command. Bad input ends it with one message and exit code 2, and no traceback."""
    try:
        app()
    except BadInput as error:
        _fail(str(error))
    except MemoryError:
        _fail("a worker process was killed or ran out of memory; use fewer --workers, or fewer voxels or pixels", 1)
    except Exception as error:
        if fault := _fault_of_the_machine(error):
            _fail(fault)
        raise
    except KeyboardInterrupt:
        err_console.print("stopped")
        raise SystemExit(130) from None


def _fault_of_the_machine(error: Exception) -> str | None:
    """Return what to tell of an error that this machine, or a store, has raised; None of our own."""
    from ctsim.files import store_fault

    if fault := store_fault(error):
        return fault
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return f"{error.filename or 'the disk'}: {error.strerror}; {_OF_THE_MACHINE[error.errno]}"
    return None


_OF_THE_MACHINE = {
    errno.ENOSPC: "free some space and repeat the command, which then goes on where it stopped",
    errno.EDQUOT: "your quota is used up; free some space and repeat the command",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.EISDIR: "expected a file, got a folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "the file system or a limit (ulimit -f) allows no larger file; lower scenes_per_shard",
    errno.EIO: "the disk cannot be read or written; choose another one",
    errno.ENOMEM: "use fewer --workers, or fewer voxels or pixels",
    errno.EAGAIN: "no more processes may be started; use fewer --workers, or raise ulimit -u",
    errno.ESTALE: "the server of files has lost sight of it; repeat the command",
    errno.EMFILE: "too many files are open; use fewer --workers, or raise ulimit -n",
}
"""Errors that are not ours, and how to mend them."""


def _fail(message: str, code: int = 2) -> None:
    err_console.print(f"ctsim: {message}", markup=False)
    raise SystemExit(code)


def _on_this_line(message: str) -> str:
    """Return a message with the keys of a spec as the options of `ctsim parts`."""
    return message.replace("`repair: true`", "--repair").replace("`unit: mm`", "--unit mm")


def _spec(dataset: str, count: int | None, seed: int | None):
    from scenes.catalog import find_dataset

    spec, folder = find_dataset(dataset)
    changes = {name: value for name, value in (("scenes", count), ("seed", seed)) if value is not None}
    return spec.model_copy(update=changes), folder


def _slice(text: str) -> tuple[int, int]:
    k, _, n = text.partition("/")
    if not (k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n)):
        raise BadInput(f"--slice must be K/N with 1 <= K <= N, such as 2/8, got {text!r}")
    return int(k), int(n)


def _engine(name: str, address: str | None):
    """Return what makes shards, by the engine's name."""
    if name == "ray":
        from ctsim.dataset.on_ray import on_ray

        return on_ray(address)
    if name != "local":
        raise unknown("engine", name, ("local", "ray"))
    if address is not None:
        raise BadInput(f"--address {address} is of a Ray cluster: give --engine ray with it, or leave it out")
    from ctsim.dataset.make import make_shards

    return make_shards


def _new_folder(out: Path) -> None:
    out = out.resolve()  # new/.. is no new folder
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"--out {out} must be a new or empty folder")


if __name__ == "__main__":
    main()
