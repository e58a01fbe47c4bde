"""Watches the worker processes of a run from above: no judged program may silence the run by stopping or blocking one.

A worker that stands still (SIGSTOP) is let go on once, and killed the next time; one that reports nothing for longer
than any case may take is killed. pytest-xdist goes on with another worker in its place. Whatever the watchdog does is
said at the end, and such a run has no verdict.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import psutil
import pytest

__all__ = ["LOOKS", "Watchdog", "Worker", "tell_time_limit", "what_to_do"]

LOOKS = 5
"""How often in a row a worker is seen stopped before it is let go on: one that stops as everything stops (Ctrl-Z) is
not seen at all, as the watchdog stops with it.
"""
_SECONDS_BETWEEN_LOOKS = 1.0
_TIME_LIMIT = "time limit"  # of a case that has one of its own, in its reports
_SECONDS_TO_REPORT = 60.0  # beyond the time limit of a case: to tear it down


@dataclass
class Worker:
    """One worker process. ``heard`` is when it last reported (seconds of the monotonic clock)."""

    pid: int
    heard: float
    stopped: int = 0  # looks in a row
    let_go: bool = False  # it was stopped before, and was let go on
    where: str = "in its first case"  # by its last report
    limit: float = 0.0  # seconds that its case may take, if that is more than usual
    killed: str = ""  # why, in words


def what_to_do(worker: Worker, now: float, *, stopped: bool, busy: bool, limit: float) -> Literal["", "go on", "kill"]:
    """What one look at a worker asks for. ``busy``: it has cases left; it must report within ``limit`` seconds."""
    worker.stopped = worker.stopped + 1 if stopped else 0
    if worker.stopped >= LOOKS:
        worker.stopped = 0
        return "kill" if worker.let_go else "go on"
    return "kill" if busy and now - worker.heard > limit else ""


@dataclass(eq=False)  # the plugin manager puts plugins into sets
class Watchdog:
    """A plugin of the controlling process; ``seconds`` is the time limit of a case, with all its repeats.

    ``say`` is given a sentence whenever something was done.
    """

    seconds: float
    say: Callable[[str], object]
    pause: float = _SECONDS_BETWEEN_LOOKS
    workers: dict[int, Worker] = field(default_factory=dict)
    busy: Callable[[int], bool] = lambda pid: True
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """A worker of pytest-xdist has started."""
        if pid := _pid_of(node):
            self.workers[pid] = Worker(pid, time.monotonic())
        if self._thread is None:
            self.busy = _busy(node.config)
            self._thread = threading.Thread(target=self.watch, daemon=True)
            self._thread.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended."""
        self.workers.pop(_pid_of(node), None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """A worker has reported."""
        if worker := self.workers.get(_pid_of(getattr(report, "node", None))):
            worker.heard = time.monotonic()
            worker.where = f"{'after' if report.when == 'teardown' else 'in'} {report.nodeid}"
            own = dict(getattr(report, "user_properties", ())).get(_TIME_LIMIT, 0.0)
            worker.limit = 0.0 if report.when == "teardown" else float(own)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Nothing is left to watch."""
        self._end.set()

    def watch(self) -> None:
        """Look at all workers until the run ends."""
        while not self._end.wait(self.pause):
            for worker in list(self.workers.values()):
                with contextlib.suppress(psutil.Error):
                    self.look(worker)

    def look(self, worker: Worker) -> None:
        """Look at one worker, and do what that asks for. Raises psutil.Error, as when it has ended."""
        process, now = psutil.Process(worker.pid), time.monotonic()
        stopped = process.status() == psutil.STATUS_STOPPED
        limit = max(self.seconds, worker.limit) + _SECONDS_TO_REPORT
        match what_to_do(worker, now, stopped=stopped, busy=self.busy(worker.pid), limit=limit):
            case "go on":
                worker.let_go = True
                process.resume()
                self.say(f"a process of the kit was stopped (SIGSTOP) {worker.where}, and was let go on")
            case "kill" if not worker.killed:
                why = "was stopped again (SIGSTOP)" if stopped else f"reported nothing for {now - worker.heard:.0f} s"
                worker.killed = f"a process of the kit {why} {worker.where}, and was killed"
                self.say(worker.killed)
                process.kill()


def tell_time_limit(item: pytest.Item) -> None:
    """Let the reports of a case say how long it may take, if it has a time limit of its own."""
    if mark := item.get_closest_marker("timeout"):
        item.user_properties.append((_TIME_LIMIT, float(mark.args[0])))


def _pid_of(node: Any) -> int:
    """The process of a worker, which execnet has started and does not tell; 0 where it is not known."""
    process = getattr(getattr(getattr(node, "gateway", None), "_io", None), "popen", None)
    return getattr(process, "pid", 0)


def _busy(config: Any) -> Callable[[int], bool]:
    """Whether the worker with this process id has cases left."""

    def busy(pid: int) -> bool:
        scheduler = getattr(config.pluginmanager.get_plugin("dsession"), "sched", None)
        pending = dict(getattr(scheduler, "node2pending", {}))
        return any(cases for node, cases in pending.items() if _pid_of(node) == pid)

    return busy
