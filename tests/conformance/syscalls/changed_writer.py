"""The correct writer of the tests, as source, with changes."""

from pathlib import Path

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")


def changed(*replacements: tuple[str, str]) -> str:
    """The source with each first text, which is there once, replaced by the second."""
    source = CORRECT
    for old, new in replacements:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source
