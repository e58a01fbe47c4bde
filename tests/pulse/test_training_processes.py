"""A training run among processes: forks, signals, and programs that end without ending their run."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pulse import Pulse, training
from pulse._live import end_all, live
from tests.pulse.training_support import module, status_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor a SIGTERM that can be caught")

Program = Callable[..., tuple[int, str]]


@pytest.fixture
def program(target: str) -> Program:
    """Runs a script, in which ``run`` is a run of 3 epochs; returns the exit code and stderr."""

    def execute(script: str, settings: str = "") -> tuple[int, str]:
        head = f"import os, signal, sys, threading, pulse\nrun = pulse.training({target!r}, 3{settings})\n"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", head + textwrap.dedent(script)],
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stderr

    return execute


class TestEndOfTheInterpreter:
    @pytest.mark.parametrize(
        ("script", "code", "message"),
        [
            ("run.update(1)", 0, "the program ended before the training was done"),
            ("run.update(1); sys.exit(0)", 0, "the program ended before the training was done"),
            ("run.update(1); raise ValueError('bad batch')", 1, "ValueError: bad batch"),
            (
                "sys.last_value = ValueError('an old one'); run.update(1)",
                0,
                "the program ended before the training was",
            ),
        ],
    )
    def test_a_run_that_was_not_ended_is_an_error(
        self, program: Program, target: str, script: str, code: int, message: str
    ) -> None:
        script = script.replace("sys.last_value =", "sys.last_exc = sys.last_value =")
        assert program(script)[0] == code
        ended = status_of(target)
        assert (ended["status"], ended["epoch"]) == ("error", 1.0)
        assert ended["message"].startswith(message)

    @pytest.mark.parametrize(("script", "status"), [("run.done()", "done"), ("run.close()", "running")])
    def test_one_that_was_ended_or_closed_is_left_alone(
        self, program: Program, target: str, script: str, status: str
    ) -> None:
        assert program(f"run.start(); {script}") == (0, "")
        assert status_of(target)["status"] == status

    def test_a_successful_exit_within_the_block_is_done(self, program: Program, target: str) -> None:
        script = """
            with run:
                run.update(1)
                sys.exit(0)
        """
        assert program(script) == (0, "")
        assert status_of(target)["status"] == "done"

    def test_a_process_that_vanishes_leaves_a_file_that_says_running(self, program: Program, target: str) -> None:
        assert program("run.start(); os._exit(7)")[0] == 7
        assert status_of(target)["status"] == "running"

    def test_in_this_process_too(self, run: Pulse, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        run.start()
        monkeypatch.setattr(sys, "last_exc", None, raising=False)
        monkeypatch.setattr(sys, "last_value", RuntimeError("shown by a notebook"), raising=False)
        end_all()
        assert status_of(target)["message"] == "RuntimeError: shown by a notebook"
        assert run not in live

    def test_an_ended_run_is_only_closed(self, run: Pulse, target: str) -> None:
        run.start()
        run.done()
        end_all()
        assert status_of(target)["status"] == "done"
        assert run not in live


@posix
class TestFork:
    def test_a_forked_process_neither_writes_nor_waits(self, program: Program, target: str) -> None:
        script = """
            run.start()
            holder = threading.Thread(target=run._lock.acquire)  # and it holds it at the moment of the fork
            holder.start()
            holder.join()
            child = os.fork()
            if child == 0:
                run.update(2.5, loss=float("nan"))
                run.start()
                run.done()
                run.error("a worker failed")
                run.close()
                sys.exit(run.problems)  # with everything that happens when an interpreter ends
            run._lock = threading.RLock()
            assert os.waitpid(child, 0)[1] == 0
            run.update(1)
            run.close()
        """
        assert program(script)[0] == 0
        assert (status_of(target)["status"], status_of(target)["epoch"]) == ("running", 1.0)

    def test_a_worker_that_leaves_the_block_writes_nothing(self, program: Program, target: str) -> None:
        script = """
            with run:
                child = os.fork()
                if child == 0:
                    raise SystemExit(5)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
                run.update(2)
        """
        assert program(script)[0] == 0
        assert status_of(target)["status"] == "done"

    def test_a_worker_dies_of_sigterm_without_a_word(self, program: Program, target: str) -> None:
        script = """
            ready, say = os.pipe()
            with run:
                child = os.fork()
                if child == 0:
                    os.write(say, b"!")  # a signal that comes before Python is ready again after the fork is lost
                    while True:
                        pass
                os.read(ready, 1)
                os.kill(child, signal.SIGTERM)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        """
        assert program(script, ", on_sigterm=True")[0] == 0
        assert status_of(target)["status"] == "done"

    def test_a_run_of_its_own_writes(self, program: Program, target: str) -> None:
        script = """
            child = os.fork()
            if child == 0:
                with run:
                    pass
                os._exit(0)
            os.waitpid(child, 0)
        """
        assert program(script)[0] == 0
        assert status_of(target)["status"] == "done"


@posix
class TestSigterm:
    def test_it_is_an_error_and_ends_the_process_as_before(self, program: Program, target: str) -> None:
        script = """
            with run:
                run.update(1)
                os.kill(os.getpid(), signal.SIGTERM)
        """
        assert program(script, ", on_sigterm=True")[0] == -signal.SIGTERM
        ended = status_of(target)
        assert (ended["status"], ended["message"], ended["epoch"]) == ("error", "SIGTERM", 1.0)

    def test_unless_asked_it_leaves_a_file_that_says_running(self, program: Program, target: str) -> None:
        assert program("run.start(); os.kill(os.getpid(), signal.SIGTERM)")[0] == -signal.SIGTERM
        assert status_of(target)["status"] == "running"

    @pytest.fixture
    def taken(self) -> Any:
        """SIGTERM, as a framework takes it that stops after the present step: a list with a 1 for each."""
        calls: list[int] = []
        before = signal.signal(signal.SIGTERM, lambda number, frame: calls.append(1))
        yield calls
        signal.signal(signal.SIGTERM, before)

    def test_a_program_that_survives_it_goes_on(self, target: str, taken: list[int], run: Pulse) -> None:
        run._on_sigterm = True
        ours = signal.getsignal(signal.SIGTERM)
        with run:
            os.kill(os.getpid(), signal.SIGTERM)
            assert taken == [1]
            assert status_of(target)["message"] == "SIGTERM"
            run.update(2)
            run._write_now()
            assert status_of(target)["status"] == "running"
        assert status_of(target)["status"] == "done"
        assert signal.getsignal(signal.SIGTERM) == ours

    def test_one_that_saves_and_leaves_the_block_is_done(self, target: str, taken: list[int], run: Pulse) -> None:
        run._on_sigterm = True
        with run:
            os.kill(os.getpid(), signal.SIGTERM)
        assert status_of(target)["status"] == "done"

    def test_an_error_that_came_first_stays(self, target: str, taken: list[int], run: Pulse) -> None:
        run._on_sigterm = True
        run.start()
        run.error("the loss diverged")
        os.kill(os.getpid(), signal.SIGTERM)
        run.close()
        assert status_of(target)["message"] == "the loss diverged"

    def test_in_a_forked_process_that_has_not_forgotten_the_run_yet_nothing_is_written(
        self, target: str, taken: list[int], run: Pulse
    ) -> None:
        run._on_sigterm = True
        run.start()
        run._process = -1  # that of the parent
        os.kill(os.getpid(), signal.SIGTERM)
        assert taken == [1]
        assert status_of(target)["status"] == "running"
        run.close()

    def test_a_handler_that_was_put_on_top_stays(self, taken: list[int], run: Pulse) -> None:
        run._on_sigterm = True
        run.start()

        def on_top(number: int, frame: Any) -> None:
            """The handler of another part of the program."""

        signal.signal(signal.SIGTERM, on_top)
        run.close()
        assert signal.getsignal(signal.SIGTERM) is on_top

    def test_a_program_that_ignores_it_is_not_ended_by_it(self, target: str, taken: list[int], run: Pulse) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        run._on_sigterm = True
        with run:
            os.kill(os.getpid(), signal.SIGTERM)
            assert status_of(target)["status"] == "running"
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        assert run.problems == 0

    def test_another_thread_cannot_ask_for_it(self, run: Pulse, caplog: pytest.LogCaptureFixture) -> None:
        run._on_sigterm = True
        thread = threading.Thread(target=run.start)
        thread.start()
        thread.join()
        run.close()
        assert "start the run in the main thread" in caplog.text


class TestConcurrency:
    def test_updates_of_many_threads_are_never_mixed(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[tuple[float, float, str]] = []

        def write(path: str, status: str, epoch: float, total: float, loss: float, message: str, durable: bool) -> None:
            seen.append((epoch, loss, message))

        monkeypatch.setattr(module, "write_training_status", write)
        with training(target, interval=0.0) as run:

            def train(number: float) -> None:
                for _ in range(500):
                    run.update(number, number, str(number))

            threads = [threading.Thread(target=train, args=(float(number),)) for number in range(1, 5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            run.close()
        assert len(seen) > 1
        assert [
            (epoch, loss, message) for epoch, loss, message in seen[1:] if not str(epoch) == str(loss) == message
        ] == []

    def test_an_update_never_writes_in_the_event_loop(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        threads: list[int] = []
        real = module.write_training_status

        def write(*arguments: Any, **keywords: Any) -> None:
            threads.append(threading.get_ident())
            real(*arguments, **keywords)

        monkeypatch.setattr(module, "write_training_status", write)

        async def train() -> None:
            with training(target, 3, interval=0.0) as run:
                for step in range(20):
                    run.update(step / 10)
                    await asyncio.sleep(0)

        asyncio.run(train())
        assert threading.get_ident() not in threads
        assert status_of(target)["status"] == "done"
