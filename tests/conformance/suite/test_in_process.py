"""What the suite concludes from an in-process report, and from a process that gives none."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, NotApplicable, Unmeasured, Violation
from conformance.contract.manifest import load_manifest
from conformance.in_process.enumeration import InProcessReport
from conformance.oracle.faults import Injection, Kill, judge, judge_kill
from conformance.runner.case import Case, Shared
from conformance.runner.run import Run
from conformance.suite.support import in_process
from conformance.suite.support.in_process import SYSTEMS, report_on, require_all, require_clean_failure

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
INJECTION = Injection(
    what="error",
    call="write",
    position=1,
    error=errno.EIO,
    writable=True,
    fired=True,
    target_before_fault="old",
    answer="io",
    answered_error=errno.EIO,
    text="[Errno 5] injected",
    target="old",
    touched=False,
    left=(),
    descriptors_left=0,
    next_write="ok",
)
KILL = Kill("before", "rename", 2, True, "old", "ok")
REPORT = InProcessReport(
    "real", "", ("open", "write", "rename"), (INJECTION,), INJECTION, INJECTION, True, True, (KILL,)
)

MakeCase = Callable[..., Case]


@pytest.fixture
def make_case(tmp_path: Path, make_manifest: Callable[..., Path]) -> MakeCase:
    """A case of a run with an implementation of mode ``python``, given as source."""

    def make(source: str = CORRECT, mode: str = "python") -> Case:
        if mode == "python":
            path = make_manifest(mode=mode, entry_point="tiny:Implementation")
            (path.parent / "tiny.py").write_text(source, encoding="utf-8")
        else:
            path = make_manifest(["true"], mode=mode)
        folder = tmp_path / "run"
        for name in ("children", "scratch", "cases/0"):
            (folder / name).mkdir(parents=True)
        run = Run(load_manifest(path, frozenset(load_clauses()), source="x"), folder, seed=1)
        return Case(run, Shared(run), folder / "cases" / "0")

    return make


@pytest.fixture
def case_with(make_case: MakeCase) -> Callable[[InProcessReport], Case]:
    """A case of a run that has this report already."""

    def make(report: InProcessReport) -> Case:
        case = make_case()
        case.run.notes.write(f"in-process-{report.system}", report.to_json())
        return case

    return make


# The process


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_report_is_made_once_per_run_and_leaves_nothing_else(make_case: MakeCase, system: str) -> None:
    case = make_case()
    before = set(case.run.folder.iterdir())
    report = report_on(case, system)
    assert (report.system, report.problem) == (system, "")
    assert set(case.run.folder.iterdir()) == before
    case.run.notes.write(f"in-process-{system}", dataclasses.replace(report, calls=("kept",)).to_json())
    assert report_on(case, system).calls == ("kept",)


def test_other_modes_are_not_measured_in_process(make_case: MakeCase) -> None:
    expected = NotApplicable if sys.platform == "linux" else Unmeasured
    with pytest.raises(expected, match="mode python"):
        report_on(make_case(mode="serve"), "real")


def test_an_implementation_that_does_not_run_is_unmeasured_with_its_problem(make_case: MakeCase) -> None:
    with pytest.raises(Unmeasured, match="cannot be imported: SyntaxError"):
        report_on(make_case("def Implementation(:"), "real")


@pytest.mark.parametrize(("system", "where"), [("linux", "a fake linux"), ("real", "the real file system")])
def test_an_implementation_that_ends_the_process_is_to_blame(make_case: MakeCase, system: str, where: str) -> None:
    source = CORRECT.replace(
        "        except BaseException:\n            with",
        "        except OSError:\n            os._exit(3)\n            with",
    )
    assert source != CORRECT
    with pytest.raises(ImplementationError, match=f"ended the process with exit code 3 on {where} when a file call"):
        report_on(make_case(source), system)


def test_an_implementation_that_hangs_is_to_blame(make_case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "_SECONDS", 0.5)
    source = CORRECT.replace("        Implementation.count += 1\n", "        __import__('threading').Event().wait()\n")
    assert source != CORRECT
    monkeypatch.setattr(in_process, "_SECONDS_AFTER_A_HANG", 0.25)
    case = make_case(source)
    with pytest.raises(ImplementationError, match=r"does not end on the real file system within 0\.5 s"):
        report_on(case, "real")
    monkeypatch.setattr(subprocess, "run", None)  # the next case of that system does not wait for it again
    with pytest.raises(ImplementationError, match=r"does not end on the real file system within 0\.5 s"):
        report_on(case, "real")
    monkeypatch.undo()
    monkeypatch.setattr(in_process, "_SECONDS_AFTER_A_HANG", 0.25)
    with pytest.raises(ImplementationError, match=r"fake linux within 0\.25 s .* no more time was given"):
        report_on(case, "linux")


def test_a_failure_of_the_kit_is_not_blamed_on_the_implementation(make_case: MakeCase) -> None:
    with pytest.raises(RuntimeError, match="the process on a fake plan9 failed") as caught:
        report_on(make_case(), "plan9")
    assert not isinstance(caught.value, ImplementationError)


# What the cases conclude from a report


def test_points_that_break_no_clause_pass() -> None:
    require_all("FLT-01", [INJECTION], judge, REPORT)
    require_all("KIL-01", [KILL], judge_kill, REPORT)


def test_a_broken_clause_is_reported_with_its_denominators() -> None:
    torn = dataclasses.replace(KILL, target="torn")
    with pytest.raises(
        Violation, match=r"^a kill before call 2 \(rename\): left the target torn: .* \(1 of 2 points at"
    ):
        require_all("KIL-01", [KILL, torn], judge_kill, REPORT)


def test_a_fault_that_was_never_hit_is_unmeasured_and_hides_no_other() -> None:
    silent = dataclasses.replace(KILL, fired=False)
    with pytest.raises(Unmeasured, match=r"1 of 2 points were not hit; first: a kill before call 2 \(rename\)"):
        require_all("KIL-01", [KILL, silent], judge_kill, REPORT)
    with pytest.raises(Violation, match="left the target torn"):
        require_all("KIL-01", [silent, dataclasses.replace(KILL, target="torn")], judge_kill, REPORT)


def test_a_clause_without_points_is_not_measured() -> None:
    with pytest.raises(Unmeasured, match=r"it never syncs the temp .* \(in process\)"):
        require_all("FLT-04", [], judge, REPORT)


def test_a_failure_that_leaves_everything_as_it_was_is_clean() -> None:
    require_clean_failure(INJECTION)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"answer": "ok", "target": "other"}, "left another document in the target, .*, and answered ok"),
        ({"target": "missing"}, "lost the target: there is no file any more, and answered io"),
        ({"answer": "ok", "target": "new", "text": ""}, "^answered ok; the target is new$"),
        ({"touched": True}, "the target is another file"),
        ({"left": ("a.tmp",)}, "left a.tmp behind"),
        ({"descriptors_left": 1}, "descriptor"),
        ({"next_write": "io [Errno 17]"}, "the next write was answered io"),
    ],
)
def test_a_failure_that_leaves_anything_is_not_clean(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Violation, match=sentence):
        require_clean_failure(dataclasses.replace(INJECTION, **change))
