"""States in words."""

from __future__ import annotations

from stress.powercut.blocks.log import Event
from stress.powercut.blocks.states import Piece, State, StateKind
from stress.powercut.blocks.story import in_full, in_short

EVENTS = (
    Event("write", 0, 4096),
    Event("flush"),
    Event("mark", text="begin 0 1"),
    Event("write", 8192, 4096),
    Event("discard", 65536, 512),
    Event("mark", text="ack 0 1"),
    Event("mark", text="another program"),
    Event("write", 4096, 8192),
)


def state(kind: StateKind = "subset", stable: int = 2, piece: Piece | None = None) -> State:
    return State(kind, stable, (3,), len(EVENTS), piece)


def test_in_short() -> None:
    assert in_short(state(), EVENTS) == "1 of 3 block writes since the last flush were on the disk"
    torn = state("partial write", piece=Piece(7, 0, 4096))
    assert in_short(torn, EVENTS).endswith("on the disk, and bytes 0 to 4,096 of 8,192 of one more")


def test_in_full_each_write_has_its_fate_and_what_it_is() -> None:
    lines = in_full(state(piece=Piece(7, 0, 4096)), EVENTS, {3: "the journal", 7: "/status.json, inode 12"})
    assert lines[0].startswith("The block writes since the last flush, in the order")
    assert lines[3:] == [
        "  document 1 of writer 0 is requested",
        "  on disk   write at 8,192, 4,096 bytes: the journal",
        "  missing   discard at 65,536, 512 bytes: unknown",
        "  document 1 of writer 0 has been acknowledged",
        "  in part   write at 4,096, 8,192 bytes: /status.json, inode 12",
        "  the power is cut",
        "",
        "unknown: no tool of the file system says what these blocks are",
    ]


def test_words_that_a_tool_has_for_blocks_are_explained_where_they_are_used() -> None:
    told = {3: "the journal", 4: "inodes, free", 7: "the free-space tree"}
    end = "free: at the cut no file has these blocks any more; they held what was removed or replaced by then"
    assert in_full(state(), EVENTS, told)[-3:] == ["  the power is cut", "", end]
    assert in_full(state(), EVENTS, {**told, 4: "inodes"})[-1] == "  the power is cut"


def test_in_full_of_a_disk_that_ignores_flushes() -> None:
    lines = in_full(state("flushes ignored", stable=0), EVENTS, {})
    assert lines[0].startswith("The block writes since the last flush that counted, ")
    assert "  flush, which this disk ignored" in lines
    assert "  flush" not in lines
