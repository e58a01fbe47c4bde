"""The correct writer that the tests of the in-process engine change, and the report on what they made of it."""

from collections.abc import Callable
from pathlib import Path

from conformance.in_process.enumeration import InProcessReport

__all__ = ["CORRECT", "Judge", "with_change"]

# Imports for the wrong ones and the correct one.
CORRECT = "import errno\nimport sys\n" + (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(
    encoding="utf-8"
)

Judge = Callable[..., InProcessReport]


def with_change(old: str, new: str) -> str:
    assert CORRECT.count(old) == 1
    return CORRECT.replace(old, new)
