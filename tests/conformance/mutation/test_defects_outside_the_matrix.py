"""Defects that no mutant can have, because mutants have the profile ``pulse`` and survive every fault."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.reporting.results import read_results

Command = Callable[..., subprocess.CompletedProcess[str]]

HONEST = """
import os, secrets


class Writer:
    name = version = "defect"

    def replace(self, path, text):
        folder = os.path.dirname(path) or "."
        temp = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
        try:
            with open(temp, "xb") as file:
                file.write(self.encode(text))
                file.flush()
                self.sync(file.fileno())
            os.replace(temp, path)
        except BaseException:
            if os.path.exists(temp):
                os.unlink(temp)
            raise

    def encode(self, text):
        return text.encode("utf-8")

    def sync(self, descriptor):
        os.fsync(descriptor)
"""
MANIFEST = """
[implementation]
name = "defect"
language = "python"
profile = "replace"
roles = ["writer"]
mode = "python"
callable = "defect:Writer"
[declares]
symlink = "replace"
"""


@pytest.fixture
def outcomes(conformance_command: Command, tmp_path: Path) -> Callable[..., dict[str, tuple[str, str, str]]]:
    """Runs cases of one clause on the honest writer with one method replaced: case → (outcome, blame, message)."""

    def run(method: str, clause: str, case: str = "*") -> dict[str, tuple[str, str, str]]:
        folder, report = tmp_path / "defect", tmp_path / "report"
        folder.mkdir()
        (folder / "defect.py").write_text(HONEST + method, encoding="utf-8")
        (folder / "implementation.toml").write_text(MANIFEST, encoding="utf-8")
        chosen = ("--clause", clause, "--case", case)
        conformance_command("--impl", folder, *chosen, "-n", 0, "--report", report)
        _, results, _ = read_results(report / "results.jsonl")
        return {result["case"]: (result["outcome"], result["blame"], result["message"]) for result in results}

    return run


TEXT_LIES = {
    "line-ends": '\n    def encode(self, text):\n        return text.replace("\\n", "\\r\\n").encode("utf-8")\n',
    "not-ascii": '\n    def encode(self, text):\n        return text.encode("latin-1", "replace")\n',
    "empty": '\n    def encode(self, text):\n        return (text or " ").encode("utf-8")\n',
    "control-characters": '\n    def encode(self, text):\n        return text.encode("utf-8").partition(b"\\0")[0]\n',
    "json-escapes": '\n    def encode(self, text):\n        return text.replace("\\\\u0041", "A").encode("utf-8")\n',
}


@pytest.mark.parametrize("name", TEXT_LIES)
def test_text_that_is_changed_is_noticed(outcomes: Callable[..., dict[str, tuple[str, str, str]]], name: str) -> None:
    case = f"text_is_kept_to_the_byte:{name}"
    assert outcomes(TEXT_LIES[name], "VIS-07", case)[case][0] == "fail"


def test_text_that_is_kept_passes(outcomes: Callable[..., dict[str, tuple[str, str, str]]]) -> None:
    assert {outcome for outcome, _, _ in outcomes("", "VIS-07").values()} == {"pass"}


def test_death_at_a_failing_call_is_the_implementations_error(
    outcomes: Callable[..., dict[str, tuple[str, str, str]]],
) -> None:
    dying = """
    def sync(self, descriptor):
        try:
            os.fsync(descriptor)
        except OSError:
            os._exit(7)
"""
    case = "fault_at_every_file_call:FLT-04-linux"
    outcome, blame, message = outcomes(dying, "FLT-04", case)[case]
    assert (outcome, blame) == ("error", "implementation")
    assert "exit code 7" in message
