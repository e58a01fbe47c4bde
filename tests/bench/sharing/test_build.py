"""Building the readers in other languages: what cannot be had is told, and never stops the rest."""

from pathlib import Path

import pytest

from bench.sharing.build import build, windows_path
from bench.sharing.readers import WAYS


def test_wine_finds_files_of_the_machine_on_its_drive_z(tmp_path: Path) -> None:
    assert windows_path(tmp_path / "a b.exe") == "Z:" + str(tmp_path.resolve()).replace("/", "\\") + "\\a b.exe"


def test_without_any_compiler_every_language_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build(tmp_path / "built") == {}
    told = capsys.readouterr().out.splitlines()
    assert {line.partition(":")[0] for line in told} == {way.program for way in WAYS if way.program}
    assert all("measured by its share mode" in line for line in told)
