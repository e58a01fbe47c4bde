"""What a test of the suite is called in results and in selections: its clause and its case."""

from __future__ import annotations

import pytest

__all__ = ["case_of", "clause_of"]


def clause_of(item: pytest.Item) -> str:
    """The id of the clause that a test measures. Raises pytest.UsageError for a test without a clause mark."""
    mark = item.get_closest_marker("clause")
    if mark is None:
        raise pytest.UsageError(f"{item.nodeid} has no clause mark")
    return str(mark.args[0])


def case_of(item: pytest.Item) -> str:
    """``test_name[parameters]`` → ``name:parameters``, which has no characters that mean something in a glob."""
    name, _, parameters = item.name.removeprefix("test_").partition("[")
    return f"{name}:{parameters.removesuffix(']')}" if parameters else name
