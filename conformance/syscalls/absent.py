"""Why a clause has nothing to judge in a write: what this writer never does, in words."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["no_point", "nothing_to_judge"]

_NEVER = {
    "FLT-04": "it never syncs the temp by a call that can fail, such as fsync",
    "FLT-05": "before the replace it never closes a file that it has written to by close(2), which can fail",
    "FLT-06": "it never calls rename",
    "FLT-07": "it makes no call that a signal can interrupt",
    "FLT-08": "there is no fault that it reports by its name and then cleans up after",
    "VIS-06": "it makes no write of more than one byte that can be shortened",
}
_FAMILIES = {
    "faults": ("fault", "it makes no call that can fail"),
    "interrupts": ("interrupt", "it has no operation to interrupt"),
    "kills": ("boundary", "it has no boundary"),
    "terminations": ("moment for SIGTERM", "it has no operation after which a signal could come"),
    "unsupported": ("sync of the folder", "it never syncs the folder"),
}


def nothing_to_judge(clause: str, points: str, glob: str = "*", names: Iterable[str] = ()) -> str:
    """Why none of some ``points``, such as ``35 faults``, is for this clause; ``glob`` is that of ``--point``, and
    ``names`` are those of the points, such as ``replace:5:sync:EIO``.
    """
    if glob == "*" and clause == "FLT-04" and any(":sync:" in name for name in names):
        return "it syncs the file only after the replace"
    if glob == "*" and clause in _NEVER:
        return _NEVER[clause]
    where = f" that --point {glob} matches" if glob != "*" else ""
    return f"{clause} is about none of the {points}{where}"


def no_point(family: str, glob: str, points: int) -> str:
    """Why a family of points has none to visit, when ``glob`` matches none of so many points."""
    unit, never = _FAMILIES[family]
    return f"--point {glob} matches no {unit} of this write ({points} points)" if points else never
