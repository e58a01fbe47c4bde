"""CON-01 and CON-02: temps of writers in other process spaces and threads, of siblings and of strangers."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from functools import partial

import pytest

from conformance.contract.errors import NotApplicable, Violation
from conformance.oracle.payload import identify, make_status
from conformance.runner.case import Case
from conformance.runner.keeps import is_kept
from conformance.runner.requests import publish_request
from conformance.subject.client import ServeImplementation
from conformance.subject.python_host import PAUSES
from conformance.suite.helpers.launch_prefixes import in_a_process_space_of_its_own
from conformance.suite.support.together import fewer, run_together, writes_each
from conformance.suite.test_faults import FAULTS, fire_and_survive
from conformance.system.guarded_path import very_file

ROUNDS = 24  # in each of which all writers start at once


@pytest.mark.clause("CON-01")
def test_processes_in_spaces_of_their_own(case: Case) -> None:
    """Two containers that share a folder: both writers have the same process id and have made as many writes.

    A third writer, outside, is a process that the two cannot see. In mode python each pauses before its file calls.
    """
    prefix = in_a_process_space_of_its_own()
    writers = [case.start_in(prefix, environment={PAUSES: "1"}) for _ in range(2)]
    writers.append(case.start(environment={PAUSES: "1"}))
    rounds = fewer(case, ROUNDS, ROUNDS // 4)
    for sequence in range(1, 1 + rounds):
        sizes = (256, 1 << 16, 1 << 15)  # unlike ones: what is mixed of them cannot look whole

        def work(number: int, sequence: int = sequence, sizes: tuple[int, ...] = sizes) -> None:
            status = make_status(number, sequence, sizes[(number + sequence) % 3])
            case.require_ok(case.publish(case.target, status, by=writers[number]))

        run_together([partial(work, number) for number in range(len(writers))])
        last = identify(case.bytes_at(case.target))
        if last[1] != sequence:
            raise Violation(f"the last document is number {last[1]} of writer {last[0]}, but each wrote {sequence}")
    case.require_listing(case.folder, {case.target.name}, f"after {3 * rounds} writes")


@pytest.mark.clause("CON-02")
def test_threads_with_a_target_each(case: Case) -> None:
    """As in a trainer with a worker for each run; every acknowledged write must be at its own target.

    In mode python the kit's host runs the writes in threads; any other process answers one request at a time.
    """
    manifest = case.run.manifest
    if manifest.mode != "python":
        raise NotApplicable("its process answers one request at a time")
    running = case.implementation
    assert isinstance(running, ServeImplementation)
    targets = [case.folder / f"run{number}.json" for number in range(3)]
    rounds = fewer(case, ROUNDS, ROUNDS // 4)
    for sequence in range(1, 1 + rounds):
        documents = [make_status(number, sequence, 1 << (8 + 4 * number)) for number in range(len(targets))]
        requests = [
            [publish_request(manifest.profile, target, document).message()]
            for target, document in zip(targets, documents, strict=True)
        ]
        answer = running.receive(running.send("threads", writes=requests))
        refused = [said for of_thread in answer.fields["answers"] for said in of_thread if not said["ok"]]
        if refused:
            raise Violation(f"{len(refused)} of {len(targets)} writes to a target each failed", first=refused[0])
        for target, document in zip(targets, documents, strict=True):
            case.require_holds(target, document)
    case.require_listing(case.folder, {target.name for target in targets}, f"after {3 * rounds} writes")


@pytest.mark.clause("CON-02")
@pytest.mark.parametrize("names", ["a.json a.toml a", "a.json a.json.tmp a.tmp", "s.json .s.json s.json.bak"])
def test_siblings(case: Case, names: str) -> None:
    """Each target has its own writer, which must find its own document after every write."""
    targets = [case.folder / name for name in names.split()]
    if any(is_kept(target.name, case.run.manifest.keeps, names.split()) for target in targets):
        raise NotApplicable("one of the names is declared as that of a file kept beside another target")
    implementations = [case.start() for _ in targets]

    def work(number: int) -> None:
        for sequence in range(1, writes_each(case) // 2 + 1):
            status = make_status(number, sequence, 2048)
            case.require_ok(case.publish(targets[number], status, by=implementations[number]))
            case.require_holds(targets[number], status)

    run_together([partial(work, number) for number in range(len(targets))])
    case.require_listing(case.folder, set(names.split()), "after all writes")


BYSTANDERS = (
    "other.tmp",
    ".other.tmp",
    "status.tmp",
    ".status.tmp",
    "status.json.tmp",
    ".status.json.tmp",
    "tmpabcdefgh.tmp",
    "status.json~",
    "status.json.bak",
    "status.json.new",
    "status.json.old",
    ".status.json.swp",
    "tmp1a2b3c4d",
)
# What a program removes that needs room: what can be made again, and what is old by its name.
_MAKES_ROOM = (*BYSTANDERS, "other.bak", "other.old", "other~", "train.log", "train.log.1", "core.1", "x.cache")


@pytest.mark.clause("CON-02")
@pytest.mark.parametrize("kind", ["success", "failure"])
def test_files_of_others_survive(case: Case, kind: str) -> None:
    """Files beside the target that look like temps belong to other programs."""
    require_others_survive(case, kind, seconds_old=0)


@pytest.mark.clause("CON-02")
@pytest.mark.parametrize("kind", ["success", "failure"])
def test_old_files_of_others_survive(case: Case, kind: str) -> None:
    """Age does not show that a file is not needed: backups are old, and so are the temps of a job that is paused."""
    require_others_survive(case, kind, seconds_old=400 * 24 * 3600)


@pytest.mark.clause("CON-02")
@pytest.mark.parametrize("name", ["disk-full", "file-too-large"])
def test_files_of_others_survive_a_full_disk(case: Case, name: str) -> None:
    """Room is made by those to whom the files belong."""
    fault = FAULTS[name](case)
    folder = fault.seen(fault.target.parent)
    others = [name for name in _MAKES_ROOM if not is_kept(name, case.run.manifest.keeps, [fault.target.name])]
    for other in others:
        (folder / other).touch()
    fire_and_survive(case, fault)
    if gone := sorted(set(others) - set(os.listdir(folder))):
        raise Violation("files that belong to other programs were removed when the disk was full", names=gone)


def require_others_survive(case: Case, kind: str, seconds_old: int) -> None:
    """Have three writes succeed or fail beside files of other programs, which must be the same afterwards."""
    if kind == "failure":
        case.target.mkdir()
    bystanders = [name for name in BYSTANDERS if not is_kept(name, case.run.manifest.keeps, [case.target.name])]
    for name in bystanders:
        (case.folder / name).write_bytes(name.encode("ascii"))
        if seconds_old:
            with very_file(case.folder / name) as this:
                os.utime(this, (time.time() - seconds_old,) * 2)
    where = ", whose target is a folder" if kind == "failure" else ""
    with contextlib.ExitStack() as stack:
        held = _held(case, bystanders, stack)
        for sequence in range(3):
            answer = case.publish(case.target, make_status(0, sequence))
            if answer.ok is (kind == "failure"):
                said = "ok" if answer.ok else f"{answer.error}: {answer.message}"
                raise Violation(f"write {sequence + 1} of 3{where}: expected a {kind}, was answered {said}")
            for name, descriptor in held.items():
                if case.target.exists() and os.path.samestat(os.fstat(descriptor), os.stat(case.target)):
                    text = f"{name} is gone, which belonged to another program: the write took it for its temp"
                    raise Violation(text, names=[name])
    gone = sorted({*bystanders, case.target.name} - set(os.listdir(case.folder)))
    if gone:
        raise Violation(f"files that belong to other programs were removed: {', '.join(gone)}", names=gone)
    changed = [name for name in bystanders if (case.folder / name).read_bytes() != name.encode("ascii")]
    if changed:
        raise Violation(f"files that belong to other programs were changed: {', '.join(changed)}", names=changed)


def _held(case: Case, names: list[str], stack: contextlib.ExitStack) -> dict[str, int]:
    """Descriptors of these files, so that no other file gets their inodes. On Windows an open file may not be replaced,
    and nothing is held.
    """
    found: dict[str, int] = {}
    if sys.platform != "win32":
        for name in names:
            found[name] = os.open(case.folder / name, os.O_RDONLY)
            stack.callback(os.close, found[name])
    return found
