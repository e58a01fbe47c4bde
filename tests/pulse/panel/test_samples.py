"""The points of a sparkline."""

from typing import Any

from pulse import Status, TrainingStatus
from pulse.panel.samples import MOST_POINTS, Samples, add


def status(kind: str = "running", epoch: float = 1.0, loss: float = 0.5) -> Status:
    return TrainingStatus.create(kind, epoch, 4.0, loss, timestamp=0)


def after(count: int) -> Samples:
    samples = Samples()
    for number in range(count):
        samples = add(samples, float(number), status(), status(loss=float(number + 1)))
    return samples


def test_each_change_is_a_point() -> None:
    assert after(3).points == ((0.0, 1.0), (1.0, 2.0), (2.0, 3.0))


def test_a_loss_of_0_is_none_until_there_was_another() -> None:
    samples = add(Samples(), 0.0, None, status(epoch=0.0, loss=0.0))
    samples = add(samples, 1.0, None, status("idle", loss=3.0))
    samples = add(samples, 2.0, status(), status(epoch=1.0, loss=0.0))  # such as a run whose losses are all NaN
    assert samples.points == ()
    samples = add(samples, 3.0, status(), status(epoch=0.0, loss=0.5))
    assert add(samples, 4.0, status(), status(loss=0.0)).points == ((3.0, 0.5), (4.0, 0.0))


def test_the_next_run_in_the_same_file_starts_anew() -> None:
    ended: Any = status("done")
    assert add(after(5), 9.0, ended, status(loss=7.0)).points == ((9.0, 7.0),)


def test_the_end_of_a_run_keeps_its_curve() -> None:
    assert len(add(after(5), 9.0, status(), status("error")).points) == 6


def test_a_long_run_is_thinned_out_and_keeps_its_first_and_its_latest_point() -> None:
    for count in (MOST_POINTS, MOST_POINTS + 1, MOST_POINTS * 2, MOST_POINTS * 9 + 5):
        points = after(count).points
        assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS
        assert points[0] == (0.0, 1.0)
        assert points[-1] == (float(count - 1), float(count))
        assert list(points) == sorted(set(points))
