"""The log of a recorded disk: what is appended is read, in order, and what is no log is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from stress.powercut.blocks.log import append, read_log


def logged(path: Path) -> Path:
    """A log with a record of each kind."""
    with path.open("wb", buffering=0) as log:
        append(log, "write", 8192, 5, b"bytes")
        append(log, "flush")
        append(log, "discard", 4096, 1 << 30)
        append(log, "mark", 0, 9, b"begin 0 1")
    return path


def test_records_are_read_in_order_and_data_stays_in_the_file(tmp_path: Path) -> None:
    path = logged(tmp_path / "log")
    write, flush, discard, mark = read_log(path)
    assert (write.kind, write.offset, write.length) == ("write", 8192, 5)
    assert path.read_bytes()[write.at : write.at + write.length] == b"bytes"
    assert flush.kind == "flush"
    assert (discard.kind, discard.offset, discard.length) == ("discard", 4096, 1 << 30)
    assert (mark.kind, mark.text) == ("mark", "begin 0 1")
    assert [event.changes for event in (write, flush, discard, mark)] == [True, False, True, False]


def test_an_empty_log_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert read_log(tmp_path / "log") == ()


@pytest.mark.parametrize("kept", [3, 15, 20])
def test_a_log_that_ends_within_a_record_is_refused(tmp_path: Path, kept: int) -> None:
    path = logged(tmp_path / "log")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="record it again"):
        read_log(path)


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"something else entirely")
    with pytest.raises(ValueError, match="at byte 0"):
        read_log(tmp_path / "log")
