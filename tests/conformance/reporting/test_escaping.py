"""What an implementation says, as a terminal shows it."""

import io

import pytest
from rich.console import Console

from conformance.reporting.escaping import for_terminal, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("pass\rfail", r"pass\x0dfail"),
        ("a\x00b\x7f\x9b", r"a\x00b\x7f\x9b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Прогресс 東京 é", "Прогресс 東京 é"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_name_stays_in_its_line() -> None:
    assert printable("a\nCONFORMANT", one_line=True) == r"a\nCONFORMANT"


@pytest.mark.parametrize("line", ["demo 1: CONFORMANT", "::error::x", "    ::error::x", "    ##[error]x", "", "   x"])
def test_a_line_feed_begins_no_line_that_could_be_another_program_s(line: str) -> None:
    assert for_terminal(f"no\n{line}").startswith("no\n  | ")


def test_the_items_of_a_list_stay_as_they_are() -> None:
    assert for_terminal("trace: \n    open\n    read") == "trace: \n    open\n    read"


@pytest.mark.parametrize("text", ["[bold]x[/]", "[link=https://example.org]x[/link]", "[/]"])
def test_markup_is_text(text: str) -> None:
    stream = io.StringIO()
    Console(file=stream, width=200, color_system=None).print(for_terminal(text))
    assert stream.getvalue() == f"{text}\n"
