"""Work in a pool comes back whole and in order."""

import multiprocessing
import os
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest

from ctsim.dataset.workers import in_order


def slow_square(number: int) -> int:
    time.sleep(0.02 * (number % 3))
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


class Stubborn(Exception):
    """An error that cannot be made again from its text."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fail_stubbornly(number: int) -> None:
    raise Stubborn(number, 7)


def hand_back_a_function(_: int):
    return lambda: 0


def pid_of(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_tasks(workers):
    assert list(in_order(slow_square, range(17), workers)) == [n * n for n in range(17)]


def test_work_is_done_elsewhere():
    assert os.getpid() not in set(in_order(pid_of, range(4), 2))


def test_a_failure_reaches_the_caller_and_ends_the_pool():
    results = in_order(fail_at_three, range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three") as raised:
        next(results)
    assert "in fail_at_three" in raised.value.__notes__[0]  # where it happened, over there
    assert list(results) == []


@pytest.mark.parametrize(
    ("work", "error", "says"),
    [(fail_stubbornly, RuntimeError, "Stubborn: 3 and 7"), (hand_back_a_function, Exception, "pickle")],
)
def test_a_failure_that_cannot_be_handed_over_is_told_in_words(work, error, says):
    with pytest.raises(error, match=says):
        next(in_order(work, [3], 1))


def test_no_more_is_begun_than_two_tasks_a_worker_ahead():
    begun = []

    def tasks():
        for number in range(50):
            begun.append(number)
            yield number

    results = in_order(fail_at_three, tasks(), 1)
    assert next(results) == 0
    assert len(begun) <= 4
    results.close()


def harmed(task: tuple[str, Path]) -> str | int:
    """Do what the task says to this process: the first time, or each time it is tried; and count the times."""
    what, notes = task
    with (notes / what.partition(" ")[0]).open("a") as tries:
        tries.write("x")
    again = len((notes / what.partition(" ")[0]).read_text()) > 1
    if what.startswith("once") and again:
        return what
    for harm in ("SIGSEGV", "SIGKILL", "SIGABRT"):
        if what.endswith(harm):
            os.kill(os.getpid(), getattr(signal, harm))
    if what.endswith("exit"):
        os._exit(3)
    if what.endswith("hang"):
        time.sleep(600)
    if what.endswith("memory"):
        raise MemoryError
    if what.endswith("answer"):
        return Heavy()
    return what


class Heavy:
    """What is too large to be handed back."""

    def __reduce__(self):
        raise MemoryError


def run(tmp_path, *tasks: str, workers: int = 2, **more) -> list:
    return list(in_order(harmed, [(task, tmp_path) for task in tasks], workers, **more))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        ("SIGSEGV", r"its process ended 2 times by SIGSEGV \(Segmentation fault\)"),
        ("SIGABRT", r"its process ended 2 times by SIGABRT \(Aborted\)"),
        ("exit", "its process ended 2 times by exit code 3"),
    ],
)
def test_a_task_that_crashes_its_process_is_tried_twice_and_given_up_and_all_others_are_done(
    tmp_path, workers, harm, says
):
    a, lost, b, c = run(tmp_path, "a", f"bad {harm}", "b", "c", workers=workers)
    assert (a, b, c) == ("a", "b", "c")
    assert re.fullmatch(says, lost.reason)
    assert (tmp_path / "bad").read_text() == "xx"


def test_a_crash_that_does_not_come_again_costs_nothing(tmp_path):
    assert run(tmp_path, "a", "once SIGSEGV", "b") == ["a", "once SIGSEGV", "b"]


def test_a_task_that_hangs_is_given_up_and_its_process_ended(tmp_path):
    a, lost, b = run(tmp_path, "a", "bad hang", "b", timeout_s=3)
    assert (a, b, lost.reason) == ("a", "b", "it took longer than 3 s")
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("harm", ["SIGKILL", "memory", "answer"])
def test_where_memory_is_short_fewer_processes_go_on(tmp_path, harm):
    told = []
    assert run(tmp_path, "a", f"once {harm}", "b", "c", note=told.append) == ["a", f"once {harm}", "b", "c"]
    assert told == ["a worker process ran out of memory or was killed; going on with 1"]


@pytest.mark.parametrize("harm", ["SIGKILL", "memory", "answer"])
def test_a_task_too_large_for_the_machine_ends_the_run(tmp_path, harm):
    results = in_order(harmed, [(task, tmp_path) for task in ("a", f"bad {harm}", "b")], 2)
    assert next(results) == "a"
    with pytest.raises(MemoryError):
        list(results)
    assert multiprocessing.active_children() == []


def leave_behind(hangs: bool) -> str:
    """Return a file that was made in a temporary folder, which is left there."""
    _, file = tempfile.mkstemp()
    time.sleep(600 if hangs else 0)
    return file


def test_no_temporary_file_is_left_of_a_process_even_if_it_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file, lost = in_order(leave_behind, [False, True], 1, timeout_s=3)
    assert Path(file).is_relative_to(tmp_path)
    assert lost.reason == "it took longer than 3 s"
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_idle_is_replaced(tmp_path):
    results = in_order(pid_of, range(3), 1)
    first = next(results)
    os.kill(first, signal.SIGSEGV)
    assert len({first, *results}) == 2
