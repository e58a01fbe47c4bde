"""Driving a writer that dies: whose death it was, what may have happened, and the temps that are left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.contract.errors import ImplementationError
from conformance.subject.protocol import Answer
from stress.clients.writer_client import Writer
from stress.record.reports import INDETERMINATE, WRITE_COLUMNS, Temp, Written
from stress.record.shared_counters import Counters
from tests.stress.samples import by_column

if TYPE_CHECKING:
    from tests.stress.conftest import Script

ACKNOWLEDGED = Answer(True, None, "", {})


def rows_of(written: Written) -> list[dict[str, int]]:
    return by_column(written.rows, WRITE_COLUMNS)


def names_of(temps: set[Temp]) -> list[str]:
    return sorted(name for name, _ in temps)


def dying(at: int, error: str = "ended with exit code 7 instead of answering") -> Callable[[str, Any], Answer]:
    """An implementation that dies at this request."""
    asked = iter(range(1, 1000))

    def respond(operation: str, fields: Any) -> Answer:
        if next(asked) == at:
            raise ImplementationError(error, "the reason why")
        return ACKNOWLEDGED

    return respond


# Deaths


def test_a_death_without_a_kill_is_the_implementations_own(writer: Callable[..., Writer], script: Script) -> None:
    script.respond = dying(2)
    one = writer()
    for _ in range(3):
        one.write()
    written = one.take()
    [violation] = written.violations
    assert violation.kind == "ended"
    assert "ended with exit code 7" in violation.text
    assert violation.evidence["stderr"] == "the reason why"
    assert written.deaths == 0
    assert [(row["outcome"], row["end"] == INDETERMINATE) for row in rows_of(written)] == [
        (1, False),
        (-1, True),
        (1, False),
    ]


def test_a_death_that_was_announced_is_a_kill_and_the_next_write_a_restart(
    writer: Callable[..., Writer], script: Script, counters: Counters
) -> None:
    script.respond = dying(2)
    one = writer()
    one.write()
    counters.add("kills", 1)
    one.write()
    before = one.take()
    assert (before.deaths, before.restarts, before.violations) == (1, 0, [])
    one.write()
    after = one.take()
    assert (after.deaths, after.restarts, after.violations) == (0, 1, [])
    assert script.story == ["start", "send", "receive", "send", "receive", "kill", "start", "send", "receive"]


def test_each_kill_excuses_one_death(writer: Callable[..., Writer], script: Script, counters: Counters) -> None:
    script.respond = dying(1)
    counters.add("kills", 1)
    one = writer()
    one.write()
    script.respond = dying(1)
    one.write()
    written = one.take()
    assert written.deaths == 1
    assert [violation.kind for violation in written.violations] == ["ended"]


def test_what_was_waited_for_when_it_died_may_or_may_not_have_happened(
    writer: Callable[..., Writer], script: Script, counters: Counters
) -> None:
    script.respond = dying(1)
    one = writer(pipeline=3)
    counters.add("kills", 1)
    for _ in range(3):
        one.write()
    rows = rows_of(one.take())
    assert [(row["sequence"], row["outcome"], row["end"]) for row in rows] == [
        (number, -1, INDETERMINATE) for number in (1, 2, 3)
    ]
    one.write()
    one.drain()
    assert [(row["sequence"], row["outcome"]) for row in rows_of(one.take())] == [(4, 1)]


def test_a_kill_while_it_starts_again_is_a_death_as_any_other(
    writer: Callable[..., Writer], script: Script, counters: Counters
) -> None:
    starts = iter(range(1, 100))

    def begin() -> None:
        if next(starts) == 2:
            counters.add("kills", 1)
            raise ImplementationError("ended with exit code -9 instead of answering", "")

    script.begin, script.respond = begin, dying(1)
    one = writer()
    counters.add("kills", 1)
    one.write()
    one.write()
    written = one.take()
    assert (written.deaths, written.restarts, written.violations) == (2, 1, [])
    assert counters.get("starting") == 0
    script.respond = dying(1)
    one.write()
    assert [violation.kind for violation in one.take().violations] == ["ended"]  # no kill is left to excuse it


def test_others_see_that_it_is_starting(writer: Callable[..., Writer], script: Script, counters: Counters) -> None:
    seen: list[int] = []
    script.begin = lambda: seen.append(counters.get("starting"))
    writer()
    assert seen == [1]
    assert counters.get("starting") == 0


def test_others_see_that_it_has_not_answered_yet(
    writer: Callable[..., Writer], script: Script, counters: Counters
) -> None:
    """Again after each start, as a runtime may get ready at its first write; a process for each write is always new."""
    seen: list[int] = []

    def respond(operation: str, fields: Any) -> Answer:
        seen.append(counters.get("fresh"))
        return ACKNOWLEDGED

    script.respond = respond
    one = writer()
    one.write()
    one.write()
    script.respond = dying(1)
    one.write()
    assert (seen, counters.get("fresh")) == ([1, 0], 1)
    script.serve = False
    writer()
    assert counters.get("fresh") == 0


# Orphans


@pytest.mark.parametrize("swept", [False, True])
def test_orphans_are_counted_after_the_death_and_after_the_next_write_of_each_target(
    writer: Callable[..., Writer], script: Script, counters: Counters, folder: Path, swept: bool
) -> None:
    (folder / "a.json").touch()
    die = dying(3)

    def respond(operation: str, fields: Any) -> Answer:
        try:
            answer = die(operation, fields)
        except ImplementationError:
            (folder / ".orphan.tmp").touch()
            (folder / ".of a living writer.tmp").touch()
            raise
        if len(script.said) == 5 and swept:
            (folder / ".orphan.tmp").unlink()
        return answer

    script.respond = respond
    one = writer(names=("a.json", "b.json"))
    for _ in range(2):
        one.write()
    # What is gone when the new process has started belonged to a living writer.
    script.begin = (folder / ".of a living writer.tmp").unlink
    counters.add("kills", 1)
    one.write()
    assert names_of(one.written.orphans_before) == [".orphan.tmp"]
    one.write()
    assert one.written.orphans_after == set()  # the other target is not written yet
    one.write()
    assert names_of(one.written.orphans_before) == [".orphan.tmp"]
    assert names_of(one.written.orphans_after) == ([] if swept else [".orphan.tmp"])
    assert one.written.restarts == 1


def test_a_file_that_is_kept_beside_the_target_is_no_orphan(
    writer: Callable[..., Writer], script: Script, counters: Counters, folder: Path
) -> None:
    for name in (".status.json.lock", "left.tmp"):
        (folder / name).touch()
    script.respond = dying(1)
    counters.add("kills", 1)
    one = writer(keeps=(".{name}.lock",))
    one.write()
    assert names_of(one.take().orphans_before) == ["left.tmp"]


def test_another_file_of_the_same_name_is_no_orphan(
    writer: Callable[..., Writer], script: Script, counters: Counters, folder: Path
) -> None:
    """A living writer may use a fixed name: a new file of that name was not left by the dead one."""
    temp = folder / "status.json.tmp"
    temp.write_text("left")
    die = dying(1)

    def respond(operation: str, fields: Any) -> Answer:
        answer = die(operation, fields)
        temp.rename(folder / "status.json")
        temp.write_text("of another writer")
        return answer

    script.respond = respond
    counters.add("kills", 1)
    one = writer()
    one.write()
    one.write()
    written = one.take()
    assert names_of(written.orphans_before) == ["status.json.tmp"]
    assert written.orphans_after == set()
