"""The data types of reports: what is kept, what is only counted, and that they are quick to import."""

from __future__ import annotations

import subprocess
import sys

from conformance.oracle import linearizability
from stress.record.reports import INDETERMINATE, ReadSpan, Seen
from stress.record.violations import ObservedViolation


def test_numbers_that_no_writer_uses_make_no_row() -> None:
    """They would not fit into the arrays of the history, and the check of the document reports them."""
    row = ReadSpan(0)
    row.extend((2**63, 1), 1, 2)
    rows = Seen().rows
    row.finish(rows)
    assert list(rows) == []


def test_of_many_violations_the_first_are_kept_and_all_are_counted() -> None:
    seen = Seen()
    for number in range(100):
        seen.note(ObservedViolation("torn", number, "torn"))
    seen.note(ObservedViolation("missing", 0, "missing"))
    assert seen.counts == {"torn": 100, "missing": 1}
    assert [violation.time for violation in seen.violations if violation.kind == "torn"] == list(range(20))
    assert seen.violations[-1].kind == "missing"


def test_a_write_that_was_never_answered_ends_when_the_judge_of_histories_says() -> None:
    assert INDETERMINATE == linearizability.INDETERMINATE


def test_they_do_not_bring_numpy_into_every_process_of_a_run() -> None:
    script = "import sys; import stress.record.reports; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
