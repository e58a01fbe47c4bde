"""pytest used directly with the plugin: options, outcomes of a case, workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.reporting.results import read_results

Pytest = Callable[..., subprocess.CompletedProcess[str]]
PYTEST = (sys.executable, "-m", "pytest", "-p", "conformance.runner.pytest_plugin", "-p", "no:cacheprovider")
SUITE = Path(conformance.__file__).parent / "suite"


@pytest.fixture
def run_pytest(tmp_path: Path) -> Pytest:
    """Runs pytest with the plugin and these arguments in a process of its own, in an empty folder."""
    folder = tmp_path / "current"
    folder.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*PYTEST, *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not list(temporary.glob("run-*"))
        return done

    return run


@pytest.mark.parametrize("workers", [0, 2])
def test_the_suite_runs_under_plain_pytest(
    run_pytest: Pytest, misbehaving: Callable[..., Path], tmp_path: Path, workers: int
) -> None:
    done = run_pytest(
        *(SUITE, "--impl", misbehaving("garbage", 3), "--clause", "DOC-0[34]", "--case", "status:*", "-n", workers),
        *("--report", tmp_path / "report", "--seed", 5),
    )
    _, results, footer = read_results(tmp_path / "report" / "results.jsonl")
    assert len(results) == 4
    assert footer is not None
    # A worker that judges fewer than three of the four cases never comes to the third request.
    assert done.returncode == footer["exit"] == int(any(result["outcome"] == "error" for result in results))
    assert all("--seed 5" in result["repro"] for result in results)


def test_the_suite_can_be_named_as_a_package(run_pytest: Pytest, misbehaving: Callable[..., Path]) -> None:
    done = run_pytest("--pyargs", "conformance.suite", "--impl", misbehaving(), "--clause", "DOC-03")
    assert done.returncode == 0
    assert "4 passed" in done.stdout


def test_what_others_wait_for_runs_first(run_pytest: Pytest, misbehaving: Callable[..., Path], tmp_path: Path) -> None:
    text = "import pytest\n"
    for name, mark in (("one", ""), ("two", "@pytest.mark.first\n"), ("three", ""), ("four", "@pytest.mark.first\n")):
        text += f"{mark}@pytest.mark.clause('DOC-03')\ndef test_{name}(case): ...\n"
    (tmp_path / "test_order.py").write_text(text, encoding="utf-8")
    report = tmp_path / "report"
    done = run_pytest(tmp_path / "test_order.py", "--impl", misbehaving(), "--clause", "DOC-03", "--report", report)
    assert done.returncode == 0
    _, results, _ = read_results(report / "results.jsonl")
    assert [result["case"] for result in results] == ["two", "four", "one", "three"]


def test_a_failed_should_fails_under_strict_which_the_command_that_repeats_it_has(
    run_pytest: Pytest, misbehaving: Callable[..., Path], tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no mode bits to keep")
    selection = (SUITE, "--impl", misbehaving(), "--clause", "MET-02")
    assert run_pytest(*selection, "--report", tmp_path / "report").returncode == 0
    failed = [one for one in read_results(tmp_path / "report" / "results.jsonl")[1] if one["outcome"] == "fail"]
    assert failed
    assert all(one["repro"].endswith(" --strict") for one in failed)
    assert run_pytest(*selection, "--strict-should").returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="an open file may not be replaced on Windows")
def test_a_write_in_place_fails_vis_01_in_whatever_case_it_is_seen(run_pytest: Pytest, tmp_path: Path) -> None:
    selection = ("--clause", "FLT-01", "--case", "without_a_fault", "--report", tmp_path / "report")
    assert run_pytest(SUITE, "--impl", "mutant:truncate-in-place", *selection).returncode == 1
    results = read_results(tmp_path / "report" / "results.jsonl")[1]
    found = {(result["clause"], result["case"]): result for result in results}
    assert found["FLT-01", "without_a_fault"]["outcome"] == "pass"
    seen = found["VIS-01", "every_write_of_the_run"]
    assert seen["outcome"] == "fail"
    assert seen["message"].endswith("instead of being replaced, in FLT-01 [without_a_fault]")
    assert "--clause FLT-01 --case without_a_fault" in seen["repro"]


@pytest.mark.parametrize(
    ("how", "number", "says"), [("die", 0, "ended with exit code 7"), ("unsupported", 1, "does not support write")]
)
def test_an_implementation_that_cannot_be_judged_is_a_usage_error(
    run_pytest: Pytest, misbehaving: Callable[..., Path], how: str, number: int, says: str
) -> None:
    done = run_pytest(SUITE, "--impl", misbehaving(how, number))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert says in done.stderr


def test_a_manifest_that_does_not_exist_is_a_usage_error(run_pytest: Pytest) -> None:
    done = run_pytest(SUITE, "--impl", "missing.toml")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "missing.toml: no such manifest" in done.stderr


def test_a_report_that_cannot_be_written_is_a_usage_error(
    run_pytest: Pytest, misbehaving: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run_pytest(SUITE, "--impl", misbehaving(), "--report", tmp_path / "file" / "report")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Not a directory" in done.stderr or "cannot find the path" in done.stderr


CASES = """
import os, time
import hypothesis, pytest
from hypothesis import strategies as st
from conformance.contract.errors import *

pytestmark = pytest.mark.clause("DOC-03")
status = {"status": "idle"}

def test_pass(case):
    case.require_ok(case.write(case.target, status))

def test_fail(case):
    case.write(case.target, status)
    raise Violation("does not hold", seen=[1, 2])

def test_unmeasured(case):
    raise Unmeasured("install it")

def test_inconclusive(case):
    raise Inconclusive("too little")

def test_not_applicable(case):
    raise NotApplicable("no such role")

def test_implementation_error(case):
    raise ImplementationError("broke", "its stderr")

def test_error_of_the_kit(case):
    raise KeyError("a mistake")

def test_kit_after_implementation(case):
    try:
        raise ImplementationError("gave no answer", "its stderr")
    finally:
        raise ProcessLookupError("no such process")

def test_kit_after_its_end(case):
    implementation = case.start()
    implementation._child.process.kill()
    implementation._child.process.wait()
    raise ProcessLookupError("no such process")

def test_without_text(case):
    raise KeyError

def test_error_before_the_case(case, missing_fixture):
    pass

def test_error_after_the_case(case):
    case.finish = lambda: 1 / 0

def test_notes(case):
    error = Violation("with notes")
    error.add_note("the step before")
    raise error

def test_group(case):
    raise BaseExceptionGroup("flaky", [KeyError("first"), BaseExceptionGroup("inner", [Violation("was seen")])])

def test_group_of_the_kit(case):
    raise BaseExceptionGroup("flaky", [KeyError("first"), KeyError("second")])

@pytest.mark.parametrize("name", ["a b", "c[d]"])
def test_parameters(case, name):
    pass

@hypothesis.settings(suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(number=st.integers())
def test_search(case, number):
    if number > 100:
        raise Violation("more than 100", number=number)

folders = {"flaky_second": [], "flaky_never": []}

def test_flaky_second(case):
    case.require_ok(case.write(case.target, status))
    folders["flaky_second"].append(case.folder)
    if len(set(folders["flaky_second"])) == 2:
        raise Violation("lost the race")

def test_known(case):
    raise Violation("as ever")

def test_known_but_passes(case):
    pass

def test_runs(case):
    raise Violation("as ever", runs={name: len(of_case) for name, of_case in folders.items()})

def test_flaky_never(case):
    folders["flaky_never"].append(case.folder)
"""
KNOWN = """
[[known_failure]]
clause = "DOC-03"
case = "known*"
reason = "it is so"
issue = "https://example.org/1"

[[known_failure]]
clause = "DOC-03"
case = "flaky_*"
flaky = true
repeats = 3
reason = "it races"
issue = "https://example.org/2"
"""


class TestOutcomes:
    @pytest.fixture(scope="class")
    @classmethod
    def judged(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        """The results of one run of `CASES`, by case; ``exit`` and ``text`` of the run itself."""
        folder = tmp_path_factory.mktemp("outcomes")
        adapter = Path(__file__).parents[1] / "adapters" / "misbehaving.py"
        (folder / "test_cases.py").write_text(CASES, encoding="utf-8")
        (folder / "implementation.toml").write_text(
            '[implementation]\nname = "x"\nlanguage = "python"\nprofile = "pulse"\nroles = ["writer"]\nmode = "serve"\n'
            f"command = ['{{python}}', '{adapter}', 'behave', '0']\n{KNOWN}",
            encoding="utf-8",
        )
        done = subprocess.run(
            [*PYTEST, "-rA", "test_cases.py", "--impl", "implementation.toml", "--report", "report"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        _, results, footer = read_results(folder / "report" / "results.jsonl")
        assert footer is not None
        named = {result["case"]: result for result in results if result["case"] != "*"}
        return {"exit": done.returncode, "text": done.stdout, "footer": footer, **named}

    @pytest.mark.parametrize(
        ("case", "outcome", "message", "blame"),
        [
            ("pass", "pass", "", ""),
            ("fail", "fail", "does not hold", ""),
            ("unmeasured", "unmeasured", "install it", ""),
            ("inconclusive", "unmeasured", "too little", ""),
            ("not_applicable", "n/a", "no such role", ""),
            ("implementation_error", "error", "broke", "implementation"),
            ("error_of_the_kit", "error", "KeyError: 'a mistake'", "kit"),
            (
                "kit_after_implementation",
                "error",
                "gave no answer (and then, in the kit, ProcessLookupError: no such process)",
                "implementation",
            ),
            (
                "kit_after_its_end",
                "error",
                f"ended by itself with exit code {-9 if sys.platform != 'win32' else 1} "
                "(and then, in the kit, ProcessLookupError: no such process)",
                "implementation",
            ),
            ("without_text", "error", "KeyError: KeyError", "kit"),
            ("group", "fail", "was seen", ""),
            ("group_of_the_kit", "error", "KeyError: 'first'", "kit"),
            ("parameters:a b", "pass", "", ""),
            ("parameters:c[d]", "pass", "", ""),
            ("search", "fail", "more than 100", ""),
        ],
    )
    def test_what_ends_a_case_is_its_outcome(
        self, judged: dict[str, Any], case: str, outcome: str, message: str, blame: str
    ) -> None:
        result = judged[case]
        assert (result["outcome"], result["message"], result["blame"]) == (outcome, message, blame)

    def test_too_little_work_is_marked(self, judged: dict[str, Any]) -> None:
        assert [judged[case]["inconclusive"] for case in ("inconclusive", "unmeasured")] == [True, False]

    def test_an_error_before_the_case_is_the_kit_s(self, judged: dict[str, Any]) -> None:
        result = judged["error_before_the_case"]
        assert (result["outcome"], result["blame"]) == ("error", "kit")
        assert "missing_fixture" in result["message"]

    def test_an_error_after_the_case_is_the_kit_s(self, judged: dict[str, Any]) -> None:
        result = judged["error_after_the_case"]
        assert (result["outcome"], result["blame"]) == ("error", "kit")
        assert "ZeroDivisionError" in result["message"]

    def test_evidence_is_what_was_seen(self, judged: dict[str, Any]) -> None:
        evidence = judged["fail"]["evidence"]
        assert evidence["seen"] == [1, 2]
        assert evidence["folder"] == ["status.json"]
        assert len(evidence["transcript"]) == 1
        assert judged["implementation_error"]["evidence"]["stderr"] == "its stderr"
        assert judged["notes"]["evidence"]["notes"] == ["the step before"]

    def test_the_smallest_example_is_the_evidence(self, judged: dict[str, Any]) -> None:
        evidence = judged["search"]["evidence"]
        assert evidence["number"] == 101
        assert any("case=case" in note and "number=101" in note for note in evidence["hypothesis"])

    def test_known_failures(self, judged: dict[str, Any]) -> None:
        assert (judged["known"]["outcome"], judged["known_but_passes"]["outcome"]) == ("xfail", "xpass")
        assert judged["known"]["message"].endswith("seen: as ever")

    def test_a_flaky_one_runs_until_it_fails(self, judged: dict[str, Any]) -> None:
        result = judged["flaky_second"]
        assert (result["outcome"], result["flaky"]) == ("xfail", True)
        assert result["message"].endswith("; seen in run 2 of at most 3: lost the race")
        assert judged["runs"]["evidence"]["runs"]["flaky_second"] == 2

    def test_a_flaky_one_that_passes_each_time_is_out_of_date(self, judged: dict[str, Any]) -> None:
        result = judged["flaky_never"]
        assert (result["outcome"], result["flaky"]) == ("xpass", True)
        assert result["message"] == "passed 3 times in a row, but is written down as a known failure: it races"

    def test_pytest_shows_the_same(self, judged: dict[str, Any]) -> None:
        lines = judged["text"].splitlines()
        for name, word in (
            *(("test_pass", "PASSED"), ("test_fail", "FAILED"), ("test_known", "XFAIL")),
            *(("test_known_but_passes", "FAILED"), ("test_error_after_the_case", "ERROR")),
        ):
            assert any(line.split()[:2] == [word, f"test_cases.py::{name}"] for line in lines), name
        assert any(line.startswith("SKIPPED") and "unmeasured: install it" in line for line in lines)
        assert "repeat: pulse conformance --impl " in judged["text"]

    def test_the_verdict_is_the_exit_code(self, judged: dict[str, Any]) -> None:
        assert judged["exit"] == judged["footer"]["exit"] == 1


class TestRepro:
    def test_names_implementation_clause_case_and_seed(
        self, run_pytest: Pytest, misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = misbehaving()
        run_pytest(SUITE, "--impl", path, "--case", "status:idle", "--seed", 9, "--report", tmp_path / "report")
        [repro] = [result["repro"] for result in read_results(tmp_path / "report" / "results.jsonl")[1]]
        assert repro == f"pulse conformance --impl {path} --clause DOC-03 --case status:idle --seed 9 -n 0"

    def test_names_the_options_that_were_given(
        self, run_pytest: Pytest, misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        folder = tmp_path / "other file system"
        folder.mkdir()
        run_pytest(
            *(SUITE, "--impl", misbehaving(), "--case", "status:idle", "--report", tmp_path / "report"),
            *("--dir", folder, "--start-seconds", 29.5, "--answer-seconds", 9),
        )
        [repro] = [result["repro"] for result in read_results(tmp_path / "report" / "results.jsonl")[1]]
        assert repro.endswith(f" -n 0 --dir '{folder}' --start-seconds 29.5 --answer-seconds 9")
