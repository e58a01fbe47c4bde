"""The power-loss model, as a specification: what may be on the disk after a cut, and what is reported."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from conformance.syscalls.operations import Operation
from conformance.syscalls.powerloss.model import Before, allowed_outcomes, distinct_states, judge, materialise
from conformance.syscalls.tracer.calls import TraceError
from tests.conformance.syscalls.powerloss.language import overlapping, trace

SIZE = 8192
REPLACING = Before("target", SIZE, SIZE)
CREATING = Before("target", None, SIZE)

WRITTEN = f"create temp; write temp {SIZE}"
HONEST = f"{WRITTEN}; sync temp; close temp; rename temp target; sync-folder"

CORRECT = {
    "the usual way": HONEST,
    "fsync through another descriptor": f"{WRITTEN}; close temp; open temp; sync temp; rename temp target; sync-folder",
    "fsync in a child": f"{WRITTEN}; child sync temp; rename temp target; sync-folder",
    "sync() of everything by a child, twice": f"{WRITTEN}; child sync-all; rename temp target; child sync-all",
    "a write in pieces": "create temp; write temp 4096; write temp 4096; sync temp; rename temp target; sync-folder",
    "space allocated first": f"create temp; allocate temp {SIZE} 0; write temp {SIZE}; sync temp; rename temp target; "
    "sync-folder",
    "O_DSYNC": f"create-dsync temp; write temp {SIZE}; rename temp target; sync-folder",
    "O_DSYNC through a copy of the descriptor": f"create-dsync temp; duplicate temp; write temp {SIZE}; "
    "rename temp target; sync-folder",
    "RWF_DSYNC": f"create temp; write-dsync temp {SIZE}; rename temp target; sync-folder",
    "mmap and msync": f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; msync temp; unmap temp; "
    "rename temp target; sync-folder",
    "msync of each page": f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; msync temp 4096 0; "
    "msync temp 4096 4096; unmap temp; rename temp target; sync-folder",
    "msync of a part, and fsync": f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; msync temp 4096 0; "
    f"unmap temp {SIZE} 0; sync temp; rename temp target; sync-folder",
    "msync of a part of the last page": f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; msync temp 4097 0; "
    "rename temp target; sync-folder",
    "msync after the rename of an unpublished name": f"create a; truncate a {SIZE}; map a {SIZE} 0; rename a temp; "
    "msync a; rename temp target; sync-folder",
    "O_TMPFILE, link, rename": f"create-unnamed; write unnamed {SIZE}; sync unnamed; link unnamed temp; "
    "rename temp target; sync-folder",
    "O_TMPFILE, linked by its descriptor": f"create-unnamed; write unnamed {SIZE}; sync unnamed; "
    "link /proc/self/fd/3 temp; rename temp target; sync-folder",
    "exchange": f"{WRITTEN}; sync temp; exchange temp target; unlink temp; sync-folder",
    "a clone": "create temp; clone-into temp; sync temp; rename temp target; sync-folder",
    "a folder that is opened to be synced": f"{WRITTEN}; sync temp; rename temp target; open .; sync .; close .",
    "a rename between two names of one file, which does nothing": f"{WRITTEN}; sync temp; link temp twin; "
    "rename temp twin; rename temp target; sync-folder",
    "a backup by hard link": f"link target backup; {HONEST}",
    "temp in a sub-folder": f"make-folder sub; create sub/temp; write sub/temp {SIZE}; sync sub/temp; "
    "rename sub/temp target; sync-folder",
}


@pytest.mark.parametrize("text", CORRECT.values(), ids=CORRECT)
def test_a_durable_replace_is_correct_at_every_cut_under_both_models(text: str) -> None:
    judgement = judge(trace(text), REPLACING)
    assert (judgement.torn, judgement.lost) == (None, None)
    # It is judged, not overlooked: both documents are among the outcomes.
    assert allowed_outcomes(trace(text), REPLACING, None) == {"old", "new"}


TORN = {
    "no fsync": (
        f"{WRITTEN}; close temp; rename temp target; sync-folder",
        "power cut after operation 3 (rename temp → target), ordered names: the rename temp → target persisted, "
        "the unsynced data of temp did not persist: the target is 0 of 8,192 bytes",
    ),
    "fsync after the rename": (f"{WRITTEN}; rename temp target; sync target; sync-folder", "operation 2"),
    "fsync of another file": (
        f"create other; {WRITTEN}; sync other; rename temp target; sync-folder",
        "the target is 0 of 8,192 bytes",
    ),
    "sync_file_range": (f"{WRITTEN}; sync-range temp; rename temp target; sync-folder", "after operation 3"),
    "a folder sync in its place": (f"{WRITTEN}; sync-folder; rename temp target", "after operation 3"),
    "an fsync that failed": (f"{WRITTEN}; failed sync temp; rename temp target; sync-folder", "after operation 3"),
    "an fsync that never returned": (
        f"{WRITTEN}; unfinished sync temp; rename temp target; sync-folder",
        "after operation 3",
    ),
    "MS_ASYNC": (
        f"create temp; truncate temp {SIZE}; sync temp; map temp {SIZE} 0; msync-async temp; unmap temp; "
        "rename temp target; sync-folder",
        "the target is 8,192 bytes, 8,192 of them zeros",
    ),
    "a mapping that is changed after its msync and unmapped": (
        f"create temp; truncate temp {SIZE}; sync temp; map temp {SIZE} 0; msync temp; map temp {SIZE} 0; unmap temp; "
        "rename temp target; sync-folder",
        "the target is",
    ),
    "msync of a part": (
        f"{WRITTEN}; map temp 4096 0; msync temp; rename temp target; sync-folder",
        "the target is",
    ),
    "msync of one page of two": (
        f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; msync temp 4096 0; unmap temp {SIZE} 0; "
        "rename temp target; sync-folder",
        "the target is 8,192 bytes, 4,096 of them zeros",
    ),
    "msync of the second page after both were unmapped": (
        f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; unmap temp 4096 0; msync temp 4096 4096; "
        "rename temp target; sync-folder",
        "the target is 8,192 bytes, 4,096 of them zeros",
    ),
    "msync of no bytes": (
        f"create temp; truncate temp {SIZE}; map temp {SIZE} 0; msync temp 0 0; rename temp target; sync-folder",
        "the target is",
    ),
    "dirty again after the sync": (
        "create temp; write temp 4096; sync temp; write temp 4096; rename temp target; sync-folder",
        "the target is 4,096 of 8,192 bytes",
    ),
    "O_DSYNC on another descriptor": (
        f"create-dsync temp; open temp; write temp {SIZE}; rename temp target; sync-folder",
        "the target is 0 of 8,192 bytes",
    ),
    "in place, with O_TRUNC": (
        f"open-truncating target; write target {SIZE}; sync target; sync-folder",
        "power cut after operation 0 (open target), ordered names: everything done so far persisted: "
        "the target is 0 of 8,192 bytes",
    ),
    "in place, without truncating": (
        f"open target; write target {SIZE}; sync target",
        "power cut after operation 1 (write target 8192 bytes), ordered names: only the first half of operation 1 "
        "(write target 8192 bytes) persisted: the target is a mixture of 4,096 bytes of the old document and 4,096 "
        "written bytes",
    ),
    "in place, with O_DSYNC": (f"open-dsync target; write target {SIZE}", "power cut during operation 1"),
    "in place, cut to a shorter length first": (
        f"open target; truncate target {SIZE // 2}; write target {SIZE}; sync target",
        "the target is 4,096 of 8,192 bytes of the old document",
    ),
    "punched, then written": (
        f"open target; punch target {SIZE} 0; write target {SIZE}; sync target",
        "8,192 bytes, 8,192 of them zeros",
    ),
    "unlink, then rename": (
        f"{WRITTEN}; sync temp; sync-folder; unlink target; rename temp target; sync-folder",
        "power cut after operation 4 (unlink target), ordered names: the unlink target persisted: "
        "the target is missing",
    ),
    "from another folder": (
        "rename /elsewhere/temp target; sync-folder",
        "the unsynced data of /elsewhere/temp did not",
    ),
    "without a name": (
        f"create-unnamed; write unnamed {SIZE}; link unnamed temp; sync-folder; rename temp target",
        "the unsynced data of the unnamed file did not persist",
    ),
    "renamed away before the new one comes": (
        f"{WRITTEN}; sync temp; rename target /elsewhere/backup; rename temp target; sync-folder",
        "the target is missing",
    ),
    "never finished": (f"open target; write target {SIZE // 2}", "the target is"),
}


@pytest.mark.parametrize(("text", "story"), TORN.values(), ids=TORN)
def test_what_can_tear_the_target_is_found_and_described(text: str, story: str) -> None:
    torn = judge(trace(text), REPLACING).torn
    assert torn is not None
    assert torn.clause == "PWR-01"
    assert story in torn.story


def test_without_a_folder_sync_the_target_is_whole_but_the_acknowledged_write_may_be_lost() -> None:
    judgement = judge(trace(f"{WRITTEN}; sync temp; rename temp target; sync target"), REPLACING)
    assert judgement.torn is None
    assert judgement.lost is not None
    assert judgement.lost.story == (
        "power cut after operation 4 (sync target), ordered names: the rename temp → target did not persist: "
        "the target is the complete old document"
    )


def test_a_sync_of_another_folder_does_not_make_the_name_durable() -> None:
    text = f"make-folder sub; {WRITTEN}; sync temp; rename temp target; sync-folder sub"
    assert judge(trace(text), REPLACING).lost is not None


def test_the_first_document_may_be_missing_until_the_folder_was_synced() -> None:
    judgement = judge(trace(HONEST), CREATING)
    assert (judgement.torn, judgement.lost) == (None, None)
    assert allowed_outcomes(trace(HONEST), CREATING, 4) == {"missing", "new"}
    assert allowed_outcomes(trace(HONEST), CREATING, 5) == {"new"}


def test_a_first_document_in_place_is_torn() -> None:
    torn = judge(trace(f"create target; write target {SIZE}; sync target; sync-folder"), CREATING).torn
    assert torn is not None
    assert torn.cut.operation == 0


def test_a_cut_is_reported_with_the_operation_that_it_follows() -> None:
    torn = judge(trace(f"{WRITTEN}; close temp; rename temp target"), REPLACING).torn
    assert torn is not None
    assert (torn.cut.operation, torn.cut.during) == (3, False)


def test_a_sync_covers_only_what_had_ended_before_it_began() -> None:
    assert judge(overlapping(trace(HONEST), 1, 2), REPLACING).torn is not None


def test_a_rename_during_the_sync_may_be_on_the_disk_before_the_data() -> None:
    operations = overlapping(trace(f"{WRITTEN}; sync temp; rename temp target; sync-folder"), 2, 3)
    torn = judge(operations, REPLACING).torn
    assert torn is not None
    assert torn.cut.words == "during operation 2 (sync temp)"


def test_a_folder_sync_that_began_before_the_rename_ended_promises_nothing_about_it() -> None:
    operations = overlapping(trace(f"{WRITTEN}; sync temp; rename temp target; sync-folder"), 3, 4)
    assert judge(operations, REPLACING).lost is not None


def test_an_operation_that_never_returned_may_have_had_effect() -> None:
    operations = trace(f"{WRITTEN}; sync temp; unfinished rename temp target")
    assert allowed_outcomes(operations, REPLACING, 2) == {"old"}
    assert allowed_outcomes(operations, REPLACING, None) == {"old", "new"}
    half_way = trace(f"open target; unfinished write target {SIZE}")
    assert allowed_outcomes(half_way, REPLACING, None) == {"old", "new", "torn"}


def test_an_operation_that_failed_has_no_effect() -> None:
    operations = trace(f"{WRITTEN}; sync temp; failed rename temp target; unlink temp; sync-folder")
    assert allowed_outcomes(operations, REPLACING, None) == {"old"}


def test_in_unordered_names_a_later_rename_may_persist_without_an_earlier_unlink() -> None:
    text = f"{WRITTEN}; sync temp; unlink bystander; rename temp target"
    before = replace(REPLACING, others={"bystander": 10})
    states = distinct_states(trace(text), before)
    assert any(
        state.content("bystander") and state.names == ((0, "persisted"), (3, "lost"), (4, "persisted"))
        for state in states
    )


def test_what_was_promised_earlier_needs_what_it_depends_on() -> None:
    """The folder sync covers the rename, so the creation of the renamed file is on the disk as well."""
    after_all = [state for state in distinct_states(trace(HONEST), REPLACING) if not state.names]
    assert {tuple(name for name, _ in state.files) for state in after_all} == {("target",)}


def test_changes_that_share_a_file_or_a_name_keep_their_order() -> None:
    text = f"{WRITTEN}; sync temp; link temp twin; rename target backup; rename temp target"
    folders = [dict(state.files) for state in distinct_states(trace(text), REPLACING)]
    assert all("temp" in folder or "target" in folder for folder in folders if "twin" in folder)
    written = [folder for folder in folders if "target" in folder and folder["target"][0].kind == "written"]
    assert written
    assert all("backup" in folder for folder in written)


def test_a_file_exists_only_when_its_folder_does() -> None:
    states = distinct_states(trace("make-folder sub; create sub/temp"), REPLACING)
    inside = [state for state in states if state.content("sub/temp") is not None]
    assert inside
    assert all((0, "persisted") in state.names for state in inside)


def test_the_outcomes_after_each_operation() -> None:
    operations = trace(f"{WRITTEN}; sync temp; unlink target; rename temp target; sync-folder")
    outcomes = [sorted(allowed_outcomes(operations, REPLACING, after)) for after in range(-1, 6)]
    mixed = ["missing", "new", "old"]
    assert outcomes == [["old"], ["old"], ["old"], ["old"], ["missing", "old"], mixed, ["new"]]


def test_outcomes_are_only_given_for_operations_that_ended() -> None:
    with pytest.raises(ValueError, match="no cut after operation 9"):
        allowed_outcomes(trace(HONEST), REPLACING, 9)


def test_the_distinct_states_have_each_leftover_absent_empty_half_of_zeros_and_complete() -> None:
    old, new = b"o" * SIZE, b"n" * SIZE
    folders = [materialise(state, {"target": old}, new) for state in distinct_states(trace(HONEST), REPLACING)]
    leftovers = {folder.get("temp") for folder in folders if folder["target"] == old}
    assert leftovers == {None, b"", new[: SIZE // 2], bytes(SIZE), new}
    assert {"target": new} in folders
    assert len(folders) == 6


def test_of_two_writes_either_may_be_lost_halved_or_zeros() -> None:
    before = Before("target", None, 8)
    states = distinct_states(trace("create target; write target 4; write target 4"), before)
    found = {materialise(state, {}, b"abcdefgh").get("target") for state in states}
    zeros = bytes(4)
    whole = {None, b"", b"ab", b"abcd", b"abcdef", b"abcdefgh"}
    assert found == {*whole, zeros, b"abcd" + zeros, zeros + b"efgh", zeros + zeros}


def test_a_durable_write_makes_the_size_at_its_time_durable() -> None:
    text = f"open-dsync target; truncate target {SIZE}; write target {SIZE}"
    assert judge(trace(text), replace(REPLACING, old_length=2 * SIZE)).lost is None


def test_pieces_become_bytes() -> None:
    before = Before("target", 4, 4, {"log": 3})
    states = distinct_states(trace("open target; write target 4; open-appending log; write log 3"), before)
    folders = [materialise(state, {"target": b"ABCD"}, b"wxyz") for state in states]
    # Two bytes of four; the log's old bytes were not given, and the appended part is partly beyond the new document.
    assert {"target": b"wxCD", "log": b"???z??"} in folders


def test_the_file_position_follows_seeks() -> None:
    text = "create temp; write temp 4096; seek temp 0; write temp 4096; write temp 4096; sync temp; rename temp target"
    assert allowed_outcomes(trace(text), REPLACING, None) == {"old", "new"}


def test_reading_moves_the_file_position_too() -> None:
    text = "create temp; write temp 4096; seek temp 0; read temp 4096; write temp 4096; sync temp; rename temp target"
    assert allowed_outcomes(trace(text), REPLACING, None) == {"old", "new"}


def test_an_unnamed_file_is_known_before_any_use_of_its_descriptor() -> None:
    empty = Before("target", SIZE, 0)
    assert judge(trace("create-unnamed; link unnamed temp; rename temp target; sync-folder"), empty).lost is None


def test_a_target_that_is_removed_at_the_end_is_lost() -> None:
    assert allowed_outcomes(trace("unlink target; sync-folder"), REPLACING, 1) == {"missing"}


def test_a_trace_that_ends_with_a_torn_target_never_reaches_the_new_document() -> None:
    operations = trace(f"create temp; write temp {SIZE // 2}; sync temp; rename temp target; sync-folder")
    assert allowed_outcomes(operations, REPLACING, 4) == {"torn"}


def test_the_counts_say_how_much_was_checked() -> None:
    judgement = judge(trace(HONEST), REPLACING)
    # Before the first, after each of six, and during the two syncs.
    assert judgement.cuts == 9
    assert judgement.distinct == len(distinct_states(trace(HONEST), REPLACING)) == 6
    assert judgement.states > judgement.distinct


def test_many_unsynced_names_are_judged_by_the_changes_of_the_target_alone() -> None:
    many = "; ".join(f"create leftover-{number}" for number in range(40))
    assert judge(trace(f"{many}; {HONEST}"), REPLACING).torn is None
    assert judge(trace(f"{many}; {HONEST.replace('sync temp; ', '')}"), REPLACING).torn is not None


def test_many_unsynced_writes_are_judged() -> None:
    pieces = "; ".join(["write temp 64"] * (SIZE // 64))
    assert judge(trace(f"create temp; {pieces}; sync temp; rename temp target"), REPLACING).torn is None
    assert judge(trace(f"create temp; {pieces}; rename temp target"), REPLACING).torn is not None


UNKNOWN: dict[str, Callable[[], list[Operation]]] = {
    "a file that was never named": lambda: trace("unlink stranger"),
    "a symbolic link as the target": lambda: trace("symlink temp; rename temp target"),
    "a folder with files that moves": lambda: trace("make-folder a; create a/temp; rename a b"),
    "fallocate that moves bytes": lambda: [
        trace("create temp")[0],
        (punch := trace("create temp; punch temp 8 0")[1])._replace(
            call=punch.call._replace(arguments={"mode": 8}),
        ),
    ],
}


@pytest.mark.parametrize("operations", UNKNOWN.values(), ids=UNKNOWN)
def test_what_the_model_cannot_follow_is_an_error_of_the_kit(operations: Callable[[], list[Operation]]) -> None:
    with pytest.raises(TraceError):
        judge(operations(), REPLACING)
