"""The plan: which cases each table has."""

import sys

import pytest

from bench.sharing.plan import PAUSES, TABLES, ways_command
from bench.sharing.readers import WAYS

BY_NAME = {way.name: way for way in WAYS}


@pytest.mark.parametrize("table", TABLES)
def test_every_case_is_measured_with_the_reference_beside_another_writer(table: str) -> None:
    cases = TABLES[table](None, {})
    for other, reference in zip(cases[::2], cases[1::2], strict=True):
        assert reference.writer == "reference"
        assert other.writer != "reference"
        assert (other.command, other.pause, other.readers) == (reference.command, reference.pause, reference.readers)


def test_the_plain_table_asks_for_four_readers_and_thirty_seconds() -> None:
    cases = TABLES["plain"](None, {})
    assert {case.pause for case in cases} == {*PAUSES, 0}
    assert {(case.readers, case.seconds) for case in cases} == {(4, 30.0)}


@pytest.mark.parametrize("table", TABLES)
def test_seconds_can_be_chosen(table: str) -> None:
    assert {case.seconds for case in TABLES[table](0.5, {})} == {0.5}


def test_a_program_is_used_where_there_is_one() -> None:
    rust = BY_NAME["Rust `std::fs::read`"]
    assert ways_command(rust, {"rust": ["reader.exe"]}) == (("reader.exe", "read"), "its own program")


def test_without_the_program_its_share_mode_is_measured_and_told() -> None:
    command, run_as = ways_command(BY_NAME["C# `File.ReadAllText`"], {})
    assert command == (sys.executable, "-m", "bench.sharing.worker", "read", "share read")
    assert run_as == "Python, in its share mode"
