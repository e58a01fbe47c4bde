"""Which line or function made an operation, from one more undisturbed run in which the command is held at it.

A Python program writes its own stack when it gets a signal, at the very operation (faulthandler); Node logs the stack
of each call that changes files. Of any other program the function is looked for in its stack, and a process that the
command has started is named by its command line.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.commands.judge.execution import Command, run_traced
from conformance.commands.judge.folder import Stage, listing
from conformance.commands.judge.native import function_of
from conformance.commands.judge.stacks import node_source, python_sources, same_operations
from conformance.syscalls.operations import Operation
from conformance.syscalls.tracer.messages import Rule
from conformance.syscalls.tracer.session import Boundary

__all__ = ["HOOKS", "SIGNAL", "sources_of"]

HOOKS = Path(__file__).with_name("hooks")
SIGNAL = 61  # a real-time signal, which is queued
_LONGEST = 120  # characters of a command line


@dataclass
class _Held:
    """What was found where a run was held: the process, how much Node had logged, and a function or command."""

    process: int
    language: str = ""
    logged: int = 0
    text: str = ""


def sources_of(
    stage: Stage,
    command: Command,
    operations: Sequence[Operation],
    numbers: Collection[int],
    ready: Callable[[], object] | None = None,
) -> Mapping[int, str]:
    """For operations of an undisturbed run, by number, what made them; those of which it is not known are left out.

    ``ready`` makes the folder as it is before the run; without it that is the prepared one. Raises Unmeasured,
    TraceError.
    """
    (ready or stage.reset)()
    stacks = Path(tempfile.mkdtemp(prefix="stacks-", dir=stage.children))
    held: dict[int, _Held] = {}

    def look(boundary: Boundary) -> None:
        with contextlib.suppress(OSError, ValueError):
            held[boundary.number] = _held(boundary.thread, stacks, command)

    try:
        calls = tuple(sorted({operations[number].call.name for number in numbers}))
        rules = (Rule("hold", "before", calls=calls),)
        ended = run_traced(stage, command, listing(stage.root), rules, look, environment=_environment(stacks))
        texts = _texts(stacks, held, ended.operations, str(stage.root))
        same = same_operations(operations, ended.operations)
        found = {number: texts.get(same.get(number, -1), "") for number in numbers}
        return {number: _relative(text, stage) for number, text in found.items() if text}
    finally:
        shutil.rmtree(stacks, ignore_errors=True)


def _environment(stacks: Path) -> dict[str, str]:
    options = os.environ.get("NODE_OPTIONS", "")
    search = os.environ.get("PYTHONPATH", "")
    return {
        "PULSE_JUDGE_STACKS": str(stacks),
        "PULSE_JUDGE_SIGNAL": str(SIGNAL),
        "PYTHONPATH": os.pathsep.join([str(HOOKS), *([search] if search else [])]),
        "NODE_OPTIONS": f"{options} --require {json.dumps(str(HOOKS / 'stacks.cjs'))}".strip(),
    }


def _held(thread: int, stacks: Path, command: Command) -> _Held:
    """Look at a thread that stands still at an operation; one of Python is told to write its stack as it goes on."""
    process = _process_of(thread)
    if (stacks / f"python-{process}").exists():
        ctypes.CDLL(None).tgkill(process, thread, SIGNAL)
        return _Held(process, "python")
    if (log := stacks / f"node-{process}").exists():
        return _Held(process, "node", log.stat().st_size)
    words = Path(f"/proc/{process}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    function = function_of(thread)
    line = "" if words[-len(command.words) :] == list(command.words) else shlex.join(words)
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    return _Held(process, text=", ".join(each for each in (line, function) if each))


def _process_of(thread: int) -> int:
    status = Path(f"/proc/{thread}/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^Tgid:\s+(\d+)", status, re.MULTILINE)
    if found is None:
        raise ValueError(status)
    return int(found[1])


def _texts(stacks: Path, held: Mapping[int, _Held], operations: Sequence[Operation], root: str) -> dict[int, str]:
    """What was found, by the numbers of the operations of that run."""
    texts: dict[int, str] = {number: each.text for number, each in held.items()}
    for process in {each.process for each in held.values() if each.language == "python"}:
        # Each signal made one stack, in the order of the holds.
        numbers = [number for number, each in sorted(held.items()) if each.process == process]
        written = python_sources(_read(stacks / f"python-{process}"))
        if len(written) == len(numbers):
            texts |= dict(zip(numbers, written, strict=True))
    for number, each in held.items():
        if each.language == "node" and number < len(operations):
            log = _read(stacks / f"node-{each.process}")[: each.logged]
            operation = operations[number]
            paths = {f"{root}/{name}" for name in (operation.name, operation.other_name) if name}
            texts[number] = node_source(log, operation.kind, paths)
    return texts


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _relative(text: str, stage: Stage) -> str:
    return text.replace(f"{stage.work}/", "").replace(f"{stage.root}/tmp/", "$TMPDIR/")
