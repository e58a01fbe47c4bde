"""audit.html and audit.md: the decision as a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.audit.command import main
from conformance.reporting.results import Result

Legs = Callable[..., Path]
Pages = Callable[..., tuple[str, str, dict[str, Any]]]
HOSTILE = "\x1b[2J\u202e|<img src=x onerror=alert(1)>`*"


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pages:
    """Decide about these places: ``pages(code, place)`` → audit.html, audit.md and audit.json of the decision."""
    monkeypatch.chdir(tmp_path)  # where there is no audit.toml

    def run(code: int, *places: Path) -> tuple[str, str, dict[str, Any]]:
        assert main(["merge", *map(str, places), "--report", "report"]) == code
        assert "report: report/audit.html, audit.md, audit.json" in capsys.readouterr().out.replace("\\", "/")
        html, markdown = ((tmp_path / "report" / name).read_text("utf-8") for name in ("audit.html", "audit.md"))
        return html, markdown, json.loads((tmp_path / "report" / "audit.json").read_text("utf-8"))

    return run


def test_both_pages_have_the_decision_and_the_hash_of_every_input(pages: Pages, every_leg: Path) -> None:
    html, markdown, audit = pages(0, every_leg)
    hashes = [one["sha256"] for one in (*audit["legs"], *audit["controls"])]
    assert len(hashes) == 5
    for page in (html, markdown):
        assert "APPROVED, measured" in page
        assert all(digest in page for digest in (*hashes, audit["kit_files"], "2" * 64))
        assert "3 of 3" in page  # mutants


def test_every_clause_has_its_outcome_on_each_platform(pages: Pages, every_leg: Path) -> None:
    html, markdown, audit = pages(0, every_leg)
    rows = re.findall(r"^\| ([A-Z]{3}-\d\d) \|.*\| unmeasured \| pass \|$", markdown, re.MULTILINE)
    assert "WIN-01" in rows
    assert re.search(r"<td>WIN-01</td>.*<td class=\"unmeasured\">unmeasured</td><td class=\"pass\">pass</td>", html)
    assert html.count("<tr><td>") == len(audit["clauses"])


def test_what_is_missing_is_named_with_its_command(pages: Pages, every_leg: Path) -> None:
    for page in pages(4, every_leg / "linux")[:2]:
        assert "INCOMPLETE, measured" in page
        assert "no run of the whole suite on windows" in page
        assert "pulse conformance --impl mine.toml --report windows/conformance" in page


def test_a_rejection_says_why(pages: Pages, every_leg: Path, write_leg: Legs) -> None:
    write_leg("again", results=[Result("VIS-01", "in_place", "fail", "cut off at byte 12")])
    for page in pages(1, every_leg)[:2]:
        assert "REJECTED, measured" in page
        assert "cut off at byte 12" in page


def test_what_an_implementation_says_is_text(pages: Pages, write_leg: Legs) -> None:
    about = {"name": HOSTILE, "version": HOSTILE, "language": HOSTILE}
    results = [Result("VIS-01", HOSTILE, "fail", HOSTILE)]
    leg = write_leg("linux", results=results, implementation=about, file_system=HOSTILE, command=HOSTILE)
    html, markdown, _ = pages(1, leg)
    for page in (html, markdown):
        assert not set(page) & set("\x1b\u202e")
        assert "<img" not in page
    assert all(row.count(" | ") == 5 for row in markdown.splitlines() if re.match(r"\| .*linux/results.jsonl", row))


def test_pages_that_cannot_be_written_do_not_hide_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], every_leg: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report" / "audit.html").mkdir(parents=True)
    assert main(["merge", str(every_leg / "linux"), "--report", "report"]) == 4
    assert "audit.html could not be written" in capsys.readouterr().err
