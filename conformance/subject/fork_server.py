"""A process that has imported what the kit's own programs in Python need, and becomes one of them in each fork.

``python -P -m conformance.subject.fork_server DESCRIPTOR PARENT MODULE…``: most of the cost of starting such a program
is that of starting Python and importing modules. The server imports nothing of any implementation but the MODULEs,
which must draw nothing at random, and has one thread; a fork imports its implementation. Requests come over the socket
DESCRIPTOR: a length, a JSON object, and the descriptors that the fork gets (see `conformance.subject.forking`). The
server ends with the process PARENT, also while it is stopped; with 0 when every process has closed the socket. Linux.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from conformance.subject.fork_messages import DESCRIPTORS, HOST, LENGTH, TRACER, Becoming
from conformance.system.parent_death import end_with_parent

__all__ = ["main"]

assert sys.platform == "linux"

_STANDARD_ERROR = 2


def _run(words: list[str]) -> int | None:
    """Be the program ``python -m MODULE ARGUMENTS…``."""
    module, *arguments = words
    if module == HOST:  # as after an exec: the descriptors of the tracer and of the kit are not inherited
        for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
            if descriptor > _STANDARD_ERROR:
                with contextlib.suppress(OSError):  # that of the listing itself
                    os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python starts
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    program = importlib.import_module(module)
    sys.argv = [str(program.__file__), *arguments]
    code: int | None = program.main(arguments)
    return code


class _Server:
    def __init__(self, requests: socket.socket) -> None:
        self.requests = requests
        self.wake, self.woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.reports: dict[int, int] = {}  # process → the descriptor that reports its end

    def serve(self) -> list[str]:
        """Fork for each request. Returns nothing at the end, and in a fork the words of its module."""
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.woken, warn_on_full_buffer=False)
        while True:
            ready = select.select([self.wake, self.requests.fileno()], [], [])[0]
            if self.wake in ready:
                os.read(self.wake, 4096)
                self.reap()
            if self.requests.fileno() in ready:
                request, descriptors = self.receive()
                if request is None:
                    return []
                child = os.fork()
                if child == 0:
                    return self.as_child(request, descriptors)
                for descriptor in (*descriptors[:3], *descriptors[DESCRIPTORS:]):
                    os.close(descriptor)
                self.reports[child] = descriptors[DESCRIPTORS - 1]
                self.requests.sendall(LENGTH.pack(child))

    def receive(self) -> tuple[dict[str, Any] | None, list[int]]:
        """The next request, None at the end."""
        head, descriptors, *_ = socket.recv_fds(self.requests, LENGTH.size, 16)
        if len(head) < LENGTH.size:
            return None, descriptors
        text = b""
        [length] = LENGTH.unpack(head)
        while len(text) < length:
            more = self.requests.recv(length - len(text))
            if not more:
                return None, descriptors
            text += more
        return json.loads(text), descriptors

    def reap(self) -> None:
        """Report the ends of forks."""
        with contextlib.suppress(ChildProcessError):
            while True:
                child, status = os.waitpid(-1, os.WNOHANG)
                if child == 0:
                    return
                report = self.reports.pop(child)
                with contextlib.suppress(BrokenPipeError):
                    os.write(report, LENGTH.pack(status))
                os.close(report)

    def as_child(self, request: dict[str, Any], descriptors: list[int]) -> list[str]:
        """Make this fork what `conformance.subject.children.spawn` would have started."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        own = {self.requests.detach(), self.wake, self.woken, *self.reports.values()}
        for descriptor in own:
            os.close(descriptor)
        *standard, report = descriptors[:DESCRIPTORS]
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.setsid()
        os.chdir(request["folder"])
        if request["umask"] >= 0:
            os.umask(request["umask"])
        os.environ.clear()
        os.environ.update(request["environment"])
        os.write(report, b"\0" * LENGTH.size)  # it has a session of its own by now, which can be killed
        os.close(report)
        for descriptor in descriptors[DESCRIPTORS:]:  # one at most: its number in the kit is free here
            if descriptor != request["number"]:
                os.dup2(descriptor, request["number"])
                os.close(descriptor)
        words: list[str] = request["words"]
        return words


def main(arguments: list[str]) -> int | None:
    """Serve until the kit hangs up; in a fork, be the requested program."""
    descriptor, parent, *modules = arguments
    if int(parent):
        end_with_parent(int(parent))
    for module in (HOST, TRACER, *modules):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # so that no collection in a fork copies these pages
    requests = socket.socket(fileno=int(descriptor))
    requests.set_inheritable(False)
    words = _Server(requests).serve()
    while words:
        try:
            return _run(words)
        except Becoming as another:
            words = another.words
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
