"""What faults leave in a process, and what the write after a fault shows of it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.oracle.access import access_of
from conformance.oracle.snapshot import snapshot
from conformance.syscalls.aftermath import Aftermath, Judgements
from conformance.syscalls.findings import visits
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.points import Point
from conformance.syscalls.recording import Place
from tests.conformance.syscalls.changed_writer import changed
from tests.conformance.syscalls.powerloss.language import trace

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

HONEST = "create temp; write temp 8192; sync temp; close temp; rename temp status.json; sync-folder"
# A writer that syncs nothing more once a sync has failed.
GIVING_UP = changed(
    (
        "                os.fsync(descriptor)\n",
        "                if not getattr(Implementation, 'failed', False):\n"
        "                    try:\n"
        "                        os.fsync(descriptor)\n"
        "                    except OSError:\n"
        "                        Implementation.failed = True\n"
        "                        raise\n",
    ),
)


def at_the_sync(what: Any, error: int) -> Point:
    return Point("replace", what, "before", 2, "sync", "other", "fsync", error, of_temp=True)


@pytest.fixture
def place(folder: Path) -> Place:
    """A folder in which the write of a trace has happened."""
    target = folder / "status.json"
    target.write_bytes(b"n" * 8192)
    return Place("replace", folder, snapshot(target), frozenset({"status.json"}), (("status.json", 8192),), ())


def test_a_write_that_syncs_is_whole_and_lasts(place: Place) -> None:
    found = Judgements().of(place, tuple(trace(HONEST)), "ok")
    assert (found.answer, found.torn, found.lost) == ("ok", "", "")
    assert len(found.trace) == 6


@pytest.mark.parametrize(
    ("missing", "torn", "lost"), [("sync temp; ", True, False), ("; sync-folder", False, True)], ids=["file", "folder"]
)
def test_a_write_that_does_not_sync(place: Place, missing: str, torn: bool, lost: bool) -> None:
    """Of a document that can be torn it is not said as well that it can be lost."""
    found = Judgements().of(place, tuple(trace(HONEST.replace(missing, ""))), "ok")
    assert (bool(found.torn), bool(found.lost)) == (torn, lost)


def test_names_do_not_matter_and_calls_do(place: Place) -> None:
    """A kind of write is judged once: its words are those of the first."""
    judgements = Judgements()
    unsynced = HONEST.replace("sync temp; ", "")
    first = judgements.of(place, tuple(trace(unsynced)), "ok")
    assert judgements.of(place, tuple(trace(unsynced.replace("temp", "other"))), "ok").torn == first.torn
    assert not judgements.of(place, tuple(trace(HONEST.replace("temp", "other"))), "ok").torn


@pytest.mark.parametrize("text", ["open status.json; write status.json 8192", "rename /elsewhere/temp status.json"])
def test_a_write_that_the_model_cannot_follow_is_not_judged(place: Place, text: str) -> None:
    assert Judgements().of(place, tuple(trace(text)), "ok") == Aftermath("ok")


def test_the_write_after_a_fault_shows_a_sync_that_is_missing(laboratory: Callable[..., Laboratory]) -> None:
    """The process is ended then: the next visit finds none of its damage."""
    made = laboratory(GIVING_UP)
    visit = made.visit(at_the_sync("error", errno.EIO))
    assert (visit.injection.answer, visit.injection.next_write) == ("io", "ok")
    assert "the unsynced data" in visit.next_torn
    assert any("rename" in line for line in visit.next_trace)
    assert made.visit(at_the_sync("error", errno.ENOSPC)).injection.answer == "io"


def test_a_recording_is_that_of_a_process_without_faults(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory(GIVING_UP)
    before = [each.kind for each in made.record("replace").operations]
    assert any(visit.next_torn for visit in visits(made, "faults", "replace"))
    assert [each.kind for each in made.record("replace").operations] == before


def test_who_may_read_after_a_fault(folder: Path) -> None:
    target = folder / "status.json"
    target.write_bytes(b"old")
    target.chmod(0o604)
    place = Place("replace", folder, snapshot(target), frozenset(), (), (), access=access_of(target))
    assert place.new_readers() == ""
    target.chmod(0o644)
    assert place.new_readers() == f"group {target.stat().st_gid}"
    target.unlink()
    assert place.new_readers() == ""  # what became of it is for other clauses to say
