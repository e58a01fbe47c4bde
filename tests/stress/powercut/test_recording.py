"""The folder before a write as the model gets it, and the answer to a recorded write."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.contract.errors import ImplementationError
from conformance.oracle.snapshot import snapshot
from conformance.subject.protocol import Answer
from conformance.syscalls.powerloss.model import Before
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Report
from conformance.syscalls.tracer.session import Outcome
from stress.powercut.recording import acknowledged, before_write, data_of, files_in

REPORT = Report((), (), None)


def test_files_and_folders_are_named_with_their_lengths(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").write_bytes(b"123")
    (tmp_path / "target").write_bytes(b"12")
    assert {name: length for name, length in files_in(tmp_path).items() if not name.endswith("/")} == {
        "folder/inner": 3,
        "target": 2,
    }
    assert "folder/" in files_in(tmp_path)


def test_the_target_is_distinguished_from_the_other_files() -> None:
    assert before_write(Path("/folder/target"), {"lock": 0, "target": 2}, 3) == Before("target", 2, 3, {"lock": 0})


def test_a_first_write_has_no_old_length() -> None:
    assert before_write(Path("/folder/target"), {}, 3) == Before("target", None, 3, {})


def test_what_is_at_the_target_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"{}")
    assert data_of(snapshot(file)) == b"{}"
    with pytest.raises(ImplementationError, match=r"^acknowledged a write, but no file is at the target"):
        data_of(snapshot(link))
    link.symlink_to(file)
    with pytest.raises(ImplementationError, match=r"^acknowledged a write, but a symbolic link is at the target"):
        data_of(snapshot(link))


def test_an_ok_acknowledges_one_write() -> None:
    assert acknowledged(Outcome(Answer(True, None, "", {}), None, REPORT)) == 1


def test_a_write_that_fails_on_a_working_disk_is_an_error_of_the_implementation() -> None:
    with pytest.raises(ImplementationError, match="could not write to a file system that works: no"):
        acknowledged(Outcome(Answer(False, "io", "no", {}), None, REPORT))


def test_an_implementation_that_ends_instead_is_reported_as_it_ended() -> None:
    with pytest.raises(ImplementationError, match="it crashed"):
        acknowledged(Outcome(None, ImplementationError("it crashed"), REPORT))


def test_neither_an_answer_nor_an_end_is_an_error_of_the_kit() -> None:
    with pytest.raises(TraceError):
        acknowledged(Outcome(None, None, REPORT))
