"""The kit's side of the fork server (`conformance.subject.fork_server`): where one serves, starts are forks of it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from conformance.subject.children import Child, remembered, running, spawn
from conformance.subject.fork_messages import LENGTH
from conformance.subject.standard_error import StandardError

__all__ = ["ForkServer", "Forked", "is_idle", "server_of", "serving_forks"]

_SECONDS_TO_END = 5.0
_SECONDS_OF_A_STOP = 1.0
_SECONDS_TO_FORK = 60.0  # a server that takes longer has been stopped or blocked by what it has started


class Forked:
    """A fork of the server: what `Child` needs of subprocess.Popen. Its end is reported through a pipe."""

    def __init__(self, pid: int, stdin: Any, stdout: Any, report: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._report = report
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, report)  # not earlier: several threads may wait

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises subprocess.TimeoutExpired; RuntimeError when the server is gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._report, selectors.EVENT_READ)
            if not selector.select(timeout if self.returncode is None else 0) and self.returncode is None:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        with self._lock:
            if self.returncode is None:
                self.returncode = os.waitstatus_to_exitcode(_status(os.read(self._report, LENGTH.size)))
            return self.returncode

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        if self.poll() is None and sys.platform != "win32":
            os.kill(self.pid, signal.SIGKILL)


def _asked(requests: socket.socket, text: bytes, descriptors: Sequence[int], server: int) -> int:
    """The process of the fork that the server makes for a request. Raises OSError."""
    if sys.platform != "win32":
        socket.send_fds(requests, [LENGTH.pack(len(text))], descriptors)
    requests.sendall(text)
    if not _await(requests, server):
        raise TimeoutError("timed out")
    answer = requests.recv(LENGTH.size)
    if len(answer) < LENGTH.size:
        raise ConnectionResetError("it has ended")
    return int.from_bytes(answer, "big")


def _has_begun(report: int, server: int) -> bool:
    """Whether a new fork has reported that it has a session of its own, which can be killed."""
    return _await(report, server) and _status(os.read(report, LENGTH.size)) == 0


def _await(readable: int | socket.socket, server: int) -> bool:
    """Whether there is something to read in time. What the server has started may have stopped it (SIGSTOP): meanwhile
    it is let go on again and again.
    """
    deadline = time.monotonic() + _SECONDS_TO_FORK
    with selectors.DefaultSelector() as selector:
        selector.register(readable, selectors.EVENT_READ)
        while not selector.select(_SECONDS_OF_A_STOP):
            if time.monotonic() > deadline:
                return False
            if sys.platform != "win32":
                with suppress(ProcessLookupError):
                    os.kill(server, signal.SIGCONT)  # not waited for, so that the process id is its own
    return True


def _status(report: bytes) -> int:
    if len(report) < LENGTH.size:
        raise RuntimeError("the fork server has ended, and how its forks end is unknown")
    status: int = LENGTH.unpack(report)[0]
    return status


class ForkServer:
    """A fork server for one folder of children; it starts with the first fork, and imports ``modules`` then."""

    def __init__(self, children: Path, modules: Sequence[str] = ()) -> None:
        self.children = children
        self.modules = modules
        self._server: Child | None = None
        self._requests: socket.socket | None = None
        self._lock = threading.Lock()  # requests of several threads must not mix

    def fork(
        self,
        words: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        umask: int = -1,
        descriptors: Sequence[int] = (),
    ) -> Child:
        """Start a program of the kit, by its module and arguments, as `conformance.subject.children.spawn` starts a
        command. ``descriptors`` has one at most. Raises OSError.
        """
        if sys.platform != "linux":
            raise NotImplementedError("the fork server needs Linux")
        request = {
            "words": [*words],
            "folder": str(folder),
            "environment": dict(environment),
            "umask": umask,
            "number": descriptors[0] if descriptors else -1,
        }
        text = json.dumps(request).encode("ascii")
        standard_error = StandardError(self.children)
        error = standard_error.given
        given, stdin = os.pipe()
        stdout, printing = os.pipe()
        report, reporting = os.pipe()
        try:
            with self._lock:
                requests = self._connected(environment)
                try:
                    server = self.pid or 0
                    pid = _asked(requests, text, [given, printing, error, reporting, *descriptors], server)
                except OSError as failure:
                    self.end()
                    raise OSError(f"the fork server cannot start {words[0]}: {failure}") from failure
        except BaseException:
            for descriptor in (stdin, stdout, report):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (given, printing, error, reporting):
                os.close(descriptor)
        if not _has_begun(report, server):
            for descriptor in (stdin, stdout, report):
                os.close(descriptor)
            raise OSError(f"the fork server cannot start {words[0]} in {folder}")
        process = Forked(pid, os.fdopen(stdin, "wb", buffering=0), os.fdopen(stdout, "rb", buffering=0), report)
        return remembered(process, standard_error, self.children)

    def _connected(self, environment: Mapping[str, str]) -> socket.socket:
        if self._requests is None:
            ours, theirs = socket.socketpair()
            with theirs:
                module = "conformance.subject.fork_server"
                # The end of this thread is that of the process only where it is the main one.
                parent = os.getpid() if threading.current_thread() is threading.main_thread() else 0
                self._server = spawn(
                    [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(parent), *self.modules],
                    folder=self.children,
                    children=self.children,
                    environment=environment,
                    descriptors=(theirs.fileno(),),
                )
            ours.settimeout(_SECONDS_TO_FORK)
            self._requests = ours
        return self._requests

    @property
    def pid(self) -> int | None:
        """The process of the server, None before the first fork."""
        return None if self._server is None else self._server.process.pid

    def end(self) -> None:
        """End the server; what it has started must have ended, as only the server hears of that."""
        if self._requests is not None and self._server is not None:
            self._requests.close()
            with suppress(subprocess.TimeoutExpired):
                self._server.process.wait(_SECONDS_TO_END)
            self._server.kill()
            self._server.stdin.close()
            self._server.stdout.close()
            self._requests = self._server = None


_serving: dict[tuple[int, Path], ForkServer] = {}  # by process, as a fork of the kit must not use its parent's


@contextmanager
def serving_forks(children: Path, modules: Sequence[str] = ()) -> Iterator[None]:
    """Inside the block, this process starts what it can as a fork, where ``children`` is the folder of children.

    The forks have the ``modules`` imported already.
    """
    if sys.platform != "linux":
        yield
        return
    key = os.getpid(), children
    _serving[key] = ForkServer(children, modules)
    try:
        yield
    finally:
        _serving.pop(key).end()


def server_of(children: Path) -> ForkServer | None:
    """The fork server of this process for this folder of children, if there is one."""
    return _serving.get((os.getpid(), children))


def is_idle(children: Path) -> bool:
    """Whether this process has nothing running of this folder of children but the fork server."""
    server = server_of(children)
    return set(running(children)) <= ({server.pid} if server else set())
