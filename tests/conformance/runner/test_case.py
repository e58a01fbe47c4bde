"""What a case of the suite has in its hands."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, Inconclusive, Unmeasured, Violation
from conformance.contract.manifest import load_manifest
from conformance.oracle.payload import encode, make_status
from conformance.runner.case import Case, Shared
from conformance.runner.run import Run
from conformance.subject.protocol import Answer
from conformance.system.removal import remove_folder

OLD, NEW = make_status(0, 1), make_status(0, 2)
IO = Answer(False, "io", "the disk is full", {})


@pytest.fixture
def make_case(tmp_path: Path) -> Iterator[Callable[..., Case]]:
    """A case of a run with the implementation of a manifest."""
    made: list[Case] = []

    def make(manifest: Path, **changes: Any) -> Case:
        folder = tmp_path / "run"
        for name in ("children", "scratch", "cases/0"):
            (folder / name).mkdir(parents=True)
        loaded = load_manifest(manifest, frozenset(load_clauses()), source="x")
        run = Run(loaded, folder, seed=1, **changes)
        made.append(Case(run, Shared(run), folder / "cases" / "0"))
        return made[-1]

    yield make
    for case in made:
        case.shared.stop()
        if case.folder.exists():
            case.finish()


@pytest.fixture
def case(make_case: Callable[..., Case], misbehaving: Callable[..., Path]) -> Case:
    """A case with a correct writer."""
    return make_case(misbehaving())


@pytest.fixture
def replacing(make_case: Callable[..., Case], make_manifest: Callable[..., Path], adapters: Path) -> Case:
    """A case with a correct writer of profile ``replace``."""
    path = make_manifest(mode="python", entry_point="in_process:Bytes", profile="replace")
    (path.parent / "in_process.py").write_bytes((adapters / "in_process.py").read_bytes())
    return make_case(path)


def test_a_folder_that_the_implementation_keeps_open_is_removed_when_it_has_been_ended(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = case.implementation

    def remove(folder: Path) -> None:
        if running.usable:
            raise PermissionError("somebody has a file of it open")
        remove_folder(folder)

    monkeypatch.setattr("conformance.runner.target_folders.remove_folder", remove)
    case.finish()
    assert not case.folder.exists()
    assert case.implementation is not running


class TestShared:
    def test_cases_share_one_process(self, case: Case) -> None:
        first = case.implementation
        case.publish(case.target, OLD)
        assert case.implementation is first

    def test_it_is_started_again_after_an_error(
        self, make_case: Callable[..., Case], misbehaving: Callable[..., Path]
    ) -> None:
        case = make_case(misbehaving("garbage", 2))
        first = case.implementation
        case.require_ok(case.publish(case.target, OLD))
        with pytest.raises(ImplementationError):
            case.publish(case.target, NEW)
        assert case.implementation is not first
        case.require_ok(case.publish(case.target, NEW))

    def test_a_death_between_two_cases_is_not_passed_over(
        self, make_case: Callable[..., Case], misbehaving: Callable[..., Path]
    ) -> None:
        case = make_case(misbehaving("answer-and-die", 1))
        case.require_ok(case.publish(case.target, OLD))
        with pytest.raises(ImplementationError, match="exit code 7"):
            case.publish(case.target, NEW)

    def test_one_that_does_not_start_again_is_tried_again(
        self, make_case: Callable[..., Case], misbehaving: Callable[..., Path]
    ) -> None:
        case = make_case(misbehaving("die", 0))
        for _ in range(2):
            with pytest.raises(ImplementationError, match="exit code 7"):
                case.publish(case.target, OLD)

    def test_stopping_what_never_ran(self, case: Case) -> None:
        case.shared.stop()
        assert case.shared.implementation is None


class TestRequests:
    def test_write_gives_the_members(self, case: Case) -> None:
        assert case.write(case.target, {"status": "idle", "timestamp": 5}).ok
        assert json.loads(case.target.read_bytes())["timestamp"] == 5

    def test_publish_writes_in_profile_pulse(self, case: Case) -> None:
        case.require_ok(case.publish(case.target, OLD))
        case.require_holds(case.target, OLD)

    def test_publish_replaces_in_profile_replace(self, replacing: Case) -> None:
        replacing.require_ok(replacing.publish(str(replacing.target), OLD))
        assert replacing.target.read_text(encoding="utf-8") == encode(OLD)
        replacing.require_holds(replacing.target, OLD)

    @pytest.mark.skipif(sys.platform == "win32", reason="an open file may not be replaced on Windows")
    def test_every_write_has_a_witness_and_the_first_in_place_is_noted(self, replacing: Case) -> None:
        replacing.require_ok(replacing.publish(replacing.target, OLD))  # there is nothing to hold yet
        assert (replacing.counts, replacing.in_place) == ({}, "")
        for status in (NEW, OLD):  # this adapter writes into the file itself
            replacing.require_ok(replacing.publish(replacing.target, status))
        assert replacing.counts == {"witnessed writes": 2}
        assert json.loads(replacing.in_place)["text"] == encode(NEW)

    @pytest.mark.skipif(sys.platform == "win32", reason="an open file may not be replaced on Windows")
    def test_the_witness_knows_in_which_folder_a_path_without_one_is(self, replacing: Case) -> None:
        for name in os.listdir(replacing.run.manifest.folder):
            (replacing.folder / name).symlink_to(replacing.run.manifest.folder / name)
        started = replacing.start(folder=replacing.folder)
        for status in (OLD, NEW):
            replacing.require_ok(replacing.publish("s.json", status, by=started))
        assert replacing.counts == {"witnessed writes": 1}
        assert json.loads(replacing.in_place)["text"] == encode(NEW)

    @pytest.mark.skipif(sys.platform == "win32", reason="an open file may not be replaced on Windows")
    def test_a_target_that_another_one_takes_for_its_temp_is_not_written_in_place(
        self, replacing: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask = replacing.implementation.request
        temp = replacing.target.with_name("status.json.tmp")

        def meanwhile(operation: str, **fields: Any) -> Answer:
            temp.write_bytes(b"another one's")
            temp.replace(replacing.target)
            return ask(operation, **fields)

        replacing.require_ok(replacing.publish(temp, OLD))
        replacing.require_ok(replacing.publish(replacing.target, OLD))
        monkeypatch.setattr(replacing.implementation, "request", meanwhile)
        replacing.require_ok(replacing.publish(temp, NEW))
        assert (replacing.in_place, replacing.taken) == (
            "",
            "status.json.tmp, itself a target, was written to and then replaced: opened as the temp of status.json "
            "(see CON-02)",
        )

    def test_another_implementation_can_be_asked(self, case: Case) -> None:
        other = case.start(umask=0o027)
        assert other is not case.implementation
        assert case.publish(case.target, OLD, by=other).ok

    def test_launch_options_with_which_it_does_not_start_are_unmeasured(self, case: Case) -> None:
        assert case.start_in(("env",)).usable
        with pytest.raises(Unmeasured, match=r"cannot be started with the launch options.*nor can the kit"):
            case.start_in(("env", "--no-such-option"))

    @pytest.mark.skipif(sys.platform == "win32", reason="a shell's limit")
    def test_not_to_start_where_the_kits_control_program_starts_is_a_failure(
        self, make_case: Callable[..., Case], make_manifest: Callable[..., Path]
    ) -> None:
        limit = ("sh", "-c", 'ulimit -f 128 && exec "$@"', "sh")
        refusing = "import resource, sys; sys.exit(9 if resource.getrlimit(resource.RLIMIT_FSIZE)[0] > 0 else 0)"
        case = make_case(make_manifest(mode="serve", command=["{python}", "-c", refusing]))
        with pytest.raises(Violation, match=r"does not start where the fault.*exit code 9 instead of answering"):
            case.start_in(limit)

    def test_transcript_shows_what_was_asked_and_answered(
        self, make_case: Callable[..., Case], misbehaving: Callable[..., Path]
    ) -> None:
        case = make_case(misbehaving("garbage", 3))
        case.request("write", path=str(case.target), status={"status": "idle"})
        case.request("progress", status={})
        with pytest.raises(ImplementationError):
            case.request("write", path="y" * 1000, status={})
        asked, refused, broke = case.transcript
        path = json.dumps(str(case.target))
        assert asked == f'{{"op":"write","path":{path},"status":{{"status":"idle"}}}} → ok'
        assert refused == '{"op":"progress","status":{}} → unsupported: no, and this is why'
        assert broke.startswith('{"op":"write","path":"yyyy')
        assert " … " in broke
        assert "→ " in broke
        assert len(broke) < 500


class TestRequirements:
    def test_ok(self, case: Case) -> None:
        case.require_ok(Answer(True, None, "", {}))
        with pytest.raises(Violation, match=r"^a small write was answered with io: the disk is full$"):
            case.require_ok(IO, "a small write")

    @pytest.mark.parametrize("error", ["io", "refused"])
    def test_a_failure_without_any_room_is_no_violation(
        self, case: Case, monkeypatch: pytest.MonkeyPatch, error: str
    ) -> None:
        monkeypatch.setattr("conformance.runner.room.is_full", lambda folder: True)
        with pytest.raises(Inconclusive, match="the folder of the run is full"):
            case.require_ok(Answer(False, error, "", {}))
        with pytest.raises(Violation):
            case.require_ok(Answer(False, "invalid", "", {}))

    @pytest.mark.parametrize("error", ["io", "refused"])
    def test_io(self, case: Case, error: str) -> None:
        case.require_io(Answer(False, error, "", {}), "a write")

    @pytest.mark.parametrize(
        ("answer", "got"), [(Answer(True, None, "", {}), "ok"), (Answer(False, "invalid", "", {}), "invalid")]
    )
    def test_not_io(self, case: Case, answer: Answer, got: str) -> None:
        with pytest.raises(Violation, match=f"a write: expected the failure io, got {got}"):
            case.require_io(answer, "a write")

    def test_holds_is_judged_by_value_in_profile_pulse(self, case: Case) -> None:
        case.target.write_text(json.dumps(OLD, indent=8), encoding="utf-8")
        case.require_holds(case.target, OLD)
        with pytest.raises(Violation):
            case.require_holds(case.target, NEW)

    def test_an_acknowledged_document_that_is_not_there_is_lost_or_late(self, case: Case) -> None:
        case.target.write_text(encode(OLD), encoding="utf-8")
        with pytest.raises(Violation, match=r"^answered ok, but the target still holds a document from before: lost"):
            case.require_bytes(case.target, NEW)
        case.target.write_text(encode({**NEW, "epoch": 8.5}), encoding="utf-8")
        with pytest.raises(Violation, match=r"does not hold the document that was written: epoch is 8\.5 instead of"):
            case.require_holds(case.target, NEW)

    def test_tokens_are_not_judged_by_holds(self, case: Case) -> None:
        text = encode(OLD).replace(".0,", ",")
        assert text != encode(OLD)
        case.target.write_text(text, encoding="utf-8")
        case.require_holds(case.target, OLD)
        case.require_bytes(case.target, OLD)

    def test_only_bytes_are_judged_by_byte_in_profile_replace(self, replacing: Case) -> None:
        replacing.target.write_text(json.dumps(OLD, indent=8), encoding="utf-8")
        replacing.require_holds(replacing.target, OLD)
        with pytest.raises(Violation, match="does not hold the text's bytes"):
            replacing.require_bytes(replacing.target, OLD)
        replacing.target.write_bytes(b"text")
        replacing.require_bytes(replacing.target, OLD, "text")

    def test_holds_needs_a_file(self, case: Case) -> None:
        with pytest.raises(Violation, match=r"^lost: there is no file status\.json after the answer ok"):
            case.require_holds(case.target, OLD)
        with pytest.raises(Violation, match=r"^lost: there is no file"):
            case.require_holds(case.folder / "missing" / "status.json", OLD)
        case.target.mkdir()
        with pytest.raises(Violation, match=r"^lost: a folder is at status\.json, and no file"):
            case.require_holds(case.target, OLD)

    def test_a_document_under_another_name_is_said_to_be_there(self, case: Case) -> None:
        case.target.with_name("status").write_text(encode(OLD), encoding="utf-8")
        with pytest.raises(Violation, match=r"^published elsewhere, or lost: .* beside it are status$"):
            case.require_holds(case.target, OLD)

    def test_listing(self, case: Case) -> None:
        (case.folder / "a").touch()
        case.require_listing(case.folder, {"a"}, "now")
        with pytest.raises(Violation, match=r"^after it .* other names: left behind \['a'\], gone \['b'\]$"):
            case.require_listing(case.folder, {"b"}, "after it")


class TestEnd:
    def test_the_folder_is_removed_and_what_was_started_ends(self, case: Case) -> None:
        started = case.start()
        (case.folder / "closed").mkdir(mode=0o500)
        case.finish()
        assert not case.folder.exists()
        assert not started.usable

    def test_evidence_shows_transcript_folder_and_standard_error(
        self, make_case: Callable[..., Case], misbehaving: Callable[..., Path]
    ) -> None:
        case = make_case(misbehaving("log-to-stderr", 1))
        case.publish(case.target, OLD)
        evidence = case.evidence()
        assert len(evidence["transcript"]) == 1
        assert evidence["folder"] == ["status.json"]
        assert evidence["stderr"].endswith("the end of it")
        assert len(evidence["stderr"]) < 1600

    def test_evidence_is_short(self, case: Case) -> None:
        case.transcript += [str(number) for number in range(100)]
        for number in range(100):
            (case.folder / f"{number}").touch()
        evidence = case.evidence()
        assert evidence["transcript"][-1] == "99"
        assert len(evidence["transcript"]) < 20
        assert len(evidence["folder"]) == 50
        assert "stderr" not in evidence

    def test_evidence_of_a_case_that_has_ended(self, case: Case) -> None:
        case.finish()
        assert case.evidence() == {"transcript": []}
