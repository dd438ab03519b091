"""Files read one by one, each in a process of its own that is forked from this one, where all readers are loaded.

with serving() as ask: ask("stl", path)
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving() -> Iterator[Callable[[str, Path], str]]:
    """Give the function that returns what comes of reading a file by the reader of that name."""
    command = [sys.executable, "-m", "tests.fuzz.serve"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as server:

        def ask(reader: str, path: Path) -> str:
            server.stdin.write(json.dumps([reader, str(path)]) + "\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        yield ask
        server.stdin.close()


def main() -> None:
    """Answer lines of [reader, path] with lines of what came of it."""
    from tests.fuzz.cell import outcome
    from tests.fuzz.readers import READERS

    for line in sys.stdin:
        reader, path = json.loads(line)
        sys.stdout.write(json.dumps(outcome(READERS[reader].read, Path(path))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
