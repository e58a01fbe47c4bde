"""The result lines of one file system that was cut at every block, or of one state of it. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from conformance.reporting.repeat import repeat_command
from conformance.reporting.results import Result, counted
from stress.powercut.blocks.tally import Look, Tally, evidence_of, failed_clauses
from stress.powercut.verdict import CLAUSES

__all__ = ["FORESEEN_ALONE", "Repeated", "result_of_one", "results_of"]

FORESEEN_ALONE = "foreseen, never seen"  # the title of this evidence of PWR-03: what fails PWR-01
_MINIMUM_STATES = 50
_MOST_UNMOUNTED = 0.05  # of the prefixes, beyond the share that the kit's own writer has


@dataclass(frozen=True)
class Repeated:
    """One state that was looked at again: ``asked`` for by its number in a recording, which is another one each time,
    or by its name, which ``found`` of ``recordings`` new ones had. ``look`` is of the last of them. ``next_write`` is
    what went wrong with the write of a new process after the recovery, ``kept`` says where the state is.
    """

    asked: int | str
    look: Look
    recordings: int = 1
    found: int = 1
    next_write: str = ""
    kept: str = ""


def results_of(tally: Tally, case: str, repro: str) -> list[Result]:
    """The result lines of one file system: one case each of PWR-02, PWR-03 and PWR-04. ``repro`` is the command that
    repeats them.

    What is torn, missing or lost is the implementation's failure, as the kit's own writer has kept everything on the
    same file system. Where nothing of that kind was found, an outcome that the model calls impossible makes PWR-03 an
    error of the kit.
    """
    after = (
        f"{counted(tally.next_writes, 'writes')} of a new process, one to each kind of folder that a recovery left: "
        f"{tally.next_failures:,} failed{', and no more were made' if tally.enough_next_failures else ''}"
    )
    rate = f"; {tally.states / tally.seconds:.0f} states a second" if tally.seconds else ""
    kept = f"; kept: {', '.join(tally.kept)}" if tally.kept else ""
    not_kept = f"; not kept: {', '.join(tally.not_kept)}" if tally.not_kept else ""
    alone = tally.not_together and (
        f"; only one writer at a time: two at once failed, one did not (see CON-01): {tally.not_together}"
    )
    not_held = tally.not_held and f"; not held after its calls while another program syncs: {tally.not_held}"
    told = f"{tally.sentence()}{tally.of_ignored_flushes()}; {tally.comparison()}{rate}"
    whole = f"{told}{not_held}{alone}{kept}{not_kept}"
    messages = {"PWR-02": tally.sentence(), "PWR-03": whole, "PWR-04": after}
    results = [_result(tally, clause, case, message, repro) for clause, message in messages.items()]
    if not tally.forbidden_unseen:
        return results
    unseen = {FORESEEN_ALONE: sorted(tally.forbidden)}
    return [
        replace(result, evidence={**result.evidence, **unseen}) if result.clause == "PWR-03" else result
        for result in results
    ]


def _result(tally: Tally, clause: str, case: str, message: str, repro: str) -> Result:
    counts = {"states": tally.states, "documents": tally.documents}
    examples = tally.examples.get(clause, [])
    wrong = tally.contradictions if clause == "PWR-03" and not examples else []
    if shown_first := examples or wrong:
        first = shown_first[0]
        message = f"{message}; the first: state {first['state']}, {first['cut']}: {first['found']}"
        repeat = repeat_command(repro, [("only", first["name"])])
        evidence: dict[str, Any] = {"examples": shown_first}
        if clause in tally.first_failures:
            evidence["states until the first failure"] = tally.first_failures[clause]
        if wrong:
            return Result(clause, case, "error", message, evidence, repeat, blame="kit", counts=counts)
        return Result(clause, case, "fail", message, evidence, repeat, counts=counts)
    if tally.states < _MINIMUM_STATES:
        message = f"{message}; at least {_MINIMUM_STATES} states are needed: give --states"
        return Result(clause, case, "unmeasured", message, {}, repro, inconclusive=True, counts=counts)
    if tally.unmounted_share > tally.unmounted_of_control + _MOST_UNMOUNTED:
        message = (
            f"{message}; {tally.unmounted:,} of {tally.looked_at['prefix']:,} prefixes could not be mounted, "
            f"{tally.unmounted_of_control:.0%} of those of the kit's own writer: too few were looked at"
        )
        return Result(clause, case, "unmeasured", message, {}, repro, inconclusive=True, counts=counts)
    return Result(clause, case, "pass", message, {}, repro, counts=counts)


def result_of_one(repeated: Repeated, case: str, repro: str) -> list[Result]:
    """The result lines of one state, by clause: what it shows is a failure as in a whole run. One state with which
    nothing is wrong is inconclusive, and of clauses that have not failed beside another it says nothing.
    """
    look = repeated.look
    failed = failed_clauses(look) + ["PWR-04"] * bool(repeated.next_write)
    shows = f"{look.described()}: {look.outcome.text}"
    if repeated.next_write:
        shows += f"; {repeated.next_write}"
    if not failed:
        shows += "; no failure of the writer"
    if repeated.kept:
        shows += f"; {repeated.kept}"
    if isinstance(repeated.asked, int):
        which = f"state {look.label} of a new recording, where it may be a different one ({look.name})"
    elif failed:
        which = f"state {look.name} fails again, in recording {repeated.recordings}"
    else:
        where = f"{repeated.found} of {counted(repeated.recordings, 'recordings')}"
        which = f"state {look.name}, which {where} had, fails in none of them; in the last"
    message = f"{which}: {shows}"
    repeat = repeat_command(repro, [("only", look.name)])
    counts, seen = {"states": 1}, evidence_of(look)
    if not failed:
        return [
            Result(clause, case, "unmeasured", message, {}, repeat, inconclusive=True, counts=counts)
            for clause in CLAUSES
        ]
    beside = "one state only was looked at, and it shows no failure of this clause"
    return [
        Result(clause, case, "fail", message, {"examples": [seen]}, repeat, counts=counts)
        if clause in failed
        else Result(clause, case, "unmeasured", beside, {}, repeat, counts=counts)
        for clause in CLAUSES
    ]
