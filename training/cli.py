"""The command `ctsim-train`: which recipes there are, and running one."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ctsim.messages import BadInput

RECIPES = {"segment": "find defects voxel by voxel with a small 3D U-Net, beside a threshold baseline"}
ENVIRONMENT = {
    # glibc hands freed buffers back and gets them again page by page; keeping them made 3D training steps 1.3 to 1.7
    # times faster on two cores (48^3 patches: 124 to 71 ms). It is read when the process starts, hence the restart.
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it torch refuses deterministic matrix products on CUDA
}

app = typer.Typer(
    help="Train on shards made by ctsim.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
on_terminal = Console(stderr=True, highlight=False)


@app.command("list")
def list_recipes(as_json: Annotated[bool, typer.Option("--json", help="Print for programs.")] = False) -> None:
    """Show the recipes."""
    if as_json:
        typer.echo(json.dumps(RECIPES, indent=2))
        return
    for name, promise in RECIPES.items():
        typer.echo(f"{name:12} {promise}")


@app.command()
def segment(
    data: Annotated[Path, typer.Option(help="Dataset folder made by ctsim generate.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, model.pt, slices.png.")] = Path("runs/segment"),
    tiny: Annotated[bool, typer.Option("--tiny", help="About a minute on two CPU cores.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same metrics.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps; the recipe's own if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of a table.")] = False,
) -> None:
    """Find defects voxel by voxel with a small 3D U-Net, beside a threshold baseline."""
    recipe = import_recipe()
    settings = recipe.settings_of(seed=seed, tiny=tiny, steps=steps)
    start_s = time.perf_counter()
    bar = TextColumn("loss {task.fields[loss]:.3f}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*bar, console=on_terminal, transient=True) as progress:
        task = progress.add_task("training", total=settings.steps, loss=float("nan"), visible=False)
        metrics = recipe.run(
            data,
            out,
            settings,
            say=lambda text: on_terminal.print(text, markup=False),
            on_step=lambda loss: progress.update(task, advance=1, loss=loss, visible=True),
        )
    on_terminal.print(
        f"{time.perf_counter() - start_s:.0f} s; wrote {out}/metrics.json, model.pt, slices.png", markup=False
    )
    if as_json:
        typer.echo(json.dumps(metrics, indent=2))
    else:
        Console(highlight=False).print(table_of(metrics))


def import_recipe() -> Any:
    """Return the module of the recipe; its libraries are an extra."""
    try:
        from training import segment
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "monai"):
            raise
        raise BadInput(f"expected {error.name} to be installed, got none; pip install 'ctsim[train]'") from None
    return segment


def table_of(metrics: dict[str, Any]) -> Table:
    """Return the main figures of a run, the net beside the baseline."""
    table = Table("", "U-Net", "Otsu", title=f"{metrics['recipe']}, evaluated on {metrics['evaluated_on']!r}")
    pair = metrics["model"], metrics["baseline"]
    names = {
        "dice_pooled": "Dice, pooled voxels",
        "dice_mean_over_parts": "Dice, mean over parts",
        "defect_recall": "defects detected",
        "defect_precision": "calls that are defects",
        "false_calls_per_volume": "false calls per volume",
    }
    for key, name in names.items():
        table.add_row(name, *("-" if side[key] is None else f"{side[key]:.3f}" for side in pair))
    for size in pair[0]["detection_by_voxels_across"]:
        held = [side["detection_by_voxels_across"][size] for side in pair]
        table.add_row(f"detected, {size} voxels across", *(f"{side['detected']} of {side['defects']}" for side in held))
    return table


def run(arguments: Sequence[str]) -> int:
    """Return the exit code of a command line: 0 done, 2 bad input or usage."""
    try:
        app(list(arguments), prog_name="ctsim-train")
    except BadInput as error:
        typer.echo(f"ctsim-train: {error}", err=True)
        return 2
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def restart_with_environment() -> None:
    """Start this process over with ENVIRONMENT set, unless it is: by the first start, or by the user."""
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], ENVIRONMENT | os.environ)


def main() -> None:
    """Run the command and leave with its exit code."""
    restart_with_environment()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
