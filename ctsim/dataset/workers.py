"""Work in processes of its own: no task that hangs, crashes or runs out of memory takes the run with it.

Processes are spawned, not forked: kernels that run in threads do not survive a fork.
"""

import contextlib
import itertools
import math
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import tempfile
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numba

MOST_CRASHES = 2
"""Of the process that works at a task, before the task is given up: the first may be another task's fault."""

OUT_OF_MEMORY = 77
"""Exit code of a process that could not get the memory that it asked for."""


@dataclass(frozen=True)
class Lost:
    """What comes back in place of a result, of a task that is given up.

    Attributes:
        reason: Why.
    """

    reason: str


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int,
    *,
    timeout_s: float = math.inf,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Any]:
    """Yield work(task) for each task, in the order of the tasks, or Lost for one that is given up.

    No more than two tasks a worker are under way or waiting to be taken, so that memory stays bounded.

    Args:
        work: Done with each task: a function that can be imported.
        tasks: Taken as they are needed.
        workers: Processes at once; fewer go on where memory is short.
        timeout_s: After which a task is given up, and its process ended.
        note: Told where fewer processes go on.

    Raises:
        MemoryError: A process that is alone runs out of memory twice at the same task.
        Exception: What the work itself raises.
    """
    crew, coming = _Crew(work, workers, timeout_s, note), enumerate(tasks)
    waiting, done = deque(itertools.islice(coming, 2 * workers)), {}
    try:
        for place in itertools.count():
            while place not in done:
                if not waiting and crew.is_idle():
                    return
                done.update(crew.work_at(waiting))
            if isinstance(result := done.pop(place), _Raised):
                raise result.error
            yield result
            waiting.extend(itertools.islice(coming, 1))
    finally:
        crew.end()


@dataclass(frozen=True)
class _Raised:
    """What comes back where the work raises an error."""

    error: Exception


@dataclass(kw_only=True, eq=False)
class _Worker:
    """A process and what it works at.

    Attributes:
        process: Itself.
        pipe: To it.
        place: Where it has its temporary files, which outlive a process that is killed.
        entry: (place, task) that it works at; None where it waits for one.
        deadline: When that is given up.
    """

    process: Any
    pipe: multiprocessing.connection.Connection
    place: tempfile.TemporaryDirectory
    entry: tuple[int, Any] | None = None
    deadline: float = math.inf


class _Crew:
    """Processes that work at tasks and are replaced when they die."""

    def __init__(self, work: Callable[[Any], Any], most: int, timeout_s: float, note: Callable[[str], None]) -> None:
        self.work, self.most, self.timeout_s, self.note = work, most, timeout_s, note
        self.threads = max(1, cores() // most)
        self.workers: list[_Worker] = []
        self.deaths: Counter[int] = Counter()

    def is_idle(self) -> bool:
        """Return whether no process works at anything."""
        return all(worker.entry is None for worker in self.workers)

    def work_at(self, waiting: deque[tuple[int, Any]]) -> dict[int, Any]:
        """Hand out tasks (place, task) that wait, and return what is done next, by place.

        The task of a process that died goes back to the front of those that wait.
        """
        self._hand_out(waiting)
        busy = [worker for worker in self.workers if worker.entry is not None]
        left_s = min(worker.deadline for worker in busy) - time.monotonic()
        signs = [sign for worker in busy for sign in (worker.pipe, worker.process.sentinel)]
        seen = set(multiprocessing.connection.wait(signs, None if left_s == math.inf else max(left_s, 0)))
        found: dict[int, Any] = {}
        for worker in busy:
            place, _ = worker.entry
            if seen & {worker.pipe, worker.process.sentinel}:
                try:
                    found[place] = worker.pipe.recv()
                    worker.entry, worker.deadline = None, math.inf
                except (EOFError, OSError):
                    found |= self._bury(worker, waiting)
            elif time.monotonic() >= worker.deadline:
                self._dismiss(worker)
                found[place] = Lost(f"it took longer than {self.timeout_s:g} s")
        self._hand_out(waiting)  # so that nobody waits while what was found is packed
        return found

    def end(self) -> None:
        """End all processes: those that wait go by themselves, what others have begun is of no use any more."""
        for worker in list(self.workers):
            if worker.entry is None:
                worker.pipe.close()
                worker.process.join(5)
            self._dismiss(worker)

    def _hand_out(self, waiting: deque[tuple[int, Any]]) -> None:
        idle = [worker for worker in self.workers if worker.entry is None]
        while len(self.workers) > self.most and idle:
            self._dismiss(idle.pop())
        while waiting and (idle or len(self.workers) < self.most):
            worker = idle.pop() if idle else self._hire()
            worker.entry, worker.deadline = waiting.popleft(), time.monotonic() + self.timeout_s
            with contextlib.suppress(OSError):  # it has died: that is seen when its work is waited for
                worker.pipe.send(worker.entry[1])

    def _hire(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        place = tempfile.TemporaryDirectory(prefix="ctsim-", ignore_cleanup_errors=True)
        process = context.Process(target=_serve, args=(theirs, self.work, self.threads, place.name), daemon=True)
        with _deaf_to_ctrl_c():  # which is ours to handle: a process that hears it as it starts would tell of it
            process.start()
        theirs.close()
        self.workers.append(_Worker(process=process, pipe=ours, place=place))
        return self.workers[-1]

    def _bury(self, worker: _Worker, waiting: deque[tuple[int, Any]]) -> dict[int, Any]:
        """Return what is to be said of the task of a process that died; nothing where it is tried again."""
        self._dismiss(worker)
        (place, _), code = worker.entry, worker.process.exitcode
        if code in (OUT_OF_MEMORY, -signal.SIGKILL) and self.most > 1:  # the latter is what a system short of it does
            self.most -= 1
            self.note(f"a worker process ran out of memory or was killed; going on with {self.most}")
            waiting.appendleft(worker.entry)
            return {}
        self.deaths[place] += 1
        if self.deaths[place] < MOST_CRASHES:
            waiting.appendleft(worker.entry)
            return {}
        if code in (OUT_OF_MEMORY, -signal.SIGKILL):
            raise MemoryError
        return {place: Lost(f"its process ended {MOST_CRASHES} times by {_cause(code)}")}

    def _dismiss(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        worker.place.cleanup()
        self.workers.remove(worker)


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C for later, and from all processes that are started meanwhile for good."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cause(code: int) -> str:
    """Return what ended a process, by its exit code."""
    return f"{signal.Signals(-code).name} ({signal.strsignal(-code)})" if code < 0 else f"exit code {code}"


def _serve(pipe: multiprocessing.connection.Connection, work: Callable[[Any], Any], threads: int, place: str) -> None:
    """Work at what comes along a pipe, until it closes. Ctrl-C is the parent's to handle."""
    tempfile.tempdir = place
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            os._exit(0)  # nothing is left to be put away; manifold3d would tell of each part that is still kept
        try:
            pipe.send_bytes(_answer(work, task))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)


def _answer(work: Callable[[Any], Any], task: Any) -> bytes:
    """Return what becomes of a task, result or error, as it goes through a pipe."""
    try:
        return pickle.dumps(work(task))
    except MemoryError:
        raise
    except Exception as error:
        told = "".join(traceback.format_exception(error))
        error.add_note(told)
        try:
            answer = pickle.dumps(_Raised(error))
            pickle.loads(answer)  # errors with arguments of their own may not come out again
        except Exception:
            answer = pickle.dumps(_Raised(RuntimeError(told)))
        return answer


def _end_with_the_parent() -> None:
    """Leave when the parent is gone, killed perhaps: what is being made is of no use any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
