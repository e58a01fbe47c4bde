"""What writes while a disk is recorded: the implementation, and two writers of the kit's own as controls."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import encode
from conformance.runner.requests import publish_request
from conformance.runner.run import Run
from conformance.subject.client import start
from stress.powercut.blocks.recording import WriteOne, Writers
from stress.powercut.cutting import refused

__all__ = ["durable", "implementation", "unsynced"]


def implementation(run: Run) -> Writers:
    """A process of the implementation that the run judges."""

    @contextlib.contextmanager
    def running() -> Iterator[WriteOne]:
        process = start(run.manifest, run.launch_options())

        def write(target: Path, status: Mapping[str, Any]) -> None:
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


@contextlib.contextmanager
def durable() -> Iterator[WriteOne]:
    """The kit's own writer that does all that a file system can ask for: whatever it loses, no writer could keep."""
    yield _write_durably


@contextlib.contextmanager
def unsynced() -> Iterator[WriteOne]:
    """The kit's own writer that syncs nothing: on any disk that may lose something, its writes must be lost or torn."""
    yield _replace


def _write_durably(target: Path, status: Mapping[str, Any]) -> None:
    _replace(target, status, sync=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(target: Path, status: Mapping[str, Any], *, sync: bool = False) -> None:
    temp = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with temp.open("xb", buffering=0) as file:
            data = memoryview(encode(status).encode("utf-8"))
            while data:
                data = data[file.write(data) :]
            if sync:
                os.fsync(file.fileno())
        temp.replace(target)
    except OSError as error:
        raise ImplementationError(f"the kit's own writer failed: {error}") from error
