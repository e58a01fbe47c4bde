"""What a test case of the suite works with: the implementation, a fresh folder, and a transcript for the evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.errors import ImplementationError, Unmeasured, Violation
from conformance.oracle.document import require_status, shown
from conformance.oracle.payload import encode
from conformance.oracle.snapshot import snapshot
from conformance.runner.run import Run, remove_folder
from conformance.subject.client import Implementation, ServeImplementation, start
from conformance.subject.protocol import Answer, encode_message, shown_request
from conformance.subject.requests import publish_request

__all__ = ["Case", "Shared"]

_TRANSCRIPT_LENGTH = 12


@dataclass
class Shared:
    """The one running implementation that the cases of a worker share; started again after it broke."""

    run: Run
    implementation: Implementation | None = None

    def get(self) -> Implementation:
        """The running implementation."""
        if self.implementation is None or not self.implementation.usable:
            self.implementation = start(self.run.manifest, self.run.launch_options())
        return self.implementation

    def stop(self) -> None:
        """End it."""
        if self.implementation is not None:
            self.implementation.kill()


class Case:
    """One case. ``folder`` is empty at its beginning; the target is a file in it by convention."""

    # No dataclass: of one, Hypothesis shows every field in the evidence of a failing example.
    def __init__(self, run: Run, shared: Shared, folder: Path) -> None:
        self.run = run
        self.shared = shared
        self.folder = folder
        self.transcript: list[str] = []
        self.counts: dict[str, int] = {}  # what was enumerated: for the result line, and the end of the run
        self._started: list[Implementation] = []
        self._broke: ImplementationError | None = None

    def __repr__(self) -> str:
        return "case"

    @property
    def target(self) -> Path:
        """The usual target of a case."""
        return self.folder / "status.json"

    @property
    def implementation(self) -> Implementation:
        """The running implementation, shared with other cases of this worker."""
        return self.shared.get()

    def start(self, **launch_options: Any) -> Implementation:
        """Start one more implementation, with other launch options; it ends with the case."""
        started = start(self.run.manifest, self.run.launch_options(**launch_options))
        self._started.append(started)
        return started

    def start_in(self, prefix: tuple[str, ...], **launch_options: Any) -> Implementation:
        """As `start`, with a command prefix. Raises Unmeasured when it cannot be started with it: as it does start
        without, that is about the machine (such as a home that only root may open) and not about its writes.
        """
        try:
            return self.start(prefix=prefix, **launch_options)
        except ImplementationError as error:
            raise Unmeasured(f"it cannot be started with the launch options of this case: {error}") from error

    def request(self, operation: str, by: Implementation | None = None, **fields: Any) -> Answer:
        """Send a request to ``by`` (default: the shared implementation) and note it in the transcript."""
        implementation = by or self.implementation
        asked = shown_request(encode_message({"op": operation, **fields}))
        try:
            answer = implementation.request(operation, **fields)
        except ImplementationError as error:
            self._broke = error
            self.transcript.append(f"{asked} → {error}")
            raise
        self.transcript.append(f"{asked} → {_answered(answer)}")
        return answer

    def write(self, path: Path, status: Mapping[str, Any], by: Implementation | None = None) -> Answer:
        """Ask for a write of these members (profile ``pulse``)."""
        return self.request("write", by, path=str(path), status=dict(status))

    def publish(self, path: Path | str, status: Mapping[str, Any], by: Implementation | None = None) -> Answer:
        """Ask for a write of a whole status, in either profile."""
        operation, fields = publish_request(self.run.manifest.profile, path, status)
        return self.request(operation, by, **fields)

    def require_ok(self, answer: Answer, what: str = "the write") -> None:
        """Raise Violation unless the answer is ok."""
        if not answer.ok:
            raise Violation(f"{what} was answered with {answer.error}: {answer.message}")

    def require_io(self, answer: Answer, what: str) -> None:
        """Raise Violation unless the answer is the failure ``io`` (oneshot: exit 1)."""
        if answer.ok or answer.error not in ("io", "refused"):
            raise Violation(f"{what}: expected the failure io, got {'ok' if answer.ok else answer.error}")

    def require_holds(self, path: Path, status: Mapping[str, Any]) -> None:
        """Raise Violation unless the file is exactly this document: by value, or by byte in profile ``replace``."""
        found = snapshot(path)
        if found.data is None:
            raise Violation(f"{path.name} is not a regular file", exists=found.exists)
        if self.run.manifest.profile == "pulse":
            require_status(found.data, status)
        elif found.data != encode(status).encode("utf-8"):
            raise Violation("the target does not hold the bytes written", bytes=shown(found.data))

    def require_listing(self, folder: Path, expected: set[str], when: str) -> None:
        """Raise Violation unless the folder holds exactly these names."""
        names = set(os.listdir(folder))
        if names != expected:
            left, gone = sorted(names - expected), sorted(expected - names)
            raise Violation(f"{when} the folder has other names: left behind {left}, gone {gone}")

    def finish(self) -> None:
        """End what the case started and remove its folder."""
        for implementation in self._started:
            implementation.kill()
        try:
            remove_folder(self.folder)
        except PermissionError:  # on Windows what the shared implementation has open cannot be removed
            if self.shared.implementation is not None:
                self.shared.implementation.kill()
            remove_folder(self.folder)

    def breakage(self) -> ImplementationError | None:
        """How an implementation broke the protocol in this case, or ended by itself; None when none did."""
        for implementation in [*self._started, self.shared.implementation]:
            if self._broke is None and isinstance(implementation, ServeImplementation):
                self._broke = implementation.ended_by_itself()
        return self._broke

    def evidence(self) -> dict[str, Any]:
        """What a failure report shows beside the message."""
        found: dict[str, Any] = {"transcript": self.transcript[-_TRANSCRIPT_LENGTH:]}
        if self.folder.is_dir():
            found["folder"] = sorted(os.listdir(self.folder))[:50]
        for implementation in [*self._started, self.shared.implementation]:
            if implementation is not None and (text := implementation.stderr().strip()):
                found["stderr"] = text[-1500:]
        return found


def _answered(answer: Answer) -> str:
    if not answer.ok:
        return f"{answer.error}: {answer.message}"
    try:
        return shown_request(encode_message(answer.fields)) if answer.fields else "ok"
    except RecursionError:
        return "ok, with fields that are nested too deeply to show"
