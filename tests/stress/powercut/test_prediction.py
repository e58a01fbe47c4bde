"""The model's predictions for real cuts: one write up to where it was held, and series of writes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.syscalls.operations import operations_of
from conformance.syscalls.powerloss.model import Before
from conformance.syscalls.tracer.calls import Argument, Call, Descriptor
from stress.powercut.prediction import (
    ExpectedOfWrite,
    State,
    Write,
    begun_before,
    expected_of_write,
    foreseen_at_any_point,
    foreseen_at_end,
    foreseen_of_series,
)

SIZE = 4096
DURABLE = ("create temp", "write temp", "fsync temp", "rename temp target", "fsync .")
NO_FSYNC = ("create temp", "write temp", "rename temp target", "fsync .")
NO_FOLDER_FSYNC = DURABLE[:-1]
NO_SYNC_AT_ALL = NO_FSYNC[:-1]
UNLINK_FIRST = ("create temp", "write temp", "fsync temp", "unlink target", "rename temp target", "fsync .")


def calls(*lines: str) -> list[Call]:
    """These calls, one after the other: each begins at an even moment and ends at the next."""
    return [_call(2 * number, *line.split()) for number, line in enumerate(lines)]


def _call(begun: int, name: str, first: str, other: str = "") -> Call:
    path = "/folder" if first == "." else f"/folder/{first}"
    arguments: dict[str, Argument] = {"descriptor": Descriptor(3, path)}
    result = SIZE if name == "write" else 0
    if name == "create":
        name, arguments, result = "openat", {"path": path, "flags": 0o101}, 3
    elif name == "write":
        arguments["count"] = SIZE
    elif name == "rename":
        arguments = {"path": path, "other_path": f"/folder/{other}"}
    elif name == "unlink":
        arguments = {"path": path}
    return Call(begun, begun + 1, 1, 1, name, arguments, result)


def before(*, exists: bool) -> Before:
    return Before("target", SIZE if exists else None, SIZE)


def a_write(*lines: str, exists: bool = True) -> Write:
    return Write(operations_of(calls(*lines), "/folder", ["target"] if exists else []), before(exists=exists))


def expected(lines: Sequence[str], *, exists: bool = True) -> ExpectedOfWrite:
    return expected_of_write(a_write(*lines, exists=exists))


class TestOneWrite:
    @pytest.mark.parametrize(
        ("held_before", "states"),
        [(0, {0}), (2, {0}), (3, {0}), (4, {0, 1}), (5, {1})],
    )
    def test_a_durable_replace_is_old_until_its_rename_and_new_after_its_end(
        self, held_before: int, states: set[State]
    ) -> None:
        assert foreseen_at_end(a_write(*DURABLE[:held_before])).states == states

    def test_without_a_target_before_it_may_be_missing(self) -> None:
        assert foreseen_at_end(a_write(*DURABLE[:4], exists=False)).states == {"missing", 1}

    def test_without_a_sync_of_the_data_it_may_be_torn_from_the_rename_on(self) -> None:
        assert "torn" not in foreseen_at_end(a_write(*NO_FSYNC[:2])).states
        assert "torn" in foreseen_at_end(a_write(*NO_FSYNC[:3])).states

    def test_a_target_that_is_unlinked_first_may_be_missing(self) -> None:
        assert foreseen_at_end(a_write(*UNLINK_FIRST[:4])).states == {0, "missing"}

    def test_a_cut_at_an_unknown_moment_means_all_of_it(self) -> None:
        assert foreseen_at_any_point(a_write(*NO_FOLDER_FSYNC)).states == {0, 1}

    def test_the_operations_are_listed(self) -> None:
        trace = foreseen_at_end(a_write(*DURABLE)).trace
        assert len(trace) == len(DURABLE)
        assert "rename temp → target" in trace[3]


class TestBegunBefore:
    def test_what_began_later_does_not_count(self) -> None:
        operations = begun_before(reversed(calls(*DURABLE)), 3, "/folder", ["target"])
        assert [operation.kind for operation in operations] == ["create", "write", "sync"]

    def test_held_before_the_first_nothing_was_done(self) -> None:
        assert begun_before(calls(*DURABLE), 0, "/folder", ["target"]) == ()

    def test_what_was_under_way_in_another_thread_promises_nothing(self) -> None:
        """The sync of the data had begun when the rename's successor was held, and was answered by a dead disk."""
        create, write, sync, rename, held = calls(*DURABLE)
        late = sync._replace(ended=100, result=-1, error=5)
        operations = begun_before([create, write, late, rename, held], 4, "/folder", ["target"])
        assert [operation.call.ended for operation in operations] == [1, 3, None, 7]
        assert operations[2].call.error == 0
        assert "torn" in foreseen_at_end(Write(operations, before(exists=True))).states

    def test_what_was_under_way_may_have_happened(self) -> None:
        """It began after everything that had ended."""
        create, write, sync, rename, held = calls(*DURABLE)
        late = rename._replace(ended=100, result=-1, error=5)
        operations = begun_before([create, write, sync, late, held], 4, "/folder", ["target"])
        assert foreseen_at_end(Write(operations, before(exists=True))).states == {0, 1}


class TestRow:
    @pytest.mark.parametrize(
        ("lines", "asked", "acknowledged", "states"),
        [
            (DURABLE, 0, 0, {0}),
            (DURABLE, 1, 0, {0, 1}),
            (DURABLE, 4, 4, {4}),
            (DURABLE, 4, 3, {3, 4}),
            (DURABLE, 4, 2, {2, 3, 4}),
            (NO_FOLDER_FSYNC, 4, 3, {0, 1, 2, 3, 4}),
            (NO_FSYNC, 3, 2, {"torn", 2, 3}),
            (NO_SYNC_AT_ALL, 2, 1, {"torn", 0, 1, 2}),
            (UNLINK_FIRST, 3, 2, {"missing", 2, 3}),
            (UNLINK_FIRST, 2, 2, {2}),
        ],
    )
    def test_over_a_target(self, lines: tuple[str, ...], asked: int, acknowledged: int, states: set[State]) -> None:
        each = expected(lines)
        assert foreseen_of_series(each, each, asked, acknowledged).states == states

    @pytest.mark.parametrize(
        ("lines", "asked", "acknowledged", "states"),
        [
            (DURABLE, 0, 0, {"missing"}),
            (DURABLE, 1, 0, {"missing", 1}),
            (DURABLE, 3, 1, {1, 2, 3}),
            (NO_FOLDER_FSYNC, 3, 1, {"missing", 1, 2, 3}),
            (NO_FOLDER_FSYNC, 2, 2, {"missing", 1, 2}),
        ],
    )
    def test_without_a_target_before(
        self, lines: tuple[str, ...], asked: int, acknowledged: int, states: set[State]
    ) -> None:
        first, later = expected(lines, exists=False), expected(lines)
        assert foreseen_of_series(first, later, asked, acknowledged).states == states

    def test_a_first_write_that_may_be_lost_is_certain_once_a_durable_one_came_after_it(self) -> None:
        first, later = expected(NO_FOLDER_FSYNC, exists=False), expected(DURABLE)
        assert foreseen_of_series(first, later, 2, 2).states == {2}

    def test_an_operation_that_never_ended_allows_all_of_the_write(self) -> None:
        operations = list(a_write(*DURABLE).operations)
        unfinished = operations[-1].call._replace(ended=None, result=None)
        operations[-1] = operations[-1]._replace(call=unfinished)
        assert expected_of_write(Write(tuple(operations), before(exists=True))).end == {"old", "new"}
