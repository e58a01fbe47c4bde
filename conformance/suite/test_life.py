"""LIF: the documents of a run, from idle to its end."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.contract.errors import Violation
from conformance.oracle.document import require_status
from conformance.runner.case import Case
from conformance.suite.support.writing import LIFE, require_now, written

DEFAULTS = {"epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": ""}
OLDER = {"status": "running", "epoch": 1.5, "total_epochs": 2.5, "loss": -0.5, "message": "older", "timestamp": 1}


def require_example(case: Case, name: str) -> None:
    """The example document must be written with exactly its values."""
    require_status(written(case, LIFE[name]), LIFE[name])


def require_defaults(case: Case, given: dict[str, Any]) -> None:
    """Members that are absent from the request take the defaults, and not what an older document had."""
    for instead in ("", " but the values of an older document"):
        if instead:
            case.require_ok(case.write(case.target, OLDER))
        values = require_now(case, given)
        expected = {**DEFAULTS, **given, "timestamp": values["timestamp"]}
        if values != expected:
            raise Violation(f"absent members did not take the defaults{instead}", expected=expected, found=values)


@pytest.mark.clause("LIF-01")
def test_idle_example(case: Case) -> None:
    require_example(case, "idle")


@pytest.mark.clause("LIF-01")
def test_idle_defaults(case: Case) -> None:
    require_defaults(case, {"status": "idle"})


@pytest.mark.clause("LIF-02")
def test_running_example(case: Case) -> None:
    require_example(case, "running")


@pytest.mark.clause("LIF-02")
def test_running_defaults(case: Case) -> None:
    require_defaults(case, {"status": "running", "total_epochs": 3.0})


@pytest.mark.clause("LIF-03")
def test_done_example(case: Case) -> None:
    require_example(case, "done")


@pytest.mark.clause("LIF-03")
def test_done_defaults(case: Case) -> None:
    require_defaults(case, {"status": "done", "epoch": 3.0, "total_epochs": 3.0})


@pytest.mark.clause("LIF-04")
def test_error_example(case: Case) -> None:
    require_example(case, "error")


@pytest.mark.clause("LIF-04")
def test_error_defaults(case: Case) -> None:
    require_defaults(case, {"status": "error", "message": "boom"})
