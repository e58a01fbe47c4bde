"""Legs, controls and a policy → APPROVED, REJECTED or INCOMPLETE, with reasons. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.commands.audit.legs import Controls, Leg, Of
from conformance.commands.audit.policy import PROGRAMS, WORK, Policy
from conformance.contract.clauses import Clause, load_clauses
from conformance.contract.errors import did_you_mean
from conformance.reporting.bounds import cut
from conformance.reporting.results import Exit
from conformance.reporting.verdict import clause_outcome

__all__ = ["Decision", "Missing", "decide"]

Word = Literal["APPROVED", "REJECTED", "INCOMPLETE"]
_EXITS: Mapping[Word, Exit] = {
    "APPROVED": Exit.CONFORMANT,
    "REJECTED": Exit.NOT_CONFORMANT,
    "INCOMPLETE": Exit.INCONCLUSIVE,
}
_NEEDS = {"windows": "windows", "powercut": "linux"}  # the platform of an engine that has only one
_RUNNERS = {"linux": "ubuntu-latest", "macos": "macos-latest", "windows": "windows-latest"}
# The usual ones; there are others, so that another name is only asked about.
_FILE_SYSTEMS = ("ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "tmpfs", "overlay", "apfs", "NTFS", "ReFS", "exFAT")
_MOST = 3  # reasons of one leg's footer that are repeated
_SHOWN = 300  # characters of such a reason


@dataclass(frozen=True)
class Missing:
    """What an approval still needs, and the command that gets it."""

    what: str
    command: str


@dataclass(frozen=True)
class Decision:
    """What an audit comes to. ``clauses`` is clause → platform → outcome; ``measured`` of how many clauses.

    ``supported`` names the platforms that the program is made for, where these are not all.
    """

    reasons: tuple[str, ...]
    missing: tuple[Missing, ...]
    notes: tuple[str, ...]
    clauses: Mapping[str, Mapping[str, str]]
    measured: tuple[int, int]
    supported: tuple[str, ...] = ()

    @property
    def word(self) -> Word:
        """REJECTED where something is wrong, INCOMPLETE where something is not known, else APPROVED."""
        return "REJECTED" if self.reasons else "INCOMPLETE" if self.missing else "APPROVED"

    @property
    def exit(self) -> Exit:
        """The exit code."""
        return _EXITS[self.word]

    @property
    def sentence(self) -> str:
        """The word with what it rests on."""
        measured, of = self.measured
        limited = f" for {' and '.join(self.supported)}" if self.supported else ""
        return f"{self.word}{limited}, measured {measured} of {of} clauses"


def decide(legs: Sequence[Leg], controls: Sequence[Controls], policy: Policy, impl: str) -> Decision:
    """Decide about legs that belong together: see `conformance.commands.audit.sameness`.

    A failure in any leg counts; a pass, only on a platform that the policy requires. ``impl`` is how the commands
    shown name the implementation, quoted for a shell.
    """
    counting = [leg for leg in legs if policy.platform(leg.system) in policy.platforms and leg.whole]
    concerned = [clause for clause in load_clauses().values() if _concerns(clause, legs) and _asked(clause, policy)]
    outcomes = {clause.id: _by_platform(clause.id, legs, policy) for clause in concerned}
    measured = sum(bool(set(found.values()) - {"unmeasured", "n/a"}) for found in outcomes.values())
    return Decision(
        (*_failures(legs, policy), *_missed(legs, controls)),
        (
            *_missing_legs(legs, counting, policy, impl),
            *_inconclusive(legs, impl),
            *_missing_clauses(concerned, legs, counting, policy, impl),
            *_missing_work(counting, policy, impl),
            *_missing_controls(controls),
        ),
        tuple(_notes(legs, policy)),
        outcomes,
        (measured, len(outcomes)),
        () if policy.is_for_all_platforms else policy.supported,
    )


def _wanted(clause: Clause, policy: Policy) -> bool:
    return clause.level == "must" or clause.id in policy.should


def _asked(clause: Clause, policy: Policy) -> bool:
    """Whether a clause can be measured on a platform that the program is made for."""
    needed = _NEEDS.get(clause.engine)
    return needed is None or needed in policy.supported


def _of(leg: Leg, clause: str) -> Of:
    return leg.clauses.get(clause) or Of()


def _concerns(clause: Clause, legs: Sequence[Leg]) -> bool:
    """Whether a clause concerns the implementation: unless each run of the suite says n/a, and no other measured it."""
    outcomes = {outcome for leg in legs for outcome in _of(leg, clause.id).counts}
    return outcomes != {"n/a"}


def _by_platform(clause: str, legs: Sequence[Leg], policy: Policy) -> dict[str, str]:
    sums: dict[str, Of] = {}
    for leg in legs:
        if counts := _of(leg, clause).counts:
            sums.setdefault(policy.platform(leg.system), Of()).counts.update(counts)
    return {platform: clause_outcome(of.counts) for platform, of in sums.items()}


def _failures(legs: Sequence[Leg], policy: Policy) -> Iterator[str]:
    """What failed, in any leg, unless it is accepted."""
    for leg in legs:
        told = False
        for clause, of in leg.clauses.items():
            if of.unaccepted and _wanted(load_clauses()[clause], policy):
                told = True
                more = of.unaccepted - len(of.failures)
                yield from (f"{leg.path}: {failure}{_advice(failure)}" for failure in of.failures)
                if more > 0:
                    yield f"{leg.path}: {clause}: and {more:,} more"
        if leg.footer["exit"] == Exit.NOT_CONFORMANT and not told:
            yield from (f"{leg.path}: {cut(reason, _SHOWN)}" for reason in _other_reasons(leg, policy))


def _other_reasons(leg: Leg, policy: Policy) -> Sequence[str]:
    """Why a leg is not conformant, but for failures that the policy does not insist on: --strict makes them count."""
    unwanted = tuple(f"{clause.id} [" for clause in load_clauses().values() if not _wanted(clause, policy))
    others = [reason for reason in leg.footer["reasons"] if not reason.startswith(unwanted)]
    return others[:_MOST] if leg.footer["reasons"] else ["is not conformant"]


def _advice(failure: str) -> str:
    return "; the policy accepts no such failure" if "] xfail: " in failure else ""


def _missed(legs: Sequence[Leg], controls: Sequence[Controls]) -> Iterator[str]:
    for leg in legs:
        for case in leg.controls_missed:
            yield f"{leg.path}: {case}: passed, and its positive control was not caught"
    for one in controls:
        if not one.holds:
            names = f": {', '.join(one.missed[:_MOST])}" if one.missed else ""
            yield f"{one.path}: {one.caught} of {one.mutants} mutants were caught{names}: the kit cannot be relied on"


def _missing_legs(legs: Sequence[Leg], counting: Sequence[Leg], policy: Policy, impl: str) -> Iterator[Missing]:
    suite = [leg for leg in counting if leg.program == PROGRAMS["conformance"]]
    for platform in policy.platforms:
        if not any(policy.platform(leg.system) == platform for leg in suite):
            wine = any(leg.system == "windows (wine)" for leg in legs) and platform == "windows"
            beside = "; Wine does not count, unless the policy says wine = true" if wine else ""
            what = f"no run of the whole suite on {platform} ({_RUNNERS[platform]}){beside}"
            yield Missing(what, f"on {_RUNNERS[platform]}: {_command('conformance', impl, platform)}")
    for name in policy.programs:
        if name != "conformance" and not any(leg.program == PROGRAMS[name] for leg in counting):
            yield Missing(f"no run of {PROGRAMS[name]} on {' or '.join(policy.platforms)}", _command(name, impl))
    seen = {system for leg in counting for system in leg.header["file_system"].split(", ")}
    for system in policy.file_systems:
        if system not in seen:
            command = f"{_command('conformance', impl, system)} --dir FOLDER-ON-{system}"
            near = "" if system in _FILE_SYSTEMS else did_you_mean(system, sorted({*_FILE_SYSTEMS, *seen}))
            yield Missing(f"no run on {system}; there are {', '.join(sorted(seen)) or 'none'}{near}", command)
    for leg in legs:
        if not leg.whole:
            asked = ", ".join(f"--{name} {glob}" for name, globs in leg.asked.items() for glob in globs)
            part = "a quick run" if "quick" in leg.asked else f"judged only {asked[:200]}: a part of the suite"
            yield Missing(f"{leg.path}: {part} cannot be a leg: remove it", f"rm {shlex.quote(str(leg.path))}")


def _inconclusive(legs: Sequence[Leg], impl: str) -> Iterator[Missing]:
    for leg in legs:
        if leg.footer["exit"] not in (Exit.CONFORMANT, Exit.NOT_CONFORMANT):
            reasons = "; ".join(reason[:200] for reason in leg.footer["reasons"][:_MOST])
            yield Missing(f"{leg.path}: inconclusive: {reasons}", f"{_program(leg, impl)} --report AGAIN")


def _program(leg: Leg, impl: str) -> str:
    return f"{leg.header['program']} --impl {impl}"


def _missing_clauses(
    concerned: Sequence[Clause], legs: Sequence[Leg], counting: Sequence[Leg], policy: Policy, impl: str
) -> Iterator[Missing]:
    """Clauses that passed on no required platform and failed nowhere, those with one reason together."""
    missing: dict[Missing, list[str]] = {}
    for clause in concerned:
        outcomes = {clause_outcome(of.counts) for leg in counting if (of := _of(leg, clause.id)).counts}
        failed = any(_of(leg, clause.id).unaccepted for leg in legs)
        # A known failure that is left here is accepted.
        if _wanted(clause, policy) and not failed and not outcomes & {"pass", "xfail"}:
            reason = next((of.unmeasured for leg in counting if (of := _of(leg, clause.id)).unmeasured), "")
            again = "once that has changed, " if reason and _ran_already(clause, counting, policy) else ""
            missing.setdefault(Missing(reason, f"{again}{_command_for(clause, impl)}"), []).append(clause.id)
    for one, clauses in missing.items():
        shown = f"{', '.join(clauses)}: not measured on {' or '.join(policy.platforms)}"
        yield Missing(f"{shown}: {one.what}" if one.what else shown, one.command)


def _ran_already(clause: Clause, counting: Sequence[Leg], policy: Policy) -> bool:
    """Whether a leg is of the very command that `_command_for` names."""
    program = PROGRAMS["powercut" if clause.engine == "powercut" else "conformance"]
    platform = "windows" if clause.engine == "windows" else "linux"
    return any(leg.program == program and policy.platform(leg.system) == platform for leg in counting)


def _command_for(clause: Clause, impl: str) -> str:
    if clause.engine == "powercut":
        return f"on Linux, as root: {_command('powercut', impl)}"
    if clause.engine == "windows":
        return f"on {_RUNNERS['windows']}: {_command('conformance', impl, 'windows')}"
    return f"on {_RUNNERS['linux']}: {_command('conformance', impl, 'linux')}"


def _command(name: str, impl: str, folder: str = "") -> str:
    program = "pulse stress suite" if name == "stress" else PROGRAMS[name]
    return f"{program} --impl {impl} --report {folder or 'linux'}/{name}"


def _missing_work(counting: Sequence[Leg], policy: Policy, impl: str) -> Iterator[Missing]:
    for name, wanted in policy.minimum.items():
        done = sum(leg.work.get(name, 0) for leg in counting if leg.program in map(PROGRAMS.get, WORK[name]))
        if done < wanted:
            command = _command(WORK[name][0], impl)
            if name in ("writes", "reads"):  # the suite again would do as many again, and no more
                command = f"pulse stress --impl {impl} --until '{wanted - done} {name}' --report linux/load"
            yield Missing(f"{done:,} {name} of the {wanted:,} that the policy asks for", command)


def _missing_controls(controls: Sequence[Controls]) -> Iterator[Missing]:
    if not any(one.whole for one in controls):
        beside = f": {controls[0].path} is of a selection, or was made without --complete" if controls else ""
        yield Missing(
            f"no matrix of all mutants and variants of this kit{beside}",
            "python -m conformance.selfcheck --complete --report linux/mutants",
        )


def _notes(legs: Sequence[Leg], policy: Policy) -> Iterator[str]:
    """What decides nothing and is worth knowing."""
    if others := [clause.id for clause in load_clauses().values() if not _asked(clause, policy)]:
        yield f"the policy supports {' and '.join(policy.supported)} only: {', '.join(others)} are not asked"
    for index, entry in enumerate(policy.accepted):
        if not any(index in leg.accepted for leg in legs):
            yield f"the accepted failure of {entry.clause} [{entry.case}] was not seen: remove it from the policy"
    for leg in legs:
        for clause, of in leg.clauses.items():
            if of.unaccepted and not _wanted(load_clauses()[clause], policy):
                level = load_clauses()[clause].level.upper()
                yield f"{leg.path}: {clause} ({level}): {of.unaccepted:,} of {of.counts.total():,} cases failed"
