"""One answer of Slurm's serves many questions, for a moment."""

import threading
import time
from collections.abc import Iterable

import pytest

from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.queue import Queue
from pfcon.errors import Unreachable
from pfcon.testing.waiting import PATIENCE, eventually


class Slurm:
    """Answers with rows, or not at all; counts how often it was asked."""

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)
        self.away = False
        self.asked = 0
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self) -> Iterable[Row]:
        self.asked += 1
        self.goes_on.wait(PATIENCE)
        if self.away:
            raise Unreachable("Slurm is away")
        return self.rows


def jobs(count: int) -> list[Row]:
    return [Row(str(number), "RUNNING", marker=f"m{number}") for number in range(count)]


def test_two_hundred_jobs_cost_one_question() -> None:
    slurm = Slurm(*jobs(200))
    queue = Queue(slurm, staleness=60)
    for number in range(200):
        assert queue.row(str(number), f"m{number}") == slurm.rows[number]
    assert slurm.asked == 1


def test_an_answer_is_old_after_its_time() -> None:
    slurm = Slurm(*jobs(1))
    queue = Queue(slurm, staleness=0.05)
    queue.row("0", "m0")
    time.sleep(0.06)
    queue.row("0", "m0")
    assert slurm.asked == 2


def test_a_job_that_an_old_answer_does_not_have_is_asked_for_again() -> None:
    slurm = Slurm()
    queue = Queue(slurm, staleness=60)
    assert queue.row("0", "m0") is None
    assert slurm.asked == 1
    slurm.rows = jobs(1)
    assert queue.row("0", "m0") == slurm.rows[0]
    assert slurm.asked == 2


def test_before_its_number_is_known_a_job_is_found_by_its_marker() -> None:
    queue = Queue(Slurm(*jobs(3)), staleness=60)
    assert queue.row(None, "m2") == Row("2", "RUNNING", marker="m2")
    assert queue.row(None, "m3") is None


def test_all_that_was_ever_submitted_for_a_job_is_found() -> None:
    twice = [Row("5", "PENDING", marker="m"), Row("6", "RUNNING", marker="m"), Row("7", "RUNNING")]
    queue = Queue(Slurm(*twice), staleness=60)
    assert {row.id for row in queue.fresh("m", "5")} == {"5", "6"}
    assert {row.id for row in queue.fresh("", "7")} == {"7"}


def ask(queue: Queue, count: int) -> tuple[list[threading.Thread], list[str]]:
    told: list[str] = []

    def one() -> None:
        try:
            told.append(str(queue.row("0", "m0")))
        except Unreachable as fault:
            told.append(str(fault))

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, told


@pytest.mark.parametrize("away", [False, True])
def test_who_waits_for_another_s_question_shares_its_answer(away: bool) -> None:
    slurm = Slurm(*jobs(1))
    slurm.away = away
    slurm.goes_on.clear()
    queue = Queue(slurm, staleness=60)
    threads, told = ask(queue, 8)
    assert eventually(lambda: slurm.asked == 1)
    time.sleep(0.2)  # for the others to queue up; were one late, it would ask by itself
    slurm.goes_on.set()
    for thread in threads:
        thread.join()
    assert len(set(told)) == 1
    assert ("away" in told[0]) is away
    assert slurm.asked == 1 or away


def test_after_a_failure_the_next_question_is_asked() -> None:
    slurm = Slurm(*jobs(1))
    slurm.away = True
    queue = Queue(slurm, staleness=60)
    with pytest.raises(Unreachable):
        queue.row("0", "m0")
    slurm.away = False
    assert queue.row("0", "m0") == slurm.rows[0]
