"""The points that the selected cases could have visited: a ``--point`` that matches none of them has to be seen."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.runner.run import Run

__all__ = ["keep_point_names", "point_names"]


def keep_point_names(run: Run, writes: str, names: Iterable[str]) -> None:
    """Keep the names of the points of some writes, where ``--point`` selects among them. Raises OSError."""
    if run.point != "*":
        run.notes.write(f"points-{writes}", list(names))


def point_names(run: Run) -> list[str]:
    """The names that were kept, each once; empty without ``--point``."""
    found = (run.notes.read(note) for note in run.notes.names("points-"))
    return list(dict.fromkeys(name for names in found for name in names))
