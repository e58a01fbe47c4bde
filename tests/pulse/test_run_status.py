"""The status of a command that is run, and of one that writes the same file itself."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse import Reading, Status, TrainingStatus, _publisher, _run_status, read_status, write_training_status
from pulse._problems import Problems
from pulse._publisher import Publisher
from pulse._run_status import RunStatus, ended, refresh_timestamp
from tests.pulse.training_support import Clock, status_of

BEGAN = TrainingStatus.create("running", 0.0, 3.0, 0.0, "python train.py", 1000)
OWN = TrainingStatus.create("running", 1.5, 5.0, 0.7, "step 150", 1001)


@pytest.fixture
def problems() -> Problems:
    return Problems()


@pytest.fixture
def status(target: str, clock: Clock, by_hand: None, problems: Problems) -> RunStatus:
    """The status of a command that is to make 3 epochs, with a sign of life every 10 s."""
    return RunStatus(target, 3.0, "python train.py", 10.0, problems, clock)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Fills the disk, or makes room again."""
    real = write_training_status

    def fill(full: bool) -> None:
        def refuse(path: str, **members: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

        monkeypatch.setattr(_run_status, "write_training_status", refuse if full else real)

    return fill


def members(status: Status) -> tuple[str, float, float, float, str]:
    return status["status"], status["epoch"], status["total_epochs"], status["loss"], status["message"]


class TestEnded:
    def test_a_command_that_succeeds_is_done(self) -> None:
        assert members(ended(BEGAN, BEGAN, None)) == ("done", 3.0, 3.0, 0.0, "Training completed")

    def test_one_that_fails_is_an_error_with_the_reason(self) -> None:
        found = ended(BEGAN, BEGAN, "exit code 1: ValueError: bad batch")
        assert members(found) == ("error", 0.0, 3.0, 0.0, "exit code 1: ValueError: bad batch")

    def test_its_own_epoch_and_loss_are_kept(self) -> None:
        assert members(ended(OWN, BEGAN, None)) == ("done", 5.0, 5.0, 0.7, "Training completed")
        assert members(ended(OWN, BEGAN, "SIGKILL")) == ("error", 1.5, 5.0, 0.7, "SIGKILL")

    @pytest.mark.parametrize("status", ["done", "error"])
    @pytest.mark.parametrize("failure", [None, "exit code 1"])
    def test_its_own_end_stands(self, status: str, failure: str | None) -> None:
        own = TrainingStatus.create(status, 2.0, 5.0, 0.7, "its own words", 1001)
        assert ended(own, BEGAN, failure) == own

    def test_a_total_that_the_command_does_not_know_is_ours(self) -> None:
        own = TrainingStatus.create("running", 2.0, 0.0, 0.7)
        assert members(ended(own, BEGAN, None))[:3] == ("done", 3.0, 3.0)

    def test_a_total_that_no_one_knows_is_the_last_epoch(self) -> None:
        own = TrainingStatus.create("running", 2.0, 0.0, 0.7)
        began = TrainingStatus.create("running")
        assert members(ended(own, began, None))[:3] == ("done", 2.0, 2.0)

    def test_without_a_valid_file_it_is_what_was_written_at_the_start(self) -> None:
        assert members(ended(None, BEGAN, "SIGKILL")) == ("error", 0.0, 3.0, 0.0, "SIGKILL")


class TestRefreshTimestamp:
    def test_nothing_else_changes(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        write_training_status(target, **OWN)
        monkeypatch.setattr("time.time", lambda: 2000.0)
        assert refresh_timestamp(target, OWN)
        assert status_of(target) == {**OWN, "timestamp": 2000}

    def test_a_clock_that_is_wrong_makes_no_invalid_file(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        write_training_status(target, **OWN)
        monkeypatch.setattr("time.time", lambda: -5.0)
        assert refresh_timestamp(target, OWN)
        assert status_of(target)["timestamp"] == 0

    def test_what_another_program_writes_meanwhile_is_kept(
        self, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_training_status(target, **BEGAN)
        real = os.fsync

        def overtaken(descriptor: int) -> None:
            monkeypatch.setattr(os, "fsync", real)
            write_training_status(target, **OWN)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", overtaken)
        assert not refresh_timestamp(target, BEGAN)
        assert status_of(target) == OWN
        assert os.listdir(tmp_path) == [os.path.basename(target)]  # no temp


class TestRunStatus:
    def test_running_then_done(self, status: RunStatus, target: str) -> None:
        status.start()
        assert members(status_of(target)) == ("running", 0.0, 3.0, 0.0, "python train.py")
        status.end(None)
        assert members(status_of(target)) == ("done", 3.0, 3.0, 0.0, "Training completed")

    def test_an_unchanged_file_gets_a_new_timestamp(
        self, status: RunStatus, target: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.time", lambda: 1000.0)
        status.start()
        for seconds in (1010, 1020):
            monkeypatch.setattr("time.time", lambda now=seconds: float(now))
            clock.now += 10.0
            status._publisher.turn()
            assert members(status_of(target)) == ("running", 0.0, 3.0, 0.0, "python train.py")
            assert status_of(target)["timestamp"] == seconds

    def test_a_file_that_the_command_writes_is_left_alone_until_it_is_old(
        self, status: RunStatus, target: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        status.start()
        write_training_status(target, **OWN)
        monkeypatch.setattr("time.time", lambda: 2000.0)
        clock.now += 10.0
        status._publisher.turn()
        assert status_of(target) == OWN
        clock.now += 10.0
        status._publisher.turn()
        assert status_of(target) == {**OWN, "timestamp": 2000}
        status.end("SIGKILL")
        assert members(status_of(target)) == ("error", 1.5, 5.0, 0.7, "SIGKILL")

    @pytest.mark.parametrize("content", [None, b"{", "done"])
    def test_no_sign_of_life_is_given_to_what_is_not_running(
        self, status: RunStatus, target: str, clock: Clock, content: bytes | str | None
    ) -> None:
        status.start()
        if content is None:
            os.unlink(target)
        elif isinstance(content, bytes):
            Path(target).write_bytes(content)
        else:
            write_training_status(target, content, timestamp=5)
        before = read_status(target)
        for _ in range(3):
            clock.now += 10.0
            status._publisher.turn()
        assert read_status(target) == before

    def test_a_file_that_was_deleted_comes_back_with_the_end(self, status: RunStatus, target: str) -> None:
        status.start()
        os.unlink(target)
        status.end("exit code 1")
        assert members(status_of(target)) == ("error", 0.0, 3.0, 0.0, "exit code 1")

    def test_its_own_end_is_not_written_again(self, status: RunStatus, target: str) -> None:
        status.start()
        write_training_status(target, "done", 5.0, 5.0, 0.1, "its own words", 7)
        before = os.stat(target).st_ino
        status.end(None)
        assert os.stat(target).st_ino == before

    def test_the_folder_is_made(self, tmp_path: Path, by_hand: None, problems: Problems) -> None:
        path = str(tmp_path / "runs" / "7" / "status.json")
        RunStatus(path, 0.0, "x", None, problems).start()
        assert status_of(path)["status"] == "running"


class TestFailingDisk:
    def test_the_start_is_written_late(
        self, status: RunStatus, target: str, clock: Clock, full_disk: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_training_status(target, "done", message="an earlier run")
        status._before = read_status(target).status
        full_disk(True)
        status.start()
        assert status_of(target)["message"] == "an earlier run"
        full_disk(False)
        clock.now += 1.0
        status._publisher.turn()
        assert status_of(target)["status"] == "running"
        first, second = (record.message.partition(": ")[2] for record in caplog.records)
        assert first.startswith("the status is not written, and the command goes on: ")
        assert second.startswith(f"{target}: ")

    def test_a_late_start_does_not_replace_what_the_command_has_written(
        self, status: RunStatus, target: str, clock: Clock, full_disk: Any
    ) -> None:
        full_disk(True)
        status.start()
        full_disk(False)
        write_training_status(target, **OWN)
        clock.now += 1.0
        status._publisher.turn()
        assert status_of(target) == OWN

    def test_an_end_after_a_failed_start_is_not_taken_for_that_of_an_earlier_run(
        self, target: str, clock: Clock, by_hand: None, problems: Problems, full_disk: Any
    ) -> None:
        write_training_status(target, "done", 9.0, 9.0, message="an earlier run")
        status = RunStatus(target, 3.0, "x", None, problems, clock)
        full_disk(True)
        status.start()
        full_disk(False)
        status.end("exit code 1")
        assert members(status_of(target)) == ("error", 0.0, 3.0, 0.0, "exit code 1")

    @pytest.fixture
    def hanging(self, target: str, problems: Problems, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
        """A start on a disk that does not answer the first read; what is returned lets it answer, and waits for it."""
        monkeypatch.setattr(_publisher, "PATIENCE", 0.01)
        answers = threading.Event()

        def read(path: str) -> Reading:
            assert threading.current_thread() is not threading.main_thread()
            answers.wait()
            return read_status(path)

        monkeypatch.setattr(_run_status, "read_status", read)
        status = RunStatus(target, 3.0, "python train.py", None, problems)
        status.start()
        assert problems.count == 1

        def answer() -> None:
            answers.set()
            monkeypatch.setattr(_publisher, "PATIENCE", 120.0)
            monkeypatch.setattr(_run_status, "read_status", read_status)
            status._publisher.renew()
            assert status._publisher.demand()

        yield answer
        status._publisher.stop()

    def test_a_disk_that_hangs_at_the_start_does_not_hold_up_the_command(
        self, hanging: Callable[[], None], target: str
    ) -> None:
        write_training_status(target, **OWN)  # by an earlier run: it is old
        hanging()
        assert status_of(target)["message"] == "python train.py"

    def test_what_the_command_has_written_before_the_disk_answers_is_kept(
        self, hanging: Callable[[], None], target: str
    ) -> None:
        write_training_status(target, "running", 1.5, 5.0, 0.7, "step 150")
        hanging()
        assert status_of(target)["message"] == "step 150"

    def test_a_folder_that_is_deleted_while_the_command_runs_is_made_again(
        self, tmp_path: Path, by_hand: None, problems: Problems
    ) -> None:
        path = str(tmp_path / "runs" / "status.json")
        status = RunStatus(path, 3.0, "python train.py", None, problems)
        status.start()
        shutil.rmtree(tmp_path / "runs")
        status.end(None)
        assert status_of(path)["status"] == "done"

    def test_a_disk_that_hangs_is_reported(
        self, status: RunStatus, problems: Problems, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Publisher, "demand", lambda self: False)
        status.start()
        assert problems.count == 1
