"""The judging of other libraries, and whether docs/peers.md says what the manifests say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import Manifest, load_manifest
from scripts import judge_peers
from scripts.judge_peers import (
    ROOT,
    Judged,
    clauses_that_fail,
    counted,
    everyone,
    in_short,
    lacking,
    main,
    measured,
    tables,
)

PAGE = (ROOT / "docs" / "peers.md").read_text("utf-8")
EVERYONE = everyone()
# On the page are libraries, each once: neither the examples of the kit, nor the second manifest of a library.
SHIPPED = ("atomicwrites/implementation.toml", "write-file-atomic/implementation.toml")
LIBRARIES = [path for path in EVERYONE if path.match("peers/*/*.toml") or path.as_posix().endswith(SHIPPED)]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def load(path: Path) -> Manifest:
    return load_manifest(path, frozenset(load_clauses()), str(path))


def result(clause: str, outcome: str) -> dict[str, Any]:
    return {"clause": clause, "case": "case", "outcome": outcome, "blame": ""}


def test_every_library_is_judged() -> None:
    names = [name_of(path) for path in EVERYONE]
    assert "peers/rust/tempfile.toml" in names
    assert "peers/rust/Cargo.toml" not in names
    assert "conformance/implementations/atomicwrites/serve.toml" in names
    assert "conformance/implementations/reference/implementation.toml" not in names


@pytest.mark.parametrize(
    ("manifest", "tool"), [("node/steno", "npm"), ("c/glib", "cc"), ("shell/sponge", "sponge"), ("python/safer", "")]
)
def test_a_missing_toolchain_is_named(
    manifest: str, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lacking(load(ROOT / "peers" / f"{manifest}.toml")) == tool


def test_a_run_that_judges_nothing_says_why_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(ROOT / "peers" / "node" / "steno.toml")]) == 1
    said = capsys.readouterr().out
    assert "node-steno: left out, as this machine lacks npm" in said
    assert "0 judged" in said


@pytest.mark.parametrize(("reasons", "exit_code"), [((), 0), (("VIS-01 [case]: torn",), 1)])
def test_what_no_manifest_lists_fails_the_run(
    reasons: tuple[str, ...], exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = Judged("safer 6.1.0", "python", [result("VIS-01", "pass")], None, "verdict", reasons)
    monkeypatch.setattr(judge_peers, "judge", lambda *_: judged)
    assert main([str(ROOT / "peers" / "python" / "safer.toml")]) == exit_code
    said = capsys.readouterr().out
    assert all(reason in said for reason in ("python-safer: verdict", *reasons))


def test_a_run_without_a_verdict_fails_and_shows_what_was_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> Judged:
        raise RuntimeError("pulse conformance ended with 3: npm: no network")

    monkeypatch.setattr(judge_peers, "judge", stopped)
    assert main([str(ROOT / "peers" / "python" / "safer.toml")]) == 1
    assert "python-safer: pulse conformance ended with 3: npm: no network" in capsys.readouterr().out


def test_a_clause_fails_when_a_case_of_it_does() -> None:
    results = [result("VIS-01", "pass"), result("VIS-01", "xfail"), result("CON-01", "error"), result("PWR-02", "fail")]
    assert clauses_that_fail(results, "must") == ["VIS-01", "CON-01"]
    assert clauses_that_fail(results, "should") == ["PWR-02"]
    assert clauses_that_fail([{**result("VIS-01", "error"), "blame": "kit"}], "must") == []


def test_clauses_are_measured_of_those_that_apply_and_are_not_about_windows() -> None:
    results = [
        result("VIS-01", "unmeasured"),
        result("VIS-01", "pass"),
        result("PWR-03", "unmeasured"),
        result("WIN-01", "unmeasured"),
        result("RDR-01", "n/a"),
    ]
    assert measured(results) == "1/2"


def test_clauses_are_listed_by_group() -> None:
    assert in_short(["CON-01", "CON-03", "FLT-02"]) == "CON-01,03; FLT-02"
    assert in_short([]) == "none"


def test_the_load_has_a_row_with_its_denominators() -> None:
    load = {"totals": {"writes": 1000, "refused": 3, "reads": 20000, "left": 1}, "counts": {"torn": 5, "missing": 2}}
    one = Judged("steno 4.0.2", "javascript", [result("VIS-01", "pass")], load, "conformant", ())
    without = one._replace(title="safer 6.1.0", load=None)
    lines = tables([one, without]).splitlines()
    assert "| steno 4.0.2 | javascript | 1/1 | none | none |" in lines
    assert lines[-1] == "| steno 4.0.2 | 1,000 | 3 | 20,000 | 5 | 2 | 0 | 1 |"


def test_cases_are_counted_by_what_the_manifest_says_of_them() -> None:
    outcomes = ["pass", "pass", "xfail", "fail", "error", "xpass", "unmeasured", "n/a"]
    assert counted([result("VIS-01", outcome) for outcome in outcomes]) == [6, 2, 1, 2, 1]


def test_the_tables_of_kept_reports_name_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Judged("safer 6.1.0", "python", [result("VIS-01", "pass")], None, "conformant", (), 61.4)

    def judged_in(manifest: Manifest, folder: Path) -> Judged:
        if manifest.name != "safer":
            raise FileNotFoundError(folder)
        return one

    monkeypatch.setattr(judge_peers, "judged_in", judged_in)
    assert main(["--tables", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "| safer 6.1.0 | 1 | 1 | 0 | 0 | 0 | 61 |" in said.out.splitlines()
    assert "node-steno: left out" in said.err
    assert "python-safer" not in said.err


# docs/peers.md


def row(manifest: Manifest) -> list[str]:
    """The cells of this library's row: name and version, language, measured, MUST that fail, SHOULD that fail."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    [found] = [
        cells for cells in rows if len(cells) == 5 and re.fullmatch(f"{re.escape(manifest.name)}( [\\d.]+)?", cells[0])
    ]
    return found


@pytest.mark.parametrize("path", LIBRARIES, ids=name_of)
def test_the_page_lists_what_the_manifest_lists(path: Path) -> None:
    manifest = load(path)
    known = [entry for entry in manifest.known_failures if entry.concerns("linux")]
    always = {entry.clause for entry in known if not entry.flaky}
    cells = dict(zip(("must", "should"), row(manifest)[3:], strict=True))
    for level, cell in cells.items():
        of_level = [clause.id for clause in load_clauses().values() if clause.level == level]
        wanted = {in_short(one for one in of_level if one in always)}
        wanted.add(in_short(one for one in of_level if one in {entry.clause for entry in known}))
        assert cell in wanted


@pytest.mark.parametrize("path", [path for path in EVERYONE if path.match("peers/*/*.toml")], ids=name_of)
def test_the_page_gives_the_version_that_is_installed(path: Path) -> None:
    name, _, version = row(load(path))[0].rpartition(" ")
    pins = [
        file.read_text("utf-8")
        for file in path.parent.iterdir()
        if file.name in ("package.json", "go.mod", "Cargo.toml")
    ]
    if pins or "pip" in path.read_text("utf-8"):
        assert any(version in text for text in (path.read_text("utf-8"), *pins)), name
