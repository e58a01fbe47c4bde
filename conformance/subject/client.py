"""A manifest → a running implementation that answers requests (SPEC.md, "Adapters"): serve, oneshot and python."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from conformance.contract.errors import ImplementationError, NoAnswer, NotAnAnswer, NotApplicable
from conformance.contract.manifest import Manifest
from conformance.contract.templates import filled, in_words, is_template, takes_input
from conformance.subject.children import Child
from conformance.subject.exchange import PrintedTooMuch
from conformance.subject.launch import LaunchOptions, command_of, spawned
from conformance.subject.lines import Lines, pump_lines, pump_requests
from conformance.subject.protocol import (
    PROTOCOL,
    Answer,
    decode_answer,
    decode_document,
    encode_floats,
    encode_request,
    shortened,
    shown_request,
)
from conformance.subject.starvation import TooLong, starved_seconds, within

__all__ = ["Implementation", "OneshotImplementation", "ServeImplementation", "start"]

_LONGEST_NAME = 400  # characters of what an implementation says of itself
_FLUSH = "; if it did print one, it has to flush its standard output after each answer"


class Implementation(Protocol):
    """The implementation as the suite sees it. Every method raises ImplementationError when the protocol is broken."""

    manifest: Manifest
    about: Mapping[str, Any]

    @property
    def pid(self) -> int | None:
        """The process that answers requests, or None when there is one process per request."""

    def request(self, operation: str, **fields: Any) -> Answer:
        """Send one request and wait for its answer."""

    @property
    def ready(self) -> float | None:
        """When it had started, in seconds of the monotonic clock; None when there is one process per request."""

    @property
    def usable(self) -> bool:
        """False once it was killed, for any reason. If it died by itself, only the next request finds out."""

    def stderr(self) -> str:
        """The last part of what was printed on standard error."""

    def stop(self) -> None:
        """Ask it to stop and wait for exit 0."""

    def kill(self) -> None:
        """End it at once."""


def start(manifest: Manifest, launch_options: LaunchOptions) -> ServeImplementation | OneshotImplementation:
    """Start the implementation and do the handshake. Raises ImplementationError, with what it printed on stderr."""
    if manifest.mode == "oneshot":
        return OneshotImplementation(manifest, launch_options)
    implementation = ServeImplementation(manifest, launch_options)
    try:
        implementation.handshake()
    except BaseException:
        implementation.kill()
        raise
    return implementation


def _exit_code(code: int) -> str:
    """An exit code of `subprocess`, with the name of the signal that ended the process, if one did."""
    try:
        return f"{code} ({signal.Signals(-code).name})" if code < 0 else str(code)
    except ValueError:  # a signal without a name, such as one of the real-time ones
        return str(code)


class ServeImplementation:
    """One process that answers one JSON line with one JSON line, in order. Requests may be pipelined."""

    def __init__(self, manifest: Manifest, launch_options: LaunchOptions) -> None:
        self.manifest = manifest
        self.about: Mapping[str, Any] = {}
        self.ready: float | None = None
        self._launch_options = launch_options
        self._child = spawned(manifest, launch_options, command_of(manifest))
        self._killed = False
        self._numbers = itertools.count()
        self._asked: dict[int, str] = {}  # what has no answer yet, for people
        # Threads instead of select(): the same code for pipes on Windows, and a full pipe cannot block the kit.
        self._lines = Lines()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=pump_lines, args=(self._child, self._lines), daemon=True).start()
        threading.Thread(target=pump_requests, args=(self._child, self._requests), daemon=True).start()

    @property
    def pid(self) -> int | None:
        return self._child.process.pid

    def handshake(self) -> None:
        number = self.send("start", protocol=PROTOCOL)
        answer = self._receive(number, self._launch_options.start_seconds, hint=_FLUSH)
        self.ready = time.monotonic()
        spoken = answer.fields.get("protocol") if answer.ok else f"{answer.error}: {answer.message}"
        if spoken != PROTOCOL:
            text = f"does not speak protocol {PROTOCOL}: it answered start with {spoken!r}"
            raise NotAnAnswer(shortened(text), self.stderr())
        plain = ((name, value) for name, value in answer.fields.items() if not isinstance(value, list | dict))
        self.about = {
            name: shortened(value, _LONGEST_NAME) if isinstance(value, str) else value for name, value in plain
        }

    def request(self, operation: str, **fields: Any) -> Answer:
        return self.receive(self.send(operation, **fields))

    def send(self, operation: str, **fields: Any) -> int:
        """Send one request without waiting. Returns its id, for `receive`."""
        number = next(self._numbers)
        self._launch_options.hand_over(fields)
        line = encode_request(number, operation, fields)
        self._asked[number] = shown_request(line)
        self._requests.put(line)
        return number

    def receive(self, number: int, seconds: float | None = None) -> Answer:
        """Wait for the answer to the request with this id; answers come in the order of the requests.

        Raises ImplementationError, with the request.
        """
        return self._receive(number, self._launch_options.answer_seconds if seconds is None else seconds)

    def _receive(self, number: int, limit: float, hint: str = "") -> Answer:
        # The hint is for people whose program does not answer in time.
        try:
            return self._received(number, limit, hint)
        except ImplementationError as error:
            error.request = self._asked.get(number, "")
            raise
        finally:
            self._asked.pop(number, None)

    def _received(self, number: int, limit: float, hint: str) -> Answer:
        try:
            line = within(limit, self._lines.get, lambda: starved_seconds(self._child.process.pid))
        except TooLong as error:
            stderr = self.stderr()
            self.kill()
            busy = f" ({error.waited:.0f} s on a busy machine)" if error.waited > 2 * limit else ""
            raise NoAnswer(f"gave no answer within {limit:g} s{busy} and was killed{hint}", stderr) from None
        if not line.endswith(b"\n"):
            raise self._ended(line, limit)
        try:
            return decode_answer(line, number)
        except ImplementationError as error:
            error.stderr = self.stderr()
            self.kill()
            raise

    def _ended(self, line: bytes, limit: float) -> ImplementationError:
        rest = f" after printing {line[:200]!r}" if line else ""
        code = None
        try:
            what = f"printed {self._lines.too_much}"
            if not self._lines.too_much:
                code = self._child.process.wait(timeout=limit)
                what = f"ended with exit code {_exit_code(code)}"
        except subprocess.TimeoutExpired:
            what = "closed its standard output"
        stderr = self.stderr()
        self.kill()
        return ImplementationError(f"{what} instead of answering{rest}", stderr, exit_code=code)

    @property
    def usable(self) -> bool:
        return not self._killed

    def ended_by_itself(self) -> ImplementationError | None:
        """How it ended when no one had asked it to; None while it runs, and when the kit killed it."""
        if self._killed or self._child.alive():
            return None
        return ImplementationError(f"ended by itself with exit code {self._child.process.returncode}", self.stderr())

    def stderr(self) -> str:
        return self._child.stderr()

    def stop(self) -> None:
        if not self._child.alive():
            self.kill()
            code = self._child.process.returncode
            raise ImplementationError(f"had ended with exit code {code} before it was asked to stop", self.stderr())
        try:
            answer = self.request("stop")
            self._requests.put(None)
            self._child.process.wait(timeout=self._launch_options.answer_seconds)
        except subprocess.TimeoutExpired as error:
            raise ImplementationError("did not exit after the answer to stop", self.stderr()) from error
        finally:
            self.kill()
        if not answer.ok:
            raise ImplementationError(f"answered stop with {answer.error}: {answer.message}", self.stderr())
        if (code := self._child.process.returncode) != 0:
            raise ImplementationError(f"ended with exit code {code} after stop; expected 0", self.stderr())

    def kill(self) -> None:
        self._killed = True
        self._requests.put(None)
        self._child.kill()

    def kill_after(self, seconds: float) -> None:
        """Like `kill`, but first give a wrapper this long to end by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.process.wait(timeout=seconds)
        self.kill()


class OneshotImplementation:
    """One process per request: ``COMMAND write PATH``, ``COMMAND replace PATH``, ``COMMAND read PATH``."""

    def __init__(self, manifest: Manifest, launch_options: LaunchOptions) -> None:
        self.manifest = manifest
        self.about: Mapping[str, Any] = {"name": manifest.name, "language": manifest.language}
        self._launch_options = launch_options
        self._stderr = ""
        self._running: Child | None = None

    @property
    def pid(self) -> int | None:
        return None

    @property
    def ready(self) -> float | None:
        return None

    def request(self, operation: str, **fields: Any) -> Answer:
        if operation not in ("write", "replace", "read"):
            raise NotApplicable(f"mode oneshot has no operation {operation}")
        if operation == "write":
            given = json.dumps(encode_floats(fields["status"]), ensure_ascii=True).encode("ascii")
        else:
            given = fields.get("text", "").encode("utf-8")
        self._launch_options.hand_over(fields)
        command = command_of(self.manifest)
        try:
            if is_template(command):
                return self._filled(operation, command, fields["path"], given)
            return self._ran(operation, (*command, operation, fields["path"]), given)
        except ImplementationError as error:
            standard_input = f" < {shown_request(given)}" if given else ""
            error.request = f"{shlex.join([operation, str(fields['path'])])}{standard_input}"
            raise

    def _filled(self, operation: str, command: tuple[str, ...], path: str, given: bytes) -> Answer:
        if not takes_input(command):
            return self._ran(operation, filled(command, path), given)
        descriptor, name = tempfile.mkstemp(prefix="input-", dir=self._launch_options.scratch)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(given)
            os.chmod(name, 0o644)  # the implementation may run as another user
            return self._ran(operation, filled(command, path, name), b"")
        finally:
            with contextlib.suppress(OSError):  # it may have moved the file away
                os.unlink(name)

    def _ran(self, operation: str, command: tuple[str, ...], given: bytes) -> Answer:
        child = self._running = spawned(self.manifest, self._launch_options, command)
        try:
            printed = child.communicate(given, self._launch_options.answer_seconds)
        except subprocess.TimeoutExpired as error:
            limit = self._launch_options.answer_seconds
            raise NoAnswer(f"did not end within {limit:g} s and was killed", child.stderr()) from error
        except PrintedTooMuch as error:
            raise NotAnAnswer(f"{error} and was killed", child.stderr()) from error
        finally:
            self._stderr = child.stderr()
        return self._answer(operation, child.process.returncode, printed)

    def _answer(self, operation: str, code: int, printed: bytes) -> Answer:
        if code in self.manifest.refusals:
            return Answer(False, "refused", self._stderr.strip(), {})
        if code != 0:
            # A negative code is a signal: it died, which is not a wrong answer.
            kind = ImplementationError if code < 0 else NotAnAnswer
            raise kind(f"ended with exit code {code}; {in_words(self.manifest.refusals)} are answers", self._stderr)
        if operation != "read":
            return Answer(True, None, "", {})
        try:
            return Answer(True, None, "", {"status": decode_document(printed)})
        except ValueError as error:
            text = f"printed something that is not JSON: {printed[:200]!r} ({error})"
            raise NotAnAnswer(text, self._stderr) from error

    @property
    def usable(self) -> bool:
        return True

    def stderr(self) -> str:
        return self._stderr

    def stop(self) -> None:
        """Nothing runs between requests."""

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
