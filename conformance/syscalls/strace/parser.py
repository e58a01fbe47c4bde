"""Logs of strace(1) → calls. An independent witness of the tracer, and a way to judge a log recorded elsewhere.

Recorded with ``strace -f -y -o LOG PROGRAM``; ``-yy``, ``-t…``, ``-r``, ``-T``, ``-s``, ``-x`` and ``-X`` are
understood as well. ``python -m conformance.syscalls.strace LOG --target PATH`` prints the operations on
the target's folder and judges them.
"""

from __future__ import annotations

import argparse
import errno
import posixpath
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.powerloss.content import size
from conformance.syscalls.powerloss.effects import Before, changed, file_names_after
from conformance.syscalls.powerloss.model import judge
from conformance.syscalls.powerloss.simulation import effects_of
from conformance.syscalls.strace.text import (
    DESCRIPTOR,
    RESULT,
    SHOWN,
    Line,
    number_of,
    path_of,
    read_log,
    string_of,
    tables,
    tokens,
)
from conformance.syscalls.tracer.calls import HARMLESS, SIGNATURES, Argument, Call, Descriptor, TraceError

__all__ = ["main", "parse"]

_INJECTED = re.compile(r" \(INJECTED(?:: args, retval)?\)")
_DESCRIPTOR_PATH = re.compile(
    r"/(?:proc/(self|thread-self|[0-9]{1,10})(?:/task/[0-9]{1,10})?/fd|dev/fd)/([0-9]{1,10})(/.*)?", re.DOTALL
)

# Arguments that strace may show as names. An unknown name stays text, so that code that needs its number fails.
_NAMED = frozenset(("flags", "mode", "protection", "command", "argument", "request", "whence", "advice", "how"))
# Calls that change nothing: it does not matter when their path cannot be determined.
_ASKING_TEXT = """
stat lstat newfstatat statx statfs access faccessat faccessat2 readlink readlinkat getxattr lgetxattr listxattr
llistxattr inotify_add_watch execve execveat chdir
"""
_ASKING = frozenset(_ASKING_TEXT.split())
_RENAMING = ("rename", "renameat", "renameat2")
_OPENING = ("open", "openat", "openat2", "creat")
_CLONE_THREAD = 0x10000
_EARLIER_LENGTH = 4096


@dataclass
class _Process:
    """What is known of a process: its current folder, and the paths of its descriptors."""

    folder: str | None
    files: dict[int, str] = field(default_factory=dict)


def parse(text: str, folder: str | None = None) -> tuple[Call, ...]:
    """The calls of a log, in the order of their starts.

    ``folder`` is the current folder of the first processes, for a log that does not show it. A call that strace shows
    as interrupted (``= ? ERESTARTSYS``) is left out: the kernel has done nothing, and a restarted call has a line of
    its own. Values of flags are those of x86-64. Source: strace(1). Raises TraceError.
    """
    calls = _Reader(read_log(text), folder).calls()
    return tuple(sorted(calls, key=lambda call: call.begun))


class _Reader:
    """Calls as text → calls. Follows each process's current folder and descriptors through the log."""

    def __init__(self, lines: Iterable[Line], folder: str | None) -> None:
        self.lines = list(lines)
        self.folder = folder
        self.process_of: dict[int, int] = {}
        self.parent_of: dict[int, int] = {}
        self.processes: dict[int, _Process] = {}
        for line in sorted(self.lines, key=lambda line: line.begun):
            self._note_child(line)

    def _note_child(self, line: Line) -> None:
        """Learn from a clone which process its child belongs to: the child's lines may precede the clone's end."""
        result = RESULT.match(line.result)
        if line.name not in ("clone", "clone3", "fork", "vfork") or result is None or not result["value"].isdecimal():
            return
        child, parent = int(result["value"]), self._process_id(line.thread)
        flags = re.search(r"flags=([^,}]*)", ",".join(line.arguments))
        numbers = re.findall(r"\b0x[0-9a-f]{1,16}", flags[1]) if flags else []
        if (flags and "CLONE_THREAD" in flags[1]) or any(int(each, 16) & _CLONE_THREAD for each in numbers):
            self.process_of[child] = parent
        else:
            self.parent_of[child] = parent

    def _process_id(self, thread: int) -> int:
        return self.process_of.get(thread, thread)

    def _process(self, number: int) -> _Process:
        """The process; when it is seen for the first time, it starts as a copy of its parent's present state."""
        unknown = []
        while number not in self.processes and number not in unknown:
            unknown.append(number)
            number = self.parent_of.get(number, number)
        if number not in self.processes:
            self.processes[number] = _Process(self.folder)
        for child in reversed(unknown):
            parent = self.processes[number]
            self.processes.setdefault(child, _Process(parent.folder, dict(parent.files)))
        return self.processes[unknown[0]] if unknown else self.processes[number]

    def calls(self) -> list[Call]:
        events = [(line.begun, line, False) for line in self.lines]
        events += [(line.ended, line, True) for line in self.lines if line.ended is not None]
        open_calls: dict[int, Call] = {}
        found = []
        for _, line, is_end in sorted(events, key=lambda event: event[0]):
            if not is_end:
                call = self._call(line)
                if call is not None:
                    open_calls[line.begun] = call
                    found.append(call)
            elif line.begun in open_calls:
                self._follow(open_calls[line.begun], line)
        return found

    def _call(self, line: Line) -> Call | None:
        process = self._process_id(line.thread)
        shown = RESULT.match(line.result)
        if line.result and shown is None:
            raise line.error("its result cannot be read")
        error = self._errno(line, shown["error"]) if shown else 0
        if error is None:
            return None
        value = shown["value"] if shown else "?"
        result = None if value == "?" else int(value, 16 if "x" in value else 10)
        name = tables()["aliases"].get(line.name, line.name)
        call = Call(
            begun=line.begun,
            ended=line.ended if result is not None else None,
            process=process,
            thread=line.thread,
            name=name,
            arguments={},
            result=-error if error else result,
            error=error,
            injected=shown is not None and bool(_INJECTED.search(line.result, shown.end())),
        )
        for argument in line.arguments:
            self._learn(process, argument)
        if name in HARMLESS:
            return call
        if call.injected and not error:
            raise line.error("strace made this call seem to succeed; inject errors only")
        names = SHOWN.get(line.name) or SIGNATURES.get(name)
        if names is None:
            return call._replace(arguments=_of_unknown(name, line.arguments))
        return call._replace(arguments=self._arguments(call, line, names))

    @staticmethod
    def _errno(line: Line, name: str | None) -> int | None:
        """The error's number, 0 for none, and None for a call that the kernel restarts."""
        if name is None:
            return 0
        if name.startswith("ERESTART"):
            return None
        number = getattr(errno, name, None) or tables()["errors"].get(name)
        if not isinstance(number, int):
            raise line.error(f"the error {name} is not known here; add it to strace_flags.toml")
        return number

    def _learn(self, process: int, argument: str) -> None:
        shown = DESCRIPTOR.fullmatch(argument)
        if shown is None or shown[2] is None:
            return
        path = path_of(shown[2])
        if shown[1] in ("AT_FDCWD", "-100"):
            self._process(process).folder = path
        else:
            self._process(process).files[int(shown[1])] = path

    def _arguments(self, call: Call, line: Line, names: tuple[str, ...]) -> dict[str, Argument]:
        arguments: dict[str, Argument] = {}
        base: Descriptor | None = None
        for name, text in zip(names, line.arguments, strict=False):
            if name in ("folder", "other_folder"):
                base = self._descriptor(call, line, text)
            elif name in ("path", "other_path"):
                path = self._path(call, line, text, base)
                if path is not None:
                    arguments[name] = path
                base = None
            elif name in ("descriptor", "other_descriptor"):
                arguments[name] = self._descriptor(call, line, text)
            elif name == "how":
                how = re.match(r"\{flags=([^,}]*)", text)
                arguments["flags"] = _flags(line, how[1] if how else text)
            elif name in _NAMED:
                arguments[name] = _flags(line, text)
            elif name != "_":
                shown = DESCRIPTOR.fullmatch(text)  # as in dup2(3</path>, 1</other>)
                number = number_of(shown[1] if shown else text)
                if number is None:
                    raise line.error(f"its argument {name} is {text[:80]!r}, not a number")
                arguments[name] = number
        return arguments

    def _descriptor(self, call: Call, line: Line, text: str) -> Descriptor:
        shown = DESCRIPTOR.fullmatch(text)
        if shown is None:
            raise line.error(f"{text[:80]!r} is not a descriptor")
        if shown[1] in ("AT_FDCWD", "-100"):
            return Descriptor(-100, "")
        number = int(shown[1])
        if shown[2] is None and number >= 0 and call.succeeded and call.name != "mmap":
            raise line.error("the log does not show the paths of descriptors; record with strace -y")
        return Descriptor(number, path_of(shown[2]) if shown[2] else "")

    def _path(self, call: Call, line: Line, text: str, base: Descriptor | None) -> str | None:
        """The path of a call, absolute and normalised; None for one that cannot be determined and does not matter."""
        value = string_of(text)
        start = self._process(call.process).folder if base is None or base.number == -100 else base.path
        if not value:
            return (start or None) if base is not None and (value == "" or text == "NULL") else None
        matters = call.name not in _ASKING and not call.error
        if not value.startswith("/"):
            if not start:
                if matters:
                    raise line.error("the current folder is not known; give it, or record from the program's start")
                return None
            value = f"{start}/{value}"
        value = re.sub(r"/(?:\.?/)+", "/", value)
        through = _DESCRIPTOR_PATH.fullmatch(value)
        if through:
            owner = self._process_id(int(through[1])) if (through[1] or "").isdecimal() else call.process
            known = self._process(owner).files.get(int(through[2]))
            result = RESULT.match(line.result)
            if known is None and call.name in _OPENING and result is not None and result["note"]:
                return path_of(result["note"])
            if known is None and matters:
                raise line.error(
                    f"the file behind descriptor {through[2]} is not known; record from the program's start"
                )
            value = f"{known}{through[3] or ''}" if known else value
        return posixpath.normpath(value)

    def _follow(self, call: Call, line: Line) -> None:
        """Record what a successful call has changed."""
        if not call.succeeded or call.result is None:
            return
        process = self._process(call.process)
        result = RESULT.match(line.result)
        if result is not None and result["note"]:
            process.files[call.result] = path_of(result["note"])
        path, other = call.arguments.get("path"), call.arguments.get("other_path")
        descriptor = call.arguments.get("descriptor")
        if call.name == "chdir":
            process.folder = path if isinstance(path, str) else None
        elif call.name == "getcwd" and line.arguments:
            process.folder = string_of(line.arguments[0]) or process.folder
        elif call.name == "fchdir" and isinstance(descriptor, Descriptor):
            process.folder = descriptor.path
        elif call.name == "close" and isinstance(descriptor, Descriptor):
            process.files.pop(descriptor.number, None)
        elif call.name in _RENAMING and isinstance(path, str) and isinstance(other, str):
            self._renamed(path, other)
        elif call.name in ("unlink", "unlinkat") and isinstance(path, str):
            self._renamed(path, f"{path} (deleted)")

    def _renamed(self, old: str, new: str) -> None:
        for process in self.processes.values():
            for number, path in process.files.items():
                if path == old or path.startswith(f"{old}/"):
                    process.files[number] = new + path[len(old) :]


def _flags(line: Line, text: str) -> int | str:
    number = number_of(text)
    if number is None and line.name == "pwritev2":
        raise line.error(f"the flags {text[:80]!r} are not known; add them to strace_flags.toml")
    return text if number is None else number


def _of_unknown(name: str, texts: tuple[str, ...]) -> dict[str, Argument]:
    """Every path among the arguments of a call that the model does not know."""
    if name in ("io_uring_enter", "io_submit"):
        return {"unknown": "operations that it hides"}
    found: dict[str, Argument] = {}
    for text in texts:
        for kind, token in tokens(text):
            if kind == "note":
                found[str(len(found))] = Descriptor(-1, path_of(token))
            elif kind == "text" and (path := string_of(token)) and path.startswith("/"):
                found[str(len(found))] = posixpath.normpath(path)
    return found


def _described(operation: Operation) -> str:
    call = operation.call
    ending = "never returned" if call.result is None else errno.errorcode.get(call.error, "") if call.error else ""
    injected = " (injected)" if call.injected else ""
    thread = f"{call.process}/{call.thread}"
    return f"{operation.number:4}  {thread}  {operation}  [{call.name}] {ending}{injected}".rstrip()


def _before(operations: Sequence[Operation], target: str, existing: Iterable[str]) -> Before:
    """The folder before the write. The lengths of existing files are not in a log; any value will do.

    Raises TraceError for a log that does not write the target exactly once.
    """
    others = dict.fromkeys(set(existing) - {target}, _EARLIER_LENGTH)
    before = Before(target, _EARLIER_LENGTH if target in existing else None, 0, others)
    effects = effects_of(operations, before)
    renamings = [change for change in effects.names if target in dict(change.sets)]
    number = file_names_after(effects.names_before, effects.names).get(target)
    changes = [change for change in effects.data if change.file == number]
    if number is None or (not renamings and not changes):
        raise TraceError(f"nothing in the log writes {target}; give its path without symbolic links")
    if len(renamings) > 1:
        raise TraceError(f"the log writes {target} {len(renamings)} times; keep the lines of one write")
    content = effects.files[number].content
    for change in changes:
        content = changed(content, change)
    return replace(before, new_length=size(content))


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns 0, 1 when the target can be torn, 2 for a log that cannot be understood."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.syscalls.strace",
        description="Judge the write recorded in an strace log: what can a power cut leave of the target?",
    )
    parser.add_argument("log", type=Path, help="what `strace -f -y -o LOG PROGRAM` has written")
    parser.add_argument("--target", required=True, help="the absolute path of the file that the program replaces")
    parser.add_argument(
        "--existing",
        action="append",
        default=[],
        metavar="NAME",
        help="a file in its folder before the write; names of folders end in /",
    )
    parser.add_argument(
        "--folder", help="the program's current folder at the start of the log, if that does not show it"
    )
    given = parser.parse_args(arguments)
    parent, name = posixpath.split(posixpath.normpath(given.target))
    try:
        calls = parse(given.log.read_text(encoding="utf-8", errors="surrogateescape"), given.folder)
        operations = operations_of(calls, parent, given.existing)
        for operation in operations:
            print(_described(operation))
        judgement = judge(operations, _before(operations, name, given.existing))
    except (OSError, TraceError) as error:
        print(f"{given.log}: {error}", file=sys.stderr)
        return 2
    print(f"{len(operations)} operations, {judgement.cuts} power cuts, {judgement.states} disk states")
    for found in (judgement.torn, judgement.lost):
        if found is not None:
            print(f"{found.clause}: {found.story}")
    return 1 if judgement.torn else 0
