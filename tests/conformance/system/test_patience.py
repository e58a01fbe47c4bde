"""Waiting until nothing is left."""

from __future__ import annotations

from conformance.system.patience import Patience


def test_what_is_gone_later_is_not_left() -> None:
    seen = [["temp", "other"], ["temp"], [], ["never asked for"]]
    assert Patience(60).until_gone(lambda: seen.pop(0)) == []
    assert seen == [["never asked for"]]


def test_what_stays_is_left_and_shortens_the_next_wait() -> None:
    patience = Patience(0.02)
    assert patience.until_gone(lambda: ["temp"]) == ["temp"]
    assert patience.seconds == 0.01


def test_patience_is_kept_where_it_was_of_use() -> None:
    patience = Patience(60)
    patience.until_gone(list)
    assert patience.seconds == 60
