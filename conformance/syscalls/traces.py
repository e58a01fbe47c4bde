"""What the trace of a visited write shows, and what of it is still on the disk."""

from __future__ import annotations

import os

from conformance.syscalls.operations import Operation
from conformance.syscalls.order import published_names, publishing
from conformance.syscalls.tracer.session import Outcome

__all__ = ["answer_in_words", "closed_again", "died_of_it", "made_elsewhere", "only_linked", "synced_again"]


def made_elsewhere(operations: tuple[Operation, ...]) -> frozenset[str]:
    """The files that these operations made outside of the target's folder, and that are still there."""
    made = {each.name for each in operations if each.kind == "create" and each.name.startswith("/")}
    made |= {each.other_name for each in operations if each.kind in ("rename", "link")}
    return frozenset(name for name in made if name.startswith("/") and os.path.lexists(name))


def answer_in_words(outcome: Outcome) -> tuple[str, str]:
    """The answer, as `Injection` names it, and its text; ``crash`` when the process ended instead."""
    if outcome.answer is None:
        return "crash", str(outcome.end)
    if outcome.answer.ok:
        return "ok", ""
    # In mode oneshot, exit code 1 stands for every kind of failure.
    kind = "io" if outcome.answer.error == "refused" else outcome.answer.error or ""
    return kind, outcome.answer.message


def died_of_it(outcome: Outcome, operations: tuple[Operation, ...]) -> bool:
    """Whether a signal ended the process before it began to clean up.

    The runtimes of Node and Java have a handler that ends the process. Python's raises an exception. Go's ends it a
    little later: until then the write goes on, and may remove a file that it only needed to probe the folder. So a
    removal that is followed by a new file is no clean-up.
    """
    created = [number for number, each in enumerate(operations) if each.kind in ("create", "create-unnamed")]
    last = operations[created[-1] + 1 :] if created else operations
    return outcome.end is not None and not any(each.kind == "unlink" for each in last)


def closed_again(operations: tuple[Operation, ...], operation: Operation) -> bool:
    """Whether a descriptor is closed once more after its close, without having been reused in between."""
    same = operation.call.process, operation.descriptor
    later = (each for each in operations[operation.number + 1 :] if each.kind == "close")
    # A number that is not open has no path.
    again = any((each.call.process, each.descriptor) == same and not each.call.path("descriptor") for each in later)
    return operation.kind == "close" and again


def only_linked(operations: tuple[Operation, ...], target: str) -> bool:
    """Whether links, and no renames, gave the target's name a file. A link takes no file's place."""
    return {each.kind for each in publishing(operations, target)} == {"link"}


def synced_again(operations: tuple[Operation, ...], number: int, target: str) -> bool:
    """Whether the file that was published is synced after operation ``number`` and before it is published.

    It need not be the file of that operation: a writer may have started anew with another temp.
    """
    names = published_names(operations, target)
    publish = publishing(operations, target)
    last = publish[0].number if publish else len(operations)
    between = (each for each in operations[number + 1 : last] if each.call.succeeded)
    return any(each.kind == "sync-all" or (each.kind == "sync" and each.name in names) for each in between)
