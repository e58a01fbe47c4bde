"""The readers that are measured: what they read is verified, and a refusal is told by its code."""

from pathlib import Path

import pytest

from bench.sharing.readers import OPENERS, WAYS, Refused, Torn, Way, error_code, verify
from conformance.oracle import payload

FIRST, SECOND = payload.make_status(1, 1, 300), payload.make_status(1, 2, 300)
everyone = pytest.mark.parametrize("name", OPENERS)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target with a document."""
    path = tmp_path / "status.json"
    path.write_bytes(payload.encode(FIRST).encode())
    return path


@everyone
def test_a_reader_reads_the_whole_document(name: str, target: Path) -> None:
    read = OPENERS[name](target, 0)
    verify(read)
    assert read in (target.read_bytes(), FIRST)


@everyone
def test_a_missing_file_is_told_apart(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        OPENERS[name](tmp_path / "missing", 0)


@everyone
def test_a_document_that_is_cut_off_is_torn(name: str, target: Path) -> None:
    target.write_bytes(target.read_bytes()[:-1])
    with pytest.raises(Torn):
        verify(OPENERS[name](target, 0))


@everyone
def test_a_mixture_of_two_documents_is_torn(name: str, target: Path) -> None:
    target.write_bytes(payload.encode({**FIRST, "loss": SECOND["loss"]}).encode())
    with pytest.raises(Torn):
        verify(OPENERS[name](target, 0))


def test_the_references_reader_tells_what_it_could_not_read(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        OPENERS["reference"](tmp_path, 0)


def test_a_refusal_is_told_by_the_number_of_windows_or_else_by_the_name_of_the_errno() -> None:
    on_windows = PermissionError(13, "Sharing violation")
    on_windows.winerror = 32  # type: ignore[attr-defined,unused-ignore]  # Windows alone has it
    assert error_code(on_windows) == "32"
    assert error_code(PermissionError(13, "Permission denied")) == "EACCES"
    assert error_code(OSError("unknown")) == "unknown"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_every_way_can_be_measured_without_its_program(way: Way) -> None:
    assert (way.word if way.program is None else f"share {way.sharing}") in OPENERS
