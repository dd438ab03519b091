"""Files made wrong at random, read by every reader: `python -m tests.fuzz [READER ...] [--seconds N] [--seed N]`.

Each is read in a process of its own, within 1.5 GB and a minute. It must be read, or refused with BadInput; whatever
else happens is a finding: the file is kept, with what happened and the numbers that make it again.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.cell import READ, REFUSED, outcome, watched
from tests.fuzz.readers import READERS


def main() -> int:
    """Return how many different findings there were."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    options.add_argument("--seconds", type=float, default=60, help="for each reader")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder of what was found")
    options.add_argument("--file", type=Path, help="one file to read, as it was kept")
    chosen = options.parse_args()
    if lost := set(chosen.readers) - set(READERS):
        options.error(f"unknown reader {lost.pop()!r} (known: {', '.join(READERS)})")
    if chosen.file:
        sys.stdout.write(outcome(READERS[chosen.readers[0]].read, chosen.file) + "\n")
        return 0
    return sum(_fuzz(name, chosen.seconds, chosen.seed, chosen.keep) for name in chosen.readers or READERS)


def _fuzz(name: str, seconds: float, seed: int, keep: Path) -> int:
    """Try files on a reader, print a line of what came of them, and return how many different findings there were."""
    reader, end, first = READERS[name], time.monotonic() + seconds, 0
    counts: Counter[str] = Counter()
    found: set[str] = set()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        while time.monotonic() < end:
            for number, said in watched(reader, seed, first, folder):
                first = number + 1
                kind = said.partition(":")[0]
                counts[kind] += 1
                if kind not in (READ, REFUSED) and (what := _gist(said)) not in found:
                    found.add(what)
                    _keep(keep / name, number, seed, said, (folder / reader.file).read_bytes(), reader.file)
                if time.monotonic() > end:
                    break
    others = {kind: count for kind, count in counts.items() if kind not in (READ, REFUSED)}
    line = f"{name:9} {sum(counts.values()):8} files, {counts[READ]:7} read, {counts[REFUSED]:8} refused, "
    sys.stdout.write(line + f"{len(found)} findings {others or ''}\n")
    sys.stdout.flush()
    return len(found)


def _gist(said: str) -> str:
    """Return what makes a finding another one: the places in the code, and the error's kind."""
    places = re.findall(r'File "[^"]*", line \d+|^\w+(?:\.\w+)*(?=:)', said, re.MULTILINE)
    return " ".join(places[-6:]) or re.sub(r"\d+", "N", said[:80])


def _keep(folder: Path, number: int, seed: int, said: str, content: bytes, file: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{seed}-{number}-{file}").write_bytes(content)
    (folder / f"{seed}-{number}.txt").write_text(f"seed {seed}, number {number}\n{said}\n")


if __name__ == "__main__":
    sys.exit(min(main(), 125))
