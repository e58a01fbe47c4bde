"""Readers that hand out numbers as JavaScript prints them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from conformance.mutation.honest import Honest
from conformance.mutation.registry import variant


@variant("check", doubted_by=("RDR-*",))
def numbers_as_javascript_prints_them(self: Honest, members: Any) -> dict[str, Any]:
    """Takes integers for floats, and prints 2.0 as 2 and 2.0**64 as 18446744073709552000, as JSON.stringify does."""
    if not isinstance(members, dict):
        raise ValueError("not an object")
    given = {
        name: _float(value) if name in ("epoch", "total_epochs", "loss") else value for name, value in members.items()
    }
    found = Honest.check(self, given)
    return {name: _printed(value) if isinstance(value, float) else value for name, value in found.items()}


def _float(value: Any) -> Any:
    if type(value) is not int:
        return value
    try:
        return float(value)
    except OverflowError:
        raise ValueError("too large for a double") from None


def _printed(value: float) -> int | float:
    return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value
