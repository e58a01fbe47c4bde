"""The messages between the kit and the tracer: plans and reports, and when a rule applies."""

import json

import pytest

from conformance.syscalls.tracer.calls import Call, Descriptor, TraceError
from conformance.syscalls.tracer.messages import (
    Anchor,
    Fired,
    Plan,
    Report,
    Rule,
    read_plan,
    read_report,
    write_plan,
    write_report,
)

RENAMES = Rule("fail", calls=("rename", "renameat"), first=3)


@pytest.mark.parametrize(
    ("rule", "number", "name", "phase", "applies"),
    [
        (Rule("kill"), 0, "fsync", "before", True),
        (Rule("kill"), 1000, "fsync", "before", True),
        (Rule("kill"), 0, "fsync", "after", False),
        (Rule("kill", "after"), 0, "fsync", "after", True),
        (Rule("kill", "after"), 0, "fsync", "before", False),
        (Rule("fail", first=2, last=3), 1, "fsync", "before", False),
        (Rule("fail", first=2, last=3), 2, "fsync", "before", True),
        (Rule("fail", first=2, last=3), 3, "fsync", "before", True),
        (Rule("fail", first=2, last=3), 4, "fsync", "before", False),
        (RENAMES, 2, "rename", "before", False),
        (RENAMES, 3, "renameat", "before", True),
        (RENAMES, 3, "renameat2", "before", False),
        (RENAMES, 3, "rename", "after", False),
    ],
)
def test_when_a_rule_applies(rule: Rule, number: int, name: str, phase: str, applies: bool) -> None:
    assert rule.applies(number, name, "before" if phase == "before" else "after") is applies


def test_a_plan_is_read_as_it_was_written() -> None:
    plan = Plan("/run/ä\n", (RENAMES, Rule("hold", "after"), Rule("shorten", first=1, last=1, value=4096)))
    assert read_plan(write_plan(plan)) == plan
    assert "\n" not in write_plan(plan)
    assert read_plan(write_plan(aimed := Plan("/run", anchor=Anchor("write", 2, 7)))) == aimed


def test_a_report_is_read_as_it_was_written() -> None:
    file = Descriptor(3, "/run/\udcff")
    calls = (
        Call(1, 2, 10, 11, "write", {"descriptor": file, "count": 5}, 5),
        Call(3, 4, 10, 11, "fsync", {"descriptor": file}, -5, 5, True),
        Call(5, None, 10, 10, "rename", {"path": "/run/a", "other_path": "/run/b"}, None),
    )
    report = Report(calls, (Fired("fail", "before", 1, "fsync", 5),), 9, ("/elsewhere",), True)
    assert read_report(write_report(report)) == report
    assert read_report(write_report(Report((), (), None))) == Report((), (), None)
    assert "\n" not in write_report(report)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        json.dumps({"calls": [], "fired": []}),
        json.dumps({"calls": [{"name": "fsync"}], "fired": [], "ended": None}),
        json.dumps({"calls": [{"name": "fsync", "arguments": []}], "fired": [], "ended": None}),
        json.dumps({"calls": [], "fired": [{"colour": "red"}], "ended": None}),
    ],
)
def test_a_report_that_cannot_be_read_is_an_error_of_the_kit(text: str) -> None:
    with pytest.raises(TraceError, match="the tracer's report cannot be read"):
        read_report(text)
