"""In-process reports on an implementation, made once per run, and how a case of the suite judges one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from typing import TypeVar

from conformance.contract.errors import ImplementationError, NotApplicable, Unmeasured, Violation
from conformance.in_process.enumeration import InProcessReport
from conformance.in_process.fakefs import SYSTEMS as FAKE_SYSTEMS
from conformance.oracle.faults import Injection, Kill, harm_to, judge
from conformance.runner.case import Case
from conformance.runner.room import require_room
from conformance.subject.accounts import give
from conformance.subject.children import spawn
from conformance.suite.helpers.launch_prefixes import without_permission_override
from conformance.syscalls.absent import nothing_to_judge
from conformance.system.removal import remove_folder

__all__ = ["REAL", "SYSTEMS", "report_on", "require_all", "require_clean_failure"]

REAL = "real"
SYSTEMS = (*FAKE_SYSTEMS, REAL)
_SECONDS = 120.0
# Once it has hung on one system: that is a failure already, and the others need not take as long to say the same.
_SECONDS_AFTER_A_HANG = 20.0

Point = TypeVar("Point", Injection, Kill)


def report_on(case: Case, system: str) -> InProcessReport:
    """Run the implementation on one system in a separate process (once per run).

    Raises Unmeasured, NotApplicable, and ImplementationError when it hangs or ends: in every case of that system.
    """
    if case.run.manifest.mode != "python":
        if sys.platform == "linux":
            raise NotApplicable("only mode python is judged in process; the syscall engine judges the others")
        raise Unmeasured("needs mode python, or the syscall engine, which only Linux has")
    text = case.run.notes.once(f"in-process-{system}", lambda: _measured_or_failed(case, system))
    if (failed := json.loads(text).get("failed")) is not None:
        raise ImplementationError(*failed)
    report = InProcessReport.from_json(text)
    if report.problem:
        raise Unmeasured(report.problem)
    return report


def _measured_or_failed(case: Case, system: str) -> str:
    """The report, or how the implementation failed, as JSON: no other case has to wait for the same failure."""
    try:
        return _measured(case, system)
    except ImplementationError as error:
        return json.dumps({"failed": [str(error), error.stderr]})


def _measured(case: Case, system: str) -> str:
    """The report that the process on this system prints."""
    if system != REAL:
        return _printed(case, f"a fake {system}", "conformance.in_process.fakefs", system)
    require_room(case.run.folder)
    work = case.run.folder / f"in-process-{os.getpid()}"
    work.mkdir()
    give(work, case.run.user)
    try:
        return _printed(
            case, "the real file system", "conformance.in_process.realfs", str(work), prefix=_permission_bits_hold()
        )
    finally:
        remove_folder(work)


def _permission_bits_hold() -> tuple[str, ...]:
    """A command prefix under which read-only folders refuse writes; empty where none exists, which is unmeasured."""
    try:
        return without_permission_override()
    except Unmeasured:
        return ()


def _printed(case: Case, where: str, module: str, argument: str, prefix: tuple[str, ...] = ()) -> str:
    """Run this module of the kit on the implementation. Returns the last line that it printed."""
    manifest = case.run.manifest
    options = case.run.launch_options()
    words = [sys.executable, "-m", module, str(manifest.folder), manifest.callable, manifest.profile, argument]
    words = [*options.launcher(manifest, words), *words]
    seconds = _SECONDS_AFTER_A_HANG if case.run.notes.read("hung-in-process") else _SECONDS
    child = spawn(
        (*prefix, *words), folder=manifest.folder, children=options.children, environment=options.child_environment()
    )
    try:
        printed = child.communicate(b"", seconds, last=True).decode("utf-8", "backslashreplace")
    except subprocess.TimeoutExpired as error:
        case.run.notes.write("hung-in-process", True)
        text = f"does not end on {where} within {seconds:g} s when file calls fail"
        if seconds < _SECONDS:
            text = f"{text}; no more time was given, as it had hung in process before"
        raise ImplementationError(text) from error
    if child.process.returncode != 0:
        # The kit's own process prints a traceback when it is the kit that fails: its last bytes name files.
        if 'File "' not in child.stderr():
            text = f"ended the process with exit code {child.process.returncode} on {where} when a file call failed"
            raise ImplementationError(text, child.stderr())
        raise RuntimeError(f"the process on {where} failed: {child.stderr()[-2000:]}")
    return printed.splitlines()[-1]


def require_calls(report: InProcessReport) -> None:
    """Raise Unmeasured when a write makes no file call that can be seen in process."""
    if not report.calls:
        raise Unmeasured(
            "its file calls do not go through Python, as in native code: none can be made to fail in process"
        )


def require_all(
    clause: str, points: Collection[Point], verdict: Callable[[str, Point], str | None], report: InProcessReport
) -> None:
    """Raise Violation when any of the points breaks the clause, Unmeasured when a point was never hit."""
    seen = f"{len(report.calls)} file calls"
    require_calls(report)
    if not points:
        raise Unmeasured(f"{nothing_to_judge(clause, seen)} (in process)")
    fired = [point for point in points if point.fired]
    broken = [f"{point.name()}: {text}" for point in fired if (text := verdict(clause, point))]
    if broken:
        raise Violation(
            f"{broken[0]} ({len(broken)} of {len(points)} points at {seen})",
            calls=list(report.calls),
            all=broken[:10],
        )
    silent = [point.name() for point in points if not point.fired]
    if silent:
        differ = "the file calls differ from write to write"
        raise Unmeasured(f"{differ}: {len(silent)} of {len(points)} points were not hit; first: {silent[0]}")


def require_clean_failure(found: Injection) -> None:
    """Require the answer io, an untouched target, nothing left behind, and a next write that works."""
    if harm := harm_to(found.target):
        raise Violation(f"{harm}, and answered {found.answer}")
    if found.answer != "io" or found.target != "old":
        text = f" ({found.text})" if found.text else ""
        raise Violation(f"answered {found.answer}{text}; the target is {found.target}")
    for clause in ("FLT-01", "FLT-02", "FLT-03"):
        problem = judge(clause, found)
        if problem:
            raise Violation(problem)
