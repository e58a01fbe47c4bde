"""Judges the programs of findings.toml as they are, and writes docs/findings.md from the results.

``python scripts/findings.py run RESULTS [NAME…]`` runs `pulse judge` on each, and keeps results.jsonl and the version
in a folder of RESULTS; a program that is not installed is left out. ``python scripts/findings.py write RESULTS`` makes
the page from what is there. ``--frames PYTHON`` names the Python that has torch, NumPy and safetensors.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "findings.md"
# The questions in the order of the columns, by the clause that results.jsonl names.
COLUMNS = {
    "VIS-01": "reader",
    "KIL-01": "kill",
    "KIL-02": "next run",
    "PWR-01": "power cut",
    "FLT-01": "error",
    "FLT-02": "temps",
    "MET-01": "attributes",
}
_WORDS = {"fail": "**yes**", "pass": "no", "unmeasured": "·"}
_WIDTH = 116


def programs(frames: str) -> list[dict[str, Any]]:
    """The entries of findings.toml, with the two interpreters filled in."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["program"]
    for each in found:
        for key in ("setup", "version"):
            each[key] = _filled(each[key], frames)
        each["words"] = [_filled(word, frames) for word in each["command"]]
    return found


def _filled(text: str, frames: str) -> str:
    return text.replace("{python}", sys.executable).replace("{frames}", frames)


def run(program: Mapping[str, Any], results: Path) -> str:
    """Judge one program. Returns what became of it, in words."""
    with tempfile.TemporaryDirectory(prefix="findings-") as base:
        folder = Path(base) / "folder"
        folder.mkdir()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        shell = ["sh", "-ec", program["setup"]]
        ready = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        version = subprocess.run(["sh", "-c", program["version"]], capture_output=True, text=True, check=False)
        if ready.returncode or version.returncode:
            return f"left out: {(ready.stderr + version.stderr).strip()[-300:]}"
        report = results / _file_name(program["name"])
        shutil.rmtree(report, ignore_errors=True)
        options = ["--target", program["target"], "--seed", "1", "--report", str(report), *program.get("options", ())]
        words = [sys.executable, "-m", "conformance.commands.judge.command", *options, "--", *program["words"]]
        judged = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if (report / "results.jsonl").exists():
            said = version.stdout.strip() or version.stderr.strip()
            (report / "version.txt").write_text(said.splitlines()[0] + "\n", encoding="utf-8")
        (results / f"{_file_name(program['name'])}.txt").write_text(judged.stdout + judged.stderr, encoding="utf-8")
        return f"exit {judged.returncode}"


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def judged(program: Mapping[str, Any], results: Path) -> dict[str, Any] | None:
    """What the results of a program say: by clause the outcome, what was seen and made it; None without results."""
    folder = results / _file_name(program["name"])
    try:
        lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
        version = (folder / "version.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    entries = [json.loads(line) for line in lines]
    found = {each["clause"]: each for each in entries if each.get("clause") in COLUMNS}
    return {"version": version, "clauses": found} if found else None


def page(rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], date: str, system: str) -> str:
    """The whole of docs/findings.md."""
    with_findings = [row for row in rows if any(each["outcome"] == "fail" for each in row[1]["clauses"].values())]
    languages = sorted({program["language"] for program, _ in rows})
    head = f"""\
# Programs as they are

What [`pulse judge`](judge.md) says of {len(rows)} programs, run as they are; {len(with_findings)} have findings.
They are written in {", ".join(languages)}. {system}, {date}, as root.
`python scripts/findings.py` makes this page; [draft reports](draft-reports.md) show six findings without the kit.

Can a *reader* see half of the file? Does a *kill* leave it broken, or stop the *next run*? Does a *power cut* lose or
empty it, a full disk or another *error* destroy it? Are *temps* left after an error, are *attributes* (mode, owner, a
symbolic link) lost? `·` is not measured; *no (3 of 23)* means that no more of the points were tried.

| program | {" | ".join(COLUMNS.values())} |
|---|{"---|" * len(COLUMNS)}"""
    table = [_row(program, row) for program, row in rows]
    details = [_details(program, row) for program, row in rows]
    return "\n".join([head, *table, "", "## What makes each row", "", *details])


def _row(program: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    name = program["name"].replace("|", "\\|")
    return f"| {name} | {' | '.join(_word(row['clauses'].get(clause, {})) for clause in COLUMNS)} |"


def _word(entry: Mapping[str, Any]) -> str:
    tried = re.match(r"at (\d+) of (\d+) points", entry.get("evidence", {}).get("seen", ""))
    some = tried is not None and tried[1] != tried[2] and entry["outcome"] == "pass"
    return f"no ({tried[1]} of {tried[2]})" if tried and some else _WORDS[entry.get("outcome", "unmeasured")]


def _details(program: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    lines = [f"### {program['name']}", "", f"{row['version']} ({program['language']})", ""]
    command = shlex.join(_filled(word, "python3").replace(sys.executable, "python3") for word in program["command"])
    options = " ".join(["--target", shlex.quote(program["target"]), "--seed 1", *program.get("options", ())])
    lines += ["```sh", *_shell(program), f"pulse judge {options} \\", f"  -- {command}", "```", ""]
    for clause, name in COLUMNS.items():
        entry = row["clauses"].get(clause, {})
        if entry.get("outcome") == "fail":
            evidence = entry["evidence"]
            made = f"; made by `{evidence['made by']}`" if evidence.get("made by") else ""
            at = f"`{evidence['operation']}`: " if evidence.get("operation") else ""
            lines += _wrapped(f"- *{name}*: {at}{evidence['seen']}{made}")
    return "\n".join([*lines, ""])


def _shell(program: Mapping[str, Any]) -> list[str]:
    text = next(
        each
        for each in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["program"]
        if each["name"] == program["name"]
    )["setup"]
    return str(_filled(text, "python3")).replace(sys.executable, "python3").strip().splitlines()


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def main() -> int:
    """Run or write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=("run", "write"))
    parser.add_argument("results", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--frames", default=sys.executable)
    given = parser.parse_intermixed_args()
    given.results.mkdir(parents=True, exist_ok=True)
    wanted = [each for each in programs(given.frames) if not given.names or each["name"] in given.names]
    if given.action == "run":
        for each in wanted:
            print(f"{each['name']}: {run(each, given.results.resolve())}", flush=True)
        return 0
    found = [(each, row) for each in wanted if (row := judged(each, given.results))]
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    PAGE.write_text(page(found, date, f"Linux {platform.release().partition('-')[0]}"), encoding="utf-8")
    print(f"{len(found)} programs in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
