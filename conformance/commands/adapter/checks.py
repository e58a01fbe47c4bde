"""The steps of ``pulse adapter check``: each is one thing that an adapter has to do, and a reason why it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conformance.commands.adapter.conversation import Conversation, Reply
from conformance.commands.adapter.findings import TEXT, Finding, of_answer, of_bytes, shown
from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.oracle.payload import make_status
from conformance.subject.client import OneshotImplementation
from conformance.subject.launch import LaunchOptions
from conformance.subject.protocol import PROTOCOL
from conformance.system.file_kinds import NotAFile
from conformance.system.share_modes import read_shared

__all__ = ["Step", "Verdict", "checked"]

Verdict = Literal["ok", "wrong", "note", "not tried"]

SLOW_SECONDS = 2.0
LONG = 300_000  # characters: over the 64 KiB at which some line readers give up
_STDERR_LINES = 3


@dataclass(frozen=True)
class Step:
    """One step: what was seen, and what to do about it where something is wrong."""

    title: str
    verdict: Verdict
    seen: str = ""
    todo: str = ""


class _Stuck(Exception):
    """The conversation cannot go on. Carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.seen)
        self.finding = finding


def checked(manifest: Manifest, options: LaunchOptions, folder: Path) -> list[Step]:
    """Talk to the adapter of a manifest, whose set-up has run. ``folder`` is an empty one for what it writes."""
    steps = _oneshot_steps if manifest.mode == "oneshot" else _serve_steps
    found: list[Step] = []
    stuck = False
    for title, step in steps(manifest, options, folder):
        if stuck:
            found.append(Step(title, "not tried"))
            continue
        try:
            findings = step()
        except _Stuck as error:
            findings, stuck = [error.finding], True
        findings = sorted(
            dict.fromkeys(findings), key=lambda each: each.note
        )  # a step with a fault and a note is wrong
        found += [Step(title, "note" if each.note else "wrong", each.seen, each.todo) for each in findings] or [
            Step(title, "ok")
        ]
    return found


StepOf = Callable[[], list[Finding]]


def _serve_steps(manifest: Manifest, options: LaunchOptions, folder: Path) -> Iterator[tuple[str, StepOf]]:
    check = _Serve(manifest, options, folder)
    try:
        yield "starts, and answers", check.start
        yield "answers, and prints nothing else", check.handshake
        if "writer" in manifest.roles:
            yield "writes what it is given", check.write
            yield "takes a long line", check.long_line
            yield "answers two requests sent at once", check.two_at_once
            yield "answers a write that fails, and goes on", check.failing_write
        else:
            yield "reads", check.read
        yield "answers a request that it does not know", check.unknown
        yield "ends after stop", check.stop
        yield "ends when its input ends", check.end_of_input
    finally:
        check.kill()


class _Serve:
    """The steps with one process that answers requests."""

    def __init__(self, manifest: Manifest, options: LaunchOptions, folder: Path) -> None:
        self._manifest = manifest
        self._options = options
        self._folder = folder
        self._talk: Conversation | None = None
        self._first: Reply | None = None

    @property
    def talk(self) -> Conversation:
        assert self._talk is not None, "the first step starts it"
        return self._talk

    def kill(self) -> None:
        if self._talk is not None:
            self._talk.kill()

    def start(self) -> list[Finding]:
        try:
            self._talk = Conversation(self._manifest, self._options)
        except ImplementationError as error:
            todo = (
                "correct `command`, or let `setup` make the program; it runs in the manifest's folder, without a shell"
            )
            raise _Stuck(Finding(str(error), todo)) from error
        self.talk.send({"op": "start", "protocol": PROTOCOL})
        self._first = reply = self._answered("start", self._options.start_seconds)
        if reply.seconds > SLOW_SECONDS:
            todo = "many cases start it anew: let `setup` build it, and import late"
            return [Finding(f"the first answer took {reply.seconds:.1f} s", todo, note=True)]
        return []

    def _answered(self, asked: str, seconds: float) -> Reply:
        """The answer to what was sent last. Raises _Stuck where there is none."""
        reply = self.talk.reply(seconds)
        if reply.line is not None and not reply.late:
            return reply
        raise _Stuck(self._no_answer(reply, asked, seconds))

    def _no_answer(self, reply: Reply, asked: str, seconds: float) -> Finding:
        printed = f"; it printed {shown(reply.stray[0])}" if reply.stray else ""
        if reply.line is not None and not reply.line.endswith(b"\n"):
            return Finding(f"the answer to {asked} has no line feed at its end", "print a line feed after each answer")
        if reply.line is not None:
            return Finding(
                f"the answer to {asked} came only when its input had ended",
                "flush standard output after each answer, and read line by line, not to the end of the input "
                "(if it only starts slowly: --start-seconds)",
            )
        if reply.ended is not None and not reply.late:
            return Finding(
                f"it ended with exit code {reply.ended} instead of answering {asked}{printed}{self._stderr()}",
                "keep it alive: read lines in a loop, and turn errors of the writer into answers",
            )
        return Finding(
            f"no answer to {asked} within {seconds:g} s, nor when its input had ended{printed}{self._stderr()}",
            "answer each line of standard input with one JSON line on standard output",
        )

    def _stderr(self) -> str:
        lines = self.talk.stderr().strip().splitlines()[-_STDERR_LINES:]
        return f"; on standard error: {' | '.join(lines)}" if lines else ""

    def handshake(self) -> list[Finding]:
        reply = self._first
        assert reply is not None
        findings = [*_of_stray(reply), *of_answer(reply.line or b"", 0)]
        spoken = reply.answer.get("protocol")
        if spoken != PROTOCOL:
            findings.append(
                Finding(f'"protocol" is {json.dumps(spoken)[:20]}', f'answer start with "protocol": {PROTOCOL}')
            )
        return findings

    def _asked(self, message: dict[str, Any]) -> tuple[Reply, list[Finding]]:
        number = self.talk.send(message)
        reply = self._answered(str(message["op"]), self._options.answer_seconds)
        return reply, [*_of_stray(reply), *of_answer(reply.line or b"", number)]

    def _write(self, name: str, text: str) -> dict[str, Any]:
        path = str(self._folder / name)
        if self._manifest.profile == "replace":
            return {"op": "replace", "path": path, "text": text}
        return {"op": "write", "path": path, "status": {**make_status(0, 0), "message": text}}

    def _of_file(self, name: str, text: str) -> list[Finding]:
        try:
            written: bytes | None = read_shared(self._folder / name)
        except FileNotFoundError:
            written = None
        except NotAFile as error:
            return [Finding(str(error.strerror), "write a regular file")]
        if self._manifest.profile != "replace" and written:
            try:
                written = json.loads(written.decode("utf-8-sig"))["message"].encode()
            except (ValueError, KeyError, TypeError, AttributeError):
                return [
                    Finding(f"the file holds no document: {shown(written or b'')}", "write the status as JSON, UTF-8")
                ]
        finding = of_bytes(written, text)
        return [finding] if finding else []

    def _refusal(self, reply: Reply) -> list[Finding]:
        if reply.answer.get("ok") is True:
            return []
        said = f"{reply.answer.get('error')}: {reply.answer.get('message', '')}"
        return [
            Finding(f"a plain write was refused: {said[:200]}", "let the writer write; its own errors are in `message`")
        ]

    def write(self) -> list[Finding]:
        reply, findings = self._asked(self._write("plain", TEXT))
        findings += self._refusal(reply)
        return findings or self._of_file("plain", TEXT)

    def read(self) -> list[Finding]:
        reply, findings = self._asked({"op": "read", "path": str(self._folder / "none")})
        if not findings and (reply.answer.get("ok") is not True or reply.answer.get("status", 0) is not None):
            findings.append(Finding("a missing file was not read as null", 'answer "ok": true, "status": null'))
        return findings

    def long_line(self) -> list[Finding]:
        text = "0123456789" * (LONG // 10)
        reply, findings = self._asked(self._write("long", text))
        findings += self._refusal(reply)
        return findings or self._of_file("long", text)

    def two_at_once(self) -> list[Finding]:
        first = self.talk.send(self._write("one", "1"), self._write("two", "2"))
        findings: list[Finding] = []
        for number in (first, first + 1):
            reply = self._answered("two requests that came at once", self._options.answer_seconds)
            findings += [*_of_stray(reply), *of_answer(reply.line or b"", number)]
        return findings or [*self._of_file("one", "1"), *self._of_file("two", "2")]

    def failing_write(self) -> list[Finding]:
        reply, findings = self._asked(self._write("no-such-folder/file", "1"))
        if reply.answer.get("ok") is True:
            findings.append(
                Finding("a write into a folder that does not exist was answered with ok", "report the writer's error")
            )
        return findings

    def unknown(self) -> list[Finding]:
        reply, findings = self._asked({"op": "no-such-operation"})
        if not findings and reply.answer.get("error") != "unsupported":
            findings.append(
                Finding("an operation that it does not know was not refused", '"ok": false, "error": "unsupported"')
            )
        return findings

    def stop(self) -> list[Finding]:
        _, findings = self._asked({"op": "stop"})
        return [*findings, *self._of_end(self.talk, "after the answer to stop")]

    def end_of_input(self) -> list[Finding]:
        talk = Conversation(self._manifest, self._options)
        try:
            talk.send({"op": "start", "protocol": PROTOCOL})
            talk.reply(self._options.start_seconds)
            talk.end_input()
            return self._of_end(talk, "when its input had ended")
        finally:
            talk.kill()

    def _of_end(self, talk: Conversation, when: str) -> list[Finding]:
        code = talk.end(self._options.answer_seconds)
        if code is None:
            return [Finding(f"it still ran {self._options.answer_seconds:g} s {when}", "leave the loop, and end")]
        if code:
            return [Finding(f"it ended with exit code {code} {when}", "end with exit code 0")]
        return []


def _of_stray(reply: Reply) -> list[Finding]:
    if not reply.stray:
        return []
    return [
        Finding(
            f"on standard output, before an answer: {shown(reply.stray[0])}",
            "print messages on standard error; standard output is for answers only",
        )
    ]


def _oneshot_steps(manifest: Manifest, options: LaunchOptions, folder: Path) -> Iterator[tuple[str, StepOf]]:
    check = _Serve(manifest, options, folder)
    implementation = OneshotImplementation(manifest, options)

    def asked(name: str, text: str) -> tuple[bool, list[Finding]]:
        message = check._write(name, text)
        operation, path = message.pop("op"), message.pop("path")
        try:
            answer = implementation.request(operation, path=path, **message)
        except ImplementationError as error:
            seen = " | ".join([str(error), *error.stderr.strip().splitlines()[-_STDERR_LINES:]])
            todo = "end with 0 when it is done, and with 1 for what is refused or failed"
            if "cannot be started" in seen:
                todo = "correct `command`, or let `setup` make the program; it needs the right to be executed"
            raise _Stuck(Finding(seen, todo)) from error
        said = f"; on standard error: {answer.message[-200:]}" if answer.message else ""
        refused = Finding(f"a plain write was refused: exit code 1{said}", "the arguments are OPERATION PATH")
        return answer.ok, [] if answer.ok else [refused]

    def write() -> list[Finding]:
        _, findings = asked("plain", TEXT)
        return findings or check._of_file("plain", TEXT)

    def failing_write() -> list[Finding]:
        ok, _ = asked("no-such-folder/file", "1")
        todo = "end with exit code 1 when the write has failed"
        return [Finding("a write into a folder that does not exist ended with exit code 0", todo)] if ok else []

    def read() -> list[Finding]:
        try:
            answer = implementation.request("read", path=str(folder / "none"))
        except ImplementationError as error:
            raise _Stuck(Finding(str(error), "print the status, or null, as JSON")) from error
        null = answer.ok and answer.fields.get("status", 0) is None
        return [] if null else [Finding("a missing file was not read as null", "print null, and end with exit code 0")]

    if "writer" in manifest.roles:
        yield "starts, and writes what it is given", write
        yield "says when a write fails", failing_write
    if "reader" in manifest.roles:
        yield "reads", read
