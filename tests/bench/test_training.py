"""The benchmark of a training loop: what its figures mean, and that it measures only a status that is written."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bench import training
from bench.training import CALLS, Cost, Estimate, Recording, cost, record

SECONDS = 60
A_STEP = 0.001
FROM_WRITE_TO_WRITE = 250  # steps


def recording(
    more: Sequence[float], of_a_write: float, drift: Callable[[int], float] = lambda number: 0.0
) -> Recording:
    """A loop whose steps take 1 ms and ``more[what is called]``, and ``of_a_write`` where one falls; and some noise."""
    noise = random.Random(1)
    count = int(SECONDS / A_STEP)
    called = [call for call in random.Random(2).choices(range(len(CALLS)), k=count // 20) for _ in range(20)]
    starts, writes = [0.0], []
    for number in range(count):
        seconds = A_STEP + more[called[number]] + drift(number) + noise.gauss(0.0, 2e-6)
        if number % FROM_WRITE_TO_WRITE == 125:
            writes.append((starts[-1] + 1e-4, starts[-1] + 3e-4, 5e-4))
            seconds += of_a_write
        starts.append(starts[-1] + seconds)
    return Recording(starts, called, writes)


def near(estimate: Estimate, expected: float) -> bool:
    """Whether it is what it should be, and does not claim to be better than it is."""
    return abs(estimate.mean - expected) < 2.0 * estimate.half < 0.06


def test_calls_and_writes_are_distinguished() -> None:
    found = cost(recording([0.0, 3e-6, 1e-6], 5e-4))
    assert near(found.calls, 0.3)
    assert near(found.empty, 0.1)
    assert near(found.writes, 0.2)
    assert near(found.control, 0.0)
    assert found.total.mean == pytest.approx(found.calls.mean + found.writes.mean)
    assert found.step == pytest.approx(A_STEP, rel=0.01)
    assert (found.write, found.count) == (5e-4, SECONDS * 4)


def test_what_costs_nothing_is_not_blamed_for_a_machine_that_slows_down() -> None:
    found = cost(recording([0.0, 0.0, 0.0], 0.0, drift=lambda number: number * 5e-9))  # 30 % in a minute
    assert near(found.calls, 0.0)
    assert near(found.writes, 0.0)


def test_too_short_a_recording_is_refused() -> None:
    whole = recording([0.0, 0.0, 0.0], 0.0)
    with pytest.raises(ValueError, match="too short"):
        cost(Recording(whole.starts[:4001], whole.called[:4000], whole.writes[:16]))


def test_the_row_says_what_was_found_and_how_sure_that_is() -> None:
    none = Estimate(0.0, 0.125)
    row = training._row("a step", Cost(Estimate(0.25, 0.125), none, Estimate(0.5, 0.0), none, 0.001, 5e-4, 30, 40))
    assert row.note == (
        "+0.750 % (95 %: +0.625 to +0.875 %): "
        "calls of update +0.250 % (95 %: +0.125 to +0.375 %), writes +0.500 % (95 %: +0.500 to +0.500 %); "
        "an empty method +0.000 % (95 %: -0.125 to +0.125 %), nothing +0.000 % (95 %: -0.125 to +0.125 %); "
        "30 pairs of stretches, 40 writes of 500 µs of CPU time each"
    )
    assert (row.reached, row.ours, row.other, row.runs) == (False, "1.01 ms", "1 ms", 30)


def test_a_loop_that_is_not_slower_reaches_the_target() -> None:
    none = Estimate(0.0, 0.0)
    assert training._row("a step", Cost(none, none, none, none, 0.001, 5e-4, 30, 40)).reached is True


@pytest.fixture
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_size_of_a_step", lambda step: 1)


@pytest.mark.parametrize("name", training.STEPS)
def test_every_step_is_timed(tmp_path: Path, short_steps: None, name: str) -> None:
    found = record(training.STEPS[name], tmp_path, 0.39)
    assert (len(found.starts), len(found.called)) == (401, 400)
    assert set(found.called) == set(range(len(CALLS)))
    assert list(tmp_path.iterdir()) == []


def test_a_step_takes_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_seconds", lambda step, size: 1e-4 + size * 2e-7)
    assert 0.95e-3 < 1e-4 + training._size_of_a_step(lambda size: None) * 2e-7 < 1.05e-3


def test_a_machine_without_such_a_step_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_seconds", lambda step, size: 0.5)
    with pytest.raises(RuntimeError, match=r"Is the machine busy\?"):
        training._size_of_a_step(lambda size: None)


def test_writes_that_fail_measure_nothing(tmp_path: Path, short_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()

    class InAFile(training._Timed):
        def __init__(self, path: Path) -> None:
            super().__init__(tmp_path / "file" / "status.json")

    monkeypatch.setattr(training, "_Timed", InAFile)
    with pytest.raises(RuntimeError, match="nothing was measured"):
        record(training.STEPS["Python"], tmp_path, 0.1)
