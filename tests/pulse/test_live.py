"""The runs of a process: what becomes of them when a process of multiprocessing ends."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pulse import Pulse, _live
from tests.pulse.training_support import status_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="no process is ever forked")


class TestMultiprocessing:
    """A forked process of it ends by ``os._exit``."""

    @pytest.mark.parametrize("way", ["fork", "spawn"])
    @pytest.mark.parametrize(
        ("end", "message"),
        [
            ("raise ValueError('bad batch')", "ValueError: bad batch"),
            ("return", "the program ended before the training was done"),
            ("raise SystemExit(0)", "the program ended before the training was done"),
        ],
    )
    def test_a_run_that_was_not_ended_is_an_error(
        self, target: str, tmp_path: Path, way: str, end: str, message: str
    ) -> None:
        if way == "fork" and sys.platform == "win32":
            pytest.skip("no process is ever forked")
        program = tmp_path / "program.py"
        program.write_text(
            textwrap.dedent(f"""
            import multiprocessing, pulse

            def train():
                for _ in range(2):
                    run = pulse.training({target!r}, 3)
                    run.update(1)
                {end}

            if __name__ == "__main__":
                process = multiprocessing.get_context({way!r}).Process(target=train)
                process.start()
                process.join()
            """)
        )
        subprocess.run([sys.executable, str(program)], check=True, capture_output=True, timeout=120)
        assert (status_of(target)["status"], status_of(target)["message"]) == ("error", message)

    @posix
    def test_a_run_in_a_thread_that_the_process_waits_for_ends_by_itself(self, target: str) -> None:
        script = f"""
            import multiprocessing, pulse, threading

            waited_for, started = threading.Event(), threading.Event()

            class Thread(threading.Thread):
                def join(self):
                    waited_for.set()
                    super().join()

            def work():
                with pulse.training({target!r}, 3):
                    started.set()
                    waited_for.wait(5)

            def train():
                Thread(target=work).start()
                started.wait()

            process = multiprocessing.get_context("fork").Process(target=train)
            process.start()
            process.join()
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)
        assert status_of(target)["status"] == "done"

    def test_the_main_process_has_no_need_of_it(self, run: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
        process = SimpleNamespace(parent_process=lambda: None)
        monkeypatch.setitem(sys.modules, "multiprocessing.process", process)
        monkeypatch.setattr(_live, "_registered", 0)
        with run:
            pass
        assert _live._registered == 0

    def test_a_run_starts_where_it_cannot_be_asked(self, run: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
        process = SimpleNamespace(parent_process=lambda: "another process")
        monkeypatch.setitem(sys.modules, "multiprocessing.process", process)
        monkeypatch.setitem(sys.modules, "multiprocessing.util", None)
        with run:
            pass
        assert run.problems == 0

    def test_it_is_asked_once_in_each_process(self, run: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Any] = []
        process = SimpleNamespace(parent_process=lambda: "another process")
        util = SimpleNamespace(Finalize=lambda *arguments, **keywords: calls.append((arguments, keywords)))
        monkeypatch.setitem(sys.modules, "multiprocessing.process", process)
        monkeypatch.setitem(sys.modules, "multiprocessing.util", util)
        monkeypatch.setattr(_live, "_registered", 0)
        for _ in range(2):
            with run:
                pass
        assert calls == [((None, _live._end_process), {"exitpriority": _live._LAST})]

    def test_such_a_process_ends_its_runs_after_its_threads(self, run: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
        statuses: list[str] = []
        here = threading.current_thread()
        other = SimpleNamespace(daemon=False, join=lambda: statuses.append(status_of(run.path)["status"]))
        left = iter([[here, other, SimpleNamespace(daemon=True)], [here]])
        run.start()
        monkeypatch.setattr(threading, "enumerate", lambda: next(left))
        _live._end_process()
        assert [*statuses, status_of(run.path)["status"]] == ["running", "error"]
