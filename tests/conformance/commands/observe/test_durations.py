"""Durations on the command line."""

from __future__ import annotations

import click
import pytest

from conformance.commands.observe.durations import DURATION, in_words, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("30", 30), ("30s", 30), ("1.5 s", 1.5), ("250ms", 0.25), ("2h", 7200), ("1d", 86400), (".5", 0.5)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "m", "-1s", "10 minutes", "1e3s", "٣s", f"{'9' * 400}s"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 500ms, 30s, 10m"):
        seconds_of(text)


def test_an_option_takes_a_duration_and_refuses_other_text() -> None:
    assert DURATION.convert("10m", None, None) == 600
    assert DURATION.convert(0.5, None, None) == 0.5
    with pytest.raises(click.BadParameter, match="is no duration"):
        DURATION.convert("soon", None, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.00146, "1.46 ms"), (1, "1.0 s"), (90, "90.0 s"), (600, "10.0 min"), (7200, "2.0 h"), (259200, "3.0 days")],
)
def test_seconds_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
