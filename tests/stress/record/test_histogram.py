"""Durations in buckets: nothing is lost, and a percentile is right to within a bucket."""

import numpy as np
import pytest

from stress.record.histogram import EDGES, Histogram, describe_duration


def test_a_duration_lies_in_the_bucket_that_begins_at_or_below_it() -> None:
    for bucket, edge in enumerate(EDGES.tolist()):
        assert Histogram.of([edge]).counts[bucket] == 1
        if bucket:
            assert Histogram.of([edge - 1]).counts[bucket - 1] == 1


def test_what_is_outside_the_edges_is_counted_in_the_first_and_the_last_bucket() -> None:
    histogram = Histogram.of([-5, 0, 10**15])
    assert (histogram.counts[0], histogram.counts[-1], histogram.total) == (2, 1, 3)


def test_the_sum_of_two_is_the_histogram_of_all() -> None:
    one, two = [200, 3_000, 5], [10**9, 3_000]
    assert Histogram.of(one) + Histogram.of(two) == Histogram.of(one + two)
    assert Histogram.of(one) + Histogram() == Histogram.of(one)


def test_memory_does_not_grow_with_the_number_of_durations() -> None:
    many = Histogram.of(np.arange(100_000))
    assert many.total == 100_000
    assert len(many.counts) == len(Histogram().counts) == len(EDGES)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99, 1.0])
def test_a_percentile_is_at_most_nine_per_cent_below_the_true_one(share: float) -> None:
    durations = np.sort(np.random.default_rng(1).lognormal(13, 1, 10_000).astype(np.int64))
    true = durations[int(np.ceil(share * len(durations))) - 1]
    percentile = Histogram.of(durations).percentile(share)
    assert percentile is not None
    assert true / 1.0906 <= percentile <= true


def test_nothing_has_no_percentile() -> None:
    assert Histogram().percentile(0.5) is None
    assert Histogram.of([]) == Histogram()


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (None, "·"),
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.0 µs"),
        (9_940, "9.9 µs"),
        (9_990, "10 µs"),
        (999_600, "1.0 ms"),
        (3_100_000, "3.1 ms"),
        (250_000_000, "250 ms"),
        (2_000_000_000, "2.0 s"),
        (5_000_000_000_000, "5,000 s"),
    ],
)
def test_a_duration_is_shown_with_its_unit(nanoseconds: float | None, text: str) -> None:
    assert describe_duration(nanoseconds) == text
