"""The fixtures of the suite beyond ``case``; the pytest plugin loads this module as a plugin of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.runner.pytest_plugin import run_of
from conformance.syscalls.laboratory import Laboratory

__all__ = ["laboratory"]


@pytest.fixture(scope="session")
def laboratory(pytestconfig: pytest.Config) -> Iterator[Laboratory]:
    """The syscall engine with an implementation of its own, one for all cases of a worker."""
    made = Laboratory(run_of(pytestconfig))
    yield made
    made.stop()
