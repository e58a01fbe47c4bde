"""The steps of action.yml: the commands that the inputs become, and what a hostile input or program cannot do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.github_action import InputError, arguments, installation, judge, main, program

ROOT = Path(__file__).parents[2]
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
INPUTS = {
    "PULSE_IMPLEMENTATION": ".",
    "PULSE_QUICK": "false",
    "PULSE_STRICT": "false",
    "PULSE_CLAUSES": "",
    "PULSE_SEED": "",
    "PULSE_BASELINE": "",
    "PULSE_REPORT": "pulse-results",
}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """The commands that were run, with their options; each of them ends with exit code 1."""
    found: list[tuple[list[str], dict[str, Any]]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        found.append((command, options))
        print("::add-path::/evil", flush=True)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    return found


class TestArguments:
    def test_the_defaults_judge_the_manifest_of_the_current_folder(self) -> None:
        assert arguments(INPUTS) == ["conformance", "--impl=.", "--report=pulse-results"]

    def test_each_input_becomes_an_option(self) -> None:
        given = {
            **INPUTS,
            "PULSE_QUICK": "true",
            "PULSE_STRICT": "true",
            "PULSE_CLAUSES": "VIS-*\n\n  FLT-04  \n",
            "PULSE_SEED": "7",
            "PULSE_BASELINE": "results/last release",
            "GITHUB_STEP_SUMMARY": "/tmp/summary",
        }
        assert arguments(given) == [
            "conformance",
            "--impl=.",
            "--quick",
            "--strict",
            "--clause=VIS-*",
            "--clause=FLT-04",
            "--seed=7",
            "--baseline=results/last release",
            "--report=pulse-results",
            "--summary=/tmp/summary",
        ]

    @pytest.mark.parametrize("text", ["--help", "a b", "$(touch evil)", "`id`; rm -rf /", "'", '"', "${{ x }}"])
    def test_a_text_stays_one_word_whatever_is_in_it(self, text: str) -> None:
        found = arguments({**INPUTS, "PULSE_IMPLEMENTATION": text, "PULSE_REPORT": text, "PULSE_CLAUSES": text})
        assert found == ["conformance", f"--impl={text}", f"--clause={text}", f"--report={text}"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("QUICK", "yes"),
            ("STRICT", "True"),
            ("SEED", "-1"),
            ("SEED", "\N{SUPERSCRIPT TWO}"),
            ("IMPLEMENTATION", ""),
            ("IMPLEMENTATION", "a\nexit-code=0"),
            ("REPORT", "\x1b[2J"),
        ],
    )
    def test_an_input_without_a_meaning_is_refused_by_its_name(self, name: str, value: str) -> None:
        with pytest.raises(InputError, match=f"^{name.lower()} must be"):
            arguments({**INPUTS, f"PULSE_{name}": value})


class TestJudge:
    def test_the_exit_code_is_that_of_the_kit_and_an_output(
        self, ran: list[tuple[list[str], dict[str, Any]]], tmp_path: Path
    ) -> None:
        output = tmp_path / "output"
        environment = {**INPUTS, "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output), "LANG": "C"}
        assert judge(environment) == 1
        assert output.read_text(encoding="utf-8") == "exit-code=1\n"
        [(command, options)] = ran
        assert command == [str(program(environment, "pulse")), *arguments(environment)]
        # The judged program is not told where the files of the runner are.
        assert options["env"] == {name: value for name, value in environment.items() if name != "GITHUB_OUTPUT"}

    def test_what_the_program_prints_is_no_command_for_the_runner(
        self, ran: list[tuple[list[str], dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        environment = {**INPUTS, "RUNNER_TEMP": str(tmp_path)}
        judge(environment)
        judge(environment)
        lines = capsys.readouterr().out.splitlines()
        stopped = [line.removeprefix("::stop-commands::") for line in lines if line.startswith("::stop-commands::")]
        assert len(set(stopped)) == len(ran) == 2
        for token in stopped:
            assert re.fullmatch("[0-9a-f]{32}", token)
            start = lines.index(f"::stop-commands::{token}")
            assert lines[start + 1 :][lines[start + 1 :].index("::add-path::/evil") + 2] == f"::{token}::"

    def test_a_wrong_input_is_an_error_and_runs_nothing(
        self, ran: list[tuple[list[str], dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output = tmp_path / "output"
        environment = {**INPUTS, "PULSE_SEED": "7\n::add-path::/evil", "GITHUB_OUTPUT": str(output)}
        assert judge({**environment, "RUNNER_TEMP": str(tmp_path)}) == 2
        assert output.read_text(encoding="utf-8") == "exit-code=2\n"
        assert ran == []
        [line] = capsys.readouterr().out.splitlines()
        assert line == r"::error::pulse: seed must be a number from 0, not '7\n::add-path::/evil'"


class TestSteps:
    def test_the_kit_is_installed_from_the_checkout_of_the_action(self, tmp_path: Path) -> None:
        environment = {"RUNNER_TEMP": str(tmp_path)}
        make, install = installation(environment)
        assert make == [sys.executable, "-m", "venv", str(tmp_path / "pulse-kit")]
        assert install[0] == str(program(environment, "python"))
        assert install[-2:] == [str(ROOT / "pulse"), str(ROOT)]

    @pytest.mark.parametrize(("windows", "parts"), [(False, ("bin", "pulse")), (True, ("Scripts", "pulse.exe"))])
    def test_programs_are_where_the_system_has_them(self, windows: bool, parts: tuple[str, str]) -> None:
        assert program({"RUNNER_TEMP": "temp"}, "pulse", windows) == Path("temp", "pulse-kit", *parts)

    def test_the_first_command_that_fails_ends_the_installation(
        self, ran: list[tuple[list[str], dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
        assert main(["install"]) == 1
        assert len(ran) == 1

    def test_another_step_is_a_usage_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([]) == 2
        assert capsys.readouterr().err == "usage: github_action.py install|judge\n"


class TestAction:
    def test_inputs_reach_the_script_as_variables_and_no_shell_reads_them(self) -> None:
        runs = re.findall(r"^ +run: (.*)$", ACTION, re.MULTILINE)
        steps = [
            f'\'"$PYTHON" "$GITHUB_ACTION_PATH/scripts/github_action.py" {step}\'' for step in ("install", "judge")
        ]
        assert runs == steps
        assert set(re.findall(r"^ +(PULSE_\w+): \$\{\{ inputs\.\w+ \}\}$", ACTION, re.MULTILINE)) == set(INPUTS)

    def test_each_input_is_used_and_has_the_default_that_is_tested_here(self) -> None:
        declared = dict(re.findall(r"^  (\S+):\n    description: .*\n    default: (.*)$", ACTION, re.MULTILINE))
        used = set(re.findall(r"inputs\.([\w-]+)", ACTION))
        assert set(declared) == used
        defaults = {f"PULSE_{name.upper()}": text.strip('"') for name, text in declared.items()}
        assert {name: defaults[name] for name in INPUTS} == INPUTS

    def test_the_actions_that_it_uses_are_pinned_as_in_the_workflows(self) -> None:
        texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / ".github").rglob("*.yml"))]
        pins = {pin for text in texts for pin in re.findall(r"uses: (\S+@[0-9a-f]{40} # v\S+)", text)}
        own = re.findall(r"uses: (.*)$", ACTION, re.MULTILINE)
        assert len(own) == 2
        assert set(own) <= pins
