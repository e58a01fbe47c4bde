"""A training run that is not alone: with another run on its file, with threads that start and end it, with a signal."""

import copy
import math
import os
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulse import Pulse, _publisher, training
from pulse._live import live
from tests.pulse.training_support import Clock, module, status_of, turn


@pytest.fixture
def abandoned(target: str, clock: Clock, by_hand: None) -> Pulse:
    """A run that no one has ended, whose file another run, of the same notebook cell, has brought to its end."""
    run = Pulse(target, 3, heartbeat=5.0, clock=clock)
    run.update(1)
    run.update(2)
    with Pulse(target, 4, clock=clock):
        pass
    return run


class TestTwoRunsOnOneFile:
    def test_the_older_one_shows_no_sign_of_life_any_more(self, abandoned: Pulse, clock: Clock) -> None:
        clock.now += 100.0
        turn(abandoned)
        assert status_of(abandoned.path)["status"] == "done"
        abandoned.close()

    def test_the_end_of_the_interpreter_is_not_the_end_of_the_older_one(self, abandoned: Pulse) -> None:
        abandoned.at_exit(None)
        assert (status_of(abandoned.path)["status"], abandoned in live) == ("done", False)

    def test_a_signal_is_not_either(self, abandoned: Pulse) -> None:
        abandoned._stop_by_signal()
        assert status_of(abandoned.path)["status"] == "done"
        abandoned.close()

    def test_its_next_update_takes_the_file_back_with_its_heartbeat(
        self, abandoned: Pulse, clock: Clock, writes: list[dict[str, Any]]
    ) -> None:
        clock.now += 1.0
        abandoned.update(2.5)
        turn(abandoned)
        clock.now += 6.0
        turn(abandoned)
        assert [(write["status"], write["epoch"]) for write in writes] == [("running", 2.5)] * 2
        abandoned.at_exit(None)
        assert status_of(abandoned.path)["status"] == "error"

    def test_and_so_does_its_end(self, abandoned: Pulse, writes: list[dict[str, Any]]) -> None:
        abandoned.error("bad")
        abandoned.close()
        assert (status_of(abandoned.path)["message"], len(writes)) == ("bad", 1)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
    @pytest.mark.parametrize("linked", ["folder", "file"])
    def test_links_do_not_make_it_another_file(self, tmp_path: Path, clock: Clock, by_hand: None, linked: str) -> None:
        (tmp_path / "runs").mkdir()
        path, link = tmp_path / "runs" / "status.json", tmp_path / "link"
        link.symlink_to(path.parent if linked == "folder" else path)
        abandoned = Pulse(path, 3, clock=clock)
        abandoned.start()
        with Pulse(link / path.name if linked == "folder" else link, 4, clock=clock):
            pass
        abandoned.at_exit(None)
        assert status_of(str(path))["status"] == "done"

    def test_links_are_resolved_where_a_disk_that_hangs_holds_up_no_one(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads, real = set(), os.path.realpath

        def resolve(path: str) -> str:
            threads.add(threading.current_thread())
            return real(path)

        monkeypatch.setattr(os.path, "realpath", resolve)
        with training(target):
            pass
        assert threads
        assert threading.main_thread() not in threads

    def test_a_run_on_another_file_is_left_alone(self, run: Pulse, clock: Clock) -> None:
        run.start()
        with Pulse(f"{run.path}.other", 3, clock=clock):
            pass
        run.at_exit(None)
        assert status_of(run.path)["status"] == "error"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
class TestCopies:
    """As the workers of a data set get one that holds a run, where processes are not forked."""

    def test_a_copy_of_a_run_that_was_started_does_nothing(
        self, run: Pulse, duplicate: Callable[[Pulse], Pulse], writes: list[dict[str, Any]]
    ) -> None:
        run.start()
        worker = duplicate(run)
        with worker:
            worker.update(1, 0.5)
        worker.start()
        worker.close()
        assert len(writes) == 1
        run.done()
        assert status_of(run.path)["status"] == "done"

    def test_one_of_a_run_that_was_not_is_a_run_with_the_same_settings(
        self, target: str, by_hand: None, duplicate: Callable[[Pulse], Pulse]
    ) -> None:
        first = Pulse(target, 3, message="one", interval=1, heartbeat=5, on_sigterm=True, rank=0, durable=False)
        second = duplicate(first)
        names = ("path", "_first_total", "_first_message", "_interval", "_heartbeat", "_on_sigterm", "rank", "_durable")
        assert [getattr(second, name) for name in names] == [getattr(first, name) for name in names]
        with second:
            pass
        assert status_of(target)["status"] == "done"


class TestThreads:
    def test_a_start_is_not_shared(self, run: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
        real, free = run._set_up, []

        def set_up() -> None:
            other = threading.Thread(target=lambda: free.append(run._lock.acquire(blocking=False)))
            other.start()
            other.join()
            real()

        monkeypatch.setattr(run, "_set_up", set_up)
        with run:
            assert free == [False]

    def test_an_update_that_comes_with_the_end_does_not_start_the_run_again(self, run: Pulse) -> None:
        with run:
            run._start(again=False)
        run._start(again=False)  # an update that saw a run which had not started
        assert run not in live

    def test_an_update_that_comes_with_the_end_changes_nothing(self, run: Pulse) -> None:
        class EndedFirst:
            """The lock, which another thread that ends the run gets first."""

            def __enter__(self) -> None:
                run._lock = real
                run.done()

            def __exit__(self, *_: object) -> None:
                pass

        run.start()
        real, run._lock = run._lock, EndedFirst()  # type: ignore[assignment]  # as much of a lock as is used
        run.update(1.5)
        assert (run._epoch, run._asked) == (3.0, False)
        run.close()


class TestInterrupts:
    def test_an_end_by_a_signal_handler_in_the_middle_of_an_update_is_written(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_LOCK_SECONDS", 0.01)
        monkeypatch.setattr(_publisher, "PATIENCE", 120.0)
        run = Pulse(target, 3)
        run.start()
        with run._lock:  # an update of this thread, which the handler has interrupted, has it
            run._stop_by_signal()
            assert status_of(target)["message"] == "SIGTERM"
        run.close()
        assert run.problems == 0

    def test_an_interrupted_start_is_an_error_for_no_block_is_left(
        self, run: Pulse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = run._write_now

        def interrupt() -> None:
            monkeypatch.setattr(run, "_write_now", real)
            raise KeyboardInterrupt

        monkeypatch.setattr(run, "_write_now", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.__enter__()
        assert (status_of(run.path)["message"], run in live) == ("KeyboardInterrupt", False)

    def test_an_update_that_was_interrupted_does_not_silence_the_next(
        self, run: Pulse, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        run.start()
        with monkeypatch.context() as patch:
            patch.setattr(run._publisher, "nudge", interrupt)
            with pytest.raises(KeyboardInterrupt):
                run.update(1)
        run.update(2)
        clock.now += 1.0
        turn(run)
        assert status_of(run.path)["epoch"] == 2.0
        run.close()

    def test_a_run_that_survives_sigterm_has_its_heartbeat_again(
        self, target: str, clock: Clock, by_hand: None, writes: list[dict[str, Any]]
    ) -> None:
        run = Pulse(target, 3, heartbeat=5.0, clock=clock)
        run.start()
        run._stop_by_signal()
        for seconds in (1.0, 6.0, 6.0):
            clock.now += seconds
            if seconds == 1.0:
                run.update(1)
            turn(run)
        assert [write["status"] for write in writes] == ["running", "error", "running", "running", "running"]
        run.close()


def test_a_loss_of_a_gpu_that_has_failed_stops_nothing(run: Pulse) -> None:
    class Failed:
        is_cpu = False

        def detach(self) -> None:
            raise RuntimeError("CUDA error: device-side assert triggered")

    run.start()
    run.update(1, Failed())  # type: ignore[arg-type]  # as frameworks have them
    run.update(2, Failed())  # type: ignore[arg-type]
    assert (run._epoch, run._loss_note) == (2.0, "loss is not a number")
    assert math.isfinite(run._loss)
    run.close()
