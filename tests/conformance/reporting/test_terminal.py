"""What every command prints."""

import dataclasses
import io
import re
from collections.abc import Callable
from typing import cast

import pytest
from rich.console import Console

from conformance.contract.clauses import GROUP_TITLES, load_clauses
from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import KnownFailure
from conformance.reporting.results import OUTCOMES, Exit, Header, Result
from conformance.reporting.terminal import (
    PIPED_WIDTH,
    clause_table,
    new_console,
    print_clauses,
    print_not_started,
    print_run,
)
from conformance.reporting.verdict import decide

HEADER = Header(
    kit="1.0",
    implementation={"name": "demo", "version": "3.2"},
    platform={"system": "linux"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": [], "case": []},
)

PASSED = f"1 of {len(load_clauses())} clauses selected: passed"


def printed(print_it: Callable[[Console], object], width: int = 200) -> str:
    stream = io.StringIO()
    print_it(Console(file=stream, width=width, color_system=None))
    return stream.getvalue()


def summary(
    results: list[Result],
    *,
    finished: bool = True,
    header: Header = HEADER,
    each_case: bool = False,
    **settings: object,
) -> str:
    known = cast(tuple[KnownFailure, ...], settings.pop("known", ()))
    complete = bool(settings.pop("complete", False))
    verdict = decide(results, load_clauses(), known, "linux", strict=False, complete=complete) if finished else None
    return printed(lambda console: print_run(console, header, results, verdict, each_case=each_case))


def cells(text: str, begin: str) -> list[str]:
    """The columns of the line that begins so; columns are at least two spaces apart."""
    [line] = [line for line in text.splitlines() if line.strip().startswith(begin)]
    return re.split(r"\s{2,}", line.strip())


def test_where_there_is_no_terminal_lines_have_a_fixed_width() -> None:
    assert (new_console().width, new_console(piped_width=160).width) == (PIPED_WIDTH, 160)


# The table


def test_the_table_counts_cases_by_clause_and_by_group() -> None:
    counts = {"DOC-01": {"pass": 12}, "DOC-02": {"pass": 3, "fail": 2}, "MET-01": {"xfail": 1}}
    text = printed(lambda console: console.print(clause_table(counts)))
    assert cells(text, "clause") == ["clause", "requirement", "outcome", "cases", "pass", "fail", "xfail"]
    assert cells(text, "DOC ") == ["DOC", GROUP_TITLES["DOC"], "1 of 2", "17", "15", "2", "·"]
    assert cells(text, "DOC-01") == ["DOC-01", load_clauses()["DOC-01"].title, "pass", "12", "12", "·", "·"]
    assert cells(text, "DOC-02") == ["DOC-02", load_clauses()["DOC-02"].title, "fail", "5", "3", "2", "·"]
    assert cells(text, "MET-01") == [
        "MET-01",
        f"{load_clauses()['MET-01'].title} (S)",
        "xfail",
        "1",
        "·",
        "·",
        "1",
    ]
    assert cells(text, "MET ")[2] == "0 of 1"


def test_only_outcomes_that_occur_have_a_column_and_only_clauses_with_a_result_a_row() -> None:
    text = printed(lambda console: console.print(clause_table({"DOC-01": {"pass": 1, "fail": 0}})))
    assert cells(text, "clause")[-1] == "pass"
    assert len(text.splitlines()) == 3


def test_a_group_that_does_not_concern_is_not_counted_as_failed() -> None:
    counts = {"RDR-01": {"n/a": 1}, "DOC-01": {"pass": 1}, "DOC-02": {"n/a": 1}, "DOC-03": {"unmeasured": 1}}
    text = printed(lambda console: console.print(clause_table(counts)))
    assert cells(text, "RDR ")[2] == "n/a"
    assert cells(text, "DOC ")[2] == "1 of 2"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_can_be_shown(outcome: str) -> None:
    text = printed(lambda console: console.print(clause_table({"DOC-01": {outcome: 4}})))
    assert cells(text, "DOC-01")[2:] == [outcome, "4", "4"]


def test_the_table_holds_every_clause_in_the_order_of_the_contract() -> None:
    text = printed(lambda console: console.print(clause_table({clause: {"pass": 1} for clause in load_clauses()})))
    assert re.findall(r"^  ([A-Z]{3}-\d\d) ", text, flags=re.MULTILINE) == list(load_clauses())


# The list


def test_the_list_names_every_clause_with_its_level_and_engine() -> None:
    lines = printed(lambda console: print_clauses(console, load_clauses().values())).splitlines()
    assert len(lines) == len(load_clauses())
    assert lines[0] == f"DOC-01     {load_clauses()['DOC-01'].title} (portable)"
    assert f"MET-01 (S) {load_clauses()['MET-01'].title} (portable)" in lines
    assert f"KIL-03 (I) {load_clauses()['KIL-03'].title} (trace)" in lines


def test_the_list_can_be_narrowed() -> None:
    wanted = [load_clauses()[clause] for clause in ("LIF-01", "LIF-03")]
    lines = printed(lambda console: print_clauses(console, wanted)).splitlines()
    assert [line[:6] for line in lines] == ["LIF-01", "LIF-03"]


def test_the_list_of_cases_names_them_below_their_clause() -> None:
    cases = [("LIF-03", "b:[x]"), ("LIF-03", "a")]
    lines = printed(lambda console: print_clauses(console, load_clauses().values(), cases)).splitlines()
    assert [lines[0][:6], *lines[1:]] == ["LIF-03", "    b:[x]", "    a"]


# The whole


def test_a_conformant_run_ends_with_its_verdict() -> None:
    text = summary([Result(clause, "case", "pass") for clause in load_clauses()], complete=True)
    every = len(load_clauses())
    assert text.endswith(f"demo 3.2 (linux, ext4, seed 7): CONFORMANT, measured {every} of {every} clauses\n")
    assert "repeat" not in text


def test_a_reader_that_was_judged_with_a_writer_is_named_and_it_is_said_whose_the_failure_is() -> None:
    header = dataclasses.replace(HEADER, reader={"name": "mine", "version": "2"})
    results = [Result("CON-01", "case", "pass"), Result("RDR-14", "case", "fail", "misread")]
    text = summary(results, header=header, each_case=True)
    assert "\ndemo 3.2 as writer, mine 2 as reader (linux, ext4, seed 7): NOT CONFORMANT" in text
    assert text.splitlines()[-1] == "  what failed is the reader"
    both = summary([Result("CON-01", "case", "fail", "torn"), *results[1:]], header=header, each_case=True)
    assert both.splitlines()[-1] == "  what failed is the writer and the reader"
    assert "what failed" not in summary(results[:1], header=header, each_case=True)


def test_a_selection_that_passes_is_not_called_conformant() -> None:
    text = summary([Result("DOC-01", "members", "pass")])
    assert text.endswith(f"demo 3.2 (linux, ext4, seed 7): {PASSED}\n")
    assert "CONFORMANT" not in text


def test_a_failure_is_shown_with_its_evidence_and_the_command_that_repeats_it() -> None:
    evidence = {"bytes": "b'[1]'", "transcript": ["first", "second", "third [bold]"], "empty": ""}
    text = summary([Result("VIS-01", "in_place", "fail", "opened [/] for writing", evidence, repro="again --case x")])
    assert "fail VIS-01 [in_place]\n  opened [/] for writing\n  bytes: b'[1]'\n" in text
    assert "  > third [bold]\n  repeat: again --case x\n" in text
    assert "repeat: again --case x\n  why, and the usual fix: pulse explain VIS-01\n" in text
    assert "empty" not in text
    assert text.endswith("NOT CONFORMANT, measured 1 of 1 clauses\n")


def test_a_command_that_repeats_a_failure_is_never_wrapped() -> None:
    repro = "pulse conformance " + " ".join(f"--case word-{number}" for number in range(60))
    assert f"repeat: {repro}\n" in summary([Result("VIS-01", "in_place", "fail", "cut", repro=repro)])


@pytest.mark.parametrize("outcome", ["fail", "error", "xpass"])
def test_every_bad_case_is_named(outcome: str) -> None:
    results = [
        Result("VIS-01", f"case-{number}", outcome, f"message-{number}\nmore" + "x" * 500)  # type: ignore[arg-type]  # one of the outcomes
        for number in range(40)
    ]
    text = summary(results)
    assert all(f"[case-{number}]" in text and f"message-{number}" in text for number in range(40))


def test_a_trace_is_shown_in_lines_of_its_own() -> None:
    lines = ["   0 openat       create a", "→  1 fsync        sync [a]"]
    evidence = {"trace": lines, "point": "replace:1:sync:EIO"}
    text = summary([Result("FLT-01", "c", "fail", "wrong", evidence=evidence)])
    assert "     0 openat       create a\n  →  1 fsync        sync [a]\n" in text
    assert "point: replace:1:sync:EIO" in text


def test_what_was_enumerated_is_summed_and_clauses_with_the_same_numbers_share_a_line() -> None:
    results = [
        Result("FLT-01", "a", "pass", counts={"faults": 1000, "operations": 10}),
        Result("FLT-01", "b", "pass", counts={"faults": 11, "operations": 5}),
        Result("FLT-02", "a", "pass", counts={"faults": 1011, "operations": 15}),
        Result("KIL-03", "a", "fail", "wrong", counts={"kills": 100}),
        Result("DOC-01", "a", "pass"),
    ]
    found = [line for line in summary(results).splitlines() if line.startswith("enumerated:")]
    assert found == ["enumerated: FLT-01, FLT-02: 1,011 faults, 15 operations", "enumerated: KIL-03: 100 kills"]


def test_known_failures_are_shown_and_are_no_failures() -> None:
    text = summary([Result("VIS-01", "in_place", "xfail", "known failure: it cuts")])
    assert "xfail VIS-01 [in_place] known failure: it cuts" in text
    assert text.splitlines()[-1] == f"demo 3.2 (linux, ext4, seed 7): {PASSED} but for 1 known failure"
    assert "repeat" not in text


def test_what_was_not_measured_is_grouped_by_its_reason() -> None:
    text = summary(
        [
            Result("DOC-01", "members", "pass"),
            Result("PWR-01", "*", "unmeasured", "needs the [trace] engine"),
            Result("PWR-02", "*", "unmeasured", "needs the [trace] engine"),
            Result("FLT-10", "small", "unmeasured", "needs root"),
            Result("FLT-10", "other", "unmeasured", "needs root"),
        ]
    )
    assert "unmeasured: PWR-01, PWR-02: needs the [trace] engine\n" in text
    assert "unmeasured: FLT-10 in part: needs root\n" in text


def test_a_run_that_did_not_finish_has_no_verdict() -> None:
    text = summary([Result("DOC-01", "members", "pass")], finished=False)
    assert text.endswith("demo 3.2 (linux, ext4, seed 7): the run did not finish; no verdict\n")
    assert "CONFORMANT" not in text


def test_the_reason_of_a_verdict_that_no_case_reports_is_printed() -> None:
    known = (KnownFailure("DOC-01", "why", "https://example.org", cases=("no-such-case",)),)
    passed, should = Result("DOC-01", "members", "pass"), Result("MET-01", "mode", "fail", "mode lost")
    printed = "  known failure of DOC-01 [no-such-case] matches no case; correct or remove the entry\n"
    # Beside a failed SHOULD too, which is shown and is not the reason.
    for results in ([passed], [passed, should]):
        text = summary(results, known=known, complete=True)
        assert "NOT CONFORMANT" in text
        assert printed in text
    assert summary([]).endswith("INCONCLUSIVE, measured 0 of 0 clauses\n  nothing was measured\n")


def test_a_case_that_is_shown_is_not_told_twice() -> None:
    assert summary([Result("VIS-01", "in_place", "fail", "cut in place")]).count("cut in place") == 1


def test_names_are_not_taken_for_markup() -> None:
    header = Header(**{**HEADER.__dict__, "implementation": {"name": "[red]x[/red]", "version": ""}})
    text = summary([Result("DOC-01", "members", "pass")], header=header)
    assert text.endswith(f"\n[red]x[/red] (linux, ext4, seed 7): {PASSED}\n")


def test_a_level_other_than_must_is_marked() -> None:
    text = summary([Result("MET-01", "mode", "fail", "lost"), Result("VIS-01", "in_place", "fail", "cut")])
    assert "\nfail MET-01 (SHOULD) [mode]\n" in text
    assert "\nfail VIS-01 [in_place]\n" in text


def test_long_evidence_is_cut_and_what_hypothesis_says_is_left_to_the_report() -> None:
    evidence = {
        "folder": [f"temp-{number}" for number in range(64)],
        "bytes": "b" * 5000 + "the end",
        "stderr": "x" * 5000 + "the reason",
        "hypothesis": ["Falsifying example: test_any(\n    case=case,\n)"],
        "notes": ["at replace:1:sync:EIO"],
    }
    text = summary([Result("VIS-01", "in_place", "fail", f"cut{'!' * 700}here", evidence)])
    assert f"  cut{'!' * 287} … {'!' * 286}here\n" in text
    assert "  folder: temp-0, temp-1, temp-2, temp-3, temp-4, … (64 in all)\n" in text
    assert f"  bytes: {'b' * 120} … {'b' * 113}the end\n" in text
    assert "the reason\n" in text
    assert "Falsifying" not in text
    assert "  notes: at replace:1:sync:EIO\n" in text


def test_failures_of_one_cause_are_all_shown_and_grouped() -> None:
    message = "epoch is 0, not a number with a fraction or an exponent"
    text = summary([Result(clause, "case", "fail", message) for clause in ("DOC-04", "LIF-01", "LIF-02")])
    assert text.count(f"  {message}\n") == 3
    assert text.count("  cause: as DOC-04 [case]\n") == 2
    assert f"\ncauses\n  DOC-04 [case] explains 2 more (LIF-01, LIF-02): {message}\n\n" in text


def test_there_is_one_blank_line_before_each_part() -> None:
    failure = Result("VIS-01", "in_place", "fail", "cut", counts={"faults": 1, "operations": 2})
    unmeasured = Result("PWR-01", "*", "unmeasured", "needs root")
    for results in ([failure], [failure, unmeasured], [Result("DOC-01", "members", "pass")], [unmeasured]):
        for each_case in (False, True):
            assert "\n\n\n" not in summary(results, each_case=each_case)
    assert "enumerated: VIS-01: 1 fault, 2 operations\n" in summary([failure])


# Runs of a few cases that each stand for a whole load


def test_each_failure_is_shown_with_its_first_example_and_how_to_repeat_it() -> None:
    evidence = {
        "examples": [{"found": "half a [bold]document", "trace": ["open", "read"]}, {"found": "another one"}],
        "doubts": [],
    }
    results = [
        Result("CON-01", case, "fail", f"7 torn{'!' * 500}", evidence, f"pulse stress --dir {case}")
        for case in ("under_load:ext4", "under_load:tmpfs")
    ]
    text = summary(results, each_case=True)
    for case in ("under_load:ext4", "under_load:tmpfs"):
        found = "  found: half a [bold]document\n  trace: \n    open\n    read\n"
        assert f"fail CON-01 [{case}]\n  7 torn{'!' * 500}\n{found}  repeat: pulse stress --dir {case}\n" in text
    assert "another one" not in text
    assert "doubts" not in text
    assert text.endswith("NOT CONFORMANT, measured 1 of 1 clauses\n")


def test_each_known_failure_is_shown_whole() -> None:
    evidence = {"examples": [{"found": "half a document", "name": "0-1-0-2-p0of1"}]}
    known = Result("CON-01", "under_load", "xfail", f"known failure: {'x' * 500}", evidence, "pulse stress --only 7")
    text = summary([known], each_case=True)
    assert f"xfail CON-01 [under_load] known failure: {'x' * 500}\n" in text
    assert "  found: half a document\n  name: 0-1-0-2-p0of1\n  repeat: pulse stress --only 7\n" in text


def test_each_case_that_was_not_measured_is_named_and_its_reason_given_once() -> None:
    doubts = [
        Result(clause, "under_load", "unmeasured", "12 reads", inconclusive=True) for clause in ("CON-01", "CON-03")
    ]
    none = Result("PWR-02", "random", "n/a", "the implementation does not have the role writer")
    text = summary([*doubts, none], each_case=True)
    assert text.count("12 reads") == 1
    assert "unmeasured: CON-01 [under_load], CON-03 [under_load]: 12 reads\n" in text
    assert "n/a: PWR-02 [random]: the implementation does not have the role writer\n" in text
    assert text.endswith("INCONCLUSIVE, measured 0 of 2 clauses\n  nothing was measured\n")


def test_a_pass_of_each_case_is_one_line_of_the_table_and_the_verdict() -> None:
    text = summary([Result("CON-01", "under_load", "pass", "all was well", counts={"reads": 7})], each_case=True)
    assert "CON-01" in text
    assert "all was well" not in text
    assert "enumerated" not in text
    assert text.endswith(f"demo 3.2 (linux, ext4, seed 7): {PASSED}\n")


# No run at all


def test_what_could_not_be_started_is_named_with_what_it_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code = print_not_started("pulse conformance", "x", ImplementationError("cannot be started", "Traceback\n\n"))
    assert code == Exit.NOT_STARTED
    assert capsys.readouterr().err == "pulse conformance: x: cannot be started\nits standard error:\n  | Traceback\n"
    print_not_started("pulse stress", "x", ImplementationError("cannot be started"))
    assert capsys.readouterr().err == "pulse stress: x: cannot be started\n"
