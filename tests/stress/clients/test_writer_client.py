"""Driving a writer: requests and their order, what was refused and why, and whose a death was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.errors import ImplementationError
from conformance.oracle.payload import identify, identify_values
from conformance.subject.client import LaunchOptions
from conformance.subject.manifest import Manifest
from conformance.subject.protocol import Answer
from stress.clients.plans import WriterPlan
from stress.clients.writer_client import Writer, is_held, named_error
from stress.record.reports import HELD, INDETERMINATE, WRITE_COLUMNS, Temp, Written
from stress.record.scenario import LARGEST
from stress.record.shared_counters import Counters

if TYPE_CHECKING:
    from tests.stress.conftest import Script

ACKNOWLEDGED = Answer(True, None, "", {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the targets are."""
    path = tmp_path / "targets"
    path.mkdir()
    return path


@pytest.fixture
def writer(
    script: Script, manifest: Manifest, launch_options: LaunchOptions, folder: Path, counters: Counters
) -> Callable[..., Writer]:
    """Makes writer 7, with one target, small documents and a pipeline of one."""

    plan = WriterPlan(
        number=7,
        folder=folder,
        names=("status.json",),
        sizes=(256,),
        rate=0.0,
        manifest=manifest,
        launch_options=launch_options,
        pipeline=1,
        seed=1,
    )

    def make(**changes: Any) -> Writer:
        return Writer(replace(plan, **changes), counters)

    return make


def rows_of(written: Written) -> list[dict[str, int]]:
    rows = [
        written.rows[start : start + len(WRITE_COLUMNS)] for start in range(0, len(written.rows), len(WRITE_COLUMNS))
    ]
    return [dict(zip(WRITE_COLUMNS, row, strict=True)) for row in rows]


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


# What is asked for


def test_documents_are_numbered_and_go_to_the_targets_in_turn(
    writer: Callable[..., Writer], script: Script, folder: Path
) -> None:
    one = writer(names=("a.json", "b.json", "c.json"))
    for _ in range(6):
        one.write()
    assert [operation for operation, _ in script.said] == ["write"] * 6
    assert [identify_values(fields["status"]) for _, fields in script.said] == [(7, number) for number in range(1, 7)]
    paths = [fields["path"] for _, fields in script.said]
    assert set(paths[:3]) == {str(folder / name) for name in ("a.json", "b.json", "c.json")}
    assert paths[3:] == paths[:3]
    targets = [row["target"] for row in rows_of(one.take())]
    assert [str(folder / ("a.json", "b.json", "c.json")[target]) for target in targets] == paths


def test_the_profile_replace_is_given_text(writer: Callable[..., Writer], script: Script, manifest: Manifest) -> None:
    writer(manifest=replace(manifest, profile="replace")).write()
    [(operation, fields)] = script.said
    assert operation == "replace"
    assert identify(fields["text"].encode()) == (7, 1)


def test_writing_all_writes_each_target_once_and_waits_for_each_answer(
    writer: Callable[..., Writer], script: Script
) -> None:
    one = writer(names=("a.json", "b.json"), pipeline=5)
    one.write_all()
    assert script.story == ["start", "send", "receive", "send", "receive"]
    assert {fields["path"] for _, fields in script.said} == {fields["path"] for _, fields in script.said[:2]}
    assert len({fields["path"] for _, fields in script.said}) == 2


def test_sizes_are_mixed_and_those_of_a_seed_are_always_the_same(writer: Callable[..., Writer]) -> None:
    def sizes(**changes: Any) -> list[int]:
        one = writer(sizes=(256, 1024, 4096), **changes)
        for _ in range(50):
            one.write()
        return [row["size"] for row in rows_of(one.take())]

    first = sizes(seed=5)
    assert set(first) == {256, 1024, 4096}
    assert sizes(seed=5) == first
    assert sizes(seed=6) != first
    assert sizes(seed=5, number=8) != first


def test_no_document_is_larger_than_what_every_implementation_can_write(
    writer: Callable[..., Writer], script: Script, manifest: Manifest
) -> None:
    one = writer(sizes=(1 << 20,), manifest=replace(manifest, profile="replace"))
    one.write()
    assert len(script.said[0][1]["text"].encode()) == LARGEST
    assert [row["size"] for row in rows_of(one.take())] == [LARGEST]


# Pipelines


def test_with_a_pipeline_requests_go_ahead_and_answers_come_in_order(
    writer: Callable[..., Writer], script: Script
) -> None:
    one = writer(pipeline=3)
    for _ in range(4):
        one.write()
    assert script.story == ["start", "send", "send", "send", "receive", "send", "receive"]
    one.drain()
    assert script.story[-2:] == ["receive", "receive"]
    rows = rows_of(one.take())
    assert [(row["sequence"], row["outcome"]) for row in rows] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert all(row["begin"] <= row["end"] for row in rows)
    # A request that was sent ahead had begun when the one before it was answered.
    assert rows[1]["begin"] <= rows[0]["end"]


def test_oneshot_has_no_pipeline(writer: Callable[..., Writer], script: Script) -> None:
    script.serve = False
    one = writer(pipeline=3)
    for _ in range(2):
        one.write()
    assert script.story == ["start", "request", "request"]
    assert [row["outcome"] for row in rows_of(one.take())] == [1, 1]


def test_taking_what_was_done_begins_anew(writer: Callable[..., Writer]) -> None:
    one = writer()
    one.write()
    assert len(rows_of(one.take())) == 1
    assert one.take() == Written()
    one.write()
    assert [row["sequence"] for row in rows_of(one.take())] == [2]


def test_stopping_waits_for_every_answer_first(writer: Callable[..., Writer], script: Script) -> None:
    one = writer(pipeline=4)
    one.write()
    one.stop()
    assert script.story == ["start", "send", "receive", "stop"]


# What is refused


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Answer(False, "io", "OSError: [Errno 28] No space left on device: 'x'", {}), "io: Errno 28"),
        (Answer(False, "io", "PermissionError: [WinError 5] Access is denied", {}), "io: WinError 5"),
        (Answer(False, "io", "EXDEV: cross-device link not permitted, rename", {}), "io: EXDEV"),
        (Answer(False, "refused", "mv: cannot move: ENOSPC", {}), "refused: ENOSPC"),
        (Answer(False, "invalid", "ValueError: loss is no number", {}), "invalid"),
        (Answer(False, "io", "", {}), "io"),
    ],
)
def test_an_error_is_named_as_the_system_names_it(answer: Answer, name: str) -> None:
    assert named_error(answer) == name


@pytest.mark.parametrize(
    ("error", "message", "held"),
    [
        ("io", "PermissionError: [WinError 32] The process cannot access the file", True),
        ("refused", "Access to the path 'C:\\x\\status.json' is denied.", True),
        ("io", "OSError: [WinError 53] The network path was not found", False),
        ("invalid", "PermissionError: [WinError 32] The process cannot access the file", False),
    ],
)
def test_a_write_is_held_when_it_fails_with_an_error_that_open_files_cause(
    error: str, message: str, held: bool
) -> None:
    assert is_held(Answer(False, error, message, {})) is held


def test_a_refused_write_is_told_with_its_error_and_is_no_death(writer: Callable[..., Writer], script: Script) -> None:
    refused = [Answer(False, "io", text, {}) for text in ("[Errno 28] No space left", "[WinError 5] Access is denied")]
    answers = iter([ACKNOWLEDGED, refused[0], ACKNOWLEDGED, refused[1]])
    script.respond = lambda operation, fields: next(answers)
    one = writer()
    for _ in range(4):
        one.write()
    written = one.take()
    rows = rows_of(written)
    assert [row["outcome"] for row in rows] == [1, 0, 1, HELD]
    assert written.errors == {"io: Errno 28": 1, "io: WinError 5": 1}
    violation = written.violations[0]
    assert (violation.kind, violation.time) == ("refused", rows[1]["end"])
    assert violation.evidence["answer"] == "[Errno 28] No space left"
    assert (written.deaths, script.story.count("start")) == (0, 1)


def test_retries_are_added_up_as_far_as_they_are_told(writer: Callable[..., Writer], script: Script) -> None:
    told: list[Any] = [2, 3, None, "many"]
    answers = iter([Answer(True, None, "", {"retries": number}) for number in told] + [ACKNOWLEDGED])
    script.respond = lambda operation, fields: next(answers)
    one = writer()
    for _ in range(5):
        one.write()
    assert one.take().retries == 5


# Deaths


def test_a_death_that_nobody_announced_is_the_implementations_own(
    writer: Callable[..., Writer], script: Script
) -> None:
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
    # What is gone when the new process has started belonged to somebody who lives.
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


def test_another_file_of_the_same_name_is_no_orphan(
    writer: Callable[..., Writer], script: Script, counters: Counters, folder: Path
) -> None:
    """A writer that lives may use a fixed name: what it makes there anew was not left by the dead one."""
    temp = folder / "status.json.tmp"
    temp.write_text("left")
    die = dying(1)

    def respond(operation: str, fields: Any) -> Answer:
        answer = die(operation, fields)
        temp.rename(folder / "status.json")
        temp.write_text("of somebody else")
        return answer

    script.respond = respond
    counters.add("kills", 1)
    one = writer()
    one.write()
    one.write()
    written = one.take()
    assert names_of(written.orphans_before) == ["status.json.tmp"]
    assert written.orphans_after == set()
