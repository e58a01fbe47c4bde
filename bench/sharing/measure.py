"""One measurement: a writer in this process, readers in other processes, and the counts of both."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contenders import ROOT
from bench.sharing.reader import error_code
from conformance.oracle import payload
from pulse import write_training_status

__all__ = ["WRITERS", "Case", "NotMeasuredError", "Result", "measure", "write_for"]

DOCUMENT_BYTES = 300


class NotMeasuredError(RuntimeError):
    """A process died or did nothing, so that the counts mean nothing."""


@dataclass(frozen=True)
class Case:
    """What is measured."""

    table: str
    writer: str
    reader: str
    shares: str
    readers: int
    pause: int  # between two reads, in milliseconds
    seconds: float  # for which the writer writes


@dataclass(frozen=True, kw_only=True)
class Result(Case):
    """What was counted on one kind of machine."""

    machine: str
    written: int
    lost: Mapping[str, int]  # error code → writes that failed with it
    longest: float  # write, in seconds
    first_error: str  # the full text of the first failed write's error, or ""
    ok: int  # reads of a whole document
    missing: int  # reads that found no file
    torn: int  # reads of anything else
    refused: Mapping[str, int]  # error code → reads that failed with it
    temps: int  # files left beside the target

    @property
    def writes(self) -> int:
        """Attempted writes."""
        return self.written + sum(self.lost.values())

    @property
    def reads(self) -> int:
        """Attempted reads."""
        return self.ok + self.missing + self.torn + sum(self.refused.values())


Write = Callable[[Path, dict[str, Any]], None]


def _through_temp(replace: Callable[[str, Path], None]) -> Write:
    """A writer without retries: temp, flush, fsync, close, replace."""

    def write(path: Path, status: dict[str, Any]) -> None:
        descriptor, temp = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(status, file, indent=2, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            replace(temp, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temp)

    return write


WRITERS: dict[str, Write] = {
    "simple": _through_temp(lambda temp, path: os.replace(temp, path)),
    "reference": lambda path, status: write_training_status(path, **status),
}
"""Name → a function that publishes a status and raises OSError if it could not."""

if sys.platform == "win32":
    import ctypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)

    def _replace_file(temp: str, path: Path) -> None:
        if not _kernel32.ReplaceFileW(str(path), temp, None, 0, None, None):
            raise ctypes.WinError(ctypes.get_last_error())

    WRITERS["ReplaceFileW"] = _through_temp(_replace_file)


def write_for(write: Write, target: Path, seconds: float) -> dict[str, Any]:
    """Write one status after another without pausing; a write still under way at the end is not counted.

    Returns the fields of `Result` that concern the writer.
    """
    counts, longest, errors = Counter[str](), 0.0, list[str]()
    end = time.perf_counter() + seconds
    for sequence in itertools.count(1):
        status = payload.make_status(1, sequence, DOCUMENT_BYTES)
        start, outcome = time.perf_counter(), "written"
        try:
            write(target, status)
        except OSError as error:
            outcome = error_code(error)
            if not errors:
                folder = f"{target.parent}{os.sep}"  # a different one each time
                text = "\n".join([str(error), *getattr(error, "__notes__", ())])
                errors.append(text.replace(repr(folder)[1:-1], "").replace(folder, ""))
        now = time.perf_counter()
        if now > end:
            break
        longest = max(longest, now - start)
        counts[outcome] += 1
    written = counts.pop("written", 0)
    return {"written": written, "lost": dict(counts), "longest": longest, "first_error": "".join(errors)}


def measure(case: Case, command: Sequence[str], machine: str) -> Result:
    """Measure in a new folder with readers that ``command`` starts; see :mod:`bench.sharing.reader`.

    Raises NotMeasuredError if a process died or did nothing.
    """
    with tempfile.TemporaryDirectory(prefix="sharing-") as folder:
        target = Path(folder) / "target" / "status.json"
        target.parent.mkdir()
        target.write_text(payload.encode(payload.make_status(1, 0, DOCUMENT_BYTES)), encoding="utf-8")
        words = [*command, str(target), str(case.pause)]
        outputs = [Path(folder) / f"reader-{number}" for number in range(case.readers)]
        readers: list[subprocess.Popen[bytes]] = []
        try:
            for output in outputs:
                with output.open("wb") as file:  # no pipe: emptying it would slow the writer down
                    readers.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, cwd=ROOT))
            while not all(map(_outcomes, outputs)):
                _require_alive(readers)
                time.sleep(0.05)
            before = list(map(_outcomes, outputs))
            wrote = write_for(WRITERS[case.writer], target, case.seconds)
            after = list(map(_outcomes, outputs))
            _require_alive(readers)
        finally:
            for reader in readers:
                reader.kill()
                reader.wait()
        temps = sum(entry != target for entry in target.parent.iterdir())
    return add_up(case, machine, wrote, [new - old for new, old in zip(after, before, strict=True)], temps)


def _outcomes(output: Path) -> Counter[str]:
    """Outcome → count, of what a reader has printed so far. Java also prints warnings."""
    return Counter(re.findall(r"^(\w+)\r?\n", output.read_text(errors="replace"), re.MULTILINE))


def _require_alive(readers: Sequence[subprocess.Popen[bytes]]) -> None:
    for reader in readers:
        if reader.poll() is not None:
            raise NotMeasuredError(f"exited with {reader.returncode}: {reader.args!r}")


def add_up(case: Case, machine: str, wrote: Mapping[str, Any], outcomes: Sequence[Counter[str]], temps: int) -> Result:
    """The result, from the counts of the writer and of each reader; NotMeasuredError if one of them did nothing."""
    if not wrote["written"] and not wrote["lost"]:
        raise NotMeasuredError("the writer completed no attempt to write")
    if not all(outcomes):
        raise NotMeasuredError("a reader made no attempt to read")
    counts = sum(outcomes, Counter[str]())
    seen: dict[str, Any] = {outcome: counts.pop(outcome, 0) for outcome in ("ok", "missing", "torn")}
    return Result(**vars(case), **wrote, **seen, machine=machine, refused=dict(counts), temps=temps)
