"""A model of one register, which random sequences of requests are compared with (CON-03)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from conformance.contract.errors import Violation
from conformance.oracle.document import examine
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case
from conformance.runner.requests import publish_request
from conformance.subject.client import Implementation, ServeImplementation
from conformance.suite.support.reading import SPOILS, STATUS, lost_by_poll, require_equal
from conformance.suite.support.searching import Machine, Seen

__all__ = ["Holder", "Register"]

SIZES = st.sampled_from([0, 300, 5000, 70_000])
REFUSED = st.sampled_from(
    [{"status": "finished"}, {"epoch": -1.0}, {"loss": float("nan")}, {"message": None}, {"timestamp": -1}]
)
GARBAGE = st.sampled_from(sorted(set(SPOILS) - {"missing", "folder"}))


class Holder:
    """The implementation that the sequences drive, started again after a kill."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.folders = (case.folder / f"sequence{number}" for number in itertools.count())
        self.running: Implementation = case.start()

    def restart(self) -> None:
        self.running.kill()
        self.running = self.case.start()


class Register(Machine):
    """The model: what the file holds, what a poller last saw whole, and how many orphans kills may have left."""

    def __init__(self, holder: Holder, seen: Seen) -> None:
        super().__init__(seen)
        self.holder = holder
        self.case = holder.case
        folder: Path = next(holder.folders)
        folder.mkdir()
        self.target = folder / "status.json"
        self.held: dict[str, Any] | None = None  # the valid document at the target, if there is one
        self.doubtful = False  # the writer's own document breaks a clause of DOC: a reader may refuse it
        self.too_large = False  # the file holds a whole document, and more bytes than a reader may take
        self.remembered: dict[str, Any] | None = None  # what poll last returned as fresh
        self.numbers: Iterator[int] = itertools.count(1)
        self.kills = 0

    def manifest_allows(self, operation: str) -> bool:
        manifest = self.case.run.manifest
        return {
            "read": "reader" in manifest.roles,
            "poll": "reader" in manifest.roles and manifest.mode != "oneshot",
            "kill": manifest.mode != "oneshot",
            "refuse": manifest.profile == "pulse",
        }[operation]

    @rule(size=SIZES)
    def write(self, size: int) -> None:
        """A write that must succeed."""
        status = make_status(0, next(self.numbers), size)
        self.case.require_ok(self.case.publish(self.target, status, by=self.holder.running))
        self.hold(status)
        self.check_folder()

    def hold(self, status: dict[str, Any]) -> None:
        """From now on the target holds this document, by value."""
        self.case.require_holds(self.target, status)
        self.held, self.too_large = status, False
        self.doubtful = bool(examine(self.case.bytes_at(self.target)).problems)

    @precondition(lambda self: self.manifest_allows("refuse"))
    @rule(members=REFUSED)
    def write_refused(self, members: dict[str, Any]) -> None:
        """A write that should be refused (which is for REF to judge), and then must change nothing."""
        before = contents_of(self.target)
        answer = self.case.write(self.target, {**make_status(0, 0), **members}, by=self.holder.running)
        after = contents_of(self.target)
        if answer.ok:
            self.remove()
        elif after != before:
            raise Violation(f"a write that was answered {answer.error} changed the target", members=members)
        self.check_folder()

    @precondition(lambda self: self.manifest_allows("read"))
    @rule()
    def read(self) -> None:
        """A read returns what the file holds."""
        answer = self.case.request("read", self.holder.running, path=str(self.target))
        if not answer.ok:
            raise Violation(f"read was answered with {answer.error}: {answer.message}")
        found = answer.fields.get("status")
        if not self.excused(found):
            require_equal(found, self.held, "read")

    def excused(self, found: Any) -> bool:
        """Whether a reader's answer about a file is wrong, or may differ, for a reason that another clause judges."""
        if self.doubtful:
            return found is None
        return self.too_large and found == STATUS  # RDR-07

    @precondition(lambda self: self.manifest_allows("poll"))
    @rule()
    def poll(self) -> None:
        """A poll returns what the file holds, or the last valid status, and says which."""
        answer = self.case.request("poll", self.holder.running, path=str(self.target))
        if not answer.ok:
            raise Violation(f"poll was answered with {answer.error}: {answer.message}")
        said_fresh = answer.fields.get("fresh") is True
        if said_fresh and self.too_large and self.excused(answer.fields.get("status")):
            self.remembered = STATUS
            return
        fresh = self.held is not None and (said_fresh or not self.doubtful)
        self.remembered = self.held if fresh else self.remembered
        require_equal(answer.fields.get("status"), self.remembered, "poll", lost_by_poll(fresh))
        if answer.fields.get("fresh") is not fresh:
            raise Violation(f"poll says fresh = {answer.fields.get('fresh')!r}, expected {fresh}")

    @rule(kind=GARBAGE)
    def spoil(self, kind: str) -> None:
        """Another program puts an invalid file there."""
        SPOILS[kind](self.target)
        self.held, self.doubtful, self.too_large = None, False, kind == "too-large"

    @rule()
    def remove(self) -> None:
        """Another program removes the file, if it is there.

        No precondition: what a kill leaves is up to chance, and which rules apply must not be.
        """
        self.target.unlink(missing_ok=True)
        self.held, self.doubtful, self.too_large = None, False, False

    @precondition(lambda self: self.manifest_allows("kill"))
    @rule(size=SIZES, waited=st.booleans())
    def kill_during_write(self, size: int, waited: bool) -> None:
        """A kill while a write may be under way: afterwards the file is what it was, or whole and new."""
        running = self.holder.running
        assert isinstance(running, ServeImplementation)
        before = contents_of(self.target)
        status = make_status(0, next(self.numbers), size)
        operation, fields = publish_request(self.case.run.manifest.profile, self.target, status)
        number = running.send(operation, **fields)
        answer = running.receive(number) if waited else None
        self.holder.restart()
        self.kills += 1
        self.remembered = None
        after = contents_of(self.target)
        if after != before or (answer is not None and answer.ok):
            self.hold(status)

    @precondition(lambda self: self.manifest_allows("kill"))
    @rule()
    def restart(self) -> None:
        """A stop, as the protocol defines it."""
        self.holder.running.stop()
        self.holder.restart()
        self.remembered = None

    def check_folder(self) -> None:
        """Only kills leave anything beside the target, at most one temp each."""
        others = self.case.left(os.listdir(self.target.parent), {self.target.name})
        if len(others) > self.kills:
            raise Violation(f"{len(others)} files beside the target after {self.kills} kills", names=sorted(others))


def contents_of(target: Path) -> tuple[int, bytes | None]:
    """What is at the target, and its bytes if it is a regular file."""
    found = snapshot(target)
    return found.kind, found.data
