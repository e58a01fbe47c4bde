"""The folder of one bug report: the draft, the repro with what it needs, and the evidence."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.commands.report_bug.issue import draft, without_folders
from conformance.commands.report_bug.plan import PROGRAM, BugReport
from conformance.commands.report_bug.replays import replay_of
from conformance.contract.manifest import Manifest
from conformance.reporting.foreign import visible
from conformance.reporting.results import Header
from conformance.runner.resolve import manifest_file
from conformance.system.folder_copy import copy_folder
from conformance.vectors import FOLDER as VECTORS

__all__ = ["write_bug_report"]

_HERE = Path(__file__).parent
_FILES = ("repro.py", "answers.py", "building.py", "checks.py", "driver.py", "host.py")
_MOST_REPLAYS = 50
_OF_ANY_REPORT = ("ISSUE.md", "evidence.json")
_LEFT_OUT = ("node_modules", "__pycache__", "target", ".*")


def write_bug_report(folder: Path, report: BugReport, header: Header, manifest: Manifest) -> None:
    """Write the report into ``folder``, which is made. Raises OSError, FileExistsError if it is there already."""
    folder.mkdir(parents=True)
    issue, evidence_file = (folder / name for name in _OF_ANY_REPORT)
    _write(issue, draft(report, header, manifest))
    evidence = [dataclasses.asdict(result) for result in (*report.results, *report.also)]
    _write(evidence_file, json.dumps(evidence, indent=2, default=str) + "\n")
    trace = report.results[0].evidence.get("trace")
    if trace:
        _write(folder / "trace.txt", "".join(f"{visible(without_folders(str(line)))}\n" for line in trace))
    if report.check is None:
        if manifest_file(manifest):
            _copy_program(manifest, folder)
        return
    for name in _FILES:
        text = (_HERE / name).read_text(encoding="utf-8")
        _write(folder / name, text.replace(f"from {__package__}.", "from "))
    replays = _replays(report)
    for replay in replays:
        if "file" in replay:
            (folder / "documents").mkdir(exist_ok=True)
            shutil.copyfile(VECTORS / replay["file"], folder / "documents" / replay["file"])
    subject = {
        "check": report.check.check,
        "mode": manifest.mode,
        "profile": manifest.profile,
        "command": list(manifest.command),
        "callable": manifest.callable,
        "setup": [list(command) for command in manifest.setup],
        "folder": PROGRAM,
        **({"replays": replays} if replays else {}),
    }
    _write(folder / "subject.json", json.dumps(subject, indent=2) + "\n")
    if manifest.source.startswith("command:"):  # of whatever is in the current folder, nothing is meant
        (folder / PROGRAM).mkdir(exist_ok=True)
    else:
        _copy_program(manifest, folder)


def _copy_program(manifest: Manifest, folder: Path) -> None:
    """Copy the program into the report, which may lie in the program's own folder, as others that were written do."""
    copy_folder(manifest.folder, folder / PROGRAM, ignore=_LEFT_OUT, ignore_with=_OF_ANY_REPORT)


def _replays(report: BugReport) -> list[Mapping[str, Any]]:
    """What the failures of a report asked for, each once."""
    kind = report.check.replay if report.check else ""
    found = [replay for result in report.results if kind and (replay := replay_of(kind, result)) is not None]
    return found[:_MOST_REPLAYS]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
