"""The kit's side of the tracer: an implementation started under it, and requests with a plan."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import psutil

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.runner.run import Run
from conformance.subject.children import process_tree
from conformance.subject.client import Implementation, ServeImplementation, start
from conformance.subject.launch import LaunchOptions
from conformance.subject.protocol import Answer
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Phase, Plan, Report, read_report, write_plan

__all__ = ["Boundary", "Outcome", "Parked", "Talk", "Traced", "start_traced"]


@dataclass(frozen=True)
class Boundary:
    """Where the implementation is held: before or after operation ``number`` of the request, a call of ``name``.

    ``path`` and ``other_path`` are those of the call, or of its descriptors; empty for none. ``thread`` makes the call.
    """

    number: int
    phase: Phase
    name: str
    path: str = ""
    other_path: str = ""
    thread: int = 0


@dataclass(frozen=True)
class Outcome:
    """The outcome of a traced request: an answer, or how the implementation ended instead; and what was recorded."""

    answer: Answer | None
    end: ImplementationError | None
    report: Report
    parked: Parked | None = None


@dataclass(frozen=True)
class Parked:
    """A thread that was parked in a request. ``answered``: the answer came from elsewhere while it stood still."""

    thread: int
    answered: bool


class Traced:
    """One implementation under the tracer. Requests made to ``implementation`` directly run at full speed.

    In mode oneshot, ``implementation`` is not traced; each request with a plan starts a traced process of its own.
    """

    def __init__(self, run: Run, implementation: Implementation, control: socket.socket | None) -> None:
        self.run = run
        self.implementation = implementation
        self._control = control
        if control is not None:
            control.settimeout(_longest_silence(run))
        self._messages = control.makefile("rb") if control else None

    @property
    def usable(self) -> bool:
        """Whether it can take another request."""
        return self.implementation.usable

    def request(
        self, plan: Plan, ask: Callable[[Implementation], Answer], at_boundary: Callable[[Boundary], None] | None = None
    ) -> Outcome:
        """Make one request under a plan. ``at_boundary`` is called, from another thread, at each hold.

        Raises TraceError when the tracer fails, ImplementationError when no answer comes in time, and what
        ``at_boundary`` raised.
        """
        if self._control is None or self._messages is None:
            ours, theirs = socket.socketpair()
            ours.settimeout(_longest_silence(self.run))
            with ours, theirs, ours.makefile("rb") as messages:
                traced = start(self.run.manifest, _launch_options(self.run, theirs, "at-start"))
                talk = Talk(ours, messages, at_boundary)
                return self._request(traced, talk, lambda: talk.arm_and_listen(plan), ask, until=theirs)
        talk = Talk(self._control, self._messages, at_boundary)
        talk.say(f"arm {write_plan(plan)}")
        try:
            talk.listen_for("armed")
            return self._request(self.implementation, talk, talk.listen, ask)
        except TraceError:
            self.implementation.kill()  # with the tracer: neither can be relied on
            raise

    def _request(
        self,
        implementation: Implementation,
        talk: Talk,
        listen: Callable[[], None],
        ask: Callable[[Implementation], Answer],
        until: socket.socket | None = None,
    ) -> Outcome:
        """``until`` is the tracer's end of the socket when this request starts a tracer of its own."""
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        answer, end = None, None
        try:
            answer = ask(implementation)
            talk.stop_waiting()
            if until is None:
                talk.say("disarm")
        except ImplementationError as error:
            end = error
        finally:
            talk.stop_waiting()
            if answer is None or until is not None:
                implementation.kill()
            if until is not None:
                until.close()  # so that the listener hears when the tracer has hung up
            listener.join()
        if talk.failure is not None:
            raise talk.failure
        if talk.report is None:
            if end is not None:
                raise end
            raise TraceError(f"the tracer {talk.ending} without a report")
        return Outcome(answer, end, talk.report, talk.parked)

    def open_files(self, folder: str, others: Collection[str] = ()) -> tuple[str, ...]:
        """What the processes of the implementation have open: the folder, paths in it, and any of the other paths."""
        found: list[str] = []
        if self.implementation.pid is None:
            return ()
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in process_tree(self.implementation.pid)[1:]:  # the first is the tracer
                descriptors = f"/proc/{process.pid}/fd"
                with contextlib.suppress(OSError):
                    for name in os.listdir(descriptors):
                        with contextlib.suppress(OSError):
                            found.append(os.readlink(f"{descriptors}/{name}"))
        named = frozenset((folder, *others))
        return tuple(
            path for path in found if path.startswith(f"{folder}/") or path.removesuffix(" (deleted)") in named
        )

    def kill(self) -> None:
        """End it, and the tracer with it. The tracer does so, which leaves no unreaped process behind."""
        if self._control is not None and self._messages is not None:
            self._messages.close()
            self._control.close()
        if isinstance(self.implementation, ServeImplementation) and self.implementation.usable:
            self.implementation.kill_after(_SECONDS_TO_END)
        self.implementation.kill()


class Talk:
    """The kit's end of the messages of one request, or of one run of a command."""

    def __init__(self, control: socket.socket, messages: Any, at_boundary: Callable[[Boundary], None] | None) -> None:
        self.control = control
        self.messages = messages
        self.at_boundary = at_boundary
        self.report: Report | None = None
        self.failure: BaseException | None = None
        self.parked: Parked | None = None
        self.ending = "ended"  # what becomes of a tracer that says no more
        self._released = threading.Event()
        self._answered = threading.Event()
        self._parked = 0.0  # since when a thread stands still
        self._looks = 0  # how often no other thread could go on by itself

    def say(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            self.control.sendall(f"{text}\n".encode())

    def hear(self) -> tuple[str, str]:
        try:
            line: bytes = self.messages.readline()
        except ConnectionResetError:
            line = b""
        except OSError:  # it said nothing in time, now or before
            self.ending = "was stopped, or hangs,"
            line = b""
        word, _, rest = line.decode().strip().partition(" ")
        return word, rest

    def listen_for(self, expected: str) -> None:
        """Wait for a message; raises TraceError when the tracer is gone, Unmeasured when it may not trace."""
        while True:
            word, rest = self.hear()
            if word == expected:
                return
            if word == "refused":
                raise Unmeasured(_REFUSED.format(rest))
            if word == "broken":
                raise TraceError(f"the tracer broke: {rest}")
            if not word:
                raise TraceError(f"the tracer {self.ending} while the kit waited for {expected!r}")

    def arm_and_listen(self, plan: Plan) -> None:
        try:
            self.listen_for("started")
            self.say(f"arm {write_plan(plan)}")
        except (TraceError, Unmeasured) as error:
            self.failure = error
            return
        self.listen()

    def listen(self) -> None:
        """Serve boundaries until the report comes."""
        while True:
            word, rest = self.hear()
            if word == "boundary":
                self.hold(Boundary(*json.loads(rest)))
                self.say("go")
            elif word == "parked":
                self.parked = Parked(int(rest), answered=False)
                self._parked = time.monotonic()
                self.say("look")
            elif word == "others":
                self.look_again(rest)
            elif word == "report":
                self._released.set()
                try:
                    self.report = read_report(rest)
                except TraceError as error:
                    self.failure = error
                return
            elif word in ("broken", ""):
                self._released.set()
                if word:
                    self.failure = TraceError(f"the tracer broke: {rest}")
                return

    def look_again(self, others: str) -> None:
        """Release the parked thread once the answer has come, or none can come without it; else ask again later."""
        self._looks = self._looks + 1 if others == "wait" else 0
        patience = _PATIENCE if others == "go on" else _PATIENCE_WITH_TICKS
        hopeless = others == "none" or self._looks == _LOOKS or time.monotonic() > self._parked + patience
        if hopeless or self._answered.wait(_SECONDS_BETWEEN_LOOKS):
            self.say("release")
            self._released.set()
        else:
            self.say("look")

    def stop_waiting(self) -> None:
        """The answer has come, or never will: nothing is parked any longer when this returns."""
        if self.parked is not None and not self._answered.is_set():
            self.parked = dataclasses.replace(self.parked, answered=not self._released.is_set())
            self._answered.set()
            self._released.wait()

    def hold(self, boundary: Boundary) -> None:
        if self.at_boundary is not None and self.failure is None:
            try:
                self.at_boundary(boundary)
            except BaseException as error:  # raised again in the thread that asked
                self.failure = error


_SECONDS_TO_END = 5.0
# Seconds that a thread is parked for, while another one waits with a time limit; and while only threads do that did so
# before the request, as those of the runtimes of Go and Java do.
_PATIENCE, _PATIENCE_WITH_TICKS = 6.0, 1.5
_LOOKS, _SECONDS_BETWEEN_LOOKS = 3, 0.02
_LONGER = 3
_REFUSED = (
    "tracing is not allowed here ({}): run as root, allow ptrace (in a container: --cap-add=SYS_PTRACE), or set "
    "/proc/sys/kernel/yama/ptrace_scope to 1 or 0"
)


def start_traced(run: Run) -> Traced:
    """Start the implementation of a run under the tracer. Raises Unmeasured, ImplementationError."""
    if sys.platform != "linux":
        raise Unmeasured("the syscall engine needs Linux")
    if run.manifest.mode == "oneshot":
        return Traced(run, start(run.manifest, run.launch_options()), None)
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            return Traced(run, start(run.manifest, _launch_options(run, theirs, "later")), ours)
    except ImplementationError as error:
        ours.settimeout(_SECONDS_TO_END)
        with ours, ours.makefile("rb") as messages, contextlib.suppress(TimeoutError):
            for line in messages:
                word, _, rest = line.decode().strip().partition(" ")
                if word == "refused":
                    raise Unmeasured(_REFUSED.format(rest)) from error
        raise


def _longest_silence(run: Run) -> float:
    """Seconds after which a tracer that says nothing is taken for one that never will: twice as long as a request."""
    return 2 * _LONGER * run.answer_seconds + _SECONDS_TO_END


def _launch_options(run: Run, control: socket.socket, when: str) -> LaunchOptions:
    # -P: no file in the implementation's folder may shadow a module of the tracer.
    prefix = (sys.executable, "-P", "-m", "conformance.syscalls.tracer.process", str(control.fileno()), when)
    # System calls take longer under the tracer, especially where they are held.
    seconds = run.answer_seconds * _LONGER
    return run.launch_options(prefix=prefix, descriptors=(control.fileno(),), answer_seconds=seconds)
