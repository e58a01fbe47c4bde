"""The report of an in-process run, as another process reads it."""

from conformance.in_process.enumeration import InProcessReport
from conformance.oracle.faults import Injection, Kill


def test_a_report_is_read_as_it_was_written() -> None:
    injection = Injection(
        "interrupt", "open", 0, 0, False, True, "old", "interrupt", 0, "", "old", False, ("a.tmp",), 1, "ok"
    )
    kill = Kill("before", "rename", 4, True, "old", "ok")
    report = InProcessReport("real", "", ("open", "close"), (injection,), injection, None, True, None, (kill,))
    assert InProcessReport.from_json(report.to_json()) == report
    empty = InProcessReport("windows", "cannot be imported")
    assert InProcessReport.from_json(empty.to_json()) == empty
