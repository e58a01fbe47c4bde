"""Driving a writer: requests and their order, what was refused and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.contract.manifest import Manifest
from conformance.oracle.payload import identify, identify_values
from conformance.subject.protocol import Answer
from stress.clients.writer_client import Writer, is_held, named_error
from stress.record.reports import HELD, WRITE_COLUMNS, Written
from stress.record.scenario import LARGEST, SIZES
from tests.stress.samples import by_column

if TYPE_CHECKING:
    from tests.stress.conftest import Script

ACKNOWLEDGED = Answer(True, None, "", {})


def rows_of(written: Written) -> list[dict[str, int]]:
    return by_column(written.rows, WRITE_COLUMNS)


# Requests


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


def test_by_default_half_of_the_sizes_are_others_in_between(writer: Callable[..., Writer]) -> None:
    def sizes(seed: int) -> list[int]:
        one = writer(sizes=SIZES, seed=seed)
        for _ in range(200):
            one.write()
        return [row["size"] for row in rows_of(one.take())]

    first = sizes(5)
    between = [size for size in first if size not in (*SIZES, LARGEST)]
    assert 60 < len(between) < 140
    assert all(min(SIZES) <= size <= LARGEST for size in first)
    assert any(10_000 <= size <= 60_000 for size in between)
    assert sizes(5) == first
    assert sizes(6) != first


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


def test_a_refused_write_is_reported_with_its_error_and_is_no_death(
    writer: Callable[..., Writer], script: Script
) -> None:
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


def test_retries_that_are_reported_are_added_up(writer: Callable[..., Writer], script: Script) -> None:
    reported: list[Any] = [2, 3, None, "many"]
    answers = iter([Answer(True, None, "", {"retries": number}) for number in reported] + [ACKNOWLEDGED])
    script.respond = lambda operation, fields: next(answers)
    one = writer()
    for _ in range(5):
        one.write()
    assert one.take().retries == 5
