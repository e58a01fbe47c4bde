"""The command: usage errors, tables on the standard output, figures in a file."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench.sharing.__main__ as command
from bench.sharing.measuring import Case, Result
from bench.sharing.page import with_tables
from bench.sharing.plan import TABLES


@pytest.fixture(autouse=True)
def canned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured; test_measuring.py does."""

    def measure(case: Case) -> Result:
        return Result(case, 3, {"5": 1}, 0.5, "", 4, 0, {}, 0, 2, 0)

    monkeypatch.setattr(command, "measure", measure)


def test_the_tables_are_printed_and_the_figures_kept(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    for table in ("holding", "plain"):
        ended = CliRunner().invoke(command.main, ["--only", table, "--json", str(file)])
        assert ended.exit_code == 0, ended.output
        assert f"{table}\n\n| " in ended.stdout
    records = json.loads(file.read_bytes())
    assert {record["table"] for record in records} == {"holding", "plain"}
    assert all(record["written"] == 3 and record["system"] for record in records)


def test_a_table_that_does_not_exist_is_a_usage_error() -> None:
    ended = CliRunner().invoke(command.main, ["--only", "nothing"])
    assert ended.exit_code == 2
    assert "choose from plain, ways" in ended.output


@pytest.mark.skipif(sys.platform == "win32", reason="there it writes the page")
def test_the_page_is_written_on_windows_only() -> None:
    ended = CliRunner().invoke(command.main, ["--page"])
    assert ended.exit_code == 2
    assert "Windows Python" in ended.output


def test_the_page_has_a_place_for_every_table() -> None:
    page = command.PAGE.read_text(encoding="utf-8")
    tables = dict.fromkeys([*TABLES, "ReplaceFileW", "error"], "new")
    assert with_tables(page, tables).count("\nnew\n") == len(tables)
