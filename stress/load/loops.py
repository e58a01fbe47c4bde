"""What runs in the processes of a run: a loop that works until the next command.

Commands come through a pipe; a counter says how many there were, so that looking for one costs nothing. A process that
fails reports why and ends. Started by ``spawn`` everywhere, so that all systems behave alike.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from conformance.contract.errors import ImplementationError
from conformance.system.parent_death import end_with_parent
from stress.clients.file_reader import FileReader
from stress.clients.plans import ReaderPlan, WriterPlan
from stress.clients.reader_client import AskingReader
from stress.clients.writer_client import Writer
from stress.record import clock
from stress.record.shared_counters import OF_READERS, Counters

__all__ = ["Failed", "control_process", "reader_process", "writer_process"]

_BATCH_SECONDS = 0.002  # of reads between two looks for a command
_LARGEST_BATCH = 4096
_PARENT = os.getppid()
_SHORT_PAUSE = 0.05  # seconds; polling the pipe meanwhile would take as long

ReaderCommand = Literal["control", "watch", "report", "stop"]
WriterCommand = Literal["all", "write", "pause", "stop"]


@dataclass(frozen=True)
class Failed:
    """The last message of a process that failed: why it ends, and whose fault that is."""

    blame: Literal["implementation", "kit"]
    text: str
    stderr: str = ""


def reader_process(connection: Connection, counters: Counters, plan: ReaderPlan) -> None:
    """Read as commanded: the file of the ``control``, or the targets from ``watch`` on.

    ``report`` hands over what was seen since, ``stop`` ends the process; ``watch`` and ``stop`` are acknowledged.
    """
    with _messages(connection):
        os.chdir(plan.folder)
        # The positive control tests the kit's own readers: it is they that detect torn documents.
        reader: FileReader | AskingReader = FileReader((plan.control,), plan.sharing)
        connection.send("ready")
        handled, active, batch = 0, False, 1
        while True:
            if not active or counters.get("commands") != handled or _orphaned(connection):
                command: ReaderCommand = connection.recv()
                handled += 1
                if command == "watch":
                    reader = _reader_of(plan, counters)
                    connection.send("watching")
                elif command == "report":
                    _count(counters, reader)
                    connection.send(reader.take())
                elif command == "stop":
                    if isinstance(reader, AskingReader):
                        reader.stop()
                    connection.send("stopped")
                    return
                active = True
                continue
            start = clock.seconds()
            reader.read(1 if plan.pause else batch)
            taken = clock.seconds() - start
            _count(counters, reader)
            batch = min(_LARGEST_BATCH, batch * 2) if taken < _BATCH_SECONDS else max(1, batch // 2)
            if plan.pause:
                _rest(connection, plan.pause)


def _reader_of(plan: ReaderPlan, counters: Counters) -> FileReader | AskingReader:
    if plan.manifest is None:
        return FileReader(plan.names, plan.sharing)
    return AskingReader(plan, counters)


def _count(counters: Counters, reader: FileReader | AskingReader) -> None:
    """Add what the reader has seen since the last call to this process's counters."""
    seen = reader.seen
    counters.add("reads", seen.reads - seen.counted[0])
    counters.add("changes", seen.changes - seen.counted[1])
    seen.counted = (seen.reads, seen.changes)
    for kind in OF_READERS if seen.counts else ():
        new = seen.counts.get(kind, 0) - seen.counted_of.get(kind, 0)
        counters.add(kind, new)
        counters.add("wrong", new)
    seen.counted_of = dict(seen.counts)


def writer_process(connection: Connection, counters: Counters, plan: WriterPlan) -> None:
    """Write as commanded: ``all`` (each target once), ``write`` (from now on), ``pause`` or ``stop``.

    All but ``write`` are answered with what was done, once no request waits for an answer.
    """
    with _messages(connection):
        writer = Writer(plan, counters)
        connection.send("ready")
        handled, active, due = 0, False, 0.0
        while True:
            if not active or counters.get("commands") != handled or _orphaned(connection):
                command: WriterCommand = connection.recv()
                handled += 1
                active = command == "write"
                due = clock.seconds()
                if active:
                    continue
                writer.drain()
                if command == "all":
                    writer.write_all()
                elif command == "stop":
                    writer.stop()
                counters.add("refused", sum(writer.written.errors.values()) - writer.written.counted)
                writer.written.counted = 0
                connection.send(writer.take())
                if command == "stop":
                    return
                continue
            if plan.rate:
                due += 1 / plan.rate
                if (early := due - clock.seconds()) > 0:
                    writer.drain()  # a paced writer does not keep an answer waiting
                    _rest(connection, early)
            writer.write()
            counters.add("writes", 1)
            refused = sum(writer.written.errors.values())
            counters.add("refused", refused - writer.written.counted)
            writer.written.counted = refused


def control_process(connection: Connection, folder: Path, name: str, sizes: tuple[int, ...]) -> None:
    """The positive control: writes documents in place and in pieces, as no program should, until told to stop."""
    from conformance.oracle.payload import encode, make_status

    with _messages(connection):
        documents = [encode(make_status(0, number, size)).encode() for number, size in enumerate(sizes * 2)]
        target = folder / name
        target.write_bytes(documents[0])
        connection.send("ready")
        number = 0
        while not connection.poll():
            number += 1
            document = documents[number % len(documents)]
            middle = len(document) // 2
            with target.open("wb", buffering=0) as file:
                file.write(document[:middle])
                file.write(document[middle:])
        connection.recv()
        target.unlink()
        connection.send(number)


def _rest(connection: Connection, seconds: float) -> None:
    """Do nothing for this long, or until there is a command."""
    if seconds < _SHORT_PAUSE:
        time.sleep(seconds)
    else:
        connection.poll(seconds)


def _orphaned(connection: Connection) -> bool:
    """Whether the parent has died, so that the next look for a command ends this process."""
    if sys.platform != "win32":
        return os.getppid() != _PARENT and connection.poll()
    parent = multiprocessing.parent_process()  # the id of a parent stays the same after it has ended
    return parent is not None and not parent.is_alive()


@contextlib.contextmanager
def _messages(connection: Connection) -> Iterator[None]:
    """Leave Ctrl-C to the parent; report a failure as the last message; end without a word when the parent is gone."""
    if sys.platform == "linux" and (parent := multiprocessing.parent_process()):
        end_with_parent(parent.pid or 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    failed: Any = None
    try:
        yield
    except (EOFError, BrokenPipeError):
        return
    except ImplementationError as error:
        failed = Failed("implementation", str(error), error.stderr)
    except Exception:
        failed = Failed("kit", traceback.format_exc())
    if failed is not None:
        with contextlib.suppress(OSError):
            connection.send(failed)
