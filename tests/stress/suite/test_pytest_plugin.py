"""The scenarios as tests: a violation, too little work and a broken kit end differently, and none is a pass."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.reporting.results import Exit, read_results
from stress.judge.results import results_of
from stress.record.folder_record import Finding, Totals
from stress.record.scenario import Goal, Scenario
from stress.suite.pytest_plugin import SOAK_SECONDS, Gathered, described, lengths, undisturbed
from stress.suite.test_scenarios import CHAOTIC, SCENARIOS
from tests.stress.samples import a_record

Stress = Callable[..., subprocess.Popen[str]]
CLEAN = a_record(
    totals=Totals(reads=4000, writes=400, acknowledged=400, distinct=300, changes=300),
)
# Runs nothing: the record is that of a clean run, with these changes.
FAKE = """
import stress.suite.pytest_plugin
from dataclasses import replace
from tests.stress.suite.test_pytest_plugin import CLEAN
from conformance.contract.errors import ImplementationError
from stress.record.folder_record import Finding
def fake(plan, show):
    scenario = plan.scenario
    {}
    return replace(CLEAN, scenario=scenario, **changes)
stress.suite.pytest_plugin.run_in_folder = fake
"""


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and all that was printed."""
    printed, complaints = process.communicate(timeout=250)
    return process.returncode, printed + complaints


@pytest.fixture
def suite(stress_command: Stress, left_behind: Callable[[], list[str]]) -> Callable[..., tuple[int, str]]:
    """Runs one scenario of ``pulse stress suite`` whose record is made by these lines of Python."""

    def run(line: str, *arguments: object) -> tuple[int, str]:
        command = ("suite", "--impl", "variant:plain", "-n", 0, *arguments)
        code, text = ended(stress_command(*command, changed=FAKE.format(line)))
        assert left_behind() == []
        return code, text

    return run


# The scenarios


@pytest.mark.parametrize("scenario", [*SCENARIOS.values(), *CHAOTIC.values()], ids=[*SCENARIOS, *CHAOTIC])
def test_every_scenario_ends_by_itself_and_with_the_first_violation(scenario: Scenario) -> None:
    assert scenario.goal is not None
    assert scenario.seconds is not None
    assert scenario.stop_at_first


def test_too_little_is_tried_again_for_longer_within_a_bound() -> None:
    tried = lengths(Scenario(goal=Goal(10, "writes")), soak=False)
    assert [one.goal for one in tried] == [Goal(10, "writes"), Goal(40, "writes"), Goal(160, "writes")]


def test_without_a_goal_there_is_one_try() -> None:
    assert lengths(Scenario(), soak=False) == (Scenario(),)


def test_a_soak_lasts_its_time_whatever_was_done() -> None:
    [one] = lengths(Scenario(goal=Goal(10, "writes"), seconds=3), soak=True)
    assert (one.seconds, one.goal) == (SOAK_SECONDS, None)


def test_chaos_that_never_came_is_a_doubt() -> None:
    record = replace(CLEAN, scenario=Scenario(chaos=("kill", "pause")), totals=Totals(pauses=1))
    assert undisturbed(record) == ("chaos kill never hit a process: run it for longer",)
    assert undisturbed(CLEAN) == ()


def test_a_failure_says_what_was_seen_the_first_findings_and_how_to_repeat_it() -> None:
    findings = tuple(Finding("torn", number, f"torn {number}", {"bytes": f"b'{number}'"}) for number in range(5))
    record = replace(CLEAN, counts={"torn": 5}, findings=findings)
    results = results_of(record, "", reads=False, known=(), os="linux")
    text = described(record, results, "not conformant", "pulse stress -x")
    assert text.startswith("not conformant: 400 of 400 writes acknowledged")
    assert "\nCON-01: fail\n" in text
    assert "CON-03" not in text
    assert "after 0.000 s: torn 0\n  bytes: b'0'" in text
    assert "torn 2" in text
    assert "torn 3" not in text
    assert text.endswith("\nrepeat: pulse stress -x")


# The command


def test_a_clean_run_is_conformant(suite: Callable[..., tuple[int, str]]) -> None:
    code, text = suite("changes = {}", "-k", "small")
    assert code == Exit.CONFORMANT, text
    assert "CON-01" in text


def test_the_results_can_be_kept(suite: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    # Scenarios that end in a later second than the one in which they began.
    later = "\n    ".join(
        [
            "import datetime, pathlib, time",
            "changes, begun = {}, int(time.time())",
            "while int(time.time()) == begun: pass",
            "now = datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')",
            f"pathlib.Path({str(tmp_path / 'ran')!r}).write_text(now)",
        ]
    )
    code, text = suite(later, "-k", "small or paced", "--report", tmp_path / "report", "--seed", 5)
    assert code == Exit.CONFORMANT, text
    header, results, footer = read_results(tmp_path / "report" / "results.jsonl")
    assert (header["implementation"]["name"], header["seed"]) == ("variant:plain", 5)
    assert header["started"] < (tmp_path / "ran").read_text(), "the header says when the run began"
    assert [(result["clause"], result["outcome"]) for result in results] == [("CON-01", "pass"), ("CON-03", "pass")] * 2
    assert footer is not None
    assert footer["verdict"].endswith("clauses measured: passed")
    for page in ("report.html", "report.md"):
        assert "variant:plain" in (tmp_path / "report" / page).read_text("utf-8")


def test_a_violation_is_not_conformant(suite: Callable[..., tuple[int, str]]) -> None:
    finding = "changes = {'counts': {'torn': 1}, 'findings': (Finding('torn', 1.0, 'torn: half', {'bytes': 'b1'}),)}"
    code, text = suite(finding, "-k", "small", "--seed", 9)
    assert code == Exit.NOT_CONFORMANT, text
    for words in ("400 of 400 writes acknowledged", "torn: half", "bytes: b1", "repeat: pulse stress", "--seed 9"):
        assert words in text


def test_too_little_work_is_inconclusive_after_the_last_try(suite: Callable[..., tuple[int, str]]) -> None:
    code, text = suite("print('tried'); changes = {'doubts': ('too few reads',)}", "-k", "small")
    assert code == Exit.INCONCLUSIVE, text
    assert "too few reads" in text
    assert "1 failed" in text


def test_a_later_try_that_saw_enough_is_a_pass(suite: Callable[..., tuple[int, str]]) -> None:
    doubtful = "changes = {'doubts': () if scenario.goal.count == 1200 else ('too few reads',)}"
    code, text = suite(doubtful, "-k", "small")
    assert code == Exit.CONFORMANT, text


def test_an_implementation_that_does_not_start_is_not_conformant(suite: Callable[..., tuple[int, str]]) -> None:
    code, text = suite("raise ImplementationError('died at once', 'its last words')", "-k", "small")
    assert code == Exit.NOT_CONFORMANT, text
    assert "died at once" in text


def test_a_broken_kit_is_not_a_pass(suite: Callable[..., tuple[int, str]]) -> None:
    code, text = suite("raise RuntimeError('reader 1 failed')", "-k", "small")
    assert code == Exit.INCONCLUSIVE, text
    assert "reader 1 failed" in text


def test_a_violation_counts_although_the_kit_broke_elsewhere(suite: Callable[..., tuple[int, str]]) -> None:
    torn = "{'counts': {'torn': 1}, 'findings': (Finding('torn', 1.0, 'torn: half'),)}"
    line = f"assert len(scenario.sizes) == 1, 'broken'; changes = {torn}"
    code, text = suite(line, "-k", "small or paced")
    assert code == Exit.NOT_CONFORMANT, text
    assert "broken" in text


def test_a_worker_that_dies_is_a_mishap() -> None:
    gathered = Gathered()
    where = ("test_scenarios.py", 1, "test_load[small]")
    report = pytest.TestReport("test_load[small]", where, {}, "failed", "worker 'gw0' crashed", "call")
    gathered.pytest_runtest_logreport(report)
    assert gathered.results == []
    assert "worker 'gw0' crashed" in gathered.mishaps[0]


def test_a_module_that_cannot_be_collected_is_a_mishap() -> None:
    gathered = Gathered()
    gathered.pytest_collectreport(pytest.CollectReport("test_scenarios.py", "failed", "no module", None))
    assert "cannot be collected: no module" in gathered.mishaps[0]


def test_ctrl_c_ends_the_suite_and_not_only_a_scenario(suite: Callable[..., tuple[int, str]]) -> None:
    code, text = suite("changes = {'complete': False}")
    assert code == Exit.INTERRUPTED, text
    assert "CONFORMANT" not in text


def test_a_name_that_no_scenario_has_is_a_mistake(suite: Callable[..., tuple[int, str]]) -> None:
    code, text = suite("changes = {}", "-k", "no_such_scenario")
    assert code == Exit.USAGE, text
    assert "-k no_such_scenario: no scenario has such a name; there are reader, two-by-two" in text


def test_every_folder_gets_every_scenario(suite: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, text = suite("changes = {}", "-k", "small or large", "--dir", tmp_path, "--dir", tmp_path)
    assert code == Exit.CONFORMANT, text
    assert "4 passed" in text


# With real processes


def test_a_mutant_fails_every_scenario_in_parallel(
    stress_command: Stress, left_behind: Callable[[], list[str]], tmp_path: Path
) -> None:
    command = ("suite", "--impl", "mutant:unlink-then-rename", "-n", 2, "-k", "small or paced", "--dir", tmp_path)
    code, text = ended(stress_command(*command))
    assert code == Exit.NOT_CONFORMANT, text
    assert "2 failed" in text
    assert "missing: a reader found no file at the target" in text
    assert left_behind() == []


def test_plain_pytest_shows_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "stress.suite.pytest_plugin", "-p", "no:cacheprovider", "-q"),
            *("--pyargs", "stress.suite", "--import-mode=importlib", "-k", "small"),
            *("--impl", "mutant:unlink-then-rename", "--stress-seed", "3"),
        ],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "not conformant: " in done.stdout
    assert "repeat: pulse stress --impl mutant:unlink-then-rename" in done.stdout
    assert list(tmp_path.iterdir()) == []
