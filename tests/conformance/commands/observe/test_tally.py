"""What a series of looks amounts to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.commands.judge.formats import validator
from conformance.commands.observe.looks import Look
from conformance.commands.observe.tally import Tally

SECOND = 1_000_000_000


class Series:
    """Looks at ``f.json``, a tenth of a second apart."""

    def __init__(self, name: str = "f.json", kind: str = "", valid: Callable[[bytes], bool] | None = None) -> None:
        self.tally = Tally(name, kind, valid)
        self.moment = 0.0
        self.modified = 100 * SECOND

    def read(self, data: bytes | None, *, same: bool = False, **fields: Any) -> Series:
        self.moment += 0.1
        size = fields.pop("size", len(data or b""))
        modified = fields.pop("modified", self.modified)
        self.tally.add(Look(self.moment, "read", same, size=size, modified=modified, data=data, **fields))
        return self

    def other(self, state: Any, why: str = "") -> Series:
        self.moment += 0.1
        self.tally.add(Look(self.moment, state, why=why))
        return self


def test_whole_files_that_replace_each_other_are_only_counted() -> None:
    tally = Series().read(b"{}").read(b'{"a":1}').read(b'{"a":1}', same=True).read(b'{"a":2}').tally
    assert (tally.reads, tally.replaced, tally.changed, tally.kind) == (4, 2, 2, "json")
    assert (tally.torn, tally.empty, tally.rewritten, tally.older, tally.missing_looks) == (0, 0, 0, 0, 0)
    assert tally.how_often(2.0) == "2 changes seen in 2.0 s (1.0/s)"
    assert tally.shortest == pytest.approx(0.2)
    assert tally.longest == pytest.approx(0.2)


def test_half_a_file_is_torn_each_time_it_is_read() -> None:
    tally = Series().read(b"{}").read(b'{"a"').read(b'{"a"', same=True).read(b"{}").tally
    assert tally.torn == 2
    assert tally.first_torn is not None
    assert (tally.first_torn.number, tally.first_torn.size) == (2, 4)


def test_what_was_read_before_the_format_was_known_is_judged_then() -> None:
    tally = Series().read(b"{").read(b"{", same=True).read(b"{}").tally
    assert (tally.kind, tally.torn) == ("json", 2)
    assert tally.first_torn is not None
    assert tally.first_torn.number == 1


def test_text_of_no_known_format_is_not_judged() -> None:
    series = Series("notes")
    for number in range(30):
        series.read(b"text %d" % number)
    assert (series.tally.valid, series.tally.torn, series.tally.replaced) == (None, 0, 29)
    assert series.read(b"{}").tally.kind == ""  # by then it is known that it holds anything


def test_a_validator_that_was_given_decides() -> None:
    tally = Series("f", "mine", lambda data: data.endswith(b".")).read(b"one.").read(b"tw").read(b"two.").tally
    assert (tally.torn, tally.kind) == (1, "mine")


def test_an_empty_file_of_a_known_format_counts() -> None:
    tally = Series("f", "json", validator("json")).read(b"").read(b"{}").read(b"").tally
    assert tally.empty == 2
    assert tally.first_empty is not None
    assert tally.first_empty.number == 1


def test_a_truncated_file_counts_as_empty_whatever_its_format() -> None:
    tally = Series("f").read(b"one").read(b"", same=True).read(b"", same=True).read(b"two", same=True).tally
    assert (tally.empty, tally.rewritten) == (2, 1)


def test_a_new_file_that_is_filled_later_counts_as_empty() -> None:
    tally = Series("f").read(b"one").read(b"").read(b"two", same=True).tally
    assert tally.empty == 1


def test_an_empty_file_may_be_meant_where_the_format_is_not_known() -> None:
    assert Series("f").read(b"one").read(b"").read(b"", same=True).read(b"two").tally.empty == 0


def test_a_rewrite_in_place_is_one_change_with_the_sizes_on_the_way() -> None:
    series = Series("f").read(b"one two").read(b"", same=True).read(b"th", same=True).read(b"three", same=True)
    tally = series.tally
    assert (tally.rewritten, tally.appended, tally.changed) == (1, 0, 1)
    assert tally.rewrite is not None
    assert tally.rewrite.sizes == (7, 0, 2, 5)
    series.read(b"four!", same=True).read(b"fiver", same=True)
    assert tally.rewritten == 3
    assert tally.rewrite.sizes == (7, 0, 2, 5)


def test_bytes_that_are_appended_are_no_rewrite() -> None:
    tally = Series("log").read(b"a\n").read(b"a\nb\n", same=True).read(b"a\nb\nc\n", same=True).tally
    assert (tally.appended, tally.rewritten) == (2, 0)


def test_appending_long_after_a_truncation_is_no_part_of_it() -> None:
    series = Series("log").read(b"a\n").read(b"", same=True)
    series.moment += 5
    assert series.read(b"b\n", same=True).tally.rewritten == 2
    assert series.read(b"b\nc\n", same=True).tally.appended == 1


def test_the_same_bytes_written_again_are_no_change() -> None:
    tally = Series("f").read(b"a").read(b"a", same=True, modified=101 * SECOND).tally
    assert (tally.touched, tally.changed) == (1, 0)


def test_a_file_too_large_to_be_read_is_compared_by_size_and_time() -> None:
    series = Series("f").read(None, size=1 << 30).read(None, size=1 << 30, same=True)
    assert (series.tally.unread, series.tally.changed) == (2, 0)
    series.read(None, size=1 << 30, same=True, modified=101 * SECOND)
    assert series.tally.rewritten == 1
    assert series.read(None, size=2 << 30, same=True, modified=102 * SECOND).tally.appended == 1


def test_a_time_without_a_file_counts_when_it_has_ended() -> None:
    series = Series().other("missing").read(b"{}").other("missing").other("missing")
    assert series.tally.missing_looks == 0
    assert series.tally.gone is not None
    series.read(b"{}")
    assert series.tally.gone is None
    assert series.tally.missing_looks == 2  # not the one before the file was made
    (gap,) = series.tally.gaps
    assert (gap.looks, gap.end - gap.start) == (2, pytest.approx(0.2))


def test_what_is_no_file_and_what_may_not_be_read_are_counted() -> None:
    tally = Series().other("refused", "no").read(b"{}").other("refused", "no").other("other", "a folder").tally
    assert (tally.refused_later, tally.first_refusal, tally.instead) == (1, "no", {"a folder": 1})


def test_a_file_whose_time_is_well_before_that_of_the_last_one_is_older() -> None:
    tally = Series().read(b"{}").read(b"[]", modified=90 * SECOND).read(b"{}").tally
    assert (tally.older, tally.oldest_by) == (1, 10)


def test_writers_that_overtake_each_other_are_not_held_for_an_older_file() -> None:
    tally = Series().read(b"{}").read(b"[]", modified=99 * SECOND).tally
    assert (tally.older, tally.slightly_older) == (0, 1)


def test_a_clock_that_was_set_back_makes_no_file_older() -> None:
    tally = Series().read(b"{}", clock=3600 * SECOND).read(b"[]", modified=90 * SECOND, clock=3580 * SECOND).tally
    assert (tally.older, tally.slightly_older) == (0, 0)


def test_a_new_file_with_another_mode_owner_or_without_its_link_has_lost_something() -> None:
    first: dict[str, Any] = {"mode": 0o644, "owner": (1, 1), "link": True}
    tally = Series().read(b"{}", **first).read(b"[]", mode=0o600, owner=(0, 1)).tally
    assert set(tally.lost) == {
        "the mode 0644 became 0600",
        "the owner 1:1 became 0:1",
        "the symbolic link became a file",
    }
    changed_by_hand = Series().read(b"{}", **first).read(b"{}", same=True, **(first | {"mode": 0o600})).tally
    assert not changed_by_hand.lost


def test_a_database_is_restored_by_its_library_and_not_judged() -> None:
    data = b"SQLite format 3\x00"
    tally = Tally("f", "sqlite", validator("sqlite"))
    assert tally.journaled
    for moment, each in enumerate((data, b"", data[:4])):
        tally.add(Look(float(moment), "read", same=moment > 0, size=len(each), data=each))
    assert tally.torn == 0
