"""What a person sees of the command in a terminal or a log."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

out_console, err_console = (
    Console(highlight=False, soft_wrap=True),
    Console(stderr=True, highlight=False, soft_wrap=True),
)


def note(text: str) -> None:
    """Tell on standard error what a user should know and need not mend."""
    err_console.print(f"note: {text}", markup=False)


def counted(number: int, noun: str) -> str:
    """Return `1 shard`, `2 shards`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Rate(ProgressColumn):
    """Scenes, or views, per second since the start."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task) -> Text:
        """Return the column's text."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.2f} {self.unit}" if speed else f"- {self.unit}")


def progress(unit: str = "scenes/s") -> Progress:
    """Return a bar that shows only on a terminal."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(unit), TextColumn("left"),
        TimeRemainingColumn(), console=err_console, disable=not err_console.is_terminal,
    )  # fmt: skip


def reporter(bar: Progress, what: str = "scenes") -> Callable[[int, int], None]:
    """Return what is told how many are done: a bar on a terminal, a line for every tenth in a log."""
    if not bar.disable:
        task = bar.add_task("reading parts" if what == "scenes" else what, total=None)
        return lambda done, total: bar.update(task, description=what, completed=done, total=total)
    told = 0

    def line(done: int, total: int) -> None:
        nonlocal told
        if done and 10 * done // total > told:
            told = 10 * done // total
            err_console.print(f"{what} {done}/{total}")

    return line


def show_parts(reports: list[dict]) -> None:
    """Print what the importer made of CAD files: a line each, and a sentence for each thing mended or odd."""
    if not reports:
        return
    rows = [("file", "unit", "size mm", "volume mm3", "bodies", "watertight", "faces read", "faces")]
    for r in reports:
        size = " x ".join(f"{s:.4g}" for s in r["size_mm"])
        numbers = (f"{r['volume_mm3']:.7g}", str(r["bodies"]), "no" if r["open_edges"] else "yes")
        rows.append((r["file"], r["unit"], size, *numbers, str(r["faces_read"]), str(r["faces"])))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row, r in zip(rows, [None, *reports], strict=True):
        names, numbers = row[:3], row[3:]
        cells = [name.ljust(w) for name, w in zip(names, widths, strict=False)]
        cells += [number.rjust(w) for number, w in zip(numbers, widths[3:], strict=True)]
        out_console.print("  ".join(cells), markup=False)
        for word, said in (("mended", r["repairs"]), ("warning", r["warnings"])) if r else ():
            for sentence in said:
                out_console.print(f"  {word}: {sentence}", markup=False)
