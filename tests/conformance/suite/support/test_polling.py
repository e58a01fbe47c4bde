"""Polling without pause detects that a file was missing for a moment."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.contract.errors import Inconclusive, Violation
from conformance.suite.support.polling import Polls, polled_for_existence


@pytest.fixture
def case(tmp_path: Path) -> Any:
    """A stand-in with only the parts of a case that polling needs."""
    return SimpleNamespace(target=tmp_path / "status.json", counts={})


def test_a_file_that_is_always_there_is_never_missing(case: Any) -> None:
    case.target.write_bytes(b"{}")
    with polled_for_existence(case) as polls:
        while polls.polls < 10:
            pass
        polls.writes = 1
    polls.require_never_missing()
    assert case.counts == {"polls": polls.polls, "writes": 1}


def test_a_file_that_is_missing_for_a_moment_is_noticed(case: Any) -> None:
    with polled_for_existence(case) as polls:
        while not polls.missing:
            pass
        case.target.write_bytes(b"{}")
    with pytest.raises(Violation, match=r"missing: no file at the target in \d+ of \d+ polls"):
        polls.require_never_missing()


@pytest.mark.parametrize("polls", [Polls(polls=9, writes=10), Polls(polls=9)])
def test_too_few_polls_are_inconclusive(polls: Polls) -> None:
    with pytest.raises(Inconclusive, match="only 9 polls"):
        polls.require_never_missing()
