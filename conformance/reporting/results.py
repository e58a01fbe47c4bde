"""Results: the data types, and results.jsonl, which has one JSON line for each (SPEC.md, "Results")."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, Literal

import click

from conformance.contract.errors import OutputError
from conformance.reporting import chain
from conformance.reporting.badge import badge
from conformance.system.file_kinds import kind_at

__all__ = [
    "EVERY_WRITE",
    "FORMAT",
    "OUTCOMES",
    "Exit",
    "Header",
    "Outcome",
    "Result",
    "ResultsFile",
    "ResultsFileError",
    "Verdict",
    "counted",
    "lines_of",
    "read_records",
    "read_results",
    "results_file",
    "write_json",
]

Outcome = Literal["pass", "fail", "error", "unmeasured", "n/a", "xfail", "xpass"]
FORMAT = 2
"""The number of the format of results.jsonl. A file of another one is refused."""

EVERY_WRITE = "every_write_of_the_run"
"""The case of what is looked at beside each write: it has a result only where it fails. Each worker reports its first
failure of a clause, and a run has one.
"""

_NAMED_SHOULDS = 3  # at most, in the words of a verdict
_LONGEST_LINE = 64 * 1024 * 1024  # bytes
_MOST_BYTES = 256 * 1024 * 1024  # of a file that is read as a whole

OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "error", "xfail", "xpass", "unmeasured", "n/a")


class Exit(IntEnum):
    """Exit codes: part of the interface."""

    CONFORMANT = 0
    NOT_CONFORMANT = 1
    USAGE = 2
    NOT_STARTED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


class ResultsFileError(ValueError):
    """A file that is no results file of this format, or not as it was written. The message says what and where."""


@dataclass(frozen=True)
class Header:
    """The first line of a results file: what was judged, by what, where.

    ``kit`` is the version of the kit and ``kit_files`` the hash of its files.
    """

    kit: str
    implementation: Mapping[str, Any]
    platform: Mapping[str, str]
    file_system: str
    python: str
    seed: int
    selection: Mapping[str, Sequence[str]]
    started: str = ""  # ISO 8601, in UTC
    command: str = ""  # as it was started
    kit_files: str = ""
    program: str = "pulse conformance"  # which of the kit's commands judged
    reader: Mapping[str, str] = field(default_factory=dict)  # name and version of a second one, judged as a reader

    @property
    def judged(self) -> str:
        """What was judged: the name and version of the implementation, and of the reader if there is one."""
        writer, reader = map(_named, (self.implementation, self.reader))
        return f"{writer} as writer, {reader} as reader" if reader else writer


@dataclass(frozen=True)
class Result:
    """One case of one clause. ``blame`` of an ``error`` says whose it is: the implementation's or the kit's.

    ``inconclusive`` marks an ``unmeasured`` case that could have been measured but saw too little. ``counts`` says what
    was enumerated, such as ``{"faults": 98, "operations": 10}``. ``flaky`` says that the manifest lists the case as a
    failure that depends on timing.
    """

    clause: str
    case: str
    outcome: Outcome
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    repro: str = ""
    seconds: float = 0.0
    blame: Literal["", "implementation", "kit"] = ""
    inconclusive: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    flaky: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a whole run means."""

    exit: Exit
    reasons: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # clause → outcome → number of cases
    total: int  # cases
    part: str = ""  # of the contract, in words, where a run did not judge the whole
    quick: str = ""  # of a quick run, which cases it had, in words
    warnings: tuple[str, ...] = ()  # what changes nothing of it, but has to be known
    shoulds: tuple[str, ...] = ()  # the clauses that failed and do not fail the run
    of_kit: Mapping[str, int] = field(default_factory=dict)  # clause → number of errors that are the kit's own

    @property
    def word(self) -> str:
        """The verdict in words. Only a run of the whole contract shows conformance: of another one it says what passed.
        A failure that is written down is still a failure, as is that of a SHOULD, and is not passed over.
        """
        if self.exit != Exit.CONFORMANT:
            return self.exit.name.lower().replace("_", " ")
        word = f"{self.part}: passed" if self.part else "conformant"
        known = sum(of_clause.get("xfail", 0) for of_clause in self.counts.values())
        but_for = [counted(known, "known failures")] if known else []
        if len(self.shoulds) > _NAMED_SHOULDS:
            but_for.append(f"{len(self.shoulds)} SHOULDs")
        elif self.shoulds:
            but_for.append(f"SHOULD {', '.join(self.shoulds)}")
        return f"{word} but for {' and '.join(but_for)}" if but_for else word

    @property
    def measured(self) -> tuple[int, int]:
        """Of how many clauses a case was measured, and how many concern the implementation and the run."""
        found = {
            clause: set(_seen(of_clause))
            for clause, of_clause in self.counts.items()
            if any(of_clause.values()) or not self.part
        }
        concerned = {clause: seen for clause, seen in found.items() if seen != {"n/a"}}
        return sum(bool(seen - self._not_measured(clause)) for clause, seen in concerned.items()), len(concerned)

    def _not_measured(self, clause: str) -> set[str]:
        only_of_kit = 0 < self.of_kit.get(clause, 0) == self.counts[clause].get("error")
        return {"unmeasured", "n/a", "error"} if only_of_kit else {"unmeasured", "n/a"}

    @property
    def coverage(self) -> str:
        """``measured 75 of 83 clauses``. A part that passed says so in its `word`."""
        measured, of = self.measured
        if self.part and self.exit == Exit.CONFORMANT:
            return ""
        return f"measured {measured} of {of} clauses{f' in part ({self.quick})' if self.quick else ''}"

    @property
    def sentence(self) -> str:
        """The verdict with what it rests on."""
        return ", ".join(filter(None, [self.word, self.coverage]))


def _named(about: Mapping[str, Any]) -> str:
    return " ".join(word for word in (about.get("name"), about.get("version")) if word)


def _seen(of_clause: Mapping[str, int]) -> Iterator[str]:
    return (outcome for outcome, number in of_clause.items() if number)


def counted(number: int, what: str) -> str:
    """``1 fault``, ``2,000 faults``: ``what`` is a plural in -s, which loses it after 1."""
    return f"{number:,} {what.removesuffix('s') if number == 1 else what}"


class ResultsFile:
    """results.jsonl, written a line at a time, so that an interrupted run keeps what it had found. Each line is linked
    to the one before: see `conformance.reporting.chain`.

    A line that cannot be written does not end the run, whose verdict is printed, too: `require_written` reports it.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._failure: OSError | None = None
        self._exit = 0
        self._opened = time.monotonic()
        self.verdict: Verdict | None = None
        self._link = chain.START
        self._lines = 0

    def header(self, header: Header) -> None:
        """The first line. Raises OutputError at once."""
        self._line({"type": "header", "format": FORMAT, **dataclasses.asdict(header)})
        self.require_written()

    def result(self, result: Result) -> None:
        self._line({"type": "result", **dataclasses.asdict(result)})

    def record(self, kind: str, value: Mapping[str, Any]) -> None:
        """A line of another type, for those who know it: `read_results` passes it over."""
        self._line({"type": kind, **value})

    def footer(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self._exit = int(verdict.exit)
        measured, of = verdict.measured
        counts = {clause: dict(of_clause) for clause, of_clause in verdict.counts.items()}
        self._line(
            {
                "type": "footer",
                "verdict": verdict.word,
                "sentence": verdict.sentence,
                "measured": {"clauses": measured, "of": of},
                "exit": int(verdict.exit),
                "reasons": list(verdict.reasons),
                "counts": counts,
                "results": verdict.total,
                "lines": self._lines + 1,
                "seconds": round(time.monotonic() - self._opened, 1),
            }
        )

    def _line(self, value: Mapping[str, Any]) -> None:
        if self._failure is None:
            line, self._link = chain.linked(json.dumps(value, ensure_ascii=True, default=str), self._link)
            self._lines += 1
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except OSError as error:
                self._failure = error

    def require_written(self) -> None:
        """Raise OutputError unless all lines so far were written."""
        if self._failure is not None:
            raise OutputError(f"{self._stream.name} could not be written: {self._failure}", self._exit)

    def write_beside(self, name: str, write: Callable[[Path], object]) -> None:
        """Have another file written beside results.jsonl, when that is whole. Raises OutputError."""
        self.require_written()
        path = Path(self._stream.name).with_name(name)
        try:
            write(path)
        except OSError as error:
            raise OutputError(f"{path} could not be written: {error}", self._exit) from error


def write_json(path: Path, value: Any, exit: int = 0) -> None:
    """Write a value for people and other programs. Raises OutputError, with the exit code of the verdict."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error}", exit) from error


@contextlib.contextmanager
def results_file(report: Path | None) -> Iterator[ResultsFile | None]:
    """``results.jsonl`` in this folder, which is made; None without one. A run that finished leaves badge.json, too.

    Raises click.UsageError when they cannot be written.
    """
    if report is None:
        yield None
        return
    try:
        report.mkdir(parents=True, exist_ok=True)
        (report / "badge.json").unlink(missing_ok=True)  # one of an older run says nothing about this one
        stream = (report / "results.jsonl").open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise click.UsageError(f"--report {report}: cannot be written: {error}") from error
    file = ResultsFile(stream)
    try:
        yield file
        file.require_written()
        if (verdict := file.verdict) is not None:
            measured, of = verdict.measured
            shown = badge(verdict.exit, verdict.sentence, everything=measured == of and not verdict.shoulds)
            write_json(report / "badge.json", shown, verdict.exit)
    finally:
        with contextlib.suppress(OSError):  # each line was flushed: on a full disk the write has failed already
            stream.close()


def read_results(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any] | None]:
    """Read a results file: (header, results, footer). The footer is None for a run that did not finish.

    Raises what `lines_of` raises, and ResultsFileError for a file that is too large to be one run. What follows the
    last line feed was cut off and is left out.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ResultsFileError(f"{path}: larger than {_MOST_BYTES >> 20} MiB, and a run has a few; run it again")
    header, *lines = lines_of(path)
    footer = lines[-1] if lines and lines[-1].get("type") == "footer" else None
    return header, [line for line in lines if line.get("type") == "result"], footer


def read_records(path: Path, kind: str) -> list[dict[str, Any]]:
    """The lines of one more type, such as ``write``, in a results file. Raises what `lines_of` raises."""
    return [line for line in lines_of(path) if line.get("type") == kind]


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a results file, each as soon as it was read and found to follow the one before.

    Raises OSError, and ResultsFileError for a file that is no results file, is of another format, or is not as it was
    written. What follows the last line feed was cut off and is left out: such a file has no footer.
    """
    if (kind := kind_at(path)) is not None:  # to open a FIFO would wait, and a device may never end
        raise ResultsFileError(f"{path}: {kind} is there, and no file")
    link, number, results, footer = chain.START, 0, 0, False
    with path.open("rb") as stream:
        while (raw := stream.readline(_LONGEST_LINE)).endswith(b"\n"):
            number += 1
            where = f"{path}:{number}"
            line = _decoded(raw, where)
            kind = line.get("type")
            if (kind == "header") != (number == 1):
                raise ResultsFileError(f"{path}: does not begin with a header line" if number == 1 else _twice(where))
            if number == 1:
                _require_format(line, path)
            following = chain.follows(raw[:-1], link)
            if following is None:
                raise ResultsFileError(f"{where}: {_BROKEN}")
            if footer:
                raise ResultsFileError(f"{where}: follows the footer, which is the last line")
            link = following
            results += kind == "result"
            footer = kind == "footer"
            if footer and (line.get("results"), line.get("lines")) != (results, number):
                raise ResultsFileError(
                    f"{path}: the footer counts {line.get('results')} results in {line.get('lines')} lines, "
                    f"the file has {results} in {number}"
                )
            yield line
    if len(raw) == _LONGEST_LINE:
        raise ResultsFileError(f"{path}:{number + 1}: a line of more than {_LONGEST_LINE >> 20} MiB")
    if not number:
        raise ResultsFileError(f"{path}: does not begin with a header line{'' if raw else ': it is empty'}")


_BROKEN = "does not follow from the line before: a line was edited, removed, added or moved; run it again"


def _twice(where: str) -> str:
    return f"{where}: a second header; a results file is of one run"


def _decoded(raw: bytes, where: str) -> dict[str, Any]:
    try:
        line = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultsFileError(f"{where}: not a line of results: {error}") from error
    if not isinstance(line, dict):
        raise ResultsFileError(f"{where}: not a line of results: not a JSON object")
    return line


def _require_format(header: Mapping[str, Any], path: Path) -> None:
    found = header.get("format", 1)
    if found == FORMAT:
        return
    newer = type(found) is int and found > FORMAT
    todo = "read it with the kit that wrote it, or a newer one" if newer else "run it again with this kit"
    raise ResultsFileError(f"{path}: results of format {str(found)[:40]}; this kit reads format {FORMAT}: {todo}")
