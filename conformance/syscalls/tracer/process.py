"""The tracer: ``python -m conformance.syscalls.tracer.process DESCRIPTOR WHEN COMMAND…`` traces a command (ptrace(2)).

WHEN is ``later``, or ``at-start`` for a command that must be armed before it executes its first instruction. It is a
process of its own, because waiting for traced threads and for ordinary children does not mix, and because the parent of
a process may trace it where no other process may (Yama). It obeys the messages of
`conformance.syscalls.tracer.messages` on the socket DESCRIPTOR, costs nothing while it is not armed, and ends as the
command ends.

It starts thousands of times in a run. Importing dataclasses would double the cost of a start, so its records, and those
of the modules that it imports, are named tuples and plain classes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import sys

from conformance.subject.fork_messages import become
from conformance.syscalls.tracer import ptrace
from conformance.syscalls.tracer.calls import SIGNATURES, Argument, Begun, Call, Descriptor
from conformance.syscalls.tracer.messages import Fired, Lines, Phase, Rule, read_plan, write_report
from conformance.syscalls.tracer.recording import Recording
from conformance.syscalls.tracer.waiting import others, still, ticking

if sys.platform == "linux":  # it has no names elsewhere
    from conformance.syscalls.tracer.stops import RESTARTS, WALL, Stops, arguments_at, error_of

__all__ = ["main"]

assert sys.platform == "linux"

_SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
_ASKING = ("interrupt", "terminate")  # the program can answer these in its own way


def _set_of(mask: str) -> frozenset[int]:
    bits = int(mask, 16)
    return frozenset(number for number in _SIGNALS.values() if bits >> (number - 1) & 1)


def _status_of(process: int, thread: int) -> dict[str, str]:
    """The fields of proc_pid_status(5)."""
    with open(f"/proc/{process}/task/{thread}/status", encoding="ascii", errors="replace") as file:
        return dict(line.split(":", 1) for line in file)


class _Tracer(Stops):
    def __init__(self, control: int, child: int, go: int) -> None:
        super().__init__()
        self.control = control
        self.messages = Lines(control)
        self.put_off: list[bytes] = []  # messages that arrived while something was held
        self.child = child
        self.go = go
        self.threads[child] = child
        self.switching: set[int] = set()  # threads that have yet to stop and learn whether we are armed
        self.recording: Recording | None = None
        self.tickers: frozenset[int] = frozenset()  # threads that went on by themselves before the request, too
        self.ended: int | None = None

    # Messages

    def say(self, kind: str, text: str = "") -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            _say(self.control, f"{kind} {text}")

    def obey(self) -> bool:
        """Carry out the next message. Returns False when the kit has hung up."""
        line = self.put_off.pop(0) if self.put_off else self.messages.readline()
        word, _, rest = line.decode().strip().partition(" ")
        if word == "arm":
            caught, _, blocked = self.dispositions()
            self.recording = Recording(read_plan(rest), caught=caught, blocked=blocked)
            self.tickers = ticking(list(self.threads) if self.recording.plan.parks else [])
            self.switch(armed=True)
        elif word == "disarm":
            self.switch(armed=False)
        elif word == "look":
            self.say("others", others(self.threads.keys() - self.parked, self.tickers))
        elif word == "release":
            self.release()
        return bool(line)

    def release(self) -> None:
        """Let every parked thread go on."""
        for thread in self.parked:
            with contextlib.suppress(ProcessLookupError):
                ptrace.resume(thread, to_next_call=self.armed)
        self.parked.clear()

    def switch(self, *, armed: bool) -> None:
        self.release()
        self.armed = armed
        self.switching = set()
        for thread in list(self.threads):
            with contextlib.suppress(ProcessLookupError):
                ptrace.interrupt(thread)
                self.switching.add(thread)
        self.switched()

    def switched(self) -> None:
        """Answer once every thread knows."""
        if self.switching or self.recording is None:
            return
        if self.armed:
            self.say("armed")
            self.let_go()
        else:
            self.say("report", write_report(self.recording.report(self.threads, self.ended)))
            self.recording = None

    # Stops

    def ends(self, thread: int, status: int) -> None:
        self.parked.discard(thread)
        if thread == self.child:
            self.ended = status

    def seen(self, thread: int) -> None:
        # Any stop will do: it cancels an interruption that is still pending (the kernel's ptrace_stop).
        self.forget_switch(thread)

    def forget_switch(self, thread: int) -> None:
        if thread in self.switching:
            self.switching.discard(thread)
            self.switched()

    def at_call(self, thread: int) -> None:
        recording = self.recording
        if recording is None:
            return
        stop = ptrace.system_call_stop(thread)
        if stop.phase == "entry":
            process = self.threads[thread]
            name, arguments = arguments_at(stop, thread, process, recording.concern.lies_within)
            if arguments is not None and recording.concern.concerns(process, name, arguments):
                self.carry_out(thread, recording, recording.begin(thread, name, arguments), "before")
        elif stop.phase == "exit" and (ending := recording.begun.pop(thread, None)) is not None:
            self.at_end(thread, recording, ending, stop.result)

    def at_end(self, thread: int, recording: Recording, begun: Begun, result: int) -> None:
        injected = begun.result is not None
        if begun.changed is not None:
            ptrace.set_word(thread, *begun.changed)
        if begun.result is not None:
            ptrace.set_result(thread, begun.result)
            result = begun.result
        number = error_of(result)
        if number in RESTARTS:
            if begun.number == recording.operations - 1:
                recording.operations -= 1  # it will be restarted, as the same operation
                recording.counts[begun.name] -= 1
            return
        process = self.threads[thread]
        ended = recording.moment()
        call = Call(begun.begun, ended, process, thread, begun.name, begun.arguments, result, number, injected)
        recording.calls.append(call)
        recording.concern.follow(call)
        self.carry_out(thread, recording, begun, "after")

    def carry_out(self, thread: int, recording: Recording, begun: Begun, phase: Phase) -> None:
        if recording.shift is None:
            return
        for rule in recording.plan.rules:
            if rule.applies(begun.number - recording.shift, begun.name, phase):
                value = self.fate(recording, _SIGNALS[rule.action]) if rule.action in _ASKING else rule.value
                recording.fired.append(Fired(rule.action, phase, begun.number, begun.name, value))
                self.act(thread, recording, rule, begun)

    def act(self, thread: int, recording: Recording, rule: Rule, begun: Begun) -> None:
        if rule.action == "hold":
            still(each for each in recording.begun if each != thread and each not in self.parked)
            paths = (_path_of(begun.arguments, "path", "descriptor"), _path_of(begun.arguments, "other_path"))
            self.say("boundary", json.dumps([begun.number, rule.phase, begun.name, *paths, thread]))
            while (line := self.messages.readline().strip()) not in (b"go", b""):
                self.put_off.append(line)
        elif rule.action == "park":
            self.parked.add(thread)
            self.say("parked", str(thread))
        elif rule.action in _SIGNALS:
            self.send(thread, _SIGNALS[rule.action])
        elif rule.action == "shorten":
            begun.changed = ptrace.shorten(thread, SIGNATURES[begun.name], rule.value)
        elif begun.result is None:
            begun.result = -rule.value
            if begun.name != "close":  # close(2): a close that fails has still closed
                ptrace.skip_call(thread)

    def send(self, thread: int, number: int) -> None:
        """Send a signal to every process; in its own, the thread that stands at the call is the one that gets it."""
        for process in set(self.threads.values()):
            with contextlib.suppress(ProcessLookupError):
                if process == self.threads[thread] and not ptrace.blocks(thread, number):
                    ptrace.send(process, thread, number)
                else:
                    os.kill(process, number)

    def fate(self, recording: Recording, number: int) -> int:
        """What a signal will do to the command: see `Fired`."""
        caught, ignored, _ = self.dispositions()
        if number in caught:
            return 1
        if number not in ignored:
            return 4 if number not in recording.blocked and self.is_blocked(number) else 0
        return 2 if number in recording.caught else 3

    def dispositions(self) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
        """The signals that the command catches, those that it ignores, and those that its first thread blocks."""
        fields = _status_of(self.child, self.child)
        return _set_of(fields["SigCgt"]), _set_of(fields["SigIgn"]), _set_of(fields["SigBlk"])

    def is_blocked(self, number: int) -> bool:
        """Whether every thread of the command blocks a signal, so that it waits."""
        threads = [thread for thread, process in self.threads.items() if process == self.child]
        try:
            return all(number in _set_of(_status_of(self.child, thread)["SigBlk"]) for thread in threads)
        except (FileNotFoundError, ProcessLookupError):  # a thread has just ended
            return False

    # The whole life

    def let_go(self) -> None:
        """Let the child execute the command; only the first call has an effect."""
        if self.go >= 0:
            os.close(self.go)
            self.go = -1

    def end_everything(self) -> None:
        """Kill the remaining processes and reap them, so that none is taken for one that still runs."""
        for process in set(self.threads.values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            while True:
                thread, status = os.waitpid(-1, WALL)
                if not os.WIFSTOPPED(status):
                    self.handle(thread, status)
                elif thread not in self.threads:  # a new one, at its first stop
                    os.kill(thread, signal.SIGKILL)

    def run(self, *, armed_from_the_start: bool) -> int:
        """Serve until the command has ended. Returns its wait status."""
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        self.say("started", str(self.child))
        if not armed_from_the_start:
            self.let_go()
        while True:
            left = self.wait()
            if self.ended is not None:
                break
            waiting = bool(self.put_off) or self.messages.arrived
            ready = select.select([wake, self.control], [], [], 0 if waiting else None)[0]
            if wake in ready:
                os.read(wake, 4096)
            if (waiting or self.control in ready) and not self.obey():
                self.end_everything()
                return 0
        if self.recording is not None:
            self.recording.outlived = left
        self.end_everything()
        if self.recording is not None:
            self.say("report", write_report(self.recording.report(self.threads, self.ended)))
        return self.ended


def _path_of(arguments: dict[str, Argument], *names: str) -> str:
    """The first of these arguments that is a path, or the path of a descriptor; empty when there is none."""
    for name in names:
        if name in arguments:
            value = arguments[name]
            return value.path if isinstance(value, Descriptor) else str(value)
    return ""


def _started(command: list[str]) -> tuple[int, int]:
    """Fork a traced child that executes the command once the returned descriptor is closed.

    Returns (process, descriptor). Raises OSError when tracing is not allowed.
    """
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        _become(command, ready, go)
    os.close(ready)
    try:
        ptrace.seize(child)
    except OSError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return child, go


def _become(command: list[str], ready: int, go: int) -> None:
    try:
        os.close(go)
        os.read(ready, 1)
        os.close(ready)
        become(command)
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr, flush=True)
        os._exit(127)


def _say(control: int, text: str) -> None:
    rest = memoryview(f"{text}\n".encode())
    while rest:
        rest = rest[os.write(control, rest) :]


def main(arguments: list[str]) -> int:
    """Trace a command to its end, and end in the same way."""
    descriptor, when, *command = arguments
    control = int(descriptor)
    os.set_inheritable(control, False)
    try:
        ptrace.call_names()
        child, go = _started(command)
    except KeyError:
        _say(control, f"refused the engine does not know the processor {ptrace.architecture()}")
        return 3
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        _say(control, f"refused {name} {error.strerror}")
        return 3
    with open(os.devnull, "r+b") as nothing:  # only the command has the pipes: the kit hears when it closes them
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    tracer = _Tracer(control, child, go)
    try:
        status = tracer.run(armed_from_the_start=when == "at-start")
    except Exception as error:  # never taken for the end of the command
        tracer.say("broken", f"{type(error).__name__}: {error}")
        tracer.end_everything()
        raise
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.pause()
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
