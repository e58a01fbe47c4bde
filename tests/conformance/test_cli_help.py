"""The help names the whole command, however it was started."""

from __future__ import annotations

import pytest

from conformance.cli import main


def test_help_names_the_whole_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: pulse conformance [OPTIONS]\n")


def test_a_usage_error_names_the_whole_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--no-such-option"]) == 2
    assert capsys.readouterr().err.startswith("Usage: pulse conformance [OPTIONS]\nTry 'pulse conformance -")
