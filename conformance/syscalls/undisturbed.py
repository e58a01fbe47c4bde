"""The operations of an undisturbed write as a person reads them: what was called, on what, and what it achieves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from conformance.syscalls.operations import Operation
from conformance.syscalls.order import published_names, publishing

__all__ = ["described"]


def described(operations: Sequence[Operation], target: str) -> list[dict[str, Any]]:
    """One entry for each operation: ``number``, ``call``, ``text``, ``error`` in words, and ``meaning``.

    ``meaning`` is empty where the operation is no step of an atomic write. ``target`` is the target's name.
    """
    temp = published_names(operations, target)
    published = [each.number for each in publishing(operations, target)]
    last = max(published, default=len(operations))
    synced = max((each.number for each in operations if _syncs(each, temp) and each.number < last), default=-1)
    return [
        {
            "number": each.number,
            "call": each.call.name,
            "text": str(each),
            "error": os.strerror(each.call.error) if each.call.error else "",
            "meaning": _meaning(each, temp, published, synced) if each.call.succeeded else "",
        }
        for each in operations
    ]


def _meaning(operation: Operation, temp: frozenset[str], published: Sequence[int], synced: int) -> str:
    if operation.number in published:
        return "the replace: from here on readers get the new document"
    if operation.kind in ("create", "create-unnamed") and operation.name in temp:
        return "the temp, which no reader opens"
    if operation.number == synced:
        return "its bytes are on the disk, before its new name can be"
    if operation.kind in ("sync-folder", "sync-all") and published and operation.number > published[-1]:
        return "the new name is on the disk as well: the write survives a power cut"
    return ""


def _syncs(operation: Operation, temp: frozenset[str]) -> bool:
    of_temp = operation.kind == "sync" and operation.name in temp
    return operation.call.succeeded and (of_temp or operation.kind == "sync-all")
