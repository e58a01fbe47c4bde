"""The reader: typed outcomes, never an exception, never a hang, no handle kept (RDR)."""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulse import ReadOutcome, StatusReader, read_status, safe_read_json, serialise, write_training_status
from pulse.liveness import Evidence, Liveness
from pulse.status import SIZE_LIMIT
from tests.wine import long_names_are_refused

IDLE: dict[str, Any] = {
    "status": "idle",
    "epoch": 0.0,
    "total_epochs": 0.0,
    "loss": 0.0,
    "message": "шаг",
    "timestamp": 7,
}


@pytest.fixture
def not_a_file(tmp_path: Path, request: pytest.FixtureRequest, make_special_file: Callable[[str, Path], None]) -> str:
    """The path of something that exists but is not a regular file of a legal size."""
    path = tmp_path / "status.json"
    match request.param:
        case "folder":
            path.mkdir()
        case "device":
            return "/dev/zero"
        case "FIFO" | "socket":
            make_special_file(request.param, path)
        case "10 GB":
            with path.open("wb") as file:
                file.truncate(10 * 1024**3)
        case "one byte too many":
            path.write_bytes(b" " * (SIZE_LIMIT + 1))
        case "below a file":
            path.write_bytes(serialise(IDLE))
            return str(path / "status.json")
        case "loop of links":
            path.symlink_to("status.json")
        case "NUL":
            return "a\0b"
        case "too long":
            return str(tmp_path / ("x" * 5000))
        case "no encoding":
            return str(tmp_path / "\ud800")
    return str(path)


KINDS: list[Any] = ["folder", "one byte too many", "NUL", pytest.param("too long", marks=long_names_are_refused)]
if sys.platform != "win32":
    KINDS += ["device", "FIFO", "socket", "10 GB", "below a file", "loop of links", "no encoding"]


class TestReadStatus:
    def test_ok(self, target: str) -> None:
        Path(target).write_bytes(serialise(IDLE))
        reading = read_status(target)
        assert (reading.outcome, reading.status, reading.detail) == (ReadOutcome.OK, IDLE, "")

    def test_a_path_object_is_taken(self, target: str) -> None:
        Path(target).write_bytes(serialise(IDLE))
        assert read_status(Path(target)).status == safe_read_json(Path(target)) == IDLE

    def test_missing(self, target: str) -> None:
        reading = read_status(target)
        assert (reading.outcome, reading.status) == (ReadOutcome.MISSING, None)
        assert repr(target) in reading.detail

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
    def test_a_dangling_link_is_missing_and_a_good_one_is_followed(self, target: str, tmp_path: Path) -> None:
        Path(target).symlink_to("elsewhere")
        assert read_status(target).outcome is ReadOutcome.MISSING
        (tmp_path / "elsewhere").write_bytes(serialise(IDLE))
        assert read_status(target).status == IDLE

    @pytest.mark.parametrize("not_a_file", KINDS, indirect=True)
    def test_unreadable(self, not_a_file: str) -> None:
        reading = read_status(not_a_file)
        assert (reading.outcome, reading.status) == (ReadOutcome.UNREADABLE, None)
        assert reading.detail
        assert safe_read_json(not_a_file) is None

    @pytest.mark.parametrize("content", [b"", b"{}", b"{", b"null", b"\0" * 100, serialise(IDLE)[:-1]])
    def test_invalid(self, target: str, content: bytes) -> None:
        Path(target).write_bytes(content)
        reading = read_status(target)
        assert (reading.outcome, reading.status) == (ReadOutcome.INVALID, None)
        assert reading.detail

    def test_a_document_of_exactly_the_limit_is_read(self, target: str) -> None:
        document = serialise(IDLE)
        Path(target).write_bytes(document + b" " * (SIZE_LIMIT - len(document)))
        assert read_status(target).status == IDLE

    def test_a_file_that_grows_while_it_is_read_is_not_followed_for_ever(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path(target).write_bytes(b" ")
        monkeypatch.setattr(os, "read", lambda descriptor, size: b" " * size)
        assert read_status(target).outcome is ReadOutcome.UNREADABLE

    def test_short_reads_are_completed(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(target).write_bytes(serialise(IDLE))
        real = os.read
        monkeypatch.setattr(os, "read", lambda descriptor, size: real(descriptor, 5))
        assert read_status(target).status == IDLE

    def test_what_is_not_a_path_is_an_error_of_the_caller(self) -> None:
        with pytest.raises(TypeError):
            read_status(3)  # type: ignore[arg-type]  # the point of the test

    def test_leaves_no_descriptor_and_touches_nothing(
        self, target: str, open_descriptors: Callable[[], set[str]]
    ) -> None:
        Path(target).write_bytes(serialise(IDLE))
        before, descriptors = os.stat(target), open_descriptors()
        reader = StatusReader(target)
        for _ in range(10):
            reader.poll()
            read_status(target)
            safe_read_json(target + ".missing")
        assert open_descriptors() == descriptors
        assert os.stat(target).st_mtime_ns == before.st_mtime_ns
        assert os.listdir(os.path.dirname(target)) == [os.path.basename(target)]


class TestSafeReadJson:
    def test_returns_any_object(self, target: str) -> None:
        Path(target).write_bytes(b'{"a": [1, 2.5, null]}')
        assert safe_read_json(target) == {"a": [1, 2.5, None]}

    @pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": 1', b'{"a": NaN}', b'{"a": 1, "a": 1}', b"\xff"])
    def test_returns_none_for_broken_json(self, target: str, content: bytes) -> None:
        Path(target).write_bytes(content)
        assert safe_read_json(target) is None

    def test_returns_none_for_a_missing_file(self, target: str) -> None:
        assert safe_read_json(target) is None


class TestStatusReader:
    def test_keeps_the_last_valid_status_and_recovers(self, target: str) -> None:
        reader = StatusReader(target)
        polled = reader.poll()
        assert (polled.status, polled.fresh, polled.outcome) == (None, False, ReadOutcome.MISSING)

        write_training_status(target, "running", 1.0, timestamp=1)
        polled = reader.poll()
        assert polled.status is not None
        assert (polled.status["epoch"], polled.fresh, polled.outcome) == (1.0, True, ReadOutcome.OK)
        assert polled.detail == ""

        kept = polled.status
        for broken in (b"", b'{"status": "run', b"[]"):
            Path(target).write_bytes(broken)
            polled = reader.poll()
            assert (polled.status, polled.fresh, polled.outcome) == (kept, False, ReadOutcome.INVALID)
            assert polled.detail
        os.unlink(target)
        assert (reader.poll().status, reader.poll().outcome) == (kept, ReadOutcome.MISSING)

        write_training_status(target, "done", 3.0, timestamp=2)
        polled = reader.poll()
        assert polled.status is not None
        assert (polled.status["status"], polled.fresh) == ("done", True)

    def test_a_caller_cannot_change_what_is_remembered(self, target: str) -> None:
        write_training_status(target, "running")
        reader = StatusReader(target)
        first = reader.poll().status
        assert first is not None
        first["status"] = "spoiled"
        os.unlink(target)
        again = reader.poll().status
        assert again is not None
        assert again["status"] == "running"

    def test_a_relative_path_is_taken_from_where_the_reader_was_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path)
        write_training_status("status.json", "running")
        reader = StatusReader("status.json")
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert reader.poll().outcome is ReadOutcome.OK
        assert reader.path == str(tmp_path / "status.json")

    def test_a_working_folder_that_is_gone_is_no_error_until_the_first_poll(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone() -> str:
            raise FileNotFoundError

        monkeypatch.chdir(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(os, "getcwd", gone)
            reader = StatusReader("status.json")
        assert reader.poll().outcome is ReadOutcome.MISSING


class TestPolling:
    """Clocks are lists of times that a test sets: nothing here waits."""

    def test_says_how_long_a_run_is_silent_and_when_that_is_stalled(self, target: str) -> None:
        clock = [100.0]
        reader = StatusReader(target, stalled_after=30.0, clock=lambda: clock[0], wall_clock=lambda: 5000.0)
        write_training_status(target, "running", 1.0, 4.0, timestamp=5000)
        os.utime(target, (5000.0, 5000.0))
        first = reader.poll()
        assert (first.liveness, first.unchanged_seconds, first.progress) == (Liveness.FRESH, 0.0, 25.0)
        assert first.evidence is Evidence.TIMESTAMP
        clock[0] = 130.5
        second = reader.poll()
        assert (second.liveness, second.unchanged_seconds) == (Liveness.STALLED, 30.5)
        write_training_status(target, "running", 2.0, 4.0, timestamp=5000)
        third = reader.poll()
        assert (third.liveness, third.unchanged_seconds, third.evidence) == (Liveness.FRESH, 0.0, Evidence.OBSERVED)

    def test_believes_the_modification_time_of_a_file_whose_writer_has_a_wrong_clock(self, target: str) -> None:
        write_training_status(target, "running", timestamp=5)
        os.utime(target, (4990.0, 4990.0))
        polled = StatusReader(target, wall_clock=lambda: 5000.0).poll()
        assert (polled.liveness, polled.unchanged_seconds) == (Liveness.FRESH, 10.0)
        assert polled.evidence is Evidence.MODIFIED

    def test_says_since_when_a_file_is_unreadable(self, target: str) -> None:
        clock = [7.0]
        reader = StatusReader(target, clock=lambda: clock[0])
        assert (reader.poll().liveness, reader.poll().unreadable_seconds) == (Liveness.UNREADABLE, 0.0)
        clock[0] = 19.0
        polled = reader.poll()
        assert (polled.unreadable_seconds, polled.unchanged_seconds, polled.evidence) == (12.0, None, None)
        assert (polled.progress, polled.rate, polled.eta_seconds) == (0.0, None, None)

    def test_follow_polls_at_once_and_then_after_each_interval(self, target: str) -> None:
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            write_training_status(target, "done", float(len(waits)))

        polls = StatusReader(target, interval=0.5, wait=wait).follow()
        assert [next(polls).outcome for _ in range(3)] == [ReadOutcome.MISSING, ReadOutcome.OK, ReadOutcome.OK]
        assert waits == [0.5, 0.5]

    def test_polls_every_two_seconds_unless_told_otherwise(self, target: str) -> None:
        reader = StatusReader(target)
        assert (reader.interval, reader.stalled_after) == (2.0, 60.0)

    @pytest.mark.parametrize(
        "options",
        [
            {"interval": 0.0},
            {"interval": -1.0},
            {"interval": math.inf},
            {"interval": math.nan},
            {"stalled_after": 0.0},
            {"stalled_after": math.nan},
        ],
    )
    def test_times_that_make_no_sense_are_refused(self, target: str, options: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="must be a number of seconds above 0"):
            StatusReader(target, **options)  # type: ignore[arg-type]  # mypy takes each value for each parameter

    def test_a_run_that_is_never_stalled(self, target: str) -> None:
        write_training_status(target, "running", timestamp=0)
        assert StatusReader(target, stalled_after=math.inf).poll().liveness is Liveness.FRESH
