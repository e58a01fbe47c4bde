"""``pulse conformance`` as users run it: exit codes, results, selection, known failures, repetition."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import read_results
from conformance.system.platform import describe_platform, operating_system

Command = Callable[..., subprocess.CompletedProcess[str]]
Manifests = Callable[..., Path]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report" / "of the run"


def results_of(report: Path) -> dict[str, dict[str, Any]]:
    """The results of one clause, by case."""
    return {result["case"]: result for result in read_results(report / "results.jsonl")[1]}


def outcomes_of(report: Path) -> dict[str, str]:
    return {case: result["outcome"] for case, result in results_of(report).items()}


def known_failure(clause: str, case: str = "*", **more: object) -> str:
    entry = {"clause": clause, "case": case, "reason": "a reason", "issue": "https://example.org/1", **more}
    return "\n".join(["[[known_failure]]", *(f"{name} = {json.dumps(value)}" for name, value in entry.items()), ""])


ALL_PASS = {f"status:{name}": "pass" for name in ("idle", "running", "done", "error")}


class TestConformantRun:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_exit_0_a_table_and_the_verdict(
        self, conformance_command: Command, misbehaving: Manifests, report: Path, workers: int
    ) -> None:
        done = conformance_command("--impl", misbehaving(), "--clause", "DOC-03", "-n", workers, "--report", report)
        assert (done.returncode, done.stderr) == (0, "")
        [row] = [line for line in done.stdout.splitlines() if line.strip().startswith("DOC-03")]
        assert row.split()[-3:] == ["pass", "4", "4"]
        assert "misbehaving" not in done.stdout
        assert "under test 7 (" in done.stdout
        assert f": 1 of {len(load_clauses())} clauses selected: passed\n" in done.stdout
        assert "CONFORMANT" not in done.stdout
        assert outcomes_of(report) == ALL_PASS

    def test_results_header_and_footer(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving()
        conformance_command(
            "--impl", path, "--clause", "DOC-0[34]", "--case", "status:*", "--seed", 7, "-n", 0, "--report", report
        )
        header, results, footer = read_results(report / "results.jsonl")
        about = header["implementation"]
        named = ("name", "version", "language", "profile", "roles", "mode")
        assert [about[name] for name in named] == ["under test", "7", "python", "pulse", ["writer"], "serve"]
        assert about["command"][0] == "{python}"
        assert about["executable"] == {"path": sys.executable}
        assert about["files"]["each"].keys() == {file.name for file in path.parent.iterdir()}
        assert header["seed"] == 7
        assert header["selection"] == {"clause": ["DOC-0[34]"], "case": ["status:*"], "point": ["*"]}
        assert header["platform"] == describe_platform()
        assert footer is not None
        assert footer["verdict"] == f"1 of {len(load_clauses())} clauses selected in part: passed"
        assert (footer["exit"], footer["results"], footer["reasons"]) == (0, len(results), [])
        assert {clause: counts for clause, counts in footer["counts"].items() if counts} == {"DOC-03": {"pass": 4}}

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_what_the_output_cannot_show_becomes_an_escape(
        self, conformance_command: Command, misbehaving: Manifests, encoding: str
    ) -> None:
        chosen = ("--impl", misbehaving(), "--clause", "DOC-04", "--case", "any_epoch", "-n", 0)
        done = conformance_command(*chosen, environment={"PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (0, "")
        assert r"epoch is a finite number \u2265 0" in done.stdout

    def test_what_does_not_concern_it_is_said(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        done = conformance_command(
            "--impl", misbehaving(), "--clause", "RDR-01", "--clause", "DOC-03", "-n", 0, "--report", report
        )
        assert done.returncode == 0
        of_reader = results_of(report)["*"]
        assert (of_reader["clause"], of_reader["outcome"]) == ("RDR-01", "n/a")
        assert "does not have the role reader" in of_reader["message"]

    def test_measuring_nothing_is_inconclusive(self, conformance_command: Command, misbehaving: Manifests) -> None:
        done = conformance_command("--impl", misbehaving(), "--clause", "RDR-01", "-n", 0)
        assert done.returncode == 4
        assert "nothing was measured" in done.stdout


class TestReport:
    def test_junit_agrees_with_the_results(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("garbage", 3, more=known_failure("DOC-03", "status:error"))
        done = conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        assert done.returncode == 1
        counts = Counter(outcomes_of(report).values())
        assert counts == {"pass": 2, "error": 1, "xpass": 1}
        [suite] = ElementTree.parse(report / "junit.xml").getroot().iter("testsuite")
        numbers = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert numbers == {"tests": "4", "failures": "2", "errors": "0", "skipped": "0"}
        texts = [failure.text or "" for failure in suite.iter("failure")]
        assert all("DOC-03" in text and "repeat: pulse conformance" in text for text in texts)

    def test_junit_shows_a_known_failure_as_skipped(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("unsupported", 3, more=known_failure("DOC-03", "status:done"))
        conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        [suite] = ElementTree.parse(report / "junit.xml").getroot().iter("testsuite")
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "0", "1")

    def test_page_is_made_and_named(self, conformance_command: Command, misbehaving: Manifests, report: Path) -> None:
        done = conformance_command("--impl", misbehaving(), "--clause", "DOC-03", "-n", 0, "--report", report)
        assert {path.name for path in report.iterdir()} == {
            *("results.jsonl", "junit.xml", "report.html", "report.md", "badge.json"),
        }
        assert "DOC-03" in (report / "report.html").read_text(encoding="utf-8")
        assert f"report: {report}/report.html, report.md, results.jsonl, junit.xml, badge.json" in done.stdout

    def test_the_matrix_gets_the_results_and_nothing_else(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        options = ("--clause", "DOC-03", "-n", 0, "--report", report, "--results-only")
        done = conformance_command("--impl", misbehaving(), *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert "DOC-03" not in done.stdout
        assert {path.name for path in report.iterdir()} == {"results.jsonl", "badge.json"}
        assert outcomes_of(report) == ALL_PASS

    def test_an_older_report_is_replaced(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving()
        for clause, cases in (("DOC-03", 4), ("LIF-01", 2)):
            conformance_command("--impl", path, "--clause", clause, "-n", 0, "--report", report)
            assert len(read_results(report / "results.jsonl")[1]) == cases


class TestMisbehaviourLaterInTheRun:
    """Request 3 is the third case's: the first two passed, and the fourth gets a new process."""

    @pytest.mark.parametrize(
        ("how", "says"),
        [
            ("garbage", "printed something that is not a JSON answer"),
            ("next-id", "answered out of order"),
            ("text-for-ok", 'answered without "ok"'),
            ("die", "ended with exit code 7 instead of answering"),
            ("die-with-a-grandchild", "ended with exit code 7 instead of answering"),
            ("half-a-line", "ended with exit code 7 instead of answering after printing"),
            ("close-stdout", "closed its standard output"),
            ("hang", "gave no answer within 2 s and was killed"),
        ],
    )
    def test_the_case_is_an_error_and_the_run_goes_on(
        self,
        conformance_command: Command,
        misbehaving: Manifests,
        report: Path,
        traces: Path,
        eventually: Callable[[Callable[[], object], str], None],
        gone: Callable[[int], bool],
        how: str,
        says: str,
    ) -> None:
        path = misbehaving(how, 3)
        done = conformance_command(
            *("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report, "--answer-seconds", 2)
        )
        assert (done.returncode, done.stderr) == (1, "")
        assert outcomes_of(report) == {**ALL_PASS, "status:done": "error"}
        error = results_of(report)["status:done"]
        assert error["blame"] == "implementation"
        assert error["message"].startswith(says)
        assert error["evidence"]["transcript"]
        if how.startswith(("die", "half")):
            assert error["evidence"]["stderr"] == "cannot go on: the reason why\n"
            assert "cannot go on: the reason why" in done.stdout
        grandchildren = [int(trace.read_text(encoding="utf-8")) for trace in traces.glob("grandchild-*")]
        assert len(grandchildren) == ("grandchild" in how)
        eventually(lambda: all(gone(pid) for pid in grandchildren), "the grandchild ends")

    @pytest.mark.parametrize("how", ["answer-and-die", "two-lines"])
    def test_what_follows_an_answer_fails_the_next_case(
        self, conformance_command: Command, misbehaving: Manifests, report: Path, how: str
    ) -> None:
        conformance_command("--impl", misbehaving(how, 3), "--clause", "DOC-03", "-n", 0, "--report", report)
        assert outcomes_of(report) == {**ALL_PASS, "status:error": "error"}

    def test_one_that_cannot_be_started_again_fails_every_case_after(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("die-for-good", 3)
        done = conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        assert done.returncode == 1
        assert outcomes_of(report) == {**ALL_PASS, "status:done": "error", "status:error": "error"}

    def test_every_worker_starts_its_own_again(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("die", 3)
        done = conformance_command("--impl", path, "--clause", "DOC-04", "-n", 2, "--report", report)
        assert done.returncode == 1
        results = results_of(report)
        assert Counter(result["blame"] for result in results.values() if result["outcome"] == "error").keys() == {
            "implementation"
        }
        assert Counter(outcomes_of(report).values())["pass"] >= 4

    def test_a_refused_answer_is_a_failure_and_no_error(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("unsupported", 3)
        done = conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        assert done.returncode == 1
        assert outcomes_of(report) == {**ALL_PASS, "status:done": "fail"}
        assert "NOT CONFORMANT" in done.stdout


class TestKnownFailures:
    def test_one_that_fails_is_no_failure_of_the_run(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("garbage", 3, more=known_failure("DOC-03", "status:done"))
        done = conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        assert done.returncode == 0
        assert outcomes_of(report) == {**ALL_PASS, "status:done": "xfail"}
        assert "a reason (https://example.org/1)" in results_of(report)["status:done"]["message"]

    def test_one_that_passes_fails_the_run(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving(more=known_failure("DOC-03", "status:done"))
        done = conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        assert done.returncode == 1
        assert outcomes_of(report) == {**ALL_PASS, "status:done": "xpass"}
        assert "1 of 1 cases passed, and none failed; remove the entry" in done.stdout

    def test_one_of_which_a_case_passes_is_narrowed(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("garbage", 3, more=known_failure("DOC-03", "status:d*"))
        path.write_text(path.read_text(encoding="utf-8").replace('"status:d*"', '["status:d*", "status:i*"]'), "utf-8")
        done = conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
        assert done.returncode == 1
        advice = (
            '1 of 2 cases passed; narrow the entry to those that fail:\n    case = [\n      "status:done",\n    ]\n'
        )
        assert advice in done.stdout

    def test_one_of_another_operating_system_is_ignored(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        other = next(name for name in ("linux", "macos", "windows") if name != operating_system())
        path = misbehaving(more=known_failure("DOC-03", os=[other]))
        assert conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report).returncode == 0
        assert outcomes_of(report) == ALL_PASS

    def test_one_of_this_operating_system_counts(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving("garbage", 3, more=known_failure("DOC-03", "status:done", os=[operating_system()]))
        assert conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits to keep")
class TestShould:
    """The writer makes its temp with mkstemp: a new target has mode 0600, whatever the umask (MET-02, a SHOULD)."""

    def test_a_failure_is_shown_and_fails_nothing(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        done = conformance_command("--impl", misbehaving(), "--clause", "MET-02", "-n", 0, "--report", report)
        assert done.returncode == 0
        assert "fail" in outcomes_of(report).values()
        assert "fail MET-02" in done.stdout

    def test_strict_makes_it_fail_the_run(self, conformance_command: Command, misbehaving: Manifests) -> None:
        done = conformance_command("--impl", misbehaving(), "--clause", "MET-02", "-n", 0, "--strict")
        assert done.returncode == 1
        assert "NOT CONFORMANT" in done.stdout

    def test_a_known_failure_counts_under_strict_too(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        first = misbehaving()
        conformance_command("--impl", first, "--clause", "MET-02", "-n", 0, "--report", report)
        failing = [case for case, outcome in outcomes_of(report).items() if outcome == "fail"]
        first.write_text(
            first.read_text(encoding="utf-8") + "".join(known_failure("MET-02", case) for case in failing),
            encoding="utf-8",
        )
        done = conformance_command("--impl", first, "--clause", "MET-02", "-n", 0, "--strict", "--report", report)
        assert done.returncode == 0
        assert {case for case, outcome in outcomes_of(report).items() if outcome == "xfail"} == set(failing)


class TestSelection:
    def test_a_case_of_a_clause(self, conformance_command: Command, misbehaving: Manifests, report: Path) -> None:
        done = conformance_command(
            *("--impl", misbehaving(), "--clause", "DOC-03", "--case", "status:d*", "--case", "status:idle"),
            *("-n", 0, "--report", report),
        )
        assert done.returncode == 0
        assert outcomes_of(report) == {"status:done": "pass", "status:idle": "pass"}

    def test_without_a_clause_every_clause_with_such_a_case_is_judged(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        done = conformance_command("--impl", misbehaving(), "--case", "*_example", "-n", 0, "--report", report)
        assert done.returncode == 0
        found = {result["clause"] for result in read_results(report / "results.jsonl")[1]}
        assert found == {clause for clause in load_clauses() if clause.startswith("LIF")}


class TestRepetition:
    def requests(self, traces: Path) -> list[Any]:
        """The statuses that were asked for, without the paths, which are new each time."""
        log = traces / "requests.jsonl"
        statuses = [json.loads(line).get("status") for line in log.read_text(encoding="utf-8").splitlines()]
        log.unlink()
        return statuses

    def test_a_seed_repeats_everything_random(
        self, conformance_command: Command, misbehaving: Manifests, traces: Path
    ) -> None:
        path = misbehaving("log-requests")
        selection = ("--impl", path, "--clause", "DOC-07", "--case", "any_message")
        seen = []
        # Under CI Hypothesis has other settings of its own, which must not matter.
        for seed, workers, ci in ((7, 0, ""), (7, 1, "true"), (8, 0, "")):
            done = conformance_command(
                *selection, "--seed", seed, "-n", workers, environment={"CI": ci} if ci else None
            )
            assert done.returncode == 0
            seen.append(self.requests(traces))
        assert len(seen[0]) > 20
        assert seen[0] == seen[1]
        assert seen[0] != seen[2]

    def test_without_a_seed_every_run_has_its_own(
        self, conformance_command: Command, misbehaving: Manifests, report: Path
    ) -> None:
        path = misbehaving()
        seeds = set()
        for _ in range(2):
            conformance_command("--impl", path, "--clause", "DOC-03", "-n", 0, "--report", report)
            seeds.add(read_results(report / "results.jsonl")[0]["seed"])
        assert len(seeds) == 2

    def test_the_command_beside_a_failure_repeats_just_it(
        self, conformance_command: Command, misbehaving: Manifests, report: Path, tmp_path: Path
    ) -> None:
        """The writer loses what is not ASCII: two of the cases are fixed examples, one is found by search."""
        elsewhere = tmp_path / "another file system"
        elsewhere.mkdir()
        conformance_command(
            *("--impl", misbehaving("ascii-only"), "--clause", "DOC-07", "-n", 2, "--report", report),
            *("--dir", elsewhere, "--answer-seconds", 9, "--start-seconds", 29.5),
        )
        failures = [result for result in results_of(report).values() if result["outcome"] == "fail"]
        assert {"any_message", "message:cyrillic", "message:emoji"} <= {failure["case"] for failure in failures}
        for failure in failures:
            if failure["case"] not in ("any_message", "message:cyrillic"):
                continue
            program, command, *arguments = shlex.split(failure["repro"])
            assert (program, command) == ("pulse", "conformance")
            done = conformance_command(*arguments, "-n", 0, "--report", tmp_path / "again")
            assert done.returncode == 1
            [again] = results_of(tmp_path / "again").values()
            same = ("clause", "case", "outcome", "message", "repro")
            assert {name: again[name] for name in same} == {name: failure[name] for name in same}
            seen = ("given", "found")
            assert [again["evidence"][name] for name in seen] == [failure["evidence"][name] for name in seen]
