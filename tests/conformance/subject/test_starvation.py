"""A time limit counts the seconds in which a program could run, within a bound."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from conformance.subject.starvation import LONGEST, TooLong, starved_seconds, within

LIMIT = 10.0


class Clock:
    """Waits without waiting. ``share`` is how much of each second the program has no processor."""

    def __init__(self, share: float, answered_at: float = 1e9) -> None:
        self.now, self.share, self.answered_at = 0.0, share, answered_at
        self.asked = 0

    def wait(self, seconds: float) -> str:
        if self.now + seconds >= self.answered_at:
            self.now = self.answered_at
            return "the answer"
        self.now += seconds
        raise queue.Empty

    def starved(self) -> float:
        self.asked += 1
        return self.now * self.share


def test_on_a_quiet_machine_the_limit_is_the_limit() -> None:
    clock = Clock(0.0)
    with pytest.raises(TooLong):
        within(LIMIT, clock.wait, clock.starved)
    assert clock.now == LIMIT


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_the_usual_delays_of_a_scheduler_change_nothing(share: float) -> None:
    clock = Clock(share)
    with pytest.raises(TooLong):
        within(LIMIT, clock.wait, clock.starved)
    assert clock.now == LIMIT


@pytest.mark.parametrize("share", [0.3, 0.5, 0.75])
def test_time_without_a_processor_does_not_count(share: float) -> None:
    clock = Clock(share)
    with pytest.raises(TooLong) as raised:
        within(LIMIT, clock.wait, clock.starved)
    assert 0.9 * LIMIT <= clock.now * (1.0 - share) <= 1.01 * LIMIT
    assert raised.value.waited == clock.now
    assert raised.value.starved == pytest.approx(clock.now * share)


@pytest.mark.parametrize("share", [0.95, 1.0, 7.0])  # of several threads, more than one at a time
def test_it_ends_however_busy_the_machine_is(share: float) -> None:
    clock = Clock(share)
    with pytest.raises(TooLong):
        within(LIMIT, clock.wait, clock.starved)
    assert clock.now == LONGEST * LIMIT


@pytest.mark.parametrize(("share", "at"), [(0.0, 0.1), (0.0, 9.9), (0.75, 35.0)])
def test_an_answer_in_time_is_returned(share: float, at: float) -> None:
    clock = Clock(share, answered_at=at)
    assert within(LIMIT, clock.wait, clock.starved) == "the answer"
    assert clock.now == at


def test_a_quick_answer_asks_the_system_nothing() -> None:
    clock = Clock(0.0, answered_at=4.0)
    within(LIMIT, clock.wait, clock.starved)
    assert clock.asked == 0


@pytest.fixture
def two_on_one_processor() -> Iterator[list[int]]:
    if sys.platform != "linux":
        pytest.skip("only Linux counts it")
    code = f"import os\nos.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\nwhile True: pass"
    processes = [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(2)]
    yield [process.pid for process in processes]
    for process in processes:
        process.kill()
        process.wait()


def test_one_of_two_programs_that_share_a_processor_is_starved(
    two_on_one_processor: list[int], eventually: Callable[[Callable[[], object], str], None]
) -> None:
    before = {pid: starved_seconds(pid) for pid in two_on_one_processor}

    def both() -> bool:
        return all(starved_seconds(pid) > before[pid] + 0.05 for pid in two_on_one_processor)

    eventually(both, "each waited for the processor")


def test_a_process_that_has_ended_is_not_starved() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as ended:
        ended.wait()
    assert starved_seconds(ended.pid) >= 0.0
