"""Shared by the tests of all packages: waiting for other processes, and no limits of time for Hypothesis."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import hypothesis
import psutil
import pytest

DEADLINE_SECONDS = 60.0

# A busy machine is no failure of what is tested.
hypothesis.settings.register_profile(
    "tests", hypothesis.settings(), deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

# Tests and modules live as long as the session: looking at all of them for garbage took a twentieth of its time.
gc.set_threshold(200_000, 30, 30)


@pytest.fixture
def eventually() -> Callable[[Callable[[], object], str], None]:
    """Waits until a condition holds; fails when it never does: ``eventually(condition, "what should happen")``."""

    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never happened: {what}"
            time.sleep(0.01)

    return wait


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Whether a process has ended, even if its parent has not reaped it yet."""

    def ended(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return ended
