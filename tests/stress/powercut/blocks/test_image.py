"""The bytes of a disk in one state: compared with an image that is written plainly, byte by byte."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from stress.powercut.blocks.image import Base
from stress.powercut.blocks.log import Event, append, read_log
from stress.powercut.blocks.states import Piece, State

SIZE = 10 * 4096 + 100  # the last block is no whole one


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    """A disk of random bytes, and a log of random writes and discards."""
    draw = random.Random(1)
    (tmp_path / "image").write_bytes(draw.randbytes(SIZE))
    with (tmp_path / "log").open("wb", buffering=0) as log:
        for number in range(60):
            length = draw.choice([1, 512, 4096, 9000])
            offset = draw.randrange(SIZE - length)
            if number % 7 == 6:
                append(log, "discard", offset, length)
            elif number % 7 == 5:
                append(log, "flush")
            else:
                append(log, "write", offset, length, draw.randbytes(length))
    with (tmp_path / "image").open("rb", buffering=0) as image, (tmp_path / "log").open("rb", buffering=0) as log:
        yield Base(image, log, read_log(tmp_path / "log"))


def plain(base: Base, state: State) -> bytes:
    """The same, by slices of one array."""
    base.image.seek(0)
    disk = bytearray(base.image.read())

    def put(event: Event, begin: int, end: int) -> None:
        base.log.seek(event.at + begin)
        data = base.log.read(end - begin) if event.kind == "write" else bytes(end - begin)
        disk[event.offset + begin : event.offset + end] = data

    for event in [*base.events[: state.stable], *(base.events[number] for number in state.written)]:
        if event.changes:
            put(event, 0, event.length)
    if state.piece is not None:
        put(base.events[state.piece.event], state.piece.begin, state.piece.end)
    return bytes(disk)


@pytest.mark.parametrize(
    "states",
    [
        [State("prefix", 0, (), 60)],
        [State("prefix", 0, (), 60), State("prefix", 30, (31, 32), 60), State("subset", 54, (56, 58), 60)],
        [State("subset", 50, (51,), 60), State("subset", 10, (11, 13), 60)],  # back to an earlier one
        [State("partial write", 7, (), 60, Piece(8, 0, 1)), State("partial write", 14, (15,), 60, Piece(16, 0, 1))],
    ],
)
def test_an_image_is_what_was_written(base: Base, states: list[State]) -> None:
    for state in states:
        assert base.image_of(state).read(SIZE, 0) == plain(base, state)


def test_any_part_of_it_can_be_read(base: Base) -> None:
    state, draw = State("subset", 20, (21, 22), 60), random.Random(2)
    image, whole = base.image_of(state), plain(base, state)
    for _ in range(200):
        offset, size = draw.randrange(SIZE), draw.randrange(1, 9000)
        assert image.read(size, offset)[: SIZE - offset] == whole[offset : offset + size]


def test_what_is_written_to_an_image_is_forgotten_with_it(base: Base) -> None:
    state = State("prefix", 20, (21,), 60)
    image = base.image_of(state)
    image.write(b"recovered", 4090)
    assert image.read(9, 4090) == b"recovered"
    assert base.image_of(state).read(SIZE, 0) == plain(base, state)


@pytest.mark.parametrize("begin", [0, 1, 4095, 4096, 5000])
@pytest.mark.parametrize("length", [0, 1, 100, 4096, 4097, 12000])
def test_a_discard_of_any_length_leaves_zeros(base: Base, tmp_path: Path, begin: int, length: int) -> None:
    with (tmp_path / "log").open("ab", buffering=0) as log:
        append(log, "discard", begin, length)
    events = read_log(tmp_path / "log")
    discarding, state = Base(base.image, base.log, events), State("prefix", len(events), (), len(events))
    assert discarding.image_of(state).read(SIZE, 0) == plain(discarding, state)


def test_a_discard_of_much_costs_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as log:
        append(log, "discard", 0, 256 << 20)
    (tmp_path / "image").write_bytes(b"")
    with (tmp_path / "image").open("rb", buffering=0) as image, (tmp_path / "log").open("rb", buffering=0) as log:
        base = Base(image, log, read_log(tmp_path / "log"))
        tracemalloc.start()
        base.image_of(State("prefix", 1, (), 1))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 32 << 20
