"""Whom a failure is blamed on, and in which clause, when the folder of a target is not the kit's any more."""

from __future__ import annotations

import contextlib
import itertools
import os

from conformance.contract.errors import ImplementationError, Inconclusive, NotApplicable, Unmeasured, Violation
from conformance.oracle.payload import make_status
from conformance.runner.requests import publish_request
from conformance.runner.run import Run
from conformance.subject.client import start

__all__ = ["always_changed", "blamed"]

_CLAUSE = "VIS-01"
_numbers = itertools.count()


def blamed(error: BaseException | None, clause: str, run: Run) -> BaseException | None:
    """What a case has ended with, given what became of the folders of its targets; None: it has passed.

    It is a violation, whatever the kit then stumbled over. Where each write changes the folder, VIS-01 alone is
    violated, and other clauses are unmeasured.
    """
    if isinstance(error, Unmeasured | Inconclusive | NotApplicable):
        return error
    found = run.folders.look()
    if not found or (error is None and clause != _CLAUSE):
        return error
    if clause != _CLAUSE and always_changed(run):
        return Unmeasured(f"{found} (see {_CLAUSE})")
    return Violation(found)


def always_changed(run: Run) -> bool:
    """Whether a write without any fault changes the folder of its target: measured once per run, when asked first."""
    found: bool = run.notes.once("folder-changed", lambda: _measured(run))
    return found


def _measured(run: Run) -> bool:
    folders = type(run.folders)()
    folder = run.folder / "cases" / f"folder-{os.getpid()}-{next(_numbers)}"
    folders.make(folder)
    try:
        implementation = start(run.manifest, run.launch_options())
        try:
            for sequence in range(2):
                operation, fields = publish_request(
                    run.manifest.profile, folder / "status.json", make_status(0, sequence)
                )
                implementation.request(operation, **fields)
            return bool(folders.look())
        finally:
            implementation.kill()
    except ImplementationError:
        return bool(folders.look())
    finally:
        with contextlib.suppress(OSError):
            folders.remove(folder)
