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
