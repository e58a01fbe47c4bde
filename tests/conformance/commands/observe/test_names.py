"""How a file is replaced, and which names beside it are temps."""

from __future__ import annotations

import pytest

from conformance.commands.observe.names import Beside, NameLog, Shape, left_behind, shapes_of
from conformance.oracle.inotify import Event

RENAME = "moved-from t 1, moved-to f 1"


def log(text: str) -> NameLog:
    """The log of ``f`` after events such as ``moved-from t 1``, separated by commas."""
    names = NameLog("f")
    for event in filter(None, text.split(", ")):
        kind, name, *cookie = event.split(" ")
        names.take([Event(kind, name, int(cookie[0]) if cookie else 0)])
    names.end()
    return names


def test_a_rename_is_counted_with_the_name_that_it_came_from() -> None:
    names = log(f"create t, modify t, close-write t, {RENAME}, moved-from u 2, moved-to f 2")
    assert (names.renamed, names.replaced, names.sources) == (2, 2, {"t", "u"})
    assert (names.created, names.linked, names.written, names.returned) == (0, 0, 0, 0)


def test_a_rename_from_another_folder_has_no_source() -> None:
    names = log("moved-to f 7")
    assert (names.renamed, names.sources) == (1, set())


def test_a_file_made_under_its_own_name_is_created() -> None:
    names = log("delete f, create f, modify f, close-write f")
    assert (names.removed, names.created, names.returned, names.written) == (1, 1, 1, 1)


def test_a_file_made_and_closed_without_bytes_is_created_too() -> None:
    assert log("create f, close-write f").created == 1


def test_a_link_to_a_whole_file_is_no_creation() -> None:
    names = log("delete f, create f, delete f, create f")
    assert (names.linked, names.created, names.returned) == (2, 0, 2)


def test_bytes_changed_under_the_name_are_counted() -> None:
    assert log(f"{RENAME}, modify f, modify f, close-write f").written == 2


def test_an_exchange_is_no_moment_without_a_file() -> None:
    names = log("moved-from t 1, moved-to f 1, moved-from f 2, moved-to t 2, delete t")
    assert (names.exchanged, names.moved_away, names.returned) == (1, 0, 0)


def test_a_file_moved_away_before_the_new_one_comes_leaves_a_gap() -> None:
    names = log("moved-from f 1, moved-to f.bak 1, moved-from t 2, moved-to f 2")
    assert (names.moved_away, names.renamed, names.returned) == (1, 1, 1)


def test_a_file_that_is_removed_in_the_end_leaves_no_gap() -> None:
    assert log(f"{RENAME}, delete f").returned == 0
    assert log(f"{RENAME}, moved-from f 3").returned == 0


@pytest.mark.parametrize(
    ("sources", "shown"),
    [
        ((".f.abc1.tmp", ".f.xyz2.tmp"), ".f.*.tmp"),
        (("f123", "f4567"), "f*"),
        (("f.tmp",), "f.tmp"),
        ((), ""),
        (("one thing", "another"), "another+one thing"),
    ],
)
def test_the_shape_of_temps_is_what_their_names_have_in_common(sources: tuple[str, ...], shown: str) -> None:
    assert "+".join(map(str, shapes_of(sources))) == shown


def test_a_name_of_another_length_or_with_other_characters_has_another_shape() -> None:
    (shape,) = shapes_of([".f.abc1.tmp", ".f.xyz2.tmp"])
    assert shape.matches(".f.0000.tmp")
    for name in (".f.00000.tmp", ".f.a.b.tmp", ".g.0000.tmp", ".f.tmp", "f"):
        assert not shape.matches(name), name
    (number,) = shapes_of(["f.7", "f.12"])
    assert number.matches("f.1234")
    assert not number.matches("f.lock")


def left(*beside: Beside, shapes: tuple[Shape, ...] = ()) -> list[str]:
    return [each.name for each in left_behind("f", beside, shapes)]


def test_a_file_that_looks_like_the_temps_is_one_whether_or_not_it_was_there_before() -> None:
    shapes = shapes_of([".f.abc1.tmp", ".f.xyz2.tmp"])
    names = [Beside(".f.0000.tmp", before, 60) for before in (True, False)]
    assert left(*names, shapes=shapes) == [".f.0000.tmp"] * 2


def test_a_shape_that_says_little_counts_for_new_names_only() -> None:
    shapes = shapes_of(["abcdefgh", "12345678"])
    assert left(Beside("qwertyui", True, 60), Beside("asdfghjk", False, 60), shapes=shapes) == ["asdfghjk"]


def test_a_name_made_of_the_target_and_the_word_temp_is_one() -> None:
    names = ("f.tmp", "f.temp-1", "f.part", "f.new", "tmpf")
    assert left(*(Beside(name, False, 60) for name in names)) == list(names)


def test_files_that_are_kept_on_purpose_and_those_of_others_are_none() -> None:
    names = ("f.lock", "f.bak", "f.tmp.lock", "other.tmp", "f.newest", "g", "f")
    assert left(*(Beside(name, False, 60) for name in names)) == []
    assert left(Beside("f.tmp", True, 60)) == []  # it was there before, and nothing shows that it is a temp
