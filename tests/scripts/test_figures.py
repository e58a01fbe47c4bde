"""The figures of the structure: chains and rings of a graph of units."""

from __future__ import annotations

import pytest

from scripts.figures import floors, reachable, rings

CHAIN = {"cli": frozenset({"runner"}), "runner": frozenset({"subject"}), "subject": frozenset[str]()}
RING = {"cli": frozenset({"a"}), "a": frozenset({"b"}), "b": frozenset({"a", "errors"}), "errors": frozenset[str]()}


def test_a_unit_reaches_what_its_imports_reach() -> None:
    assert reachable(CHAIN, "cli") == {"runner", "subject"}
    assert reachable(RING, "a") == {"a", "b", "errors"}


@pytest.mark.parametrize(("arrows", "found"), [(CHAIN, []), (RING, [{"a", "b"}])], ids=["chain", "ring"])
def test_rings_are_units_that_import_each_other(arrows: dict[str, frozenset[str]], found: list[set[str]]) -> None:
    assert rings(arrows) == found


@pytest.mark.parametrize(("arrows", "count"), [(CHAIN, 3), (RING, 3)], ids=["chain", "a ring counts as one"])
def test_floors_are_the_units_of_the_longest_chain(arrows: dict[str, frozenset[str]], count: int) -> None:
    assert floors(arrows) == count
