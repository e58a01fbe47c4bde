"""The content of a file without its bytes: which piece came from where. Pure functions on tuples of pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Content", "Piece", "kept_size", "overwritten", "resized", "size"]


@dataclass(frozen=True)
class Piece:
    """``length`` consecutive bytes that came from the same place.

    ``old``: from the file that was called ``origin`` before the write, starting at ``offset``. ``written``: by the
    operation with the number ``origin``, to ``offset`` of the file. ``zero``: zeros that no operation wrote (``origin``
    and ``offset`` mean nothing).
    """

    kind: Literal["old", "written", "zero"]
    length: int
    origin: int | str = 0
    offset: int = 0


Content = tuple[Piece, ...]


def size(content: Content) -> int:
    """The length in bytes."""
    return sum(piece.length for piece in content)


def resized(content: Content, length: int) -> Content:
    """Cut off at a length in bytes, or filled up to it with zeros."""
    missing = length - size(content)
    return _joined((*_between(content, 0, length), Piece("zero", max(missing, 0))))


def kept_size(content: Content, length: int) -> Content:
    """Filled up to a length in bytes with zeros; never cut off."""
    return resized(content, max(length, size(content)))


def overwritten(content: Content, offset: int, piece: Piece) -> Content:
    """With a piece at an offset in bytes; any gap between the end and the offset becomes zeros."""
    length = size(content)
    if offset == length and content:  # the usual case, and traces may have thousands of these
        return (*content[:-1], *_joined((content[-1], piece)))
    return _joined((*resized(content, offset), piece, *_between(content, offset + piece.length, length)))


def _between(content: Content, start: int, end: int) -> Iterable[Piece]:
    position = 0
    for piece in content:
        first, last = max(start - position, 0), min(end - position, piece.length)
        if last - first == piece.length:
            yield piece  # nearly all of them, and a trace may have thousands
        elif first < last:
            yield replace(piece, length=last - first, offset=piece.offset + first if piece.kind != "zero" else 0)
        position += piece.length


def _joined(pieces: Iterable[Piece]) -> Content:
    """Equal contents become equal tuples: no empty pieces, and none that merely continues the one before."""
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.length:
            continue
        last = joined[-1] if joined else None
        if last and (last.kind, last.origin) == (piece.kind, piece.origin) and _continues(last, piece):
            joined[-1] = replace(last, length=last.length + piece.length)
        else:
            joined.append(piece)
    return tuple(joined)


def _continues(last: Piece, piece: Piece) -> bool:
    return piece.kind == "zero" or last.offset + last.length == piece.offset
