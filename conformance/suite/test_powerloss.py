"""PWR by the syscall engine: the disk states that a power cut may leave at each point of a recorded write (Linux)."""

from __future__ import annotations

import os

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.runner.case import Case
from conformance.syscalls.findings import visits
from conformance.syscalls.laboratory import SIZE, SMALL, Laboratory
from conformance.syscalls.order import on_the_target, publishing, unseen_origin
from conformance.syscalls.points import Scenario
from conformance.syscalls.powerloss.model import Judgement, distinct_states, judge, materialise
from conformance.syscalls.recording import Place, Recording, annotated, before_of
from conformance.syscalls.target_state import NEW, NEXT, sequence_at
from conformance.syscalls.tracer.messages import Plan, Rule
from conformance.syscalls.tracer.session import Boundary

pytestmark = pytest.mark.timeout(1800)

SCENARIOS: tuple[Scenario, ...] = ("replace", "first")
MOST_STATES = 200  # in which the next write is tried


def judged(case: Case, laboratory: Laboratory, scenario: Scenario, size: int = SIZE) -> tuple[Recording, Judgement]:
    recording = laboratory.record(scenario, size)
    recording.require_followed()
    judgement = judge(recording.operations, before_of(recording))
    case.counts.update(operations=len(recording.operations), cuts=judgement.cuts)
    case.counts["disk states"] = judgement.states
    return recording, judgement


@pytest.mark.clause("PWR-01")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_disk_state_is_old_or_new(case: Case, laboratory: Laboratory, scenario: Scenario) -> None:
    recording, judgement = judged(case, laboratory, scenario)
    if found := judgement.torn:
        raise Violation(found.story, trace=list(annotated(recording.operations, found.cut.operation)))


@pytest.mark.clause("PWR-01")
def test_every_disk_state_of_a_short_document(case: Case, laboratory: Laboratory) -> None:
    """A buffered writer writes it in its flush or close: a sync before that stores an empty file."""
    recording, judgement = judged(case, laboratory, "replace", SMALL)
    if found := judgement.torn:
        raise Violation(
            f"a document of {SMALL} bytes: {found.story}",
            trace=list(annotated(recording.operations, found.cut.operation)),
        )


@pytest.mark.clause("PWR-02")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_acknowledged_write_survives(case: Case, laboratory: Laboratory, scenario: Scenario) -> None:
    recording, judgement = judged(case, laboratory, scenario)
    if found := judgement.lost:
        raise Violation(found.story, trace=list(annotated(recording.operations, found.cut.operation)))


@pytest.mark.clause("PWR-02")
def test_acknowledged_write_behind_a_link_survives(case: Case, laboratory: Laboratory) -> None:
    """The folder that has to be synced is that of the file, and not that of the link."""
    if case.run.manifest.symlink is None:
        raise Unmeasured('declare that a symbolic link at the target is followed: [declares] symlink = "follow"')
    if case.run.manifest.symlink != "follow":
        raise NotApplicable("a symbolic link at the target is not followed, as declared")
    if judged(case, laboratory, "replace")[1].lost:
        raise Unmeasured("without a link it does not survive either, which its own case reports")
    place = laboratory.place("replace")
    link = case.folder / "link.json"
    link.symlink_to(place.target)
    outcome = laboratory.traced.request(Plan(str(place.folder), (), place.elsewhere), laboratory.ask(link, NEW))
    operations = laboratory.operations(place, outcome.report)
    recording = Recording(place, operations, frozenset(), unseen=unseen_origin(operations, place.target.name))
    recording.require_followed()
    if outcome.answer is None or not outcome.answer.ok or place.state() != "new":
        raise Unmeasured("a write behind a link does not succeed (see MET-04)")
    if found := judge(operations, before_of(recording)).lost:
        raise Violation(f"behind a link, {found.story}", trace=list(annotated(operations, found.cut.operation)))


@pytest.mark.clause("PWR-02")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_folder_that_cannot_be_synced_is_no_error(case: Case, laboratory: Laboratory, scenario: Scenario) -> None:
    found = visits(laboratory, "unsupported", scenario)
    case.counts["faults"] = len(found)
    for visit in found:
        if visit.injection.answer != "ok" or visit.injection.target != "new":
            raise Violation(
                f"{visit.point}: answered {visit.injection.answer} ({visit.injection.text}), although the only "
                "failure is that the file system cannot sync a folder",
                trace=list(visit.trace),
                point=visit.point,
            )


@pytest.mark.clause("PWR-04")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_next_write_beside_whatever_is_left(case: Case, laboratory: Laboratory, scenario: Scenario) -> None:
    """Each disk state is laid out as real files, and a new process writes there, in slow motion."""
    recording = laboratory.record(scenario)
    old = {recording.place.target.name: recording.place.before.data or b""}
    recording.require_followed()
    states = distinct_states(recording.operations, before_of(recording))[:MOST_STATES]
    new = case.bytes_at(recording.place.target)
    laboratory.stop()  # after a power cut no running process knows these temps
    for state in states:
        place = laboratory.place("first")
        for name, data in materialise(state, old, new).items():
            if name.startswith("/"):
                continue  # in a folder that other writers use
            path = place.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        require_next_write(laboratory, place, state.content(place.target.name) is not None)
    case.counts["disk states"] = len(states)


@pytest.mark.clause("PWR-04")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_next_write_when_the_temps_name_came_back(case: Case, laboratory: Laboratory, scenario: Scenario) -> None:
    """A rename that was not synced may persist as both names of one file, which were seen on btrfs."""
    if case.run.manifest.hard_link == "refuse":
        raise NotApplicable("it refuses a target that has a second name, as declared")
    recording = laboratory.record(scenario)
    target = recording.place.target.name
    renames = [each for each in publishing(recording.operations, target) if each.kind == "rename"]
    names = [each.name for each in renames if "/" not in each.name]
    case.counts["names"] = len(names)
    laboratory.stop()
    for name in names:
        place = laboratory.place("first")
        place.target.write_bytes(case.bytes_at(recording.place.target))
        os.link(place.target, place.folder / name)
        require_next_write(laboratory, place, existed=True)
    if not names:
        raise NotApplicable("no rename in the target's folder publishes the document")


def require_next_write(laboratory: Laboratory, place: Place, existed: bool) -> None:
    """Raise Violation unless the next write works, and a reader sees only complete documents meanwhile."""
    allowed = {sequence_at(place.target), NEXT} if existed else {None, NEXT}
    if -1 in allowed:
        return  # the target itself is torn, which is for PWR-01 to judge
    wrong: list[Boundary] = []
    listing = sorted(path.name for path in place.folder.iterdir())
    second = next((name for name in listing if name != place.name and is_second_name(place, name)), "")

    def look(boundary: Boundary) -> None:
        if sequence_at(place.target) not in allowed:
            wrong.append(boundary)

    outcome = laboratory.request(place, (Rule("hold", "after"),), sequence=NEXT, at_boundary=look)
    if outcome.answer is None or not outcome.answer.ok:
        text = outcome.end or (outcome.answer and outcome.answer.message)
        raise Violation(f"the write after a power cut that left {listing} failed: {text}")
    if wrong:
        operations = laboratory.operations(place, outcome.report)
        seen = f"a reader saw a target neither old nor new after operation {wrong[0].number} ({wrong[0].name})"
        story = f"after a power cut that left {', '.join(listing) or 'an empty folder'}, {seen}"
        if any(fault.clause == "VIS-01" for fault in on_the_target(operations, place.name, existed)):
            story = f"the write after a power cut is in place, as any other is (see VIS-05): {seen}"
        elif second and any(each.name == second for each in operations[: wrong[0].number + 1]):
            story = f"after a power cut {second} came back as a second name of {place.name}, and the next write used it"
            story += f", which changed both: {seen}"
        raise Violation(
            story,
            trace=list(annotated(operations, wrong[0].number)),
        )
    if sequence_at(place.target) != NEXT:
        raise Unmeasured("a write without any fault does not succeed (see FLT-01)")


def is_second_name(place: Place, name: str) -> bool:
    """Whether a name in the folder leads to the target's own file."""
    return (place.folder / name).is_file() and place.target.exists() and (place.folder / name).samefile(place.target)
