"""What was observed, and the answers that follow."""

import dataclasses
import errno
import stat

import pytest

from conformance.commands.judge.answers import (
    Answer,
    Attributes,
    Change,
    Visited,
    in_the_folder,
    of_attributes,
    of_errors,
    of_kills,
    of_power,
    of_readers,
    of_temps,
    shown,
)
from conformance.commands.judge.content import Wholeness
from conformance.commands.judge.points import Planned
from conformance.commands.judge.writes import written
from conformance.oracle.snapshot import Snapshot
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.points import Point
from conformance.syscalls.strace.parser import parse

EXISTING = {"work/": 0, "work/f": 3}
CREATE = 'open("COPY/t", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<COPY/t>'
WRITE = 'write(3<COPY/t>, "newer", 5) = 5'
SYNC = "fsync(3<COPY/t>) = 0"
RENAME = 'rename("COPY/t", "COPY/f") = 0'
SYNC_FOLDER = "fsync(4</run/work>) = 0"
TRUNCATE = 'open("COPY/f", O_WRONLY|O_TRUNC) = 3<COPY/f>'
WRITE_IN_PLACE = 'write(3<COPY/f>, "newer", 5) = 5'
WHOLE = Wholeness(b"old", frozenset({b"newer"}))


def operations(*lines: str) -> tuple[Operation, ...]:
    return operations_of(parse("\n".join(lines).replace("COPY", "/run/work")), "/run", EXISTING)


def changes(*contents: bytes | None) -> list[Change]:
    return [
        Change(look, look, Snapshot(exists=data is not None, kind=stat.S_IFREG, data=data))
        for look, data in enumerate(contents, -1)
    ]


def readers(lines: tuple[str, ...], *contents: bytes | None) -> Answer:
    found = operations(*lines)
    return of_readers(changes(*contents), 4, found, written(found, "work/f", EXISTING), WHOLE)


def power(*lines: str, length: int | None = 5) -> Answer:
    found = operations(*lines)
    return of_power(found, written(found, "work/f", EXISTING), EXISTING, length)


class TestReaders:
    def test_old_and_then_new_is_no(self) -> None:
        answer = readers((CREATE, WRITE, RENAME), b"old", b"newer")
        assert (answer.verdict, answer.text) == ("no", "in 4 looks, one after each operation")

    def test_an_empty_file_is_yes_with_the_operation(self) -> None:
        answer = readers((TRUNCATE, WRITE_IN_PLACE), b"old", b"", b"newer")
        assert (answer.verdict, answer.operation) == ("yes", "open f")
        assert "empty" in answer.text

    def test_a_file_that_is_gone_is_yes(self) -> None:
        answer = readers(('unlink("COPY/f") = 0', CREATE, WRITE, RENAME), b"old", None, b"newer")
        assert (answer.verdict, answer.operation) == ("yes", "unlink f")

    def test_bytes_changed_in_place_are_yes_although_no_reader_came_in_the_middle(self) -> None:
        answer = readers((TRUNCATE.replace("|O_TRUNC", ""), WRITE_IN_PLACE), b"old", b"newer")
        assert (answer.verdict, answer.operation) == ("yes", "write f 5 bytes")


class TestPower:
    def test_a_synced_temp_and_a_synced_folder_are_no(self) -> None:
        answer = power(CREATE, WRITE, SYNC, RENAME, SYNC_FOLDER)
        assert answer.verdict == "no"
        assert "undone" not in answer.text

    def test_without_the_sync_of_the_folder_the_file_is_whole_but_may_be_the_old_one(self) -> None:
        answer = power(CREATE, WRITE, SYNC, RENAME)
        assert answer.verdict == "no"
        assert "may be undone: the folder was not fsynced after the rename" in answer.text

    @pytest.mark.parametrize("lines", [(CREATE, WRITE, RENAME), (TRUNCATE, WRITE_IN_PLACE)])
    def test_bytes_that_are_not_synced_are_yes(self, lines: tuple[str, ...]) -> None:
        assert power(*lines).verdict == "yes"

    def test_only_the_first_rewrite_is_judged_and_the_answer_says_so(self) -> None:
        honest = (CREATE, WRITE, SYNC, RENAME, SYNC_FOLDER)
        assert "of the first of 2 rewrites" in power(*honest, *honest).text

    def test_a_file_that_was_there_before_cannot_be_judged(self) -> None:
        found = operations(RENAME)
        answer = of_power(found, written(found, "work/f", EXISTING), {**EXISTING, "work/t": 5}, 5)
        assert (answer.verdict, "was there before" in answer.text) == ("not measured", True)

    def test_what_the_model_does_not_know_is_not_measured(self) -> None:
        assert power(RENAME).verdict == "not measured"
        assert power(CREATE, WRITE, RENAME, length=None).verdict == "not measured"


class TestAttributes:
    SEEN = Snapshot(exists=True, mode=0o604, owner=(1, 1))

    def test_kept(self) -> None:
        answer = of_attributes(Attributes(self.SEEN, self.SEEN, by_root=True))
        assert (answer.verdict, answer.text) == ("no", "mode, owner, symbolic link: kept")
        assert "for root only" in of_attributes(Attributes(self.SEEN, self.SEEN)).text

    def test_everything_that_is_lost_is_named(self) -> None:
        after = dataclasses.replace(self.SEEN, mode=0o644, owner=(0, 0))
        answer = of_attributes(Attributes(self.SEEN, after, link_kept=False, by_root=True))
        assert answer.verdict == "yes"
        assert answer.text == (
            "mode 0604 became 0644; owner 1:1 became 0:0; a symbolic link at its name was replaced by a file"
        )

    def test_without_root_the_owner_is_not_judged(self) -> None:
        after = dataclasses.replace(self.SEEN, owner=(0, 0))
        assert of_attributes(Attributes(self.SEEN, after)).verdict == "no"

    def test_a_new_file_has_nothing_to_lose(self) -> None:
        new = "it did not exist before"
        answer = of_attributes(Attributes(self.SEEN, self.SEEN, why_not=new, link_why_not=new))
        assert (answer.verdict, answer.text) == ("not measured", new)


def visited(number: int, state: str = "old", what: str = "kill", **more: object) -> Visited:
    kills = what == "kill"
    point = Point("replace", "kill" if kills else "error", "after", number, "write", "target", error=0 if kills else 28)
    planned = Planned("work/f", dataclasses.replace(point, key=str(more.pop("key", "write"))))
    values = {"hit": True, "status": 1, "operation": f"operation {number}", **more}
    return Visited(planned, state=state, broken=WHOLE.is_broken(state), **values)  # type: ignore[arg-type]  # by name


def with_error(error: int) -> Visited:
    """A write that failed so and left a temp."""
    found = visited(2, "old", "error", left=("t",))
    point = dataclasses.replace(found.planned.point, error=error)
    return dataclasses.replace(found, planned=dataclasses.replace(found.planned, point=point))


class TestDisturbed:
    def test_the_earliest_point_shows_it(self) -> None:
        answer = of_kills("work/f", [visited(3, "new"), visited(2, "empty"), visited(1, "cut off")], 4)
        assert (answer.verdict, answer.operation, answer.point) == ("yes", "operation 1", "1:write:kill-after")
        assert "at 2 of 3 points" in answer.text

    def test_no_says_at_how_many_points(self) -> None:
        assert of_kills("work/f", [visited(1), visited(2, "new")], 2).text == "at 2 of 2 points"
        assert of_kills("work/f", [visited(1)], 2).text == "at 1 of 2 points, the others were not tried"
        assert "1 not hit" in of_kills("work/f", [visited(1), visited(2, hit=False)], 2).text

    def test_nothing_tried_is_not_measured(self) -> None:
        assert of_kills("work/f", [], 2).verdict == "not measured"
        assert of_kills("work/f", [visited(1, hit=False)], 2).verdict == "not measured"
        assert of_errors("work/f", [], 0).verdict == "not measured"

    def test_a_disk_that_fills_up_is_said(self) -> None:
        full = visited(2, "cut off", "error")
        point = dataclasses.replace(full.planned.point, what="disk-full", error=0, size=2)
        full = dataclasses.replace(full, planned=dataclasses.replace(full.planned, point=point))
        answer = of_errors("work/f", [full], 1)
        assert answer.point == "2:write:disk-full"
        assert answer.text.startswith("then the disk is full, it is cut off")

    def test_kills_and_errors_are_apart_and_so_are_files(self) -> None:
        seen = [visited(1, "empty"), visited(2, "old", "error")]
        assert of_kills("work/f", seen, 1).verdict == "yes"
        assert of_errors("work/f", seen, 1).verdict == "no"
        assert of_kills("work/g", seen, 1).verdict == "not measured"

    def test_temps_after_an_error(self) -> None:
        answer = of_temps("work/f", [visited(2, "old", "error", left=("t",)), visited(3, "old", "error")], 2)
        assert (answer.verdict, answer.point) == ("yes", "2:write:ENOSPC")
        assert "t is left" in answer.text

    @pytest.mark.parametrize("others", [(errno.EPERM, errno.EIO), (errno.EDQUOT,), ()])
    def test_of_several_errors_at_one_operation_the_example_is_a_full_disk(self, others: tuple[int, ...]) -> None:
        seen = [with_error(error) for error in (*others, errno.ENOSPC)]
        assert of_temps("work/f", seen, 4).point == "2:write:ENOSPC"
        assert of_errors("work/f", [dataclasses.replace(each, broken=True) for each in seen], 4).point == (
            "2:write:ENOSPC"
        )
        assert of_temps("work/f", [with_error(errno.EPERM), with_error(errno.EIO)], 4).point == "2:write:EIO"
        assert of_temps("work/f", [visited(1, "old", "error", left=("t",), key="open"), *seen], 4).number == 1

    @pytest.mark.parametrize(
        "excused",
        [
            visited(2, left=("t",)),  # a kill
            visited(2, "old", "error", left=("t",), status=-9),
            visited(2, "old", "error", left=("t",), status=None),
            visited(2, "old", "error", left=("t",), key="unlink"),
        ],
    )
    def test_who_could_not_clean_up_is_excused(self, excused: Visited) -> None:
        assert of_temps("work/f", [excused, visited(3, "old", "error")], 2).verdict == "no"


def visited_next(number: int, state: str = "old", what: str = "kill", **more: object) -> Visited:
    """A point of the run after a kill."""
    found = visited(number, state, what, **more)
    first = visited(8).planned
    return dataclasses.replace(
        found, planned=dataclasses.replace(found.planned, after=first), after="a kill (after write t)"
    )


class TestNextRuns:
    def test_what_the_first_run_shows_comes_first(self) -> None:
        answer = of_kills("work/f", [visited_next(1, "empty"), visited(3, "cut off")], 1, 1)
        assert answer.point == "3:write:kill-after"

    def test_a_finding_says_that_it_is_of_the_next_run(self) -> None:
        answer = of_kills("work/f", [visited_next(2, "empty"), visited_next(1), visited(3)], 1, 2)
        assert (answer.verdict, answer.of_next_run, answer.number) == ("yes", True, 2)
        assert answer.point == "8:write:kill-after/2:write:kill-after"
        assert answer.text == ("killed there in the run after a kill (after write t), it is empty; so at 1 of 2 points")
        failed = of_errors("work/f", [visited_next(2, "empty", "error")], 0, 1)
        assert failed.text.startswith("failed there in the run after a kill (after write t), it is empty")

    def test_temps_of_the_next_run(self) -> None:
        answer = of_temps("work/f", [visited_next(2, "old", "error", left=("t",))], 0, 1)
        assert answer.text == (
            "after the error in the run after a kill (after write t), t is left; so at 1 of 1 points"
        )

    @pytest.mark.parametrize(
        ("seen", "deeper", "text"),
        [
            ([visited(1)], None, "at 1 of 1 points"),
            ([visited(1)], 0, "at 1 of 1 points; no next run differs from an undisturbed one"),
            ([visited(1)], 2, "at 1 of 1 points; of 2 points in the next run, none was tried or hit"),
            ([visited(1), visited_next(2)], 1, "at 1 of 1 points; in the next run, at 1 of 1 points"),
        ],
    )
    def test_no_says_how_much_of_the_next_runs_was_tried(
        self, seen: list[Visited], deeper: int | None, text: str
    ) -> None:
        answer = of_kills("work/f", seen, 1, deeper)
        assert (answer.verdict, answer.text) == ("no", text)

    def test_where_only_the_next_run_was_asked_about_it_answers_alone(self) -> None:
        answer = of_kills("work/f", [visited_next(2)], 0, 1)
        assert (answer.verdict, answer.text) == ("no", "in the next run, at 1 of 1 points")
        assert of_kills("work/f", [], 0, 1).text == "no point was tried: see --budget and --point"
        assert of_kills("work/f", [], 0, 0).verdict == "not measured"


def test_an_operation_in_words() -> None:
    assert shown(operations(CREATE, WRITE, RENAME)[-1]) == "rename t → f"
    failed = operations(WRITE.replace("= 5", "= -1 ENOSPC (No space left on device)"))[0]
    assert shown(failed) == "write t 5 bytes = ENOSPC"


def test_only_the_copy_s_own_name_is_left_out_of_a_story() -> None:
    assert in_the_folder("rename work/homework/t → work/homework/f") == "rename homework/t → homework/f"
    assert in_the_folder("unlink tmp/t, beside work/f") == "unlink $TMPDIR/t, beside f"
