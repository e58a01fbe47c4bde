"""Readers that do it another way and are right."""

from __future__ import annotations

import contextlib
import math
import os
import stat
import time
from typing import Any

from conformance.mutation.honest import SIZE_LIMIT, Honest
from conformance.mutation.registry import variant


@variant("check")
def lenient_reader(self: Honest, members: Any) -> dict[str, Any]:
    """Takes the token 0 for 0.0, as the contract allows readers to."""
    if not isinstance(members, dict):
        raise ValueError("not an object")
    with_floats = dict(members)
    for name in {"epoch", "total_epochs", "loss"} & members.keys():
        if type(members[name]) is int:
            try:
                with_floats[name] = float(members[name])
            except OverflowError as error:
                raise ValueError(f"{name} is too large") from error
    return Honest.check(self, with_floats)


@variant("check_number")
def refuses_minus_zero(self: Honest, name: str, value: Any) -> None:
    """Calls -0.0 negative, as the contract allows readers to."""
    Honest.check_number(self, name, value)
    if name != "loss" and math.copysign(1.0, value) < 0:
        raise ValueError(f"{name} is -0.0")


@variant("load")
def read_in_small_pieces(self: Honest, path: str) -> bytes | None:
    """Reads 512 bytes at a time, gives other threads a turn between them, and keeps to one descriptor."""
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        data = bytearray()
        with open(path, "rb", buffering=0) as file:
            while len(data) <= SIZE_LIMIT and (piece := file.read(512)):
                data += piece
                time.sleep(0)
        return bytes(data) if len(data) <= SIZE_LIMIT else None
    return None
