"""The bytes of a disk in one state: an image file, the changes of a log on top of it, and what was written since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from stress.powercut.blocks.log import Event
from stress.powercut.blocks.states import State

__all__ = ["BLOCK", "Base", "Choice", "Image"]

BLOCK = 4096  # bytes
_ZEROS = bytes(BLOCK)  # one for all discarded blocks: a discard may be of the whole disk
_Blocks = dict[int, bytes]


@dataclass(frozen=True)
class Choice:
    """A state of the disk that was in the file ``image`` before the changes in ``log``."""

    image: Path
    log: Path
    state: State


@dataclass
class Base:
    """An image file and the log of what was written to it later, both unbuffered, and the blocks that the first
    ``applied`` events have changed. Memory grows with what was written, not with the size of the image.
    """

    image: BinaryIO
    log: BinaryIO
    events: Sequence[Event]
    applied: int = 0
    blocks: _Blocks = field(default_factory=dict)

    def image_of(self, state: State) -> Image:
        """The disk in a state. Images made earlier are not to be used any more. Raises OSError."""
        if state.stable < self.applied:
            self.applied, self.blocks = 0, {}
        for event in self.events[self.applied : state.stable]:
            self._change(self.blocks, event)
        self.applied = state.stable
        image = Image(self)
        for number in state.written:
            self._change(image.changed, self.events[number])
        if state.piece is not None:
            event = self.events[state.piece.event]
            data = self._data(event)[state.piece.begin : state.piece.end]
            image.write(data, event.offset + state.piece.begin)
        return image

    def block(self, number: int) -> bytes:
        """A block before the changes of a state."""
        found = self.blocks.get(number)
        return _read(self.image, BLOCK, number * BLOCK) if found is None else found

    def _change(self, blocks: _Blocks, event: Event) -> None:
        if event.kind == "write":
            _put(self, blocks, self._data(event), event.offset)
        elif event.kind == "discard":  # of a loop device it leaves a hole
            _clear(self, blocks, event.offset, event.offset + event.length)

    def _data(self, event: Event) -> bytes:
        return _read(self.log, event.length, event.at)


@dataclass
class Image:
    """The disk in one state. ``changed`` has the blocks that differ from the base, what `write` has put there too."""

    base: Base
    changed: _Blocks = field(default_factory=dict)

    def read(self, size: int, offset: int) -> bytes:
        """At most so many bytes. Raises OSError."""
        first, end = offset // BLOCK, (offset + size + BLOCK - 1) // BLOCK
        changed, below = self.changed, self.base.blocks
        data = bytearray(_read(self.base.image, (end - first) * BLOCK, first * BLOCK))
        for number in range(first, end):
            block = changed.get(number) or below.get(number)
            if block is not None:
                data[(number - first) * BLOCK : (number - first + 1) * BLOCK] = block
        begin = offset - first * BLOCK
        return bytes(data[begin : begin + size])

    def write(self, data: bytes, offset: int) -> None:
        """Change these bytes, in memory. Raises OSError."""
        _put(self.base, self.changed, data, offset)


def _put(base: Base, blocks: _Blocks, data: bytes, offset: int) -> None:
    view, at = memoryview(data), 0
    while at < len(data):
        number, begin = divmod(offset + at, BLOCK)
        length = min(BLOCK - begin, len(data) - at)
        if length == BLOCK:
            blocks[number] = bytes(view[at : at + BLOCK])
        else:
            block = bytearray(blocks.get(number) or base.block(number))
            block[begin : begin + length] = view[at : at + length]
            blocks[number] = bytes(block)
        at += length


def _clear(base: Base, blocks: _Blocks, begin: int, end: int) -> None:
    first, behind = -(-begin // BLOCK), end // BLOCK  # the whole blocks
    if first > behind:  # a part of one block
        _put(base, blocks, bytes(end - begin), begin)
        return
    _put(base, blocks, bytes(first * BLOCK - begin), begin)
    blocks.update(dict.fromkeys(range(first, behind), _ZEROS))
    _put(base, blocks, bytes(end - behind * BLOCK), behind * BLOCK)


def _read(file: BinaryIO, size: int, offset: int) -> bytes:
    """So many bytes of an unbuffered file, zeros behind its end."""
    file.seek(offset)
    data = file.read(size)
    return data if len(data) == size else data + bytes(size - len(data))
