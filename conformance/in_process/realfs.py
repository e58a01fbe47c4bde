"""An implementation of mode ``python`` on the real file system, with a fault or a kill at every file call.

``python -m conformance.in_process.realfs FOLDER CALLABLE PROFILE WORK`` prints one JSON report; WORK is an empty
folder, which it fills. It needs its own process: the file calls of every module are wrapped before the implementation
is imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn

from conformance.in_process.enumeration import (
    NEW,
    OLD,
    Baseline,
    InProcessReport,
    Laboratory,
    faults_of,
    numbered_alone,
)
from conformance.in_process.filecalls import Call
from conformance.in_process.oscalls import OsCalls
from conformance.in_process.tries import until_fired
from conformance.oracle.faults import Kill, judge_kill
from conformance.subject.python_host import load_factory
from conformance.system.share_modes import read_shared

Phase = Literal["before", "after"]
_PHASES: tuple[Phase, ...] = ("before", "after")
_KILLED = 137  # as a shell reports SIGKILL
_KILL_SECONDS = 30.0
_ENOUGH = 3


@dataclass
class _RealSystem:
    """Folders of the real file system (`conformance.in_process.enumeration.System`)."""

    work: Path
    calls: OsCalls
    targets: int = 0

    def new_target(self) -> str:
        self.targets += 1
        folder = self.work / f"case{self.targets}"
        folder.mkdir()
        return str(folder / "status.json")

    def bytes_of(self, path: str) -> bytes | None:
        try:
            return read_shared(path)
        except FileNotFoundError:
            return None

    def create(self, path: str, contents: bytes) -> None:
        Path(path).write_bytes(contents)

    def identity(self, path: str) -> tuple[Any, ...]:
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_mode

    def names_beside(self, target: str) -> set[str]:
        return set(os.listdir(os.path.dirname(target))) - {"status.json"}

    def open_descriptors(self) -> int:
        if sys.platform == "win32":
            return len(self.calls.descriptors)
        return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))

    @property
    def can_be_read_only(self) -> bool:
        """Not on Windows, where folders have no such bit, nor for root, which it does not stop."""
        folder = self.work / "read-only"
        folder.mkdir(mode=0o555, exist_ok=True)
        return not os.access(folder, os.W_OK)

    @contextlib.contextmanager
    def read_only(self, target: str) -> Iterator[None]:
        folder = os.path.dirname(target)
        os.chmod(folder, 0o555)
        try:
            yield
        finally:
            os.chmod(folder, 0o755)

    @contextlib.contextmanager
    def disk_full(self, room: int) -> Iterator[Callable[[], bool]]:
        self.calls.room = room
        needed = False
        try:
            yield lambda: needed
        finally:
            needed = self.calls.room == 0
            self.calls.room = None


@dataclass(frozen=True)
class _KillPoint:
    """Where a write is killed. The killed process sends this as text to its parent, to prove that it died there."""

    phase: Phase
    nth: int
    call: str

    def __str__(self) -> str:
        return f"killed {self.phase} {self.call} {self.nth}"


def _die_at(laboratory: Laboratory, target: str, point: _KillPoint, report_to: int) -> NoReturn:
    """Write the new document, and end this process at that call without any clean-up."""

    seen = 0

    def at(phase: str, call: Call) -> None:
        nonlocal seen
        if (phase, call.kind) != (point.phase, point.call):
            return
        seen += 1
        if seen > point.nth:
            os.write(report_to, str(point).encode())
            os._exit(_KILLED)

    with (
        contextlib.suppress(BaseException),
        laboratory.calls.recording(
            before=lambda position, call: at("before", call),
            after=lambda position, call, error: at("after", call),
        ),
    ):
        laboratory.publish(target, NEW)
    os._exit(0)


def _kill_in_a_fork(laboratory: Laboratory, target: str, point: _KillPoint) -> bool:
    """Kill a copy of this process. Returns whether it died at the given point."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no fork")
    import select

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _die_at(laboratory, target, point, writing)
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        # The pipe also becomes readable when the process ends.
        ended = select.select([pipe], [], [], _KILL_SECONDS)[0]
        if not ended:
            os.kill(child, signal.SIGKILL)
        words = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == _KILLED and words == str(point).encode()


def _kill_in_a_new_process(laboratory: Laboratory, target: str, point: _KillPoint, subject: tuple[str, ...]) -> bool:
    """Like `_kill_in_a_fork`, where a process cannot be copied: the new one first writes the old document again."""
    words = ["--kill", *subject, target, point.phase, str(point.nth), point.call]
    command = [sys.executable, "-m", "conformance.in_process.realfs", *words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_KILL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    # The implementation's own output may precede it.
    return done.returncode == _KILLED and done.stdout.endswith(str(point).encode())


def _kills(laboratory: Laboratory, baseline: Baseline, subject: tuple[str, ...]) -> Iterator[Kill]:
    """Kill a write right before and right after each call, and record what is left.

    It stops at the third kill that breaks a clause: a next write that waits for a dead writer takes long each time.
    """
    broken = 0
    for position, call in enumerate(baseline.calls):
        for phase in _PHASES:
            nth = sum(each.kind == call.kind for each in baseline.calls[:position])
            kill = until_fired(partial(_killed, laboratory, baseline, phase, position, subject), nth)
            yield kill
            broken += any(judge_kill(clause, kill) for clause in ("KIL-01", "KIL-02"))
            if broken == _ENOUGH:
                return


def _killed(
    laboratory: Laboratory,
    baseline: Baseline,
    phase: Phase,
    position: int,
    subject: tuple[str, ...],
    settling: float,
    nth: int,
) -> Kill:
    point = _KillPoint(phase, nth, baseline.calls[position].kind)
    target = laboratory.fresh_target(settling)
    # A forked copy lacks the other threads and could wait for them for ever.
    if sys.platform != "win32" and threading.active_count() == 1:
        fired = _kill_in_a_fork(laboratory, target, point)
    else:
        fired = _kill_in_a_new_process(laboratory, target, point, subject)
    state = laboratory.state(target, baseline.documents)
    laboratory.implementation = laboratory.make()
    next_write = laboratory.next_write(target, baseline.documents)
    return Kill(phase, point.call, position, fired, state, next_write)


def _laboratory(folder: str, entry_point: str, profile: str, work: Path) -> Laboratory:
    """Wrap the calls, then import the implementation. Raises what its import raises."""
    calls = OsCalls(folder=str(work))
    calls.install()
    make = load_factory(folder, entry_point)
    return Laboratory(_RealSystem(work, calls), calls, make, profile)


def _report(folder: str, entry_point: str, profile: str, work: str) -> InProcessReport:
    try:
        laboratory = _laboratory(folder, entry_point, profile, Path(work).resolve())
        laboratory.make()
    except Exception as error:
        return InProcessReport("real", f"cannot be imported: {type(error).__name__}: {error}")
    try:
        baseline, report = faults_of(laboratory, "real")
    except Exception as error:  # it does not even run without a fault: nothing can be measured
        return InProcessReport("real", f"does not run in process: {type(error).__name__}: {error}")
    if report.problem:
        return report
    return dataclasses.replace(report, kills=tuple(_kills(laboratory, baseline, (folder, entry_point, profile, work))))


def _kill(
    folder: str, entry_point: str, profile: str, work: str, target: str, phase: str, nth: str, call: str
) -> NoReturn:
    laboratory = _laboratory(folder, entry_point, profile, Path(work).resolve())
    laboratory.implementation = laboratory.make()
    laboratory.publish(target, OLD)
    [known_phase] = [known for known in _PHASES if known == phase]
    _die_at(laboratory, target, _KillPoint(known_phase, int(nth), call), report_to=1)


if __name__ == "__main__":
    numbered_alone()
    if sys.argv[1] == "--kill":
        _kill(*sys.argv[2:])
    print(_report(*sys.argv[1:]).to_json())
