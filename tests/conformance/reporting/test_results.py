"""Results, the verdict that follows from them, and the file that keeps them."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from conformance.clauses import Clause, load_clauses
from conformance.reporting import results as results_module
from conformance.reporting.results import (
    OUTCOMES,
    Exit,
    Header,
    Outcome,
    Result,
    ResultsFile,
    Verdict,
    read_results,
)
from conformance.reporting.verdict import apply_known_failures, clause_outcome, decide
from conformance.subject.manifest import KnownFailure
from conformance.system.platform import describe_platform, file_system_of, operating_system, under_wine

MUST = Clause("VIS-01", "", "must", ("writer",), "any", "portable")
SHOULD = Clause("MET-01", "", "should", ("writer",), "any", "portable")
INFORMATIVE = Clause("KIL-03", "", "informative", ("writer",), "any", "portable")
CLAUSES = {clause.id: clause for clause in (MUST, SHOULD, INFORMATIVE)}
PASSES = [Result(clause, "case", "pass") for clause in CLAUSES]
KNOWN = KnownFailure("VIS-01", "it cuts", "https://example.org/1", case="case")


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


# The verdict


def test_a_run_in_which_every_clause_passes_is_conformant() -> None:
    found = verdict()
    assert (found.exit, found.word, found.reasons, found.total) == (Exit.CONFORMANT, "conformant", (), 3)
    assert found.counts == {clause: {"pass": 1} for clause in CLAUSES}


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_a_failed_must_fails_the_run(outcome: Outcome) -> None:
    found = verdict(Result("VIS-01", "rename", outcome, "torn", blame="implementation" if outcome == "error" else ""))
    assert (found.exit, found.word) == (Exit.NOT_CONFORMANT, "not conformant")
    assert found.reasons == ("VIS-01 [rename]: torn",)
    assert found.counts["VIS-01"] == {outcome: 1}


def test_one_failed_case_among_many_fails_the_run() -> None:
    results = [Result("VIS-01", str(number), "pass") for number in range(50)]
    assert verdict(*results, Result("VIS-01", "50", "fail", "torn")).exit == Exit.NOT_CONFORMANT


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_a_failed_should_fails_the_run_only_when_strict(outcome: Outcome) -> None:
    failure = Result("MET-01", "case", outcome, "mode lost", blame="implementation" if outcome == "error" else "")
    assert verdict(failure).exit == Exit.CONFORMANT
    assert verdict(failure).counts["MET-01"] == {outcome: 1}
    assert verdict(failure, strict=True).exit == Exit.NOT_CONFORMANT


@pytest.mark.parametrize("strict", [False, True])
def test_an_informative_clause_never_fails_the_run(strict: bool) -> None:
    assert verdict(Result("KIL-03", "case", "fail", "7 temps"), strict=strict).exit == Exit.CONFORMANT


@pytest.mark.parametrize("clause", CLAUSES)
def test_an_error_of_the_kit_is_never_a_verdict_about_the_implementation(clause: str) -> None:
    found = verdict(Result(clause, "case", "error", "KeyError: 1", blame="kit"))
    assert (found.exit, found.word) == (Exit.INCONCLUSIVE, "inconclusive")
    assert found.reasons == (f"{clause} [case]: error of the kit: KeyError: 1",)


def test_a_crash_of_the_kit_outside_of_all_cases_makes_the_run_inconclusive() -> None:
    found = verdict(mishaps=["a worker ended"])
    assert (found.exit, found.reasons) == (Exit.INCONCLUSIVE, ("a worker ended",))


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_case_that_saw_too_little_makes_the_run_inconclusive(clause: str) -> None:
    found = verdict(Result(clause, "case", "unmeasured", "saw 3 reads", inconclusive=True))
    assert found.exit == Exit.INCONCLUSIVE
    assert found.reasons == (f"{clause} [case]: inconclusive: saw 3 reads",)


def test_a_failure_outweighs_every_doubt() -> None:
    found = verdict(
        Result("VIS-01", "case", "fail", "torn"),
        Result("MET-01", "case", "error", "KeyError", blame="kit"),
        mishaps=["a worker ended"],
    )
    assert found.exit == Exit.NOT_CONFORMANT
    assert found.reasons == (
        "VIS-01 [case]: torn",
        "a worker ended",
        "MET-01 [case]: error of the kit: KeyError",
    )


@pytest.mark.parametrize("outcome", ["unmeasured", "n/a"])
def test_what_was_not_measured_or_does_not_concern_is_no_doubt(outcome: Outcome) -> None:
    assert verdict(Result("VIS-01", "*", outcome)).exit == Exit.CONFORMANT


@pytest.mark.parametrize("clause", CLAUSES)
def test_an_unexpected_pass_fails_the_run_whatever_the_level(clause: str) -> None:
    found = verdict(Result(clause, "case", "xpass", "passes, but"))
    assert (found.exit, found.reasons) == (Exit.NOT_CONFORMANT, (f"{clause} [case]: passes, but",))


def test_a_known_failure_that_happened_does_not_fail_the_run() -> None:
    assert verdict(Result("VIS-01", "case", "xfail"), known=[KNOWN]).exit == Exit.CONFORMANT


def test_a_known_failure_that_matches_no_case_fails_the_run() -> None:
    found = verdict(Result("VIS-01", "another", "pass"), known=[KNOWN])
    assert found.exit == Exit.NOT_CONFORMANT
    assert found.reasons == ("known failure of VIS-01 [case] matches no case; correct or remove the entry",)


def test_a_known_failure_of_another_system_is_not_looked_for() -> None:
    elsewhere = KnownFailure("VIS-01", "it cuts", "https://example.org/1", ("windows", "macos"), "no-such-case")
    here = KnownFailure("VIS-01", "it cuts", "https://example.org/1", ("linux", "macos"), "no-such-case")
    assert verdict(known=[elsewhere]).exit == Exit.CONFORMANT
    assert verdict(known=[here]).exit == Exit.NOT_CONFORMANT


def test_a_selection_of_cases_does_not_look_for_every_known_failure_and_clause() -> None:
    elsewhere = KnownFailure("MET-01", "why", "https://example.org/1")
    found = decide([PASSES[0]], CLAUSES, [elsewhere], "linux", strict=False, complete=False)
    assert found.exit == Exit.CONFORMANT


def test_a_clause_without_any_result_makes_a_complete_run_inconclusive() -> None:
    found = decide(PASSES[:2], CLAUSES, (), "linux", strict=False, complete=True)
    assert (found.exit, found.reasons) == (Exit.INCONCLUSIVE, ("KIL-03: has no result at all",))


@pytest.mark.parametrize("outcomes", [(), ("unmeasured",), ("n/a",), ("unmeasured", "n/a")], ids=str)
@pytest.mark.parametrize("complete", [False, True])
def test_a_run_that_measured_nothing_is_inconclusive(outcomes: tuple[Outcome, ...], complete: bool) -> None:
    results = [Result(clause, "*", outcome) for clause in CLAUSES for outcome in outcomes]
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=complete)
    assert found.exit == Exit.INCONCLUSIVE
    assert found.reasons[-1] == "nothing was measured"


@pytest.mark.parametrize("outcome", ["pass", "xfail"])
def test_one_measured_case_is_enough_for_a_selection(outcome: Outcome) -> None:
    results = [Result("VIS-01", "case", outcome)]
    assert decide(results, CLAUSES, (), "linux", strict=False, complete=False).exit == Exit.CONFORMANT


def test_a_failed_should_on_its_own_was_measured_and_fails_nothing() -> None:
    results = [Result("MET-01", "case", "fail", "mode lost")]
    assert decide(results, CLAUSES, (), "linux", strict=False, complete=False).exit == Exit.CONFORMANT


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "CONFORMANT": 0,
        "NOT_CONFORMANT": 1,
        "USAGE": 2,
        "NOT_STARTED": 3,
        "INCONCLUSIVE": 4,
        "INTERRUPTED": 130,
    }


# Known failures


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_a_failure_that_is_written_down_is_expected_and_keeps_what_was_seen(outcome: Outcome) -> None:
    found = apply_known_failures(Result("VIS-01", "case", outcome, "torn at 7", repro="again"), [KNOWN], "linux")
    assert found.outcome == "xfail"
    assert found.message == "known failure: it cuts (https://example.org/1); seen: torn at 7"
    assert found.repro == "again"


def test_a_pass_that_is_written_down_as_a_failure_is_unexpected() -> None:
    found = apply_known_failures(Result("VIS-01", "case", "pass"), [KNOWN], "linux")
    assert found.outcome == "xpass"
    assert "it cuts; remove the entry" in found.message


@pytest.mark.parametrize(
    "result",
    [
        Result("VIS-01", "case", "error", "KeyError", blame="kit"),
        Result("VIS-01", "case", "unmeasured", "saw 3 reads", inconclusive=True),
        Result("VIS-01", "case", "unmeasured"),
        Result("VIS-01", "case", "n/a"),
        Result("VIS-01", "another", "fail"),
        Result("MET-01", "case", "fail"),
    ],
    ids=str,
)
def test_a_known_failure_excuses_nothing_else(result: Result) -> None:
    assert apply_known_failures(result, [KNOWN], "linux") == result


def test_a_known_failure_of_another_system_excuses_nothing() -> None:
    elsewhere = KnownFailure("VIS-01", "it cuts", "https://example.org/1", ("windows",))
    failure = Result("VIS-01", "case", "fail")
    assert apply_known_failures(failure, [elsewhere], "linux") == failure
    assert apply_known_failures(failure, [elsewhere], "windows").outcome == "xfail"


# The outcome of a clause


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({}, "unmeasured"),
        ({"n/a": 2}, "n/a"),
        ({"n/a": 2, "unmeasured": 1}, "unmeasured"),
        ({"n/a": 2, "unmeasured": 1, "pass": 1}, "pass"),
        ({"pass": 9, "xfail": 1}, "xfail"),
        ({"pass": 9, "xfail": 1, "xpass": 1}, "xpass"),
        ({"pass": 9, "xpass": 1, "fail": 1}, "fail"),
        ({"pass": 9, "fail": 1, "error": 1}, "error"),
        ({"error": 0, "pass": 1}, "pass"),
    ],
    ids=str,
)
def test_the_outcome_of_a_clause_is_the_worst_of_its_cases(counts: dict[str, int], outcome: Outcome) -> None:
    assert clause_outcome(counts) == outcome


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_clause_of_one_case_has_the_outcome_of_that_case(outcome: Outcome) -> None:
    assert clause_outcome({outcome: 1}) == outcome


# The file

HEADER = Header(
    kit="1.0",
    implementation={"name": "demo", "roles": ["writer"]},
    platform={"system": "linux"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": ["VIS-*"], "case": []},
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
    }
    assert [Result(**{name: value for name, value in line.items() if name != "type"}) for line in results] == PASSES
    assert footer == {
        "type": "footer",
        "verdict": "conformant",
        "exit": 0,
        "reasons": [],
        "counts": {clause: {"pass": 1} for clause in CLAUSES},
        "results": 3,
    }


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


# What the header says


def test_the_header_says_the_kind_of_machine_and_not_its_name() -> None:
    found = describe_platform()
    assert found.keys() == {"system", "release", "machine"}
    assert found["system"] == operating_system() + (" (wine)" if under_wine() else "")


def test_wine_is_not_called_windows_nor_its_folders_ntfs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(results_module, "under_wine", lambda: True)
    assert describe_platform()["system"] == f"{operating_system()} (wine)"
    assert file_system_of(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ({"/": "ext4"}, "ext4"),
        ({"/": "ext4", "/data": "xfs"}, "xfs"),
        ({"/data": "xfs", "/": "ext4"}, "xfs"),
        ({"/": "ext4", "/data": "xfs", "/data/deep": "tmpfs"}, "tmpfs"),
        ({"/": "ext4", "/data/de": "tmpfs", "/data/deeper": "tmpfs"}, "ext4"),
        ({}, "unknown"),
        ({"/elsewhere": "ext4"}, "unknown"),
    ],
    ids=str,
)
def test_the_file_system_is_that_of_the_closest_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mounts: dict[str, str], kind: str
) -> None:
    root = tmp_path.resolve()
    folder = root / "data" / "deep"
    folder.mkdir(parents=True)
    listed = [SimpleNamespace(mountpoint=f"{root}{point}".rstrip("/"), fstype=name) for point, name in mounts.items()]
    monkeypatch.setattr(results_module, "under_wine", lambda: False)
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: listed)
    assert file_system_of(folder) == kind


def test_of_two_mounts_at_one_place_the_later_one_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point = str(tmp_path.resolve())
    listed = [
        SimpleNamespace(mountpoint=point, fstype="ext4"),
        SimpleNamespace(mountpoint=point, fstype="tmpfs"),
    ]
    monkeypatch.setattr(results_module, "under_wine", lambda: False)
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: listed)
    assert file_system_of(tmp_path) == "tmpfs"


def test_a_verdict_about_the_real_clauses_can_be_written() -> None:
    stream = io.StringIO()
    results = [Result(clause, "*", "pass") for clause in load_clauses()]
    found = decide(results, load_clauses(), (), operating_system(), strict=True, complete=True)
    ResultsFile(stream).footer(found)
    line = json.loads(stream.getvalue())
    assert (line["exit"], line["results"]) == (0, len(results))
    assert line["counts"].keys() == load_clauses().keys()
