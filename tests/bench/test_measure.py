"""Rows: ratios of interleaved series, their spread, and targets."""

import pytest

from bench.measure import Row, compare, interleave, limit_row, per_operation, unmeasured


def test_the_ratio_is_the_other_time_divided_by_ours() -> None:
    row = compare("write", [2.0, 2.0, 2.0], [1.0, 1.0, 1.0])
    assert row.ratio == 0.5
    assert (row.ours, row.other, row.runs) == ("2 s", "1 s", 3)


def test_a_round_is_compared_with_itself_so_that_drift_cancels() -> None:
    row = compare("write", [1.0, 10.0, 100.0], [2.0, 20.0, 200.0])
    assert row.ratio == 2.0
    assert row.spread == (2.0, 2.0)


def test_the_spread_is_the_middle_half_of_the_ratios() -> None:
    row = compare("write", [1.0] * 5, [1.0, 2.0, 3.0, 4.0, 100.0])
    assert row.ratio == 3.0
    assert row.spread == (2.0, 4.0)


@pytest.mark.parametrize(("ours", "other"), [([1.0, 1.0], [1.0]), ([1.0], [1.0]), ([], [])])
def test_series_that_cannot_be_compared_are_refused(ours: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="two series"):
        compare("write", ours, other)


@pytest.mark.parametrize(("ratio", "target", "reached"), [(0.9, 0.9, True), (0.89, 0.9, False)])
def test_a_target_is_reached_or_not(ratio: float, target: float, reached: bool) -> None:
    assert Row("write", "", "", ratio, target=target).reached is reached


def test_without_a_target_or_a_ratio_nothing_is_reached_or_missed() -> None:
    assert Row("write", "", "", 0.9).reached is None
    assert unmeasured("write", "needs cc", 0.9).reached is None


def test_an_unmeasured_row_says_why() -> None:
    row = unmeasured("write", "needs cc")
    assert (row.ratio, row.runs, row.note) == (None, 0, "unmeasured: needs cc")


@pytest.mark.parametrize(
    ("seconds", "limit", "ratio", "reached"), [(30.0, 60.0, 2.0, True), (90.0, 60.0, 2 / 3, False)]
)
def test_a_duration_is_compared_with_its_limit(seconds: float, limit: float, ratio: float, reached: bool) -> None:
    row = limit_row("the suite", seconds, limit)
    assert row.ratio == pytest.approx(ratio)
    assert row.reached is reached
    assert row.other == "at most 60 s"


def test_a_duration_without_a_limit_is_only_shown() -> None:
    row = limit_row("time to detect in_place", 0.125, note="VIS-01")
    assert (row.ours, row.other, row.reached, row.note) == ("125 ms", "", None, "VIS-01")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (0.000_414, "414 µs"), (0.000_001, "1 µs"), (0.000_000_64, "640 ns")],
)
def test_a_time_is_shown_in_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert per_operation(seconds) == text


def test_every_contender_runs_once_per_round() -> None:
    order: list[str] = []

    def contender(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    rounds_seen: list[int] = []
    seconds = interleave({"a": lambda: contender("a", 1.0), "b": lambda: contender("b", 2.0)}, 8, rounds_seen.append)
    assert seconds == {"a": [1.0] * 8, "b": [2.0] * 8}
    pairs = [set(order[at : at + 2]) for at in range(0, 16, 2)]
    assert pairs == [{"a", "b"}] * 8
    assert {order[at] for at in range(0, 16, 2)} == {"a", "b"}, "each of them goes first at times"
    assert rounds_seen == list(range(1, 9))
