"""Readers that work in an unusual but correct way."""

from __future__ import annotations

import contextlib
import math
import os
import stat
import time
from typing import Any

from conformance.mutation.honest import SIZE_LIMIT, Honest
from conformance.mutation.registry import variant


@variant("check", doubted_by=("RDR-*",))
def lenient_reader(self: Honest, members: Any) -> dict[str, Any]:
    """Accepts the token 0 as 0.0, as the contract allows readers to."""
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


@variant("check_number", doubted_by=("RDR-*",))
def refuses_minus_zero(self: Honest, name: str, value: Any) -> None:
    """Treats -0.0 as negative, as the contract allows readers to."""
    Honest.check_number(self, name, value)
    if name != "loss" and math.copysign(1.0, value) < 0:
        raise ValueError(f"{name} is -0.0")


@variant("load", doubted_by=("RDR-*", "CON-*"))
def read_in_small_pieces(self: Honest, path: str) -> bytes | None:
    """Reads 512 bytes at a time through one descriptor, and yields to other threads in between."""
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
