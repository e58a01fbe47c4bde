"""What the tests of the commands share: the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stress.cli import main

Judged = Callable[..., tuple[int, str, str]]


@pytest.fixture
def judged(temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Judged:
    """Runs the command in this process. Returns exit code, stdout and stderr; no file may be left."""
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        assert list(temporary.iterdir()) == []
        return (code, *capsys.readouterr())

    return run
