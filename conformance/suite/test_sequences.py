"""CON-03 by search: random sequences of everything an implementation can be asked, against a model of one register.

Hypothesis shrinks a failing sequence to the shortest one; its steps are in the evidence.
"""

from __future__ import annotations

import sys

import hypothesis
import pytest

from conformance.runner.case import Case
from conformance.suite.support.register import Holder, Register
from conformance.suite.support.searching import search
from conformance.suite.support.together import fewer

FEWEST = 4  # of a slow writer
SEQUENCES = hypothesis.settings(
    max_examples=5 if sys.platform == "win32" else 12,  # where a process takes seconds to start, kills are costly
    stateful_step_count=20,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


@pytest.mark.clause("CON-03")
@pytest.mark.timeout(1800)
def test_any_sequence_of_requests(case: Case) -> None:
    usual = SEQUENCES.max_examples
    count = usual if case.run.manifest.mode == "oneshot" else fewer(case, usual, FEWEST)
    holder = Holder(case)
    search(lambda seen: Register(holder, seen), hypothesis.settings(SEQUENCES, max_examples=count))
