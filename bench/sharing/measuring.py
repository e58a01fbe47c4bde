"""One measurement: a writer and its readers as processes that begin together, and what each of them counted."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.contenders import ROOT
from bench.sharing.worker import DOCUMENT_BYTES
from conformance.oracle import payload

__all__ = ["Case", "NotMeasured", "Result", "measure"]

READERS_LONGER = 1.0
"""Seconds for which readers go on after the writer, so that no write is made without them."""
_START_SECONDS, _END_SECONDS = 60.0, 30.0


class NotMeasured(RuntimeError):
    """The processes did not do what makes a measurement: one died, or they did not work at the same time."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        table: the table that shows it.
        writer: a name of ``WRITERS``.
        reader: what the table calls the readers.
        command: of a reader, without its last three words: target, pause and seconds.
        run_as: whether the readers are a program of their language, or Python that opens in the same share mode.
        sharing: what the readers let others do meanwhile.
        readers: how many.
        pause: milliseconds between two reads.
        seconds: for how long the writer writes.
    """

    table: str
    writer: str
    reader: str
    command: tuple[str, ...]
    run_as: str
    sharing: str
    readers: int
    pause: int
    seconds: float


@dataclass(frozen=True)
class Result:
    """What was counted.

    Attributes:
        case: what was measured.
        written: statuses that the writer published.
        lost: code of the error → writes that failed with it.
        longest: the longest write in seconds.
        first_error: the text of the first failed write's error, or "".
        ok: reads of a whole document.
        missing: reads that found no file.
        refused: code of the error → reads that failed with it.
        torn: reads of anything else.
        changes: how often a reader saw another document than before.
        temps: files that were left beside the target.
    """

    case: Case
    written: int
    lost: Mapping[str, int]
    longest: float
    first_error: str
    ok: int
    missing: int
    refused: Mapping[str, int]
    torn: int
    changes: int
    temps: int

    @property
    def writes(self) -> int:
        """How many were tried."""
        return self.written + sum(self.lost.values())

    @property
    def reads(self) -> int:
        """How many were tried."""
        return self.ok + self.missing + sum(self.refused.values()) + self.torn

    def record(self) -> dict[str, Any]:
        """The figures for a JSON file, without the command, which names folders of this machine."""
        values = asdict(self)
        case = values.pop("case")
        del case["command"]
        return {**case, **values}


def measure(case: Case) -> Result:
    """Run the processes of a case in a new folder, and remove it.

    Raises NotMeasured; all processes have ended then, too.
    """
    with tempfile.TemporaryDirectory(prefix="sharing-") as folder:
        target = Path(folder) / "status.json"
        target.write_bytes(payload.encode(payload.make_status(1, 0, DOCUMENT_BYTES)).encode())
        reading = [*case.command, str(target), str(case.pause), str(case.seconds + READERS_LONGER)]
        writing = [sys.executable, "-m", "bench.sharing.worker", "write", case.writer, str(target), str(case.seconds)]
        with _started([*[reading] * case.readers, writing], case.seconds) as processes:  # the readers first
            for process in processes:
                if _line(process) != "ready":
                    raise NotMeasured(f"did not start: {process.args!r}")
            for process in processes:
                _tell(process, "go")
            begun = time.monotonic()
            with ThreadPoolExecutor(len(processes)) as pool:
                answers = list(pool.map(_answer, processes))
            if min(ended for _, ended in answers) < begun + case.seconds:
                raise NotMeasured("a reader ended before the writer: run it again on a machine that is less busy")
            *read, wrote = [answer for answer, _ in answers]
        temps = sum(entry != target for entry in Path(folder).iterdir())
    return summed(case, wrote, read, temps)


def summed(case: Case, wrote: Mapping[str, Any], read: Sequence[Mapping[str, Any]], temps: int) -> Result:
    """The result of what the writer and each reader answered.

    Raises NotMeasured when one of them did nothing.
    """
    refused = Counter[str]()
    for one in read:
        refused.update({code: count for code, count in one["refused"].items() if count})
    counts = {name: sum(one[name] for one in read) for name in ("ok", "missing", "torn", "changes")}
    result = Result(
        case,
        wrote["ok"],
        wrote["lost"],
        wrote["longest"],
        wrote["first_error"],
        **counts,
        refused=dict(refused),
        temps=temps,
    )
    if not result.writes:
        raise NotMeasured("the writer has tried nothing")
    if not all(one["ok"] or one["missing"] or one["torn"] or any(one["refused"].values()) for one in read):
        raise NotMeasured("a reader has tried nothing")
    return result


@contextlib.contextmanager
def _started(commands: Sequence[Sequence[str]], seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are killed when the time is up, and in any case at the end."""
    processes: list[subprocess.Popen[str]] = []

    def kill() -> None:
        for process in processes:
            process.kill()

    limit = threading.Timer(_START_SECONDS + seconds + READERS_LONGER + _END_SECONDS, kill)
    pipe = subprocess.PIPE
    try:
        for command in commands:
            processes.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, errors="replace", cwd=ROOT))
        limit.start()
        yield processes
    finally:
        limit.cancel()
        kill()
        for process in processes:
            with contextlib.suppress(OSError):  # it may have died with a line unread
                process.communicate()


def _tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # it has died, and gives no answer
        process.stdin.write(f"{word}\n")
        process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    """Its next line that is meant for us: Java's runtime prints warnings to the standard output, too."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(("ready", "{")):
            return line.strip()
    return ""


def _answer(process: subprocess.Popen[str]) -> tuple[dict[str, Any], float]:
    """What it has counted, and when it said so."""
    line = _line(process)
    if not line:
        raise NotMeasured(f"died, or took too long: {process.args!r}")
    return json.loads(line), time.monotonic()
