"""Results, the verdict that follows from them, and the file that keeps them."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.clauses import Clause, load_clauses
from conformance.reporting.results import (
    Header,
    Result,
    ResultsFile,
    Verdict,
    read_records,
    read_results,
)
from conformance.reporting.verdict import decide
from conformance.subject.manifest import KnownFailure
from conformance.system.platform import operating_system

MUST = Clause("VIS-01", "", "must", ("writer",), "any", "portable")
SHOULD = Clause("MET-01", "", "should", ("writer",), "any", "portable")
INFORMATIVE = Clause("KIL-03", "", "informative", ("writer",), "any", "portable")
CLAUSES = {clause.id: clause for clause in (MUST, SHOULD, INFORMATIVE)}
PASSES = [Result(clause, "case", "pass") for clause in CLAUSES]
KNOWN = KnownFailure("VIS-01", "it cuts", "https://example.org/1", cases=("case",))


def verdict(*results: Result, **settings: Any) -> Verdict:
    """Decide about these results and a pass of every clause that has none."""
    others = [result for result in PASSES if result.clause not in {given.clause for given in results}]
    return decide(
        [*results, *others],
        CLAUSES,
        settings.pop("known", ()),
        "linux",
        **{"strict": False, "complete": True, **settings},
    )


# The file

HEADER = Header(
    kit="1.0",
    implementation={"name": "demo", "roles": ["writer"]},
    platform={"system": "linux"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": ["VIS-*"], "case": []},
    started="2026-11-26T17:59:20+00:00",
    command="pulse conformance --impl demo",
)


@pytest.fixture
def results_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a results file: the header, three results, and the footer if it is wanted."""

    def write(*, footer: bool = True) -> Path:
        path = tmp_path / "results.jsonl"
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            file = ResultsFile(stream)
            file.header(HEADER)
            for result in PASSES:
                file.result(result)
            if footer:
                file.footer(verdict())
        return path

    return write


def test_what_is_written_is_read_again(results_file: Callable[..., Path]) -> None:
    header, results, footer = read_results(results_file())
    assert header == {
        "type": "header",
        "kit": "1.0",
        "implementation": {"name": "demo", "roles": ["writer"]},
        "platform": {"system": "linux"},
        "file_system": "ext4",
        "python": "3.13.0",
        "seed": 7,
        "selection": {"clause": ["VIS-*"], "case": []},
        "started": "2026-11-26T17:59:20+00:00",
        "command": "pulse conformance --impl demo",
    }
    assert [Result(**{name: value for name, value in line.items() if name != "type"}) for line in results] == PASSES
    assert footer is not None
    assert footer.pop("seconds") >= 0
    assert footer == {
        "type": "footer",
        "verdict": "conformant",
        "exit": 0,
        "reasons": [],
        "counts": {clause: {"pass": 1} for clause in CLAUSES},
        "results": 3,
    }


def test_lines_of_other_types_are_read_by_their_type(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        file = ResultsFile(stream)
        file.header(HEADER)
        file.record("write", {"scenario": "replace"})
        file.record("stress", {"folder": "here"})
    assert read_records(path, "write") == [{"type": "write", "scenario": "replace"}]
    assert read_results(path)[1:] == ([], None)


def test_every_line_is_ascii_and_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    hostile = Result("VIS-01", "case", "fail", "a\nb \ud800 é", {"path": tmp_path, "bytes": b"\xff"})
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        file = ResultsFile(stream)
        file.header(HEADER)
        file.result(hostile)
        lines = path.read_bytes().split(b"\n")
    assert len(lines) == 3
    assert all(line.isascii() for line in lines)
    assert json.loads(lines[1])["message"] == hostile.message
    assert json.loads(lines[1])["evidence"] == {"path": str(tmp_path), "bytes": "b'\\xff'"}


def test_a_file_without_footer_is_a_run_that_did_not_finish(results_file: Callable[..., Path]) -> None:
    _, results, footer = read_results(results_file(footer=False))
    assert len(results) == 3
    assert footer is None


def test_a_file_cut_at_any_byte_never_passes_for_a_whole_one(results_file: Callable[..., Path]) -> None:
    path = results_file()
    whole = path.read_bytes()
    first_line = whole.index(b"\n") + 1
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        if end < first_line:
            with pytest.raises(ValueError, match="does not begin with a header line"):
                read_results(path)
        else:
            _, results, footer = read_results(path)
            assert footer is None
            assert len(results) == min(3, whole[:end].count(b"\n") - 1)


@pytest.mark.parametrize("change", ["drop", "repeat"])
def test_a_footer_that_counts_other_results_is_refused(results_file: Callable[..., Path], change: str) -> None:
    path = results_file()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[1:2] * (2 if change == "repeat" else 0), *lines[2:]]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"the footer counts 3 results, the file has [24]"):
        read_results(path)


def test_a_footer_that_counts_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"type": "header"}\n{"type": "footer"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="the footer counts None results, the file has 0"):
        read_results(path)


@pytest.mark.parametrize("broken", ["garbage", '{"type": "result"', '{"type": "result", "evidence": {}', "[]", "5", ""])
def test_a_broken_line_in_the_middle_is_refused_with_its_number(results_file: Callable[..., Path], broken: str) -> None:
    path = results_file()
    lines = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join([*lines[:2], broken, *lines[3:]]), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(f"{path}:3: not a line of results")):
        read_results(path)


@pytest.mark.parametrize("text", ["", "\n", "hello\n", "[]\n", '{"type": "result"}\n', '{"type": "footer"}\n', "{}\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(str(path))):
        read_results(path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match="utf-8"):
        read_results(path)


def test_a_verdict_about_the_real_clauses_can_be_written() -> None:
    stream = io.StringIO()
    results = [Result(clause, "*", "pass") for clause in load_clauses()]
    found = decide(results, load_clauses(), (), operating_system(), strict=True, complete=True)
    ResultsFile(stream).footer(found)
    line = json.loads(stream.getvalue())
    assert (line["exit"], line["results"]) == (0, len(results))
    assert line["counts"].keys() == load_clauses().keys()
