"""The benchmark of a training loop: what its figures mean, and that it measures only a status that is written."""

from pathlib import Path
from typing import Any

import pytest

from bench import training
from bench.training import KINDS, Block, Trial, cost_of, median_interval, slower
from pulse import Pulse


def trials(*seconds: float, before: float = 1.0, after: float = 1.0) -> list[Trial]:
    """One for each block, all of whose members are these seconds."""
    return [Trial(Block(*[before] * 4), Block(*[one] * 4), Block(*[after] * 4)) for one in seconds]


def test_a_block_is_compared_with_the_mean_of_its_neighbours() -> None:
    assert slower(trials(1.002), "wall") == pytest.approx([0.2])
    assert slower(trials(1.5, before=1.0, after=2.0), "thread") == pytest.approx([0.0])


def test_the_row_has_the_difference_its_interval_and_the_noise_floor() -> None:
    found = {"with": trials(1.001, 1.002, 1.003), "control": trials(1.0, 1.0, 1.0)}
    row = training._row("a step", "with", found, "process")
    assert row.note == (
        "+0.200 % (95 %: +0.100 to +0.300 %) with the status; +0.000 % (95 %: +0.000 to +0.000 %) the same loop"
    )
    assert row.reached is False
    assert (row.runs, row.ours, row.other) == (3, "1 s", "1 s")


def test_a_loop_that_is_not_slower_reaches_the_target() -> None:
    found = {"with": trials(1.0, 1.0), "control": trials(1.0, 1.0)}
    assert training._row("a step", "with", found, "wall").reached is True


def test_the_interval_narrows_with_the_number_of_values() -> None:
    few, many = [float(number % 10) for number in range(20)], [float(number % 10) for number in range(2000)]
    widths = [high - low for low, high in map(median_interval, (few, many))]
    assert 0.0 < widths[1] < widths[0] < 9.0
    assert median_interval([3.0, 3.0]) == (3.0, 3.0)


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_STEPS_PER_BLOCK", 2)
    monkeypatch.setattr(training, "_size_of_a_step", lambda step: 1)


@pytest.mark.parametrize("name", training.STEPS)
def test_every_loop_is_timed_in_every_round(tmp_path: Path, short_blocks: None, name: str) -> None:
    found = cost_of(training.STEPS[name], tmp_path, 3)
    assert {kind: len(series) for kind, series in found.items()} == dict.fromkeys(KINDS, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_step_takes_a_millisecond() -> None:
    def step(size: int) -> None:
        if size >= 20_000:  # before that it takes no time at all
            sum(range(2_000_000))

    assert training._size_of_a_step(step) > 0


def test_writes_that_fail_measure_nothing(tmp_path: Path, short_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()

    def in_a_file(path: Path, total_epochs: float, **options: Any) -> Pulse:
        return Pulse(tmp_path / "file" / "status.json", total_epochs, **options)

    monkeypatch.setattr(training, "training", in_a_file)
    with pytest.raises(RuntimeError, match="nothing was measured"):
        cost_of(training.STEPS["Python"], tmp_path, 2)
