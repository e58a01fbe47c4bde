"""badge.json: the verdict as a badge, in the form that the endpoint of shields.io reads."""

from __future__ import annotations

from typing import Any

__all__ = ["badge"]

_COLOURS = {1: "red", 4: "yellow"}


def badge(exit: int, sentence: str, *, everything: bool) -> dict[str, Any]:
    """The badge of a verdict, from its exit code and its sentence. ``everything`` says that no clause was unmeasured,
    and that no SHOULD failed.

    Source: https://shields.io/badges/endpoint-badge
    """
    colour = _COLOURS.get(exit, "brightgreen" if everything else "green")
    return {"schemaVersion": 1, "label": "pulse contract", "message": sentence, "color": colour}
