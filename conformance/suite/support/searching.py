"""Hypothesis's sequences of steps, for an implementation that may answer the same sequence in two ways."""

from __future__ import annotations

import sys
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from conformance.contract.errors import ImplementationError, Violation

__all__ = ["Machine", "Seen", "search"]

Seen = list[BaseException]
"""What went wrong in sequences that were tried, in this order."""


class Machine(RuleBasedStateMachine):
    """A state machine that keeps what one of its sequences ended with."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def teardown(self) -> None:
        """Called by Hypothesis at the end of a sequence, while the exception that ended it is on its way."""
        # The last one is what the time limit of a case raises, in whatever step that comes.
        if isinstance(error := sys.exception(), Violation | ImplementationError | pytest.fail.Exception):
            self.seen.append(error)


def search(factory: Callable[[Seen], Machine], settings: hypothesis.settings) -> None:
    """Search for a sequence that fails, and raise the exception of the shortest one.

    What depends on a moment, such as that of a kill, may fail at one time and not when Hypothesis tries it again. It
    then blames the search itself, with or without what it has seen; here what was seen is raised.
    """
    seen: Seen = []
    try:
        # A factory does as well as a class (Hypothesis's own documentation); only its annotation is narrower.
        run_state_machine_as_test(lambda: factory(seen), settings=settings)  # type: ignore[arg-type]  # see above
    except hypothesis.errors.Flaky as error:
        violations = [one for one in seen if isinstance(one, Violation)]
        for one in (*violations, *seen):
            raise one from error
        raise
