"""Results, the verdict that follows from them, and the file that keeps them."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import Clause, load_clauses
from conformance.contract.manifest import KnownFailure
from conformance.reporting import chain, results
from conformance.reporting.results import (
    FORMAT,
    Header,
    Result,
    ResultsFile,
    ResultsFileError,
    Verdict,
    lines_of,
    read_records,
    read_results,
)
from conformance.reporting.verdict import decide
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
    assert len(header.pop("chain")) == 64
    assert header == {
        "type": "header",
        "format": FORMAT,
        "kit": "1.0",
        "implementation": {"name": "demo", "roles": ["writer"]},
        "platform": {"system": "linux"},
        "file_system": "ext4",
        "python": "3.13.0",
        "seed": 7,
        "selection": {"clause": ["VIS-*"], "case": []},
        "started": "2026-11-26T17:59:20+00:00",
        "command": "pulse conformance --impl demo",
        "kit_files": "",
        "program": "pulse conformance",
        "reader": {},
    }
    about = ("type", "chain")
    assert [Result(**{name: value for name, value in line.items() if name not in about}) for line in results] == PASSES
    assert footer is not None
    assert footer.pop("seconds") >= 0
    assert len(footer.pop("chain")) == 64
    assert footer == {
        "type": "footer",
        "verdict": "conformant",
        "sentence": "conformant, measured 3 of 3 clauses",
        "measured": {"clauses": 3, "of": 3},
        "exit": 0,
        "reasons": [],
        "counts": {clause: {"pass": 1} for clause in CLAUSES},
        "results": 3,
        "lines": 5,
    }


def test_lines_of_other_types_are_read_by_their_type(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        file = ResultsFile(stream)
        file.header(HEADER)
        file.record("write", {"scenario": "replace"})
        file.record("stress", {"folder": "here"})
    [write] = read_records(path, "write")
    assert (write["type"], write["scenario"]) == ("write", "replace")
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


def change_lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def edited(number: int, old: bytes, new: bytes) -> Callable[[list[bytes]], list[bytes]]:
    def change(lines: list[bytes]) -> list[bytes]:
        assert old in lines[number]
        return [*lines[:number], lines[number].replace(old, new, 1), *lines[number + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(lambda lines: [lines[0], *lines[2:]], 2, id="a line removed"),
        pytest.param(lambda lines: [*lines[:2], *lines[1:]], 3, id="a line repeated"),
        pytest.param(lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2, id="two lines exchanged"),
        pytest.param(edited(2, b'"pass"', b'"fail"'), 3, id="an outcome edited"),
        pytest.param(edited(2, b'"evidence": {}', b'"evidence": {"a": 1}'), 3, id="evidence edited"),
        pytest.param(edited(0, b'"demo"', b'"other"'), 1, id="the implementation edited"),
        pytest.param(edited(4, b'"exit": 0', b'"exit": 1'), 5, id="the footer edited"),
        pytest.param(edited(2, b"\n", b"\r\n"), 3, id="a line end converted"),
        pytest.param(edited(1, b', "chain": "', b', "chain": "0'), 2, id="a link edited"),
        pytest.param(lambda lines: [*lines, lines[-1]], 6, id="the footer repeated"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(
    results_file: Callable[..., Path], change: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    path = results_file()
    change_lines(path, change)
    with pytest.raises(ResultsFileError, match=re.escape(f"{path}:{line}: does not follow from the line before")):
        read_results(path)


def test_two_files_in_one_are_refused(results_file: Callable[..., Path]) -> None:
    path = results_file()
    change_lines(path, lambda lines: lines * 2)
    with pytest.raises(ResultsFileError, match=re.escape(f"{path}:6: a second header")):
        read_results(path)


@pytest.mark.parametrize(
    ("format", "todo"),
    [(b"1", "run it again"), (b"99", "the kit that wrote it, or a newer one"), (b'"x"', "run it again")],
)
def test_a_file_of_another_format_is_refused(results_file: Callable[..., Path], format: bytes, todo: str) -> None:
    path = results_file()
    change_lines(path, edited(0, b'"format": %d' % FORMAT, b'"format": ' + format))
    with pytest.raises(ResultsFileError, match=todo):
        read_results(path)


def linked(*lines: dict[str, object]) -> str:
    """A file whose links are right, whatever else is wrong with it."""
    link, text = chain.START, ""
    for line in lines:
        one, link = chain.linked(json.dumps(line), link)
        text += one + "\n"
    return text


HEADER_LINE: dict[str, object] = {"type": "header", "format": FORMAT}


@pytest.mark.parametrize("footer", [{}, {"results": 1, "lines": 2}, {"results": 0, "lines": 3}])
def test_a_footer_that_counts_something_else_is_refused(tmp_path: Path, footer: dict[str, object]) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(linked(HEADER_LINE, {"type": "footer", **footer}).encode())
    with pytest.raises(ResultsFileError, match=r"the footer counts .*, the file has 0 in 2"):
        read_results(path)


def test_nothing_may_follow_the_footer(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    footer = {"type": "footer", "results": 0, "lines": 2}
    path.write_bytes(linked(HEADER_LINE, footer, {"type": "result"}).encode())
    with pytest.raises(ResultsFileError, match=re.escape(f"{path}:3: follows the footer")):
        read_results(path)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    results_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = results_file()
    monkeypatch.setattr(results, "_LONGEST_LINE", 1 << 20)
    with path.open("ab") as stream:
        stream.write(b"x" * (2 << 20))
    with pytest.raises(ResultsFileError, match=re.escape(f"{path}:6: a line of more than 1 MiB")):
        read_results(path)


def test_lines_are_read_one_at_a_time(results_file: Callable[..., Path]) -> None:
    """So that what a file has is found without reading what comes after it."""
    path = results_file()
    change_lines(path, lambda lines: [*lines[:2], b"garbage\n"])
    lines = lines_of(path)
    assert [next(lines)["type"], next(lines)["type"]] == ["header", "result"]
    with pytest.raises(ResultsFileError, match=re.escape(f"{path}:3: not a line of results")):
        next(lines)


def test_a_line_too_deep_for_the_parser_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"[" * 100_000 + b"\n")
    with pytest.raises(ResultsFileError, match=re.escape(f"{path}:1: not a line of results")):
        read_results(path)


@pytest.mark.parametrize("broken", ["garbage", '{"type": "result"', '{"type": "result", "evidence": {}', "[]", "5", ""])
def test_a_broken_line_in_the_middle_is_refused_with_its_number(results_file: Callable[..., Path], broken: str) -> None:
    path = results_file()
    lines = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join([*lines[:2], broken, *lines[3:]]), encoding="utf-8", newline="\n")
    with pytest.raises(ValueError, match=re.escape(f"{path}:3: not a line of results")):
        read_results(path)


@pytest.mark.parametrize("text", ["", "\n", "hello\n", "[]\n", '{"type": "result"}\n', '{"type": "footer"}\n', "{}\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text, encoding="utf-8", newline="\n")
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
