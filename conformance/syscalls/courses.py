"""Which runs do the same: the operations of a run that came after a kill, compared with those of others."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence

from conformance.syscalls.operations import Operation

__all__ = ["course_key"]


def course_key(
    operations: Sequence[Operation], leftovers: Mapping[str, str], prepared: Collection[str]
) -> tuple[Hashable, ...]:
    """What is the same for runs that do the same: each operation but for drawn names, and the leftovers that they find.

    ``leftovers`` are names with their states, ``prepared`` names that were there before anything ran: these stay, and
    the others are numbered as they appear. How often a run does one thing after another says nothing new.
    """
    numbers: dict[str, int] = {}
    states = {name.rstrip("/"): state for name, state in leftovers.items()}

    def label(name: str) -> Hashable:
        return name if name in prepared or not name else (numbers.setdefault(name, len(numbers)), states.get(name))

    found: list[Hashable] = []
    for each in operations:
        one = (each.kind, each.call.name, label(each.name), label(each.other_name), each.call.error)
        if found[-1:] != [one]:
            found.append(one)
    return tuple(found)
