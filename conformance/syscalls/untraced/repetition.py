"""The same write without a tracer: what it syncs must be what it syncs when it is traced (clauses PWR-01, PWR-02).

A writer can see its tracer (``TracerPid`` in /proc/self/status), and do its duty only then.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.runner.run import Run
from conformance.subject.client import Implementation, start
from conformance.syscalls.operations import Operation

__all__ = ["Role", "Sync", "Untraced", "missing", "roles_of", "roles_of_trace", "untraced"]

_ANNOUNCING = "conformance.syscalls.untraced.announcing"
Role = Literal["file", "folder", "all"]
_ROLES: dict[str, Role] = {"sync": "file", "sync-folder": "folder", "sync-all": "all"}


class Sync(NamedTuple):
    """One sync: the system call, and the path of its descriptor (empty where it has none)."""

    call: str
    path: str


class Untraced(NamedTuple):
    """An implementation without a tracer, and its syncs so far, a list that grows."""

    implementation: Implementation
    found: list[Sync]


@contextlib.contextmanager
def untraced(run: Run) -> Iterator[Untraced]:
    """Start the implementation of a run such that the kernel announces its syncs.

    Raises ImplementationError, and Unmeasured where a filter with a listener (seccomp_unotify(2)) is not to be had.
    """
    listener = _listener()
    prefix = (sys.executable, "-P", "-m", _ANNOUNCING, str(listener.descriptor))
    options = run.launch_options(prefix=prefix, descriptors=(listener.descriptor,))
    implementation: Implementation | None = None
    try:
        implementation = start(run.manifest, options)
        yield Untraced(implementation, listener.found)
    except ImplementationError:
        listener.require_allowed()
        raise
    finally:
        if implementation is not None:
            implementation.kill()
        listener.close()


def _listener() -> Any:  # on other systems there is no such class
    if sys.platform == "linux":
        from conformance.syscalls.untraced.listener import Listener

        return Listener()
    raise Unmeasured("untraced syncs can be seen on Linux only")


def roles_of_trace(operations: Iterable[Operation]) -> frozenset[Role]:
    """What a traced write has synced: a ``file``, the target's ``folder``, or ``all`` there is."""
    succeeded = (each for each in operations if each.call.succeeded)
    return frozenset(_ROLES[each.kind] for each in succeeded if each.kind in _ROLES and _is_here(each))


def _is_here(operation: Operation) -> bool:
    return operation.kind != "sync-folder" or operation.name == "."


def roles_of(found: Sequence[Sync], folder: str) -> frozenset[Role]:
    """The same of untraced syncs, for a target in this folder."""
    return frozenset(role for sync in tuple(found) if (role := _role(sync, folder)) is not None)


def _role(sync: Sync, folder: str) -> Role | None:
    if sync.call in ("sync", "syncfs"):
        return "all"
    if sync.path == folder:
        return "folder"
    return None if os.path.isdir(sync.path) else "file"


def missing(traced: frozenset[Role], found: frozenset[Role]) -> list[str]:
    """What a traced write syncs and an untraced one did not, in words."""
    if "all" in found or ("all" in traced and {"file", "folder"} <= found):
        return []
    words: dict[Role, str] = {"file": "the document", "folder": "the folder", "all": "everything"}
    return [words[role] for role in sorted(traced - found)]
