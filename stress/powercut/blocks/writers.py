"""What writes while a disk is recorded: the implementation, and two writers of the kit's own as controls."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import encode
from conformance.runner.requests import publish_request
from conformance.runner.run import Run
from conformance.subject.client import start
from conformance.syscalls.tracer.messages import Plan, Rule
from conformance.syscalls.tracer.session import Boundary, start_traced
from stress.powercut.blocks.recording import Between, WriteOne, Writers
from stress.powercut.cutting import refused
from stress.powercut.recording import acknowledged

__all__ = ["at_changes", "durable", "held_implementation", "implementation", "unsynced"]

_END_SECONDS = 5.0
_MOST_GAPS = 40  # of a document, between its calls
_READING = """
close close_range dup dup2 dup3 fcntl flock chdir fchdir read pread64 readv preadv preadv2 lseek fadvise64 readahead
stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getdents getdents64
getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr inotify_add_watch
"""
_CHANGE_NOTHING = frozenset(_READING.split())


def implementation(run: Run) -> Writers:
    """A process of the implementation that the run judges."""

    @contextlib.contextmanager
    def running() -> Iterator[WriteOne]:
        process = start(run.manifest, run.launch_options())

        def write(target: Path, status: Mapping[str, Any], between: Between | None = None, /) -> None:
            assert between is None, "only a traced one can be held"
            operation, fields = publish_request(run.manifest.profile, target, status)
            answer = process.request(operation, **fields)
            if not answer.ok:
                raise refused(answer)

        ended = False
        try:
            yield write
            process.stop()
            ended = True
        finally:
            if not ended:
                process.kill()

    return running


def held_implementation(run: Run) -> Writers:
    """The same, traced, so that it can be held after its calls."""

    @contextlib.contextmanager
    def running() -> Iterator[WriteOne]:
        traced, writing = start_traced(run), threading.Lock()

        def write(target: Path, status: Mapping[str, Any], between: Between | None = None, /) -> None:
            operation, fields = publish_request(run.manifest.profile, target, status)
            holds = (Rule("hold", "after"),) if between else ()
            with writing:
                outcome = traced.request(
                    Plan(str(target.parent), holds),
                    lambda process: process.request(operation, **fields),
                    at_changes(between) if between else None,
                )
            acknowledged(outcome)

        ended = False
        try:
            yield write
            ended = True
        finally:
            if not ended:
                traced.implementation.kill()
                writing.acquire(timeout=_END_SECONDS)  # another thread still listens to the tracer
            traced.kill()

    return running


def at_changes(between: Between) -> Callable[[Boundary], None]:
    """Calls ``between`` after each call that may have changed something, of several alike the first: a document that is
    written in many pieces would take as many syncs.
    """
    last, gaps = "", 0

    def at_boundary(boundary: Boundary) -> None:
        nonlocal last, gaps
        if boundary.name in _CHANGE_NOTHING or boundary.name == last:
            return
        last = boundary.name
        if gaps < _MOST_GAPS:
            gaps += 1
            between()

    return at_boundary


@contextlib.contextmanager
def durable() -> Iterator[WriteOne]:
    """The kit's own writer that does all that a file system can ask for: whatever it loses, no writer could keep."""
    yield _write_durably


@contextlib.contextmanager
def unsynced() -> Iterator[WriteOne]:
    """The kit's own writer that syncs nothing: on any disk that may lose something, its writes must be lost or torn."""
    yield _replace


def _write_durably(target: Path, status: Mapping[str, Any], between: Between | None = None, /) -> None:
    held = between or _nothing
    _replace(target, status, between, sync=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
        held()
    finally:
        os.close(folder)


def _replace(target: Path, status: Mapping[str, Any], between: Between | None = None, /, *, sync: bool = False) -> None:
    held = between or _nothing
    temp = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with temp.open("xb", buffering=0) as file:
            held()
            data = memoryview(encode(status).encode("utf-8"))
            while data:
                data = data[file.write(data) :]
            held()
            if sync:
                os.fsync(file.fileno())
                held()
        temp.replace(target)
        held()
    except OSError as error:
        raise ImplementationError(f"the kit's own writer failed: {error}") from error


def _nothing() -> None:
    pass
