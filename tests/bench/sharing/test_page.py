"""The page: every figure is in its column, and only what stands between the marks is replaced."""

from dataclasses import replace

import pytest

from bench.sharing.measuring import Case, Result
from bench.sharing.page import HEAD, markdown_tables, merged, with_tables

CASE = Case("plain", "orders", "`open()`", ("python",), "Python", "read-write", readers=4, pause=2, seconds=30.0)
RESULT = Result(
    CASE,
    written=1500,
    lost={"5": 400, "32": 100},
    longest=0.0123,
    first_error="",
    ok=9000,
    missing=1,
    refused={"EACCES": 999},
    torn=0,
    changes=800,
    temps=0,
)
ABOUT = {"system": "Wine 8.0", "cores": "2 cores"}


def cells(table: str, row: int) -> list[str]:
    """The cells of a row; row 0 is the first below the head."""
    return [cell.strip() for cell in table.splitlines()[2 + row].strip("|").split(" | ")]


def of_table(name: str, writer: str = "orders") -> Result:
    """The result as another table has it."""
    return replace(RESULT, case=replace(CASE, table=name, writer=writer))


def test_a_row_shows_what_became_of_writes_and_reads() -> None:
    table = markdown_tables([RESULT], ABOUT)["plain"]
    assert cells(table, 0) == [
        *("2 ms", "orders", "2,000", "100 (32), 400 (5)", "25 %", "12.3 ms"),
        *("10,000", "1", "999 (EACCES)", "0", "0"),
    ]
    assert table.splitlines()[-1] == "30 s for each row and writer, on Wine 8.0, 2 cores."


def test_no_pause_is_said_in_words() -> None:
    table = markdown_tables([replace(RESULT, case=replace(CASE, pause=0))], ABOUT)["plain"]
    assert cells(table, 0)[0] == "no pause"


def test_the_two_writers_of_a_way_share_a_row() -> None:
    other = replace(of_table("ways", "reference"), written=2000, lost={}, refused={"EACCES": 1})
    table = markdown_tables([of_table("ways"), other], ABOUT)["ways"]
    assert "published: orders | published: reference" in table.splitlines()[0]
    assert cells(table, 0) == [
        *("`open()`", "read-write", "Python", "2 ms", "75 %", "100 %"),
        *("94.7 %", "1,000 (EACCES)", "2", "0"),
    ]


@pytest.mark.parametrize(
    ("lost", "shown"), [({}, "0 %"), ({"5": 1}, "< 0.1 %"), ({"5": 9_000_000}, "> 99.9 %"), ({"5": 3000}, "66.7 %")]
)
def test_some_never_looks_like_none_or_all(lost: dict[str, int], shown: str) -> None:
    table = markdown_tables([replace(RESULT, lost=lost)], ABOUT)["plain"]
    assert cells(table, 0)[4] == shown


@pytest.mark.parametrize("name", ["plain", "ways", "holding", "ReplaceFileW"])
def test_every_line_of_a_table_has_the_same_columns(name: str) -> None:
    results = [of_table(name), of_table(name, "reference")]
    lines = [line for line in markdown_tables(results, ABOUT)[name].splitlines() if line.startswith("|")]
    assert len(lines) >= 3
    assert len({line.count(" | ") for line in lines}) == 1


def test_only_what_was_measured_is_a_table() -> None:
    assert list(markdown_tables([of_table("holding")], ABOUT)) == ["holding"]


def test_what_the_reference_said_when_it_gave_up_is_kept() -> None:
    orders = replace(RESULT, first_error="not this")
    reference = replace(of_table("plain", "reference"), first_error="[WinError 5]\npulse: who")
    assert markdown_tables([orders, reference], ABOUT)["error"] == "```text\n[WinError 5]\npulse: who\n```"


PAGE = f"before\n{HEAD.format('plain')}\n\nold\n\n<!-- end of plain -->\nafter\n"


def test_a_table_replaces_what_stands_between_its_marks() -> None:
    once = with_tables(PAGE, {"plain": "new"})
    assert once == PAGE.replace("old", "new")
    assert with_tables(once, {"plain": "new"}) == once


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="end of ways"):
        with_tables(PAGE, {"ways": "new"})


def test_a_table_that_was_measured_again_replaces_its_old_figures() -> None:
    old, kept, new = {"table": "plain", "ok": 1}, {"table": "ways", "ok": 2}, {"table": "plain", "ok": 3}
    assert merged([old, kept], [new]) == [kept, new]
