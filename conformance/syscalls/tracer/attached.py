"""The tracer of what runs already: ``python -m conformance.syscalls.tracer.attached DESCRIPTOR PROCESS FOLDER…``.

It watches a process, its threads and its children, and changes nothing: it stops a thread at its calls, reads its
registers and its memory, and lets it go on. It says ``attached``, with the numbers of processes and threads, and then
``calls``, each with a report of the calls that concern the folders; or ``refused``, with the reason. It ends when what
it traces has ended, or the kit has hung up. The kernel then lets go of every thread, without stopping it
(exit_ptrace): the same happens when this process is killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import sys
import time

from conformance.syscalls.operations import Concern
from conformance.syscalls.tracer import ptrace
from conformance.syscalls.tracer.calls import Begun, Call
from conformance.syscalls.tracer.messages import Report, write_report

if sys.platform == "linux":  # it has no names elsewhere
    from conformance.syscalls.tracer.stops import RESTARTS, Stops, arguments_at, error_of

__all__ = ["main"]

assert sys.platform == "linux"

_FIRST_STOP_SECONDS = 1.0  # a thread that waits for a disk stops later
_SECONDS_TO_SEND = 1.0
_MOST_UNSENT = 1 << 22  # bytes
_MOST_STOPS = 500  # between two looks at whether the kit has hung up


class _Attached(Stops):
    def __init__(self, control: socket.socket, folders: list[str]) -> None:
        super().__init__()
        self.armed = True
        self.control = control
        self.concerns = [Concern(folder) for folder in folders]
        self.begun: dict[int, Begun] = {}  # by thread
        self.hidden: set[str] = set()  # names of calls that hide what they do
        self.moments = 0
        self.unstopped: set[int] = set()  # threads that have yet to stop for the first time
        self.unsent = bytearray()
        self.dropped = 0

    # The beginning

    def attach(self, process: int) -> None:
        """Trace a process with its children. Raises OSError when the process itself may not be traced."""
        self.attach_threads(process)
        for child in _descendants(process):
            with contextlib.suppress(OSError):  # it has just ended, or has more rights
                self.attach_threads(child)

    def attach_threads(self, process: int) -> None:
        new = True
        while new:  # a thread that is not traced yet may make others
            new = False
            for thread in map(int, os.listdir(f"/proc/{process}/task")):
                if thread in self.threads or not self.seize(thread, process):
                    continue
                self.threads[thread] = process
                self.unstopped.add(thread)
                new = True

    def seize(self, thread: int, process: int) -> bool:
        """Trace a thread; False for one that has ended, or that is traced because another one has just made it."""
        try:
            ptrace.seize(thread, outlives=True)
            ptrace.interrupt(thread)
        except ProcessLookupError:
            if thread == process:
                raise
            return False
        except PermissionError:
            if _tracer_of(thread) != os.getpid():
                raise
            return False
        return True

    # The stops

    def ends(self, thread: int, status: int) -> None:
        self.begun.pop(thread, None)

    def seen(self, thread: int) -> None:
        self.unstopped.discard(thread)

    def at_call(self, thread: int) -> None:
        stop = ptrace.system_call_stop(thread)
        process = self.threads[thread]
        if stop.phase == "entry":
            name, arguments = arguments_at(stop, thread, process, self.within)
            if arguments is None or name in self.hidden:
                return
            if any(each.concerns(process, name, arguments) for each in self.concerns):
                if "unknown" in arguments:
                    self.hidden.add(name)
                self.begun[thread] = Begun(0, self.moment(), name, arguments)
        elif stop.phase == "exit" and (begun := self.begun.pop(thread, None)) is not None:
            number = error_of(stop.result)
            if number in RESTARTS:
                return
            call = Call(begun.begun, self.moment(), process, thread, begun.name, begun.arguments, stop.result, number)
            for each in self.concerns:
                each.follow(call)
            self.say("calls", write_report(Report((call,), (), None)))

    def within(self, path: str) -> bool:
        return any(each.lies_within(path) for each in self.concerns)

    def moment(self) -> int:
        self.moments += 1
        return self.moments

    # Messages

    def say(self, kind: str, text: str = "") -> None:
        """Send a message as soon as the kit takes it: what is traced never waits for the kit."""
        if len(self.unsent) > _MOST_UNSENT:
            self.dropped += 1
            return
        if self.dropped:
            self.unsent += f"dropped {self.dropped}\n".encode()
            self.dropped = 0
        self.unsent += f"{kind} {text}\n".encode()
        self.send()

    def send(self) -> None:
        with contextlib.suppress(BlockingIOError):
            sent = self.control.send(self.unsent)
            del self.unsent[:sent]

    # The whole life

    def run(self) -> None:
        """Trace until nothing is left, or the kit has hung up."""
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        until = time.monotonic() + _FIRST_STOP_SECONDS
        said = False
        while (taken := self.take_some()) is not False:
            if not said and (not self.unstopped or time.monotonic() >= until):
                said = True
                self.say("attached", f"{len(set(self.threads.values()))} {len(self.threads)}")
            timeout = 0.0 if taken else None if said else max(until - time.monotonic(), 0.0)
            kit = self.control.fileno()
            ready, writable, _ = select.select([wake, kit], [kit] if self.unsent else [], [], timeout)
            if writable:
                self.send()
            if kit in ready:  # the kit says nothing: it has hung up
                return
            if wake in ready:
                os.read(wake, 4096)
        self.say("ended")

    def take_some(self) -> bool | None:
        """`take` until there is no stop, but not so often that the kit is not heard."""
        return next((taken for _ in range(_MOST_STOPS) if not (taken := self.take())), True)


def _tracer_of(thread: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{thread}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("TracerPid:"):
                return int(line.split()[1])
    return os.getpid()  # it has ended meanwhile


def _descendants(process: int) -> list[int]:
    """The children of a process, and theirs; not the kit, which a shell may have started."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                children = [child for child in map(int, file.read().split()) if child != os.getppid()]
            for child in children:
                found += [child, *_descendants(child)]
    return found


def main(arguments: list[str]) -> int:
    """Trace a process until it ends, or the kit has hung up."""
    descriptor, process, *folders = arguments
    with socket.socket(fileno=int(descriptor)) as control:
        control.set_inheritable(False)
        try:
            ptrace.call_names()
            attached = _Attached(control, folders)
            attached.attach(int(process))
        except KeyError:
            control.sendall(f"refused ENOSYS the processor {ptrace.architecture()} is not known\n".encode())
            return 3
        except OSError as error:
            control.sendall(f"refused {errno.errorcode.get(error.errno or 0, '')} {error.strerror}\n".encode())
            return 3
        control.setblocking(False)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            attached.run()
            control.settimeout(_SECONDS_TO_SEND)  # what stops meanwhile waits for it
            control.sendall(attached.unsent)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
