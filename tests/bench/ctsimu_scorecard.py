"""How we do in the 2D tests of the CTSimU toolbox: `python -m tests.bench.ctsimu_scorecard [--json] [TEST ...]`.

Each test's scenario files go through the scenario reader, the renderer and the writer of metadata, as with
`ctsim render`, and the toolbox evaluates the pictures. It says how far off they are and never whether that will do;
the limits are ours. Needs the extra `test`; about five minutes on two cores.
"""

import importlib.util
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from ctsim.scanner import scanner_of
from ctsim.scenario.read import read_scenario
from ctsim.scenario.render import take_pictures, write_pictures
from defects.messages import unknown
from tests.bench.ctsimu.sampling import dithered
from tests.bench.ctsimu.scenes import SCENES
from tests.bench.ctsimu.verdicts import VERDICTS, Deviation
from tests.bench.figures import machine

ABOUT = {
    "2D-FB-1": "noise", "2D-FB-2": "distance and incidence", "2D-HS-1": "placement", "2D-DW-1": "detector unsharpness",
    "2D-WE-1": "focal spot", "2D-WE-2": "partly covered pixels", "2D-SW-1": "scintillators", "2D-SW-2": "filters",
    "2D-SW-3": "overlapping solids", "2D-SW-4": "scatter",
}  # fmt: skip
SLOWEST_FIRST = ("2D-WE-1", "2D-DW-1", "2D-HS-1", "2D-WE-2", "2D-SW-1")
WORKERS = 2


def main() -> int:
    """Print the scorecard, and return 0; 1 if a test failed, 2 if there is none such, or no toolbox."""
    chosen = [name for name in sys.argv[1:] if not name.startswith("--")] or list(SCENES)
    if wrong := refusal(chosen):
        print(wrong, file=sys.stderr)
        return 2
    order = sorted(chosen, key=lambda name: SLOWEST_FIRST.index(name) if name in SLOWEST_FIRST else len(SLOWEST_FIRST))
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        card = dict(zip(order, pool.map(taken, order), strict=True))
    card = {name: card[name] for name in chosen}
    if "--json" in sys.argv:
        print(json.dumps({"machine": machine(), "figures": figures(card)}))
    else:
        print_table(card)
    return int(not all(deviation.passed for found in card.values() for deviation in found))


def refusal(chosen: list[str]) -> str | None:
    """Return why this cannot be done, or None."""
    if importlib.util.find_spec("ctsimu") is None:
        return "the CTSimU toolbox is not installed; `make setup` does it, or pip install -c constraints.txt .[test]"
    strange = [name for name in chosen if name not in SCENES]
    return str(unknown("test", strange[0], SCENES)) if strange else None


def taken(test: str) -> list[Deviation]:
    """Return what a test finds: write its scenes, render them, have them evaluated."""
    from tests.bench.ctsimu.toolbox import evaluate

    with tempfile.TemporaryDirectory(prefix=f"{test}-") as temporary:
        folder = Path(temporary)
        metadata = {key: rendered(path, folder / "pictures", test) for key, path in SCENES[test](folder).items()}
        return VERDICTS[test](evaluate(test, metadata, folder))


def rendered(path: Path, out: Path, test: str) -> Path:
    """Return the metadata file of a scenario's pictures."""
    scenario = read_scenario(path)
    scanner = scanner_of(scenario.scan)
    if test == "2D-WE-2":
        scanner = replace(scanner, exposure=dithered(scanner.exposure))
    write_pictures(out, scenario, take_pictures(scenario, scanner), path)
    return out / f"{scenario.name}_metadata.json"


def figures(card: dict[str, list[Deviation]]) -> dict[str, float]:
    """Return one figure a test, 1 passed or 0 failed, how many passed, and all deviations."""
    found: dict[str, float] = {}
    for test, deviations in card.items():
        name = _short(test)
        found[name] = int(all(deviation.passed for deviation in deviations))
        found |= {f"{name}_{deviation.name}": deviation.value for deviation in deviations}
    return {**found, "passed": sum(found[_short(test)] for test in card)}


def print_table(card: dict[str, list[Deviation]]) -> None:
    """Print a line for each reading."""
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for test, deviations in card.items():
        verdict = "passed" if all(deviation.passed for deviation in deviations) else "FAILED"
        print(f"  {test}  {ABOUT[test]:24}  {verdict}")
        for d in deviations:
            print(f"           {d.what:44} {_said(d.value, d.unit):>10}   limit {_said(d.limit, d.unit)}")


def _said(value: float, unit: str) -> str:
    """Return a number with its unit; a ratio in per cent."""
    if unit or value == int(value):
        return f"{value:.3g} {unit}".strip()
    return f"{100 * value:.2f} %"


def _short(test: str) -> str:
    return test.removeprefix("2D-").replace("-", "_").lower()


if __name__ == "__main__":
    sys.exit(main())
