"""What can go wrong, by cause."""

import pytest

from conformance.contract.errors import (
    ImplementationError,
    Inconclusive,
    ManifestError,
    NotApplicable,
    Unmeasured,
    Violation,
)


def test_a_violation_carries_its_evidence() -> None:
    violation = Violation("torn", bytes="b'{'", expected={"status": "idle"})
    assert str(violation) == "torn"
    assert violation.evidence == {"bytes": "b'{'", "expected": {"status": "idle"}}


def test_an_error_of_the_implementation_carries_its_stderr() -> None:
    assert ImplementationError("died").stderr == ""
    error = ImplementationError("died", "panic: out of memory")
    assert (str(error), error.stderr) == ("died", "panic: out of memory")


@pytest.mark.parametrize(
    ("kind", "nearest"),
    [
        (ManifestError, ValueError),
        (ImplementationError, RuntimeError),
        (Violation, AssertionError),
    ],
)
def test_an_error_inherits_from_the_nearest_builtin(kind: type[Exception], nearest: type[Exception]) -> None:
    assert issubclass(kind, nearest)


@pytest.mark.parametrize("kind", [Unmeasured, NotApplicable, Inconclusive])
def test_what_was_not_measured_is_neither_a_failure_nor_an_error(kind: type[Exception]) -> None:
    assert not issubclass(kind, (AssertionError, ValueError, RuntimeError, OSError))
