"""What others do while a process stands still at an operation, by the syscall engine (Linux): cases of RDR, VIS and
MET-11."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError, NoAnswer, Unmeasured, Violation
from conformance.oracle.access import access_of, set_access_list, widened
from conformance.oracle.payload import encode, identify_values, make_status
from conformance.runner.case import Case
from conformance.subject.client import Implementation
from conformance.subject.protocol import Answer
from conformance.suite.support.reading import polls_what_is_there, require_equal, require_not_of
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.tracer.messages import Plan, Rule
from conformance.syscalls.tracer.session import Boundary
from conformance.system.guarded_path import very_file

SIZE = 64 * 1024  # bytes: several pages, which a reader may map
SIZES = ((SIZE, SIZE), (SIZE // 2, SIZE), (SIZE, SIZE // 2))  # of a document, and of the one that takes its place
MOST_BESIDE = 3  # files of one write, at each of which another process writes
MOST_BOUNDARIES = 12  # of one read; a reader that takes more has made up its mind by then
OLD_AGE = 30 * 24 * 3600  # seconds
HELD, ELSEWHERE = make_status(1, 1, 8192), 2

Ask = Callable[[Implementation], Answer]

pytestmark = pytest.mark.timeout(1800)


def held_after(
    laboratory: Laboratory, folder: Path, numbers: tuple[int, int], ask: Ask, do: Callable[[Boundary], None]
) -> Answer:
    """Make one request that stands still after the operations ``numbers[0]`` … ``numbers[1]``, and ``do`` something
    there. Raises what it raises, and ImplementationError when the process ends.
    """
    rule = Rule("hold", "after", *numbers)
    outcome = laboratory.traced.request(Plan(str(folder), (rule,)), ask, do)
    if outcome.end is not None:
        raise outcome.end
    assert outcome.answer is not None
    return outcome.answer


def held_at(
    laboratory: Laboratory, folder: Path, number: int, ask: Ask, do: Callable[[Boundary], None]
) -> Answer | None:
    """As `held_after`, at one operation; None when it did not come: not every read makes as many."""
    came: list[int] = []

    def note_and_do(boundary: Boundary) -> None:
        came.append(boundary.number)
        do(boundary)

    answer = held_after(laboratory, folder, (number, number), ask, note_and_do)
    return answer if came else None


def boundaries_of_a_read(case: Case, laboratory: Laboratory, ask: Ask, prepare: Callable[[], object]) -> range:
    """The numbers of the operations of one read of what ``prepare`` makes, by a reader that has read before: the first
    read may do more than others, such as watch the folder. Raises Unmeasured when none was seen.
    """
    seen: list[int] = []
    prepare()
    ask(laboratory.traced.implementation)
    prepare()
    held_after(laboratory, case.folder, (0, MOST_BOUNDARIES), ask, lambda boundary: seen.append(boundary.number))
    if not seen:
        raise Unmeasured("no operation of a read was seen")
    return range(max(seen) + 1)


def require_held(times: int) -> None:
    """Raise Unmeasured when no operation came at which a read was to be held."""
    if not times:
        raise Unmeasured("no operation of a read came again when the reader was to be held at it")


@pytest.mark.clause("RDR-04")
def test_cut_at_every_boundary_of_a_read(case: Case, laboratory: Laboratory) -> None:
    """The file is truncated while the reader stands still: a page that it has mapped is gone then."""
    status = make_status(0, 1, SIZE)
    document = encode(status).encode("utf-8")
    fill = partial(case.target.write_bytes, document)
    held = 0

    def ask(reader: Implementation) -> Answer:
        return case.request("read", reader, path=str(case.target))

    def cut(length: int, _: Boundary) -> None:
        with very_file(case.target) as this:
            os.truncate(this, length)

    for number in boundaries_of_a_read(case, laboratory, ask, fill):
        for length in (0, SIZE // 2):
            fill()
            answer = held_at(laboratory, case.folder, number, ask, partial(cut, length))
            if answer is None:
                continue
            held += 1
            found = answer.fields.get("status")
            if found is not None:
                require_equal(found, status, f"a file cut to {length} bytes after operation {number} of the read")
    require_held(held)


@pytest.mark.clause("RDR-14")
def test_write_at_every_boundary_of_a_read(case: Case, laboratory: Laboratory) -> None:
    """The target is replaced while the reader stands still: neither may it mix the two, nor a cache keep the old one.

    By a document of another size, too: a reader that has asked for the size by name reads that of the old one.
    """
    polls = case.run.manifest.mode != "oneshot" and polls_what_is_there(case)
    numbers = itertools.count()
    held = 0

    def ask(operation: str, reader: Implementation) -> Answer:
        return case.request(operation, reader, path=str(case.target))

    def publish(sequence: int, size: int, _: Boundary | None = None) -> None:
        temp = case.folder / "next"
        temp.write_text(encode(make_status(0, sequence, size)), encoding="utf-8")
        temp.replace(case.target)

    for operation in ("read", "poll") if polls else ("read",):
        asking = partial(ask, operation)
        prepare = partial(publish, next(numbers), SIZE)
        for number in boundaries_of_a_read(case, laboratory, asking, prepare):
            for size, next_size in SIZES:
                old, new = next(numbers), next(numbers)
                publish(old, size)
                answer = held_at(laboratory, case.folder, number, asking, partial(publish, new, next_size))
                if answer is None:
                    continue
                held += 1
                where = f"replaced after operation {number} of a {operation}"
                require_one_of(answer, (old, new), f"{where}: it")
                if case.run.manifest.mode != "oneshot":  # a process per request keeps nothing
                    after = asking(laboratory.traced.implementation)
                    require_one_of(after, (new,), f"{where}: the {operation} after it")
    require_held(held)


def require_one_of(answer: Answer, allowed: tuple[int, ...], what: str) -> None:
    """Raise Violation unless the answer has the status of one of these numbers, whole."""
    status = answer.fields.get("status")
    if status is None:
        raise Violation(f"{what} gave null, although the target always held a whole document")
    try:
        found = identify_values(status)[1]
    except Violation as violation:
        raise Violation(f"{what} gave what was never there: {violation}", **violation.evidence) from violation
    if found not in allowed:
        raise Violation(f"{what} gave document {found}, not {allowed[-1]}")


@pytest.mark.clause("RDR-14")
@pytest.mark.parametrize("kind", ["missing", "cut", "invalid"])
def test_what_it_looks_for_instead_is_not_read(case: Case, laboratory: Laboratory, kind: str) -> None:
    """Each program has a name of its own for its backup; the names that a read looks for say which."""
    operations = ("read",) if case.run.manifest.mode == "oneshot" else ("read", "poll")
    place = laboratory.place("first")
    if kind == "cut":
        place.target.write_bytes(encode(HELD).encode("utf-8")[:-2])
    if kind == "invalid":
        place.target.write_bytes(encode(HELD).replace('"loss"', '"lossy"').encode("utf-8"))

    def ask(operation: str, reader: Implementation) -> Answer:
        return case.request(operation, reader, path=str(place.target))

    def names_looked_for() -> set[str]:
        found: set[str] = set()
        for operation in operations:
            outcome = laboratory.traced.request(Plan(str(place.folder), ()), partial(ask, operation))
            found.update(each.name for each in laboratory.operations(place, outcome.report))
        return found - {place.target.name, "."}

    try:
        planted: dict[str, dict[str, Any]] = {}
        for number, name in enumerate(sorted(names_looked_for())):
            path = place.folder / name
            if path.is_relative_to(place.folder) and not os.path.lexists(path):
                planted[name] = make_status(0, 100 + number)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode(planted[name]).encode("utf-8"))
        for operation in operations:
            answer = ask(operation, laboratory.traced.implementation)
            require_not_of(planted, answer.fields.get("status"), f"a {operation} of a target that is {kind}")
    finally:
        laboratory.run.folders.remove(place.folder)


@pytest.mark.clause("VIS-03")
def test_temp_of_a_stopped_writer_survives(case: Case, laboratory: Laboratory) -> None:
    """A writer that is stopped (SIGSTOP, a frozen container, a laptop asleep) is not dead, however old its temp is."""
    place = laboratory.place("replace")
    seen = {*place.listing, "other.json"}
    gone: set[str] = set()

    def meanwhile(_: Boundary) -> None:
        beside = {path for path in place.folder.iterdir() if path.name not in seen}
        if not beside or len(seen) > len(place.listing) + MOST_BESIDE:
            return
        seen.update(path.name for path in beside)
        long_ago = time.time() - OLD_AGE
        for temp in beside:
            os.utime(temp, (long_ago, long_ago), follow_symlinks=False)
        another = case.start()
        refused = ""
        for sequence, name in enumerate([place.target.name, "other.json", place.target.name], start=ELSEWHERE):
            try:
                answer = case.publish(place.folder / name, make_status(2, sequence), by=another)
            except NoAnswer as error:
                raise Unmeasured("a writer waits for one that is stopped, as for a lock that it holds") from error
            if not answer.ok:
                case.require_room(answer)
                refused = refused or f"{answer.error}: {answer.message}"
        with contextlib.suppress(ImplementationError):  # how it ends is not judged here
            another.stop()  # its last chance to clean up
        gone.update(temp.name for temp in beside if not os.path.lexists(temp))
        if refused and not gone:
            raise Unmeasured(f"beside a writer that is stopped, another one is refused (see CON-01): {refused}")

    def ask(writer: Implementation) -> Answer:
        return case.publish(place.target, HELD, by=writer)

    try:
        rule = Rule("hold", "after", 0, 1 << 20)
        outcome = laboratory.traced.request(Plan(str(place.folder), (rule,)), ask, meanwhile)
        if outcome.end is not None:
            raise outcome.end
        assert outcome.answer is not None
        answer = outcome.answer
        operations = laboratory.operations(place, outcome.report)
        # A file that only makes writers wait, such as that of a lock, belongs to all of them.
        temps = {each.name for each in operations if each.kind in ("rename", "exchange", "link")}
        if gone and (gone & temps or not answer.ok):
            text = "a writer took away a file of another one, which was stopped and not dead"
            raise Violation(text, removed=sorted(gone))
        if len(seen) == len(place.listing) + 1:
            raise Unmeasured("no file was seen beside the target during a write (see VIS-02)")
        case.require_ok(answer, "the write of a writer that was stopped meanwhile")
        case.require_holds(place.target, HELD)
    finally:
        laboratory.run.folders.remove(place.folder)


@pytest.mark.clause("MET-11")
def test_readers_do_not_become_more_at_any_boundary(case: Case, laboratory: Laboratory) -> None:
    """A mode that is set after the replace comes too late: readers have opened the target, or the writer is killed."""
    wider, _ = wider_at_a_boundary(case, laboratory, lambda target: target.chmod(stat.S_IRUSR | stat.S_IWUSR))
    if wider:
        raise Violation(wider)


@pytest.mark.clause("MET-11")
def test_access_list_is_never_late(case: Case, laboratory: Laboratory) -> None:
    """The same with an access list: the mode alone lets the group read what one user might."""
    wider, for_good = wider_at_a_boundary(
        case, laboratory, lambda target: set_access_list(target, user=4, group=0, others=0)
    )
    if for_good:
        raise Unmeasured("after the write more may read the target as well (see MET-11 readers_do_not_become_more)")
    if wider:
        raise Violation(wider)


def wider_at_a_boundary(case: Case, laboratory: Laboratory, restrict: Callable[[Path], None]) -> tuple[str, bool]:
    """The first operation after which more may read a restricted target than before, in words (empty: none), and
    whether they still may after the write.
    """
    place = laboratory.place("replace")
    restrict(place.target)
    before = access_of(place.target)
    wider: list[str] = []

    def look(boundary: Boundary) -> None:
        with contextlib.suppress(FileNotFoundError):  # a target that is missing is for VIS-05 to judge
            found = access_of(place.target)
            if new_readers := widened(before, found):
                wider.append(
                    f"after operation {boundary.number} ({boundary.name}) of a write, with the target at mode "
                    f"{found.mode:04o}, more may read it than before: {', '.join(new_readers)}"
                )

    def ask(writer: Implementation) -> Answer:
        return case.publish(place.target, HELD, by=writer)

    try:
        case.require_ok(held_after(laboratory, place.folder, (0, 1 << 20), ask, look))
        for_good = bool(widened(before, access_of(place.target)))
    finally:
        laboratory.run.folders.remove(place.folder)
    return wider[0] if wider else "", for_good
