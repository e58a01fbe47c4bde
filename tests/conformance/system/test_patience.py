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


def test_what_is_closed_later_is_no_surplus() -> None:
    counted = [5, 4, 3, 99]
    assert Patience(60).surplus(lambda: counted.pop(0), before=3) == 0
    assert counted == [99]


def test_what_stays_open_is_a_surplus() -> None:
    assert Patience(0.02).surplus(lambda: 5, before=3) == 2


def test_fewer_than_before_are_no_surplus() -> None:
    assert Patience(60).surplus(lambda: 2, before=3) == 0


def test_a_look_where_waiting_is_of_no_use_shortens_no_wait() -> None:
    patience = Patience(60)
    assert patience.until_gone(lambda: ["temp"], seconds=0) == ["temp"]
    assert patience.seconds == 60
