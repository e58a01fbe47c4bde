"""What a test of the suite is called in results and in selections: its clause and its case; and the marks it has."""

from __future__ import annotations

from collections.abc import Collection

import pytest

__all__ = ["MARKS", "case_of", "clause_of", "clauses_of", "depth_of"]

MARKS = (
    "clause(id): the clause of SPEC.md that a case measures",
    "depth(number): run only with --depth of at least this number",
    "first: run before the other cases, as it takes long and several cases wait for what it finds",
)
"""The marks of tests of the suite, for pytest's ini option ``markers``."""


def clause_of(item: pytest.Item) -> str:
    """The id of the clause that a test measures. Raises pytest.UsageError for a test without a clause mark."""
    mark = item.get_closest_marker("clause")
    if mark is None:
        raise pytest.UsageError(f"{item.nodeid} has no clause mark")
    return str(mark.args[0])


def depth_of(item: pytest.Item) -> int:
    """The ``--depth`` with which a test runs: 1 for those that always do."""
    mark = item.get_closest_marker("depth")
    return int(mark.args[0]) if mark else 1


def clauses_of(function: object) -> frozenset[str]:
    """The ids of all clauses that the tests made of a test function can measure; none where its marks do not say."""
    marks: list[pytest.Mark] = list(getattr(function, "pytestmark", ()))
    for parameters in [mark.args[1] for mark in marks if mark.name == "parametrize"]:
        if not isinstance(parameters, Collection):
            return frozenset()  # reading an iterator here would leave nothing of it for pytest
        for parameter in parameters:
            marks += (getattr(mark, "mark", mark) for mark in getattr(parameter, "marks", ()))
    return frozenset(str(mark.args[0]) for mark in marks if mark.name == "clause")


def case_of(item: pytest.Item) -> str:
    """``test_name[parameters]`` → ``name:parameters``, which has no characters that mean something in a glob."""
    name, _, parameters = item.name.removeprefix("test_").partition("[")
    return f"{name}:{parameters.removesuffix(']')}" if parameters else name
