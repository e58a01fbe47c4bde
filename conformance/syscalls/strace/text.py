"""How strace writes: its lines, strings, descriptors and results, and its names for flags, calls and errors.

`read_log` turns lines into whole calls; `conformance.syscalls.strace.parser` interprets them.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.syscalls.tracer.calls import HARMLESS, TraceError

__all__ = ["DESCRIPTOR", "RESULT", "SHOWN", "Line", "number_of", "path_of", "read_log", "string_of", "tables", "tokens"]

# What strace prints behind a descriptor: 3</path>, 3</path>(deleted), 4<pipe:[1]>, 1</dev/pts/0<char 136:0>> and
# 5<TCP:[10.0.0.1:1->10.0.0.2:2]>. In paths it escapes ", <, > and \.
NOTE = r"<(?:[A-Z][A-Z0-9-]*:\[.*?\]|((?:[^<>\\]|\\.)*)(?:<(?:char|block) [^<>]*>)?)>(\(deleted\))?"
_TOKEN = re.compile(
    rf"""(?P<text>"[^"\\]*(?:\\.[^"\\]*)*"(?:\.\.\.)?)|(?P<note>(?<=[0-9D/])<(?!<){NOTE[1:]})"""
    r"""|(?P<comment>/\*.*?\*/)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<comma>,)|(?P<other>[^"<,(){}\[\]/]+|.)""",
    re.DOTALL,
)
DESCRIPTOR = re.compile(rf"(-?[0-9]{{1,20}}|AT_FDCWD)(?: ?/\*.*?\*/)?({NOTE})?", re.DOTALL)
RESULT = re.compile(
    rf" *= (?P<value>\?|-?0x[0-9a-f]{{1,16}}|-?[0-9]{{1,20}})(?P<note>{NOTE})?(?: (?P<error>E[A-Z0-9]+)\b)?", re.DOTALL
)
_TIME = r"(?:[0-9]+:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?|[0-9]+\.[0-9]+|\(?\+ *[0-9]+\.[0-9]+\)?)"
_PREFIX = re.compile(rf" *(?:\[pid +([0-9]{{1,10}})\] +|([0-9]{{1,10}}) +)?(?:{_TIME} +)*")
_NOTICE = re.compile(r"strace: Process ([0-9]{1,10}) (?:(attached)(?: with [0-9]+ threads)?|detached)$")
_SUPERSEDED = re.compile(r"\+\+\+ superseded by execve in pid ([0-9]{1,10}) \+\+\+")
_RESUMED = re.compile(r"<\.\.\. ([a-z_0-9]+) resumed>")
_BEGINNING = re.compile(r"([a-z_][a-z0-9_]*)\(")
_UNFINISHED = re.compile(r" <(?:unfinished|detached|pid changed to [0-9]{1,10}) \.\.\.>(\) += \?)?$")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"b": b"\b", b"a": b"\a"}
_LITERAL = re.compile(r"-?0x[0-9a-fA-F]{1,16}|-?0[0-7]{0,22}|-?[1-9][0-9]{0,19}")
_ENCODED = re.compile(r"_IOC\(([A-Z_|]+), (0x[0-9a-f]{1,2}|0), (0x[0-9a-f]{1,2}|0), (0x[0-9a-f]{1,4}|0)\)")

# Calls for which strace prints different arguments from those the kernel takes, by the name that it prints.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "preadv2": ("descriptor", "_", "vectors", "offset", "flags"),
    "pwritev2": ("descriptor", "_", "vectors", "offset", "flags"),
    "_llseek": ("descriptor", "offset", "_", "whence"),
    "sync_file_range2": ("descriptor", "flags", "offset", "count"),
}


@functools.cache
def tables() -> Mapping[str, Mapping[str, Any]]:
    """The tables ``names``, ``directions``, ``errors`` and ``aliases`` of strace_flags.toml."""
    return tomllib.loads((Path(__file__).parent / "strace_flags.toml").read_text(encoding="utf-8"))


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """The parts of an argument as (kind, text); of interest are ``note`` (a descriptor's path) and ``text``."""
    for match in _TOKEN.finditer(text):
        yield match.lastgroup or "", match[0]


def _split(text: str) -> tuple[tuple[str, ...], str | None]:
    """The arguments of a call, and what follows its closing bracket (None: it is not closed)."""
    arguments, current, depth = [], "", 0
    result = None
    for match in _TOKEN.finditer(text):
        if match["close"]:
            if depth == 0:
                result = text[match.end() :]
                break
            depth -= 1
        elif match["open"]:
            depth += 1
        elif match["comma"] and depth == 0:
            arguments.append(current.strip())
            current = ""
            continue
        current += match[0]
    if current.strip():
        arguments.append(current.strip())
    return tuple(arguments), result


def _unescaped(text: str) -> str:
    """The value of a C string literal; bytes that are not UTF-8 become surrogates, as in every Python path."""

    def value(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 16)])
        if match[2]:
            return bytes([int(match[2], 8) & 0xFF])
        return _LETTERS.get(match[3], match[3])

    return _ESCAPE.sub(value, text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogateescape")


def string_of(text: str) -> str | None:
    """A string argument; None for what is not a string, such as NULL."""
    return _unescaped(text[1 : text.rindex('"')]) if text.startswith('"') and text.rindex('"') else None


def path_of(note: str) -> str:
    """The path that is printed after a descriptor, with `` (deleted)`` at its end as /proc shows it."""
    match = re.fullmatch(NOTE, note, re.DOTALL)
    if match is None or match[1] is None:
        return note[1:-1]
    return _unescaped(match[1]) + (" (deleted)" if match[2] else "")


def number_of(text: str) -> int | None:
    """The value of a number, of names joined by ``|``, or of a number before a comment with names (``-X``)."""
    names = tables()["names"]
    text = re.sub(r" ?/\*.*?\*/", "", text).strip()
    if encoded := _ENCODED.fullmatch(text):
        direction = 0
        for name in encoded[1].split("|"):
            direction |= tables()["directions"].get(name, 0)
        kind, number, size = (int(part, 16) for part in encoded.groups()[1:])
        return direction << 30 | size << 16 | kind << 8 | number
    text = next((each for each in text.split(" or ") if each in names), text)
    value = 0
    for term in text.split("|"):
        literal, _, shift = term.partition("<<")
        if _LITERAL.fullmatch(literal):
            amount = int(literal, 8 if re.match("-?0[0-7]", literal) else 0)
        elif literal in names:
            amount = names[literal]
        else:
            return None
        if shift and shift not in names:
            return None
        value |= amount << (names[shift] & 63) if shift else amount
    return value


@dataclass(frozen=True)
class Line:
    """One call as text: ``result`` is what follows its arguments, ``""`` when it never returned."""

    number: int
    text: str
    begun: int
    ended: int | None
    thread: int
    name: str
    arguments: tuple[str, ...]
    result: str

    def error(self, problem: str) -> TraceError:
        return _error(self.number, self.text, problem)


def _error(number: int, text: str, problem: str) -> TraceError:
    return TraceError(f"line {number} of the strace log: {problem}: {text[:200]!r}")


def read_log(text: str) -> list[Line]:
    """The calls of a log as text, in the order of their ends. Raises TraceError."""
    return _Log().read(text)


class _Log:
    """Lines → whole calls: joins calls interrupted by other threads, and finds the thread that a line belongs to."""

    def __init__(self) -> None:
        self.found: list[Line] = []
        self.clock = 0
        self.pending: dict[int, tuple[int, int, str, str]] = {}  # thread → line number, begun, name, arguments so far
        self.live: list[int] = []

    def read(self, text: str) -> list[Line]:
        self.live = [] if _NOTICE.match(text.partition("\n")[0]) else [_first_thread(text)]
        begun = ""
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
            notice = _NOTICE.search(line)
            if notice:  # strace may print it in the middle of another line
                begun += line[: notice.start()]
                if notice[2]:
                    self._alive(int(notice[1]))
                continue
            self._line(number, begun + line, self.live[:1] if begun else self.live)
            begun = ""
        for thread in list(self.pending):
            self._never_returned(thread)
        return self.found

    def _alive(self, thread: int) -> None:
        if thread not in self.live:
            self.live.append(thread)

    def _line(self, number: int, line: str, live: list[int]) -> None:
        prefix = _PREFIX.match(line)
        assert prefix is not None  # every part of it is optional
        body = line[prefix.end() :].rstrip()
        if not body or body.startswith(("strace: ", "[ Process PID=", "--- ")):
            return
        shown = prefix[1] or prefix[2]
        if shown is None and len(live) > 1:
            raise _error(number, line, "which thread does this line belong to? Record with -f and -o FILE")
        thread = int(shown) if shown else (live or [0])[0]
        self._alive(thread)
        if body.startswith("+++ "):
            superseded = _SUPERSEDED.match(body)
            self._gone(thread)
            if superseded:  # a thread other than the first has called execve, and continues as the first
                former = int(superseded[1])
                if former in self.pending:
                    self.pending[thread] = self.pending.pop(former)
                self._gone(former)
                self._alive(thread)
        elif resumed := _RESUMED.match(body):
            self._resumed(number, line, thread, resumed[1], body[resumed.end() :])
        elif beginning := _BEGINNING.match(body):
            if thread in self.pending:
                raise _error(number, line, f"thread {thread} starts a call within another; is a line missing?")
            self.pending[thread] = (number, self._tick(), beginning[1], "")
            self._continue(number, line, thread, body[beginning.end() :])
        else:
            raise _error(number, line, "not a line of strace; record with -o FILE to keep other output out")

    def _tick(self) -> int:
        self.clock += 1
        return self.clock - 1

    def _resumed(self, number: int, line: str, thread: int, name: str, rest: str) -> None:
        if thread in self.pending and self.pending[thread][2] == name:
            self._continue(number, line, thread, rest)
        elif thread in self.pending or name not in HARMLESS:
            raise _error(number, line, f"thread {thread} ends a {name} that it has not started; record from its start")

    def _continue(self, number: int, line: str, thread: int, rest: str) -> None:
        started, begun, name, so_far = self.pending[thread]
        unfinished = _UNFINISHED.search(rest)
        arguments = so_far + (rest[: unfinished.start()] if unfinished else rest)
        self.pending[thread] = (started, begun, name, arguments)
        if unfinished:
            if unfinished[1]:
                self._never_returned(thread)
            return
        parts, result = _split(arguments)
        if result is None:
            raise _error(number, line, "this call does not end; is the line cut off?")
        del self.pending[thread]
        self.found.append(Line(started, line, begun, self._tick(), thread, name, parts, result))

    def _never_returned(self, thread: int) -> None:
        started, begun, name, arguments = self.pending.pop(thread)
        text = f"{name}({arguments}"
        self.found.append(Line(started, text, begun, None, thread, name, _split(arguments)[0], ""))

    def _gone(self, thread: int) -> None:
        if thread in self.pending:
            self._never_returned(thread)
        self.live = [each for each in self.live if each != thread]


def _first_thread(text: str) -> int:
    """The thread of lines without a number: the first that is named but never attached to; 0 when none is."""
    attached = set(re.findall(r"strace: Process ([0-9]{1,10}) attached$", text, re.MULTILINE))
    shown = re.findall(r"^\[pid +([0-9]{1,10})\]", text, re.MULTILINE)
    return int(next((each for each in shown if each not in attached), 0))
