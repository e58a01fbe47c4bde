"""``pulse stress``, whatever is asked of it."""

from __future__ import annotations

import io
import sys

import pytest

from stress.cli import main


def test_what_the_output_cannot_show_becomes_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["--help"]) == 0
    assert stream.errors == "backslashreplace"


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ([], "pulse stress [OPTIONS] [COMMAND] [ARGS]..."),
        (["suite"], "pulse stress suite [OPTIONS]"),
        (["powercut"], "pulse stress powercut [OPTIONS]"),
        (["mutants"], "pulse stress mutants [OPTIONS] [NAMES]..."),
    ],
)
def test_help_names_the_whole_command(arguments: list[str], usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: {usage}\n")
