"""The Python for Wine starts a process again that Wine failed to start, and hides no other failure."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "scripts" / "wine" / "sitecustomize.py"


class Refused(OSError):
    """As Windows reports it; elsewhere OSError has no such member."""

    def __init__(self, winerror: int) -> None:
        super().__init__(f"[WinError {winerror}]")
        self.winerror = winerror


class Starts:
    """A CreateProcess that fails so often, and then starts."""

    def __init__(self, failures: int, winerror: int = 1359) -> None:
        self.failures, self.winerror, self.calls = failures, winerror, 0

    def __call__(self, program: str | None, command: str) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise Refused(self.winerror)
        return f"started {command}"


@pytest.fixture(name="module")
def _module() -> Any:
    specification = importlib.util.spec_from_file_location("wine_sitecustomize", SOURCE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _start(module: Any, starts: Starts, log: Path) -> str:
    return str(module.repeated(starts, log=str(log), pause=lambda _: None)(None, "python -V"))


def test_a_start_that_succeeds_is_made_once_and_not_logged(module: Any, tmp_path: Path) -> None:
    starts = Starts(0)
    assert _start(module, starts, tmp_path / "log") == "started python -V"
    assert starts.calls == 1
    assert not (tmp_path / "log").exists()


def test_an_internal_error_is_tried_again_and_logged(module: Any, tmp_path: Path) -> None:
    starts = Starts(2)
    assert _start(module, starts, tmp_path / "log") == "started python -V"
    assert (tmp_path / "log").read_text(encoding="utf-8") == "attempt 1: python -V\nattempt 2: python -V\n"


def test_an_internal_error_that_lasts_is_raised(module: Any, tmp_path: Path) -> None:
    starts = Starts(1_000)
    with pytest.raises(Refused, match="1359"):
        _start(module, starts, tmp_path / "log")
    assert starts.calls == module.ATTEMPTS


def test_another_error_is_raised_at_once(module: Any, tmp_path: Path) -> None:
    starts = Starts(1, winerror=2)
    with pytest.raises(Refused, match="2"):
        _start(module, starts, tmp_path / "log")
    assert starts.calls == 1
