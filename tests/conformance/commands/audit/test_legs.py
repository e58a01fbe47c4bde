"""What an audit reads of a leg, and what it refuses."""

from __future__ import annotations

import datetime
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.audit.legs import AuditError, Leg, leg_of
from conformance.commands.audit.policy import Accepted, Policy

PATH = Path("leg") / "results.jsonl"
HEADER: Mapping[str, Any] = {
    "type": "header",
    "kit": "1.0",
    "kit_files": "1",
    "program": "pulse conformance",
    "implementation": {"name": "a", "version": "", "language": "go", "profile": "pulse", "mode": "serve"},
    "platform": {"system": "linux"},
    "file_system": "ext4",
    "python": "3.13.0",
    "selection": {"clause": [], "point": ["*"]},
    "started": "",
    "command": "",
}
DEFAULT = Policy()


def result(clause: str, outcome: str, case: object = "case", message: object = "why", **more: Any) -> dict[str, Any]:
    return {"type": "result", "clause": clause, "outcome": outcome, "case": case, "message": message, **more}


def footer(**counts: Mapping[str, int]) -> dict[str, Any]:
    counts_of = {name.replace("_", "-"): of for name, of in counts.items()}
    return {"type": "footer", "exit": 0, "sentence": "conformant", "reasons": [], "counts": counts_of, "chain": "1"}


def leg(*results: Mapping[str, Any], policy: Policy = DEFAULT, **counts: Mapping[str, int]) -> Leg:
    return leg_of(PATH, [HEADER, *results, footer(**counts)], policy)


def test_outcomes_failures_and_work_are_counted() -> None:
    found = leg(
        result("VIS-01", "pass"),
        result("VIS-01", "fail", "cut"),
        result("PWR-01", "unmeasured", "*", "no tracer"),
        {"type": "write"},
        result("CON-01", "pass", counts={"writes": 5, "documents": 9}),
        result("CON-03", "pass", counts={"writes": 7}),
        result("CON-03", "pass", "other", counts={"writes": 1}),
        VIS_01={"pass": 1, "fail": 1},
        PWR_01={"unmeasured": 1},
        CON_01={"pass": 1},
        CON_03={"pass": 2},
        VIS_02={},
    )
    assert found.clauses["VIS-01"].failures == ["VIS-01 [cut] fail: why"]
    assert found.clauses["PWR-01"].unmeasured == "no tracer"
    # The writes of one run are the same, whichever clause counts them.
    assert found.work == {"writes": 8}


def test_a_known_failure_is_accepted_by_the_policy_or_not() -> None:
    entry = Accepted("VIS-01", datetime.date.max, "", case="old:*")
    found = leg(
        result("VIS-01", "xfail", "old:1"),
        result("VIS-01", "xfail", "new"),
        result("VIS-01", "fail", "old:2"),  # no known one
        policy=Policy(accepted=(entry,)),
        VIS_01={"xfail": 2, "fail": 1},
    )
    assert found.clauses["VIS-01"].unaccepted == 2
    assert found.accepted == {0}


def test_an_error_of_the_kit_is_no_failure_of_the_implementation() -> None:
    found = leg(result("VIS-01", "error", blame="kit"), VIS_01={"error": 1})
    assert found.clauses["VIS-01"].unaccepted == 0


def test_a_load_whose_positive_control_was_not_caught_is_noted() -> None:
    found = leg(result("CON-01", "pass", counts={"positive controls": 0}), CON_01={"pass": 1})
    assert found.controls_missed == ("CON-01 [case]",)


@pytest.mark.parametrize(("name", "globs"), [("clause", ["VIS-*"]), ("point", ["1"]), ("level", ["quick"])])
def test_a_leg_is_whole_unless_something_was_selected(name: str, globs: list[str]) -> None:
    assert leg().whole
    selected = {**HEADER, "selection": {name: globs}}
    assert not leg_of(PATH, [selected, footer()], DEFAULT).whole
    # Load and power cuts say there what they measure.
    assert leg_of(PATH, [{**selected, "program": "pulse stress suite"}, footer()], DEFAULT).whole


@pytest.mark.parametrize("name", [name for name in HEADER if name != "type"])
def test_a_header_that_lacks_something_is_refused(name: str) -> None:
    header = {key: value for key, value in HEADER.items() if key != name}
    with pytest.raises(AuditError, match="the header"):
        leg_of(PATH, [header, footer()], DEFAULT)


@pytest.mark.parametrize(
    "line",
    [
        result("XYZ-01", "pass"),
        result("VIS-01", "passed"),
        result("VIS-01", "pass", case=None),
        result("VIS-01", "pass", message=["a"]),
        result("VIS-01", "pass", counts={"writes": "many"}),
        result("VIS-01", "pass", counts=[1]),
        {"type": "result", "clause": ["VIS-01"], "outcome": {}},
        {"type": "result", "clause": "VIS-01", "outcome": {}},
    ],
)
def test_a_result_of_the_wrong_shape_is_refused_with_its_place(line: Mapping[str, Any]) -> None:
    with pytest.raises(AuditError, match=r"results.jsonl:2: "):
        leg(line)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counts": {"VIS-01": {"pass": 1}}}, "counts other outcomes"),
        ({"counts": None}, "counts other outcomes"),
        ({"exit": "0"}, "has no verdict"),
        ({"sentence": None}, "has no verdict"),
        ({"reasons": [1]}, "has no reasons"),
    ],
)
def test_a_footer_that_disagrees_with_the_lines_is_refused(changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(AuditError, match=said):
        leg_of(PATH, [HEADER, {**footer(), **changes}], DEFAULT)


def test_a_file_without_footer_is_refused() -> None:
    with pytest.raises(AuditError, match="has no footer"):
        leg_of(PATH, [HEADER], DEFAULT)


def test_a_long_message_is_cut_and_says_so() -> None:
    found = leg_of(PATH, [HEADER, result("VIS-01", "fail", "a case", "x" * 301), footer(VIS_01={"fail": 1})], DEFAULT)
    assert found.clauses["VIS-01"].failures == [f"VIS-01 [a case] fail: {'x' * 300}… (301 characters)"]


def test_memory_does_not_grow_with_the_number_of_results() -> None:
    number = 20_000

    def lines() -> Iterator[Mapping[str, Any]]:
        yield HEADER
        for case in range(number):
            yield result("VIS-01", "fail", f"case {case}", "x" * 1_000)
        yield footer(VIS_01={"fail": number})

    tracemalloc.start()
    try:
        found = leg_of(PATH, lines(), DEFAULT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.clauses["VIS-01"].unaccepted == number
    assert peak < 1_000_000  # bytes; the messages alone have 20 times as many
