"""Work in a pool comes back whole and in order."""

import os
import time

import pytest

from ctsim.dataset.engines import in_order


def slow_square(number: int) -> int:
    time.sleep(0.02 * (number % 3))
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


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
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert list(results) == []


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
