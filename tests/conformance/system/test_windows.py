"""Which names exist, and names that Windows does not interpret."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.system.windows import is_there, verbatim


def test_existence_is_reported_without_opening_the_file(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert not is_there(str(path))
    assert not is_there(str(tmp_path / "none" / "status.json"))
    path.write_bytes(b"")
    assert is_there(str(path))
    assert is_there(str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="only Windows interprets names")
def test_elsewhere_a_name_stays_as_it_is(tmp_path: Path) -> None:
    assert verbatim(tmp_path / "NUL") == tmp_path / "NUL"


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows interprets names")
@pytest.mark.parametrize("name", ["status.json.", "status.json ", "NUL", "n" * 200])
def test_on_windows_a_file_can_have_any_name(tmp_path: Path, name: str) -> None:
    path = verbatim(tmp_path / name)
    path.write_bytes(b"there")
    assert [entry.name for entry in verbatim(tmp_path).iterdir()] == [name]
    path.unlink()
