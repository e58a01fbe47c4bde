"""The folder for temporary files is the one that was named, also where it cannot be used."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from conformance.system.temporary_folder import temporary_folder

VARIABLES = ("TMPDIR", "TEMP", "TMP")


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_a_name_it_is_the_systems() -> None:
    assert temporary_folder() == Path(tempfile.gettempdir())


@pytest.mark.skipif(sys.platform == "win32", reason="there tempfile decides")
@pytest.mark.parametrize("number", range(3))
def test_one_that_is_missing_is_not_passed_over(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES[number:]:
        monkeypatch.setenv(name, str(tmp_path / f"missing-{name}"))
    assert temporary_folder() == tmp_path / f"missing-{VARIABLES[number]}"


@pytest.mark.skipif(sys.platform == "win32", reason="there tempfile decides")
def test_an_empty_name_names_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "")
    monkeypatch.setenv("TMP", str(tmp_path))
    assert temporary_folder() == tmp_path
