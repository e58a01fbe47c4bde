"""The steps of action.yml: ``install`` the kit into an environment of its own, and ``judge`` a program with it.

Only the standard library: it is run before anything is installed. The inputs of the action are variables that begin
with ``PULSE_``; the runner's own are ``RUNNER_TEMP``, ``GITHUB_OUTPUT`` and ``GITHUB_STEP_SUMMARY``. By hand:

RUNNER_TEMP=$(mktemp -d) python scripts/github_action.py install
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_OF_THE_RUNNER = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")


class InputError(ValueError):
    """An input of the action that has no meaning. The message says which, and what it may be."""


def program(environment: Mapping[str, str], name: str, windows: bool = sys.platform == "win32") -> Path:
    """A program of the kit's own environment, which is in the runner's folder for temporary files."""
    folder = Path(environment["RUNNER_TEMP"], "pulse-kit")
    return folder / "Scripts" / f"{name}.exe" if windows else folder / "bin" / name


def installation(environment: Mapping[str, str]) -> list[list[str]]:
    """The commands that install the kit, from the checkout that the action is part of."""
    folder = Path(environment["RUNNER_TEMP"], "pulse-kit")
    pip = [str(program(environment, "python")), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    return [[sys.executable, "-m", "venv", str(folder)], [*pip, str(ROOT / "pulse"), str(ROOT)]]


def arguments(environment: Mapping[str, str]) -> list[str]:
    """The arguments of `pulse` for the inputs of the action. Raises InputError for an input that has no meaning.

    Each value is one word with its option, so that a value that begins with a hyphen is none.
    """
    words = ["conformance", f"--impl={_text(environment, 'IMPLEMENTATION')}"]
    words += [f"--{name}" for name in ("quick", "strict") if _switch(environment, name)]
    words += [
        f"--clause={glob}" for line in environment.get("PULSE_CLAUSES", "").splitlines() if (glob := line.strip())
    ]
    if seed := environment.get("PULSE_SEED", ""):
        if not (seed.isascii() and seed.isdigit()):
            raise InputError(f"seed must be a number from 0, not {seed!r}")
        words.append(f"--seed={seed}")
    if environment.get("PULSE_BASELINE"):
        words.append(f"--baseline={_text(environment, 'BASELINE')}")
    words.append(f"--report={_text(environment, 'REPORT')}")
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        words.append(f"--summary={summary}")
    return words


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(f"PULSE_{name}", "")
    if not value.isprintable() or not value:
        raise InputError(f"{name.lower()} must be a path, not {value!r}")
    return value


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(f"PULSE_{name.upper()}") or "false"
    if value not in ("true", "false"):
        raise InputError(f"{name} must be true or false, not {value!r}")
    return value == "true"


def judge(environment: Mapping[str, str]) -> int:
    """Run `pulse conformance`. Returns its exit code, which is also the output ``exit-code`` of the action."""
    try:
        command = [str(program(environment, "pulse")), *arguments(environment)]
    except InputError as error:
        print(f"::error::pulse: {_escaped(str(error))}", flush=True)
        code = 2
    else:
        # The log has what the judged program printed, in which a line such as `::add-path::…` must mean nothing.
        token = secrets.token_hex(16)
        print(f"::stop-commands::{token}", flush=True)
        own = {name: value for name, value in environment.items() if name not in _OF_THE_RUNNER}
        try:
            code = subprocess.run(command, env=own).returncode
        finally:
            print(f"\n::{token}::", flush=True)
    if output := environment.get("GITHUB_OUTPUT"):
        with open(output, "a", encoding="utf-8") as stream:
            stream.write(f"exit-code={code}\n")
    return code


def _escaped(text: str) -> str:
    """A message as a workflow command takes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def main(words: Sequence[str]) -> int:
    """Run the step of this name. Returns the exit code."""
    if list(words) == ["judge"]:
        return judge(os.environ)
    if list(words) != ["install"]:
        print("usage: github_action.py install|judge", file=sys.stderr)
        return 2
    return next((code for command in installation(os.environ) if (code := subprocess.run(command).returncode)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
