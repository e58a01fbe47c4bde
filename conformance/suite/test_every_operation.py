"""FLT, KIL and VIS-06 by the syscall engine: every operation of a write with every error, signal and kill (Linux)."""

from __future__ import annotations

import dataclasses

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.oracle.access import access_of, set_access_list
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case
from conformance.runner.run import KILLS
from conformance.syscalls.absent import nothing_to_judge
from conformance.syscalls.findings import broken_without_a_fault, kill_series, require_hit, visits
from conformance.syscalls.laboratory import SIZE, SMALL, Laboratory
from conformance.syscalls.next_write import next_visits, require_next_hit
from conformance.syscalls.order import OF_THE_TEMP
from conformance.syscalls.points import Scenario, fault_points, matches
from conformance.syscalls.powerloss.model import judge
from conformance.syscalls.recording import Place, before_of
from conformance.syscalls.verdicts import judged, problem
from conformance.syscalls.visit import Visit

# A shell script starts dozens of processes per write. What one case of several has found takes longest to make: another
# worker would wait for it.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.first]

SCENARIOS: tuple[Scenario, ...] = ("replace", "first")
FAULTS = ("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-05", "FLT-06", "FLT-07", "FLT-08")
VISIBILITY = ("VIS-01", *OF_THE_TEMP, "VIS-06")

LARGE_FAULTS = ("FLT-01", "FLT-02", "FLT-04", "FLT-05", "VIS-06")


def clause_marks(*clauses: str) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.clause(name), id=name) for name in clauses]


def require_all(case: Case, clause: str, concerned: tuple[Visit, ...], unit: str) -> None:
    """Raise Violation at the first visit that breaks the clause; count them all."""
    case.counts[unit] = len(concerned)
    case.counts["operations"] = len({visit.injection.position for visit in concerned})
    broken = [(visit, text) for visit in concerned if (text := problem(clause, visit))]
    if broken:
        first, text = broken[0]
        raise Violation(
            f"{first.point}: {text} ({len(broken)} of {len(concerned)} {unit})",
            trace=list(first.trace),
            point=first.point,
            all=[f"{visit.point}: {text}" for visit, text in broken[:20]],
        )


def selected_visits(case: Case, clause: str, found: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """The visits that the clause is about, without those that are made only to judge a selected one by them."""
    return tuple(visit for visit in judged(clause, found) if matches(visit.point, case.run.point))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("clause", clause_marks(*FAULTS, *VISIBILITY))
def test_fault_at_every_operation(case: Case, laboratory: Laboratory, clause: str, scenario: Scenario) -> None:
    found = visits(laboratory, "faults", scenario)
    concerned = selected_visits(case, clause, found)
    if not concerned:
        laboratory.record(scenario).require_followed()
        found = tuple(visit for visit in found if matches(visit.point, case.run.point))
        names = [visit.point for visit in found]
        raise Unmeasured(nothing_to_judge(clause, f"{len(found)} faults", case.run.point, names))
    if clause in broken_without_a_fault(case.run, "faults", scenario):
        raise Unmeasured(f"its order is wrong with or without a fault (see {clause}, order_of_operations)")
    require_all(case, clause, concerned, "faults")
    require_hit(case.run, "faults", scenario)


@pytest.mark.parametrize("clause", clause_marks(*LARGE_FAULTS))
def test_fault_in_a_large_document(case: Case, laboratory: Laboratory, clause: str) -> None:
    """Some writers look at the results of a small document's calls only, or at those of its last piece."""
    found = visits(laboratory, "large", "replace")
    concerned = tuple(each for each in judged(clause, found) if each.what == "error" or clause == "VIS-06")
    if not concerned:
        laboratory.record("replace").require_followed()
        names = [visit.point for visit in found]
        raise Unmeasured(nothing_to_judge(clause, f"{len(found)} faults", case.run.point, names))
    require_all(case, clause, concerned, "faults")
    require_hit(case.run, "large", "replace")


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("clause", clause_marks("PWR-01", "PWR-02"))
def test_write_after_a_fault(case: Case, laboratory: Laboratory, clause: str, scenario: Scenario) -> None:
    """A writer that takes a disk that has failed once for one that need not be synced shows it in its next write."""
    if case.run.manifest.mode == "oneshot":
        raise NotApplicable("a process per request keeps nothing from one write to the next")
    usual = laboratory.record(scenario, SMALL if scenario == "first" else SIZE)
    usual.require_followed()
    judgement = judge(usual.operations, before_of(usual))
    if judgement.torn or (clause == "PWR-02" and judgement.lost):
        raise Unmeasured("without a fault it is no better, which another case of this clause reports")
    concerned = selected_visits(case, clause, visits(laboratory, "faults", scenario))
    if not concerned:
        raise Unmeasured("the power-loss model could follow no write that came after a fault")
    require_all(case, clause, tuple(dataclasses.replace(each, trace=each.next_trace) for each in concerned), "faults")
    require_hit(case.run, "faults", scenario)


@pytest.mark.clause("MET-11")
def test_readers_do_not_become_more_by_a_fault(case: Case, laboratory: Laboratory) -> None:
    """A writer that goes on when the mode cannot be set, or the old one not be seen, publishes with a new file's."""
    if laboratory.record("replace").place.new_readers():
        raise Unmeasured("without a fault they do, too (see MET-11 readers_do_not_become_more)")
    found = visits(laboratory, "faults", "replace")
    concerned = selected_visits(case, "MET-11", found)
    if not concerned:
        names = [visit.point for visit in found]
        raise Unmeasured(nothing_to_judge("MET-11", f"{len(found)} faults", case.run.point, names))
    require_all(case, "MET-11", concerned, "faults")
    require_hit(case.run, "faults", "replace")


@pytest.mark.clause("MET-11")
def test_access_list_that_cannot_be_set(case: Case, laboratory: Laboratory) -> None:
    """Without the list the mode alone lets the group read: a document without a list needs a narrower mode."""

    def with_a_list(scenario: Scenario, size: int) -> Place:
        place = laboratory.place(scenario, size)
        set_access_list(place.target, user=5, group=0, others=4)  # a mode that no usual umask leaves to a new file
        found, access = snapshot(place.target), access_of(place.target)
        return dataclasses.replace(place, before=found, access=access, judged_by="MET-11 readers_do_not_become_more")

    recording = laboratory.record_at(with_a_list("replace", SIZE))
    if recording.place.new_readers():
        raise Unmeasured("the list is lost without a fault, too (see MET-11 readers_do_not_become_more)")
    points = fault_points(recording.operations, "replace", recording.place.name, case.run.seed)
    setting = [point for point in points if point.what == "error" and point.kind == "attribute"]
    if not setting:
        raise NotApplicable("no call sets the access list by itself")
    try:
        found = tuple(laboratory.visit(point, recording, place_for=with_a_list) for point in setting)
    finally:
        laboratory.stop()
    require_all(case, "MET-11", judged("MET-11", found), "faults")


@pytest.mark.clause("FLT-09")
def test_interrupt_at_every_boundary(case: Case, laboratory: Laboratory) -> None:
    found = visits(laboratory, "interrupts", "replace")
    measured = tuple(visit for visit in found if not visit.ignored)
    case.counts["judged as kills"] = sum(not visit.caught for visit in measured)
    require_all(case, "FLT-09", measured, "interrupts")
    require_hit(case.run, "interrupts", "replace")
    if len(measured) < len(found):
        ignored = len(found) - len(measured)
        raise Unmeasured(f"the implementation ignores SIGINT ({ignored} of {len(found)} interrupts had no effect)")


@pytest.mark.clause("FLT-11")
def test_descriptors_after_an_interrupt(case: Case, laboratory: Laboratory) -> None:
    """Only counted: between the return of open(2) and the next line no program can know the descriptor."""
    found = [visit.injection for visit in visits(laboratory, "interrupts", "replace") if visit.caught]
    case.counts["interrupts"] = len(found)
    case.counts["descriptors left"] = sum(injection.descriptors_left for injection in found)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("clause", clause_marks("KIL-01", "KIL-02"))
def test_kill_at_every_boundary(case: Case, laboratory: Laboratory, clause: str, scenario: Scenario) -> None:
    require_all(case, clause, visits(laboratory, "kills", scenario), "kill points")
    require_hit(case.run, "kills", scenario)


@pytest.mark.depth(2)
@pytest.mark.parametrize("clause", clause_marks("KIL-01", "KIL-02"))
def test_kill_in_the_write_after_a_kill(case: Case, laboratory: Laboratory, clause: str) -> None:
    """What a writer does with a temp or a lock of a dead one, it does in no other write."""
    require_all(case, clause, tuple(each for each in next_visits(laboratory) if each.what == "kill"), "kill points")
    require_next_hit(case.run)


@pytest.mark.depth(2)
@pytest.mark.parametrize("clause", clause_marks("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-05"))
def test_fault_in_the_write_after_a_kill(case: Case, laboratory: Laboratory, clause: str) -> None:
    found = tuple(each for each in next_visits(laboratory) if each.what != "kill")
    concerned = judged(clause, found)
    if not concerned:
        names = [visit.point for visit in found]
        raise Unmeasured(nothing_to_judge(clause, f"{len(found)} faults", case.run.point, names))
    require_all(case, clause, concerned, "faults")
    require_next_hit(case.run)


@pytest.mark.parametrize("clause", clause_marks("KIL-05", "KIL-06"))
def test_termination_at_some_boundaries(case: Case, laboratory: Laboratory, clause: str) -> None:
    found = visits(laboratory, "terminations", "replace")
    concerned = judged(clause, found)
    if not concerned and all(visit.ignored for visit in found):
        raise Unmeasured("the implementation ignores SIGTERM")
    if not concerned:
        raise NotApplicable("nothing in it handles SIGTERM, which ends it as SIGKILL does (see KIL-05)")
    require_all(case, clause, concerned, "signals")
    require_hit(case.run, "terminations", "replace")


@pytest.mark.clause("KIL-03")
def test_temps_left_after_a_hundred_kills(case: Case, laboratory: Laboratory) -> None:
    if case.run.kills < KILLS:
        raise Unmeasured(f"needs {KILLS} kills in a row; this run makes {case.run.kills} (--kills)")
    series = kill_series(laboratory)
    case.counts.update({"kills": series.kills, "temps left": series.temps_left})


@pytest.mark.clause("KIL-02")
def test_every_write_between_a_hundred_kills(case: Case, laboratory: Laboratory) -> None:
    series = kill_series(laboratory)
    case.counts.update(kills=series.kills)
    if series.refused:
        raise Violation(series.refused)


@pytest.mark.clause("KIL-04")
def test_kills_while_a_reader_polls(case: Case, laboratory: Laboratory) -> None:
    series = kill_series(laboratory)
    case.counts.update(kills=series.kills, reads=series.reads)
    if series.refused and not series.wrong:
        raise Unmeasured(f"the kill series stopped early: {series.refused} (see KIL-02)")
    if series.wrong:
        raise Violation(f"{series.wrong} ({series.kills} kills at {series.points} boundaries)")
