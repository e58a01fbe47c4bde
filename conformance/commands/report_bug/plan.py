"""Which bug reports a run's failures make: one for each cause. Pure functions over results."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.commands.report_bug.replays import replay_of
from conformance.contract.clauses import Clause, load_clauses
from conformance.reporting.causes import causes, explained
from conformance.reporting.results import Result
from conformance.runner.reasons import cause_of, is_drawn

__all__ = ["PROGRAM", "SEEN", "BugReport", "Check", "check_of", "load_checks", "planned"]

PROGRAM = "program"
"""The folder of a report with the files of what was judged."""
SEEN = "; seen: "
"""After the reason that a manifest gives for a known failure: what was seen, the last part of the message."""
_FAILED = ("fail", "error", "xfail")


@dataclass(frozen=True)
class Check:
    """What repro.py can show: its name there, where it applies, and what to say about it (checks.toml)."""

    check: str
    clauses: tuple[str, ...]  # a clause, a colon, and a glob over its cases
    title: str
    how: str
    not_clauses: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    message: str = ""
    loses: str = ""
    fix: str = ""
    replay: str = ""  # what kind of request is repeated, if any: see `conformance.commands.report_bug.replays`

    def fits(self, result: Result) -> bool:
        """Whether the check shows this failure."""
        name = f"{result.clause}:{result.case}"
        if not _matches(name, self.clauses) or _matches(name, self.not_clauses):
            return False
        if self.message and not any(re.search(self.message, text) for text in _seen(result)):
            return False
        return not self.replay or replay_of(self.replay, result) is not None

    def takes(self, result: Result) -> bool:
        """Whether this failure belongs in the report of one that the check shows."""
        return _matches(f"{result.clause}:{result.case}", self.beside)


@dataclass(frozen=True)
class BugReport:
    """A folder to write: the failures it is about, and the check that shows them, if any. ``clause`` is of the first.

    ``also`` are failures of other clauses that have the same cause.
    """

    clause: Clause
    results: tuple[Result, ...]
    check: Check | None
    also: tuple[Result, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name, such as ``VIS-06-full-disk``."""
        what = self.check.check if self.check else re.sub(r"[^A-Za-z0-9_]+", "-", self.results[0].case)[:60]
        return f"{self.clause.id}-{what}".rstrip("-")

    @property
    def title(self) -> str:
        """The first line of the issue."""
        return self.check.title if self.check else f"Requirement not met: {self.clause.title}"


@cache
def load_checks() -> tuple[Check, ...]:
    """Read checks.toml."""
    entries = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))["check"]
    lists = ("clauses", "not_clauses", "beside")
    return tuple(Check(**{**entry, **{name: tuple(entry.get(name, ())) for name in lists}}) for entry in entries)


def check_of(result: Result) -> Check | None:
    """The check that shows this failure; None where only its evidence can be given."""
    return next((check for check in load_checks() if check.fits(result)), None)


def planned(results: Iterable[Result], globs: Collection[str] = ()) -> list[BugReport]:
    """The reports of these results, by clause in the order of the contract; ``globs`` selects clauses.

    Failures that another one explains are named in its report and get none of their own. An error of the kit is no
    failure; a known failure is one.
    """
    failed = [result for result in results if result.outcome in _FAILED and result.blame != "kit"]
    found = causes(sorted(failed, key=_has_no_check))  # one that can be shown stands for a cause
    other = explained(found)
    also = {(cause.first.clause, cause.first.case): cause.others for cause in found}
    groups: dict[tuple[str, str], list[Result]] = {}
    concerned = [clause for clause in load_clauses() if not globs or _matches(clause, globs)]
    of_clauses = {
        clause: [result for result in failed if result.clause == clause and (clause, result.case) not in other]
        for clause in concerned
    }
    shown = {check.check for own in of_clauses.values() for check in map(check_of, own) if check}
    for own in of_clauses.values():
        of_cause: dict[str, tuple[str, str]] = {}
        for result in sorted(own, key=lambda result: is_drawn(result.message)):
            key, cause = _key(result, shown), cause_of(result.message.rpartition(SEEN)[2])
            if is_drawn(result.message):  # perhaps what other cases have found at the usual size and name
                key = of_cause.get(cause, key)
            of_cause.setdefault(cause, key)
            groups.setdefault(key, []).append(result)
    return [_report(group, also) for group in groups.values()]


def _key(result: Result, shown: Collection[str]) -> tuple[str, str]:
    """What failures of one report have in common: the check, or the clause and the test. ``shown`` are the checks that
    some failure is shown by.
    """
    check = check_of(result) or next((one for one in load_checks() if one.check in shown and one.takes(result)), None)
    return ("", check.check) if check else (result.clause, result.case.partition(":")[0])


def _report(group: Iterable[Result], also: Mapping[tuple[str, str], tuple[Result, ...]]) -> BugReport:
    results = sorted(group, key=_has_no_check)
    others = tuple(one for result in results for one in also.get((result.clause, result.case), ()))
    return BugReport(load_clauses()[results[0].clause], tuple(results), check_of(results[0]), others)


def _has_no_check(result: Result) -> bool:
    return check_of(result) is None


def _seen(result: Result) -> list[str]:
    """What was seen in a case: its message, which has the first only, and all that its evidence lists."""
    return [result.message, *map(str, result.evidence.get("all", ()))]


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)
