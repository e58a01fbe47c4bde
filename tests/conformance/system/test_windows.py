"""How refusals are told in every language, and names that Windows does not interpret."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.system.windows import is_there, names_a_refusal, verbatim


@pytest.mark.parametrize(
    "message",
    [
        "PermissionError: [WinError 5] Access is denied: 'a.tmp' -> 'a'",
        "[WinError 32] Der Prozess kann nicht auf die Datei zugreifen: 'a.tmp' -> 'a'",
        "Zugriff verweigert (os error 5)",
        "The process cannot access the file because it is being used by another process. (os error 32)",
        "EPERM: operation not permitted, rename 'a.tmp' -> 'a'",
        "EBUSY: resource busy or locked, rename",
        "rename a.tmp a: Access is denied.",
        "Access to the path 'C:\\x\\a' is denied.",
        "java.nio.file.AccessDeniedException: a.tmp -> a",
        "MoveFileEx failed with error code 5",
        "HRESULT: 0x80070020",
        "[Errno 13] Permission denied: 'a'",
        "ERROR_SHARING_VIOLATION",
    ],
)
def test_a_refusal_is_named_by_number_name_or_words(message: str) -> None:
    assert names_a_refusal(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "the status could not be saved",
        "OSError: write failed",
        "error 55",
        "gave up after 5 attempts",
        "failed after 32 retries in 2.0 s",
        "disk full (os error 112)",
    ],
)
def test_a_generic_message_names_no_refusal(message: str) -> None:
    assert not names_a_refusal(message)


def test_what_is_there_is_told_without_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert not is_there(str(path))
    assert not is_there(str(tmp_path / "none" / "status.json"))
    path.write_bytes(b"")
    assert is_there(str(path))
    assert is_there(str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="only Windows interprets names")
def test_elsewhere_a_name_is_what_it_is(tmp_path: Path) -> None:
    assert verbatim(tmp_path / "NUL") == tmp_path / "NUL"


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows interprets names")
@pytest.mark.parametrize("name", ["status.json.", "status.json ", "NUL", "n" * 200])
def test_on_windows_a_file_can_have_any_name(tmp_path: Path, name: str) -> None:
    path = verbatim(tmp_path / name)
    path.write_bytes(b"there")
    assert [entry.name for entry in verbatim(tmp_path).iterdir()] == [name]
    path.unlink()
