"""The benchmark of a training loop: what its figures mean, and that it measures only a status that is written."""

from pathlib import Path

import pytest

from bench import training
from bench.training import cost_of
from pulse import Pulse


def test_the_difference_is_in_per_cent_with_its_quartiles() -> None:
    row = training._row("a step", ([1.001, 1.002, 1.003], [1.0, 1.0, 1.0]))
    assert row.note == "+0.200 % with the status (quartiles +0.150 to +0.250 %)"
    assert row.reached is False


def test_a_loop_that_is_not_slower_reaches_the_target() -> None:
    assert training._row("a step", ([1.0, 1.0], [1.0, 1.0])).reached is True


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_STEPS_PER_BLOCK", 2)
    monkeypatch.setattr(training, "_size_of_a_step", lambda step: 1)


@pytest.mark.parametrize("name", training.STEPS)
def test_both_loops_are_timed_in_every_round(tmp_path: Path, short_blocks: None, name: str) -> None:
    cost = cost_of(training.STEPS[name], tmp_path, 3, lambda done: None)
    for series in (*cost.wall, *cost.cpu):
        assert len(series) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_step_takes_a_millisecond() -> None:
    def step(size: int) -> None:
        if size >= 20_000:  # before that it takes no time at all
            sum(range(2_000_000))

    assert training._size_of_a_step(step) > 0


def test_writes_that_fail_measure_nothing(tmp_path: Path, short_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()

    def in_a_file(path: Path, total_epochs: float) -> Pulse:
        return Pulse(tmp_path / "file" / "status.json", total_epochs)

    monkeypatch.setattr(training, "training", in_a_file)
    with pytest.raises(RuntimeError, match="nothing was measured"):
        cost_of(training.STEPS["Python"], tmp_path, 2, lambda done: None)
