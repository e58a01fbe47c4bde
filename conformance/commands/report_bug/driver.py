"""Runs a program that writes a file, watches it with strace, and looks at what it left: for repro.py beside this file.

It uses the standard library of Python 3.9 or later. subject.json beside this file says how the program is started.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import resource

__all__ = [
    "HERE",
    "NEW",
    "OLD",
    "RENAMES",
    "CannotTell",
    "Happens",
    "Place",
    "Writer",
    "require",
    "state",
    "subject",
]

HERE = Path(__file__).resolve().parent
OLD, NEW = 1_000, 20_000  # characters of the two documents
RENAMES = "rename,renameat,renameat2,link,linkat"
_SECONDS = 60.0  # for one answer: generous, because nothing is measured
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(.*)$")


class CannotTell(Exception):
    """This machine lacks something, or the program did not do what the check is about."""


class Happens(Exception):
    """The failure, in a sentence."""


@cache
def subject() -> dict[str, Any]:
    """Which program it is, and what is checked: subject.json."""
    return dict(json.loads((HERE / "subject.json").read_text(encoding="utf-8")))


def document(size: int) -> Any:
    """What is written: a text, or for the profiles pulse and json the members of a status."""
    if subject()["profile"] == "replace":
        return f"{size} " + "x" * size
    members = {"status": "running", "epoch": 1.5, "total_epochs": 3.0, "loss": 0.25}
    return {**members, "message": f"{size} " + "x" * size, "timestamp": 1764345613}


def put(path: Path, size: int) -> None:
    """Write a document without the program."""
    value = document(size)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def state(path: Path) -> str:
    """``old``, ``new``, ``missing`` or ``torn``: what is at this name."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "missing"
    for word, size in (("old", OLD), ("new", NEW)):
        value = document(size)
        try:
            if (data.decode() if isinstance(value, str) else json.loads(data)) == value:
                return word
        except ValueError:
            continue
    with contextlib.suppress(OSError):
        (HERE / "torn.bin").write_bytes(data)
    return f"torn: {len(data):,} bytes that are neither document, {data[:40]!r} … {data[-20:]!r}"


class Writer:
    """The program, running (mode serve and python) or started for each write (mode oneshot)."""

    def __init__(self, **limits: Any) -> None:
        self.limits = limits
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = HERE / subject()["folder"]
        self.number = 0
        if subject()["mode"] != "oneshot":
            self.process = self._start(self._command())
            if not self._ask({"op": "start", "protocol": 1}).get("ok"):
                raise CannotTell("the program does not answer start: is all that it needs installed?")

    def _command(self) -> list[str]:
        if subject()["mode"] == "python":
            return [sys.executable, "-B", str(HERE / "host.py"), subject()["folder"], subject()["callable"]]
        words = [sys.executable if word == "{python}" else word for word in subject()["command"]]
        found = shutil.which(words[0], path=f"{self.folder}:{os.environ.get('PATH', os.defpath)}")
        return [str(self.folder / words[0]) if "/" in words[0] else found or words[0], *words[1:]]

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        limit = self._limit if self.limits else None
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        try:
            return subprocess.Popen(command, cwd=self.folder, preexec_fn=limit, **pipes)
        except OSError as error:
            raise CannotTell(f"the program cannot be started: {error}") from error

    def _limit(self) -> None:
        os.umask(self.limits.get("umask", 0o022))  # 022 is also what repro.py sets for itself
        if sys.platform != "win32" and "file_size" in self.limits:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # what is above the limit then fails with EFBIG
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limits["file_size"],) * 2)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.number += 1
        try:
            self.process.stdin.write(json.dumps({"id": self.number, **request}).encode("ascii") + b"\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], _SECONDS)
            line = self.process.stdout.readline() if ready else b""
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            self.stop()
            return {"ok": False, "error": f"ended with exit code {self.process.wait()} instead of answering"}
        answer = dict(json.loads(line))
        if subject()["mode"] == "python" and answer.get("error") == "import":
            raise CannotTell(f"the program lacks something: {answer['message']}")
        return answer

    def write(self, path: Path, size: int, strace: list[str] | None = None) -> str:
        """Have a document written. Answers ``ok``, or what the program said. ``strace`` has the options of strace."""
        value = document(size)
        answer = self.ask("replace" if isinstance(value, str) else "write", path, value, strace)
        if self.process is None:
            return "ok" if answer["ok"] else str(answer["error"])
        return "ok" if answer.get("ok") else f"{answer.get('error')}: {answer.get('message', '')}"

    def ask(self, operation: str, path: Path, value: Any = None, strace: list[str] | None = None) -> dict[str, Any]:
        """Ask for ``write``, ``replace`` or ``read``; ``value`` is the text or the status. Returns the answer."""
        if self.process is None:
            data = value if isinstance(value, str) else "" if value is None else json.dumps(value)
            words = [*(["strace", "-f", *strace] if strace else []), *self._request(operation, str(path), data)]
            process = self._start(words)
            printed, _ = process.communicate(data.encode(), _SECONDS)
            if process.returncode:
                return {"ok": False, "error": f"exit code {process.returncode}"}
            try:
                return {"ok": True, **({"status": json.loads(printed)} if operation == "read" else {})}
            except ValueError:
                return {"ok": False, "error": f"{printed[:200]!r}, which is no JSON"}
        tracer = self._attach(strace) if strace else None
        field = {} if value is None else {"text" if isinstance(value, str) else "status": value}
        answer = self._ask({"op": operation, "path": str(path), **field})
        if tracer:
            tracer.send_signal(signal.SIGINT)  # it lets go of the program
            tracer.communicate(timeout=_SECONDS)
        return answer

    def _request(self, operation: str, path: str, data: str) -> list[str]:
        command = self._command()
        if not any("{path}" in word for word in command):
            return [*command, operation, path]
        (HERE / "input").write_text(data, encoding="utf-8", newline="")
        return [
            str(HERE / "input").join(part.replace("{path}", path) for part in word.split("{input}")) for word in command
        ]

    def _attach(self, options: list[str]) -> subprocess.Popen[bytes]:
        assert self.process is not None
        words = ["strace", "-f", "-p", str(self.process.pid), *options]
        tracer = subprocess.Popen(words, stderr=subprocess.PIPE)
        assert tracer.stderr is not None
        while b" attached" not in (line := tracer.stderr.readline()):
            if not line:
                raise CannotTell("strace may not follow the program; run this as root")
        return tracer

    def stop(self) -> None:
        """End the program."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


class Place:
    """A folder with a target in it, which holds the old document unless ``old`` is False."""

    def __init__(self, folder: Path, *, old: bool = True, name: str = "status.json") -> None:
        self.folder = Path(tempfile.mkdtemp(dir=folder)).resolve()
        self.target = self.folder / name
        if old:
            put(self.target, OLD)
        self.log = folder / f"{self.folder.name}.strace"

    def traced(self, *injections: str, only: Path | None = None) -> str:
        """One traced write of the new document; answers as `Writer.write` does.

        With ``only``, just the calls on this very file or folder are seen, and fail.
        """
        if not shutil.which("strace"):
            raise CannotTell("there is no strace; install it (apt install strace)")
        writer = Writer()
        options = ["-y", "-s", "0", "-o", str(self.log), *(["-P", str(only)] if only else [])]
        for injection in injections:
            options += ["-e", f"inject={injection}"]
        try:
            return writer.write(self.target, NEW, options)
        finally:
            writer.stop()

    def calls(self) -> list[tuple[str, str, bool]]:
        """The system calls on the folder, in order: name, arguments, whether it succeeded."""
        begun: dict[str, str] = {}
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            thread, _, rest = line.partition(" ")
            if "<unfinished ...>" in rest:
                begun[thread] = rest.split("<unfinished ...>")[0].strip()
                continue
            if resumed := re.match(r" *<\.\.\. \w+ resumed>(.*)", rest):
                rest = begun.pop(thread, "") + resumed[1]
            call = _CALL.match(f"{thread} {rest.strip()}")
            if call and str(self.folder) in call[3]:
                found.append((call[2], call[3], not call[4].startswith(("-", "?"))))
        return found

    def publishes(self, calls: list[tuple[str, str, bool]]) -> tuple[int, str]:
        """Which of the calls gives a file the target's name, and the name that this file had before."""
        for number, (name, arguments, worked) in enumerate(calls):
            names = re.findall(r'"([^"]*)"', arguments)
            if name in RENAMES.split(",") and worked and len(names) == 2 and Path(names[1]).name == self.target.name:
                return number, Path(names[0]).name
        if any(name in ("open", "openat", "creat") and self.opens_target(args) for name, args, _ in calls):
            raise Happens("the target itself is opened for writing: there is no temp, and nothing to sync before it")
        raise CannotTell("strace saw no rename onto the target, nor that it is opened; is the command a wrapper?")

    def opens_target(self, arguments: str) -> bool:
        """Whether an open is one for writing, of the target."""
        names = re.findall(r'"([^"]*)"', arguments)
        writes = re.search("O_WRONLY|O_RDWR|O_TRUNC", arguments)
        return bool(names and writes and Path(names[0]).name == self.target.name)

    def left(self) -> list[str]:
        """What is in the folder beside the target."""
        return sorted(set(os.listdir(self.folder)) - {self.target.name})


def require(holds: object, failure: str) -> None:
    """Raise Happens unless it holds."""
    if not holds:
        raise Happens(failure)
