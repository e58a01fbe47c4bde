"""What a test case of the suite works with: the implementation, a fresh folder, and a transcript for the evidence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.contract.errors import ImplementationError, Unmeasured, Violation
from conformance.oracle.document import require_values, shown
from conformance.oracle.payload import encode, identify, identify_values
from conformance.oracle.snapshot import Snapshot, snapshot
from conformance.oracle.witness import Witness, witnessing
from conformance.runner import room
from conformance.runner.keeps import not_kept
from conformance.runner.requests import publish_request
from conformance.runner.run import Run
from conformance.subject.client import Implementation, ServeImplementation, start
from conformance.subject.control import obstacle
from conformance.subject.protocol import Answer, encode_message, shown_request
from conformance.subject.standard_error import ends_of
from conformance.system.patience import Patience

__all__ = ["Case", "Shared"]

_TRANSCRIPT_LENGTH = 12


@dataclass
class Shared:
    """The one running implementation that the cases of a worker share; started again after it broke.

    ``told`` are the clauses of which a failure that was seen beside a case was reported already, in the first one.
    """

    run: Run
    implementation: Implementation | None = None
    told: set[str] = field(default_factory=set)

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
        self.patience = Patience()
        self.counts: dict[str, int] = {}  # what was enumerated: for the result line, and the end of the run
        self.in_place = ""  # the first request in which the file at the target itself was written to
        self.taken = ""  # what another target in the folder has done to the file at a target, in words
        self._started: list[Implementation] = []
        self._working: dict[int, Path] = {}  # of those that were started in a folder other than the manifest's
        self._broke: ImplementationError | None = None
        self._targets: set[str] = set()

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
        options = self.run.launch_options(**launch_options)
        started = start(self.run.manifest, options)
        self._started.append(started)
        if options.folder is not None:
            self._working[id(started)] = options.folder
        return started

    def start_in(self, prefix: tuple[str, ...], **launch_options: Any) -> Implementation:
        """As `start`, with a command prefix that lets a fault come.

        Raises Violation when it does not start there and the kit's control program does: what is not there when the
        fault comes never shows what it would have done. Raises Unmeasured when neither starts: that is about the
        machine (such as a home that only root may open) and not about its writes.
        """
        try:
            return self.start(prefix=prefix, **launch_options)
        except ImplementationError as error:
            options = self.run.launch_options(prefix=prefix, **launch_options)
            if found := obstacle(self.run.manifest, options):
                text = f"nor can the kit's control program, which ended with: {found}"
                raise Unmeasured(
                    f"it cannot be started with the launch options of this case ({error}), {text}"
                ) from error
            text = "it does not start where the fault of this case would come, and the kit's control program does"
            raise Violation(f"{text}: {error}", stderr=error.stderr) from error

    def hand_over(self) -> None:
        """Give what was made in the folder to the user as whom the implementation runs, as every request does anyway:
        for a look at it before that.
        """
        self.run.launch_options().hand_over({"path": str(self.target)})

    def request(self, operation: str, by: Implementation | None = None, **fields: Any) -> Answer:
        """Send a request to ``by`` (default: the shared implementation) and note it in the transcript."""
        implementation = by or self.implementation
        writes = operation in ("write", "replace")
        if writes and os.path.isabs(fields["path"]):
            self.run.folders.watch(Path(fields["path"]).parent)
        asked = shown_request(encode_message({"op": operation, **fields}))
        try:
            working = self._working.get(id(implementation), self.run.manifest.folder)
            with self._witnessing(os.path.join(working, fields["path"]) if writes else "", asked):
                answer = implementation.request(operation, **fields)
        except ImplementationError as error:
            self._broke = error
            self.transcript.append(f"{asked} → {error}")
            raise
        self.transcript.append(f"{asked} → {_answered(answer)}")
        return answer

    @contextlib.contextmanager
    def _witnessing(self, path: str, asked: str) -> Iterator[None]:
        """Note a request that writes to the very file that is at the target (VIS-01), whatever the case is for."""
        witness = Witness()
        if path:
            self._targets.add(path)
        try:
            with witnessing(path) as witness:
                yield
        finally:
            if witness.held:
                self.counts["witnessed writes"] = self.counts.get("witnessed writes", 0) + 1
            if witness.changed and witness.replaced and (others := self._beside(path)):
                whose = f"of {others[0]}" if len(others) == 1 else f"of one of {', '.join(others)}"
                self.taken = self.taken or (
                    f"{os.path.basename(path)}, itself a target, was written to and then replaced: opened as the temp "
                    f"{whose} (see CON-02)"
                )
            elif witness.changed:
                self.in_place = self.in_place or asked

    def _beside(self, path: str) -> list[str]:
        """The names of the other targets in the folder that this case has asked for."""
        folder = os.path.dirname(path)
        return sorted(os.path.basename(each) for each in self._targets - {path} if os.path.dirname(each) == folder)

    def write(self, path: Path, status: Mapping[str, Any], by: Implementation | None = None) -> Answer:
        """Ask for a write of these members (profile ``pulse``)."""
        return self.request("write", by, path=str(path), status=dict(status))

    def publish(self, path: Path | str, status: Mapping[str, Any], by: Implementation | None = None) -> Answer:
        """Ask for a write of a whole status, in either profile."""
        operation, fields = publish_request(self.run.manifest.profile, path, status)
        return self.request(operation, by, **fields)

    def require_ok(self, answer: Answer, what: str = "the write") -> None:
        """Raise Violation unless the answer is ok; Inconclusive when there was no room for the write."""
        if not answer.ok:
            self.require_room(answer)
            raise Violation(f"{what} was answered with {answer.error}: {answer.message}")

    def require_room(self, answer: Answer) -> None:
        """Raise Inconclusive when an answer is ``io`` and the folder of the run is full."""
        if answer.error in ("io", "refused"):
            room.require_room(self.run.folder)

    def require_io(self, answer: Answer, what: str) -> None:
        """Raise Violation unless the answer is the failure ``io`` (oneshot: exit 1)."""
        if answer.ok or answer.error not in ("io", "refused"):
            raise Violation(f"{what}: expected the failure io, got {'ok' if answer.ok else answer.error}")

    def require_holds(self, path: Path, status: Mapping[str, Any]) -> None:
        """Raise Violation unless the file is exactly this document, by value: its tokens are for the clauses DOC."""
        found = self.bytes_at(path)
        try:
            require_values(found, status)
        except Violation as violation:
            if older := _older(found, status):
                raise Violation(older, **violation.evidence) from violation
            raise

    def require_bytes(self, path: Path, status: Mapping[str, Any], text: str | None = None) -> None:
        """As `require_holds`, but to the byte in profile ``replace``, which is asked for a text."""
        if self.run.manifest.profile != "replace":
            self.require_holds(path, status)
            return
        found = self.bytes_at(path)
        text = encode(status) if text is None else text
        if found != text.encode("utf-8"):
            raise Violation("the target does not hold the text's bytes", text=ascii(text)[:400], found=shown(found))

    def bytes_at(self, path: Path) -> bytes:
        """The bytes of a document that was acknowledged. Raises Violation when no regular file is there."""
        found = snapshot(path)
        if found.data is None:
            raise Violation(_without_bytes(path, found))
        return found.data

    def require_listing(self, folder: Path, expected: set[str], when: str) -> None:
        """Raise Violation unless the folder holds exactly these names, and files that are kept beside targets."""
        left = self.patience.until_gone(lambda: sorted(self.left(os.listdir(folder), expected)))
        gone = sorted(expected.difference(os.listdir(folder)))
        if left or gone:
            raise Violation(f"{when} the folder has other names: left behind {left}, gone {gone}")

    def left(self, names: Collection[str], expected: Collection[str]) -> frozenset[str]:
        """Of the names in a folder, those that are neither expected nor kept beside one of the expected files."""
        others = set(names) - set(expected)
        return not_kept(self.run, others, {*expected, self.target.name}) if others else frozenset()

    def finish(self) -> None:
        """End what the case started and remove its folder."""
        for implementation in self._started:
            implementation.kill()
        try:
            self.run.folders.remove(self.folder)
        except PermissionError:  # on Windows what the shared implementation has open cannot be removed
            if self.shared.implementation is not None:
                self.shared.implementation.kill()
            self.run.folders.remove(self.folder)

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
                found["stderr"] = ends_of(text)
        return found


def _older(found: bytes, expected: Mapping[str, Any]) -> str:
    """In words, that a whole document is there that the same writer was given before; empty when it is not so."""
    with contextlib.suppress(Violation):
        there, wanted = identify(found), identify_values(expected)
        if there != wanted and there[0] == wanted[0]:
            return "answered ok, but the target still holds a document from before: lost, or published late"
    return ""


def _without_bytes(path: Path, found: Snapshot) -> str:
    """What became of a document that was acknowledged, when no regular file is at its name."""
    name = path.name if len(path.name) <= 60 else f"{path.name[:40]}… ({len(path.name)} characters)"
    if found.exists:
        return f"lost: {found.what or 'no regular file'} is at {name}, and no file"
    others = sorted(set(os.listdir(path.parent)) - {path.name}) if path.parent.is_dir() else []
    if others:
        return f"published elsewhere, or lost: there is no file {name}; beside it are {', '.join(others[:3])[:200]}"
    return f"lost: there is no file {name} after the answer ok"


def _answered(answer: Answer) -> str:
    if not answer.ok:
        return f"{answer.error}: {answer.message}"
    try:
        return shown_request(encode_message(answer.fields)) if answer.fields else "ok"
    except RecursionError:
        return "ok, with fields that are nested too deeply to show"
