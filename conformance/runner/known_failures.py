"""``--write-known-failures``: what failed is added to the manifest, as ``[[known_failure]]`` blocks to be completed.

The text before them stays as it is, byte for byte. The file is replaced in one step, and only by a text that was parsed
again and says what it said, and the new entries.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ManifestError, OutputError
from conformance.contract.manifest import NO_ISSUE, KnownFailure, parse_manifest
from conformance.reporting.escaping import printable
from conformance.reporting.results import Result, counted
from conformance.runner.reasons import cause_of, is_drawn, reason_of

__all__ = ["block", "gaps", "unlisted_failures", "with_blocks", "write_known_failures"]

_MOST_CHARACTERS = 240  # of a reason


def unlisted_failures(results: Iterable[Result], known: Sequence[KnownFailure], system: str) -> list[KnownFailure]:
    """An entry for each reason for which cases of a clause failed, of those that ``known`` does not list on ``system``.

    The reason is what was seen first, if possible not with a document that was drawn from the seed. Failures of the kit
    are none of the implementation.
    """
    reasons: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        failed = result.outcome in ("fail", "error") and result.blame != "kit"
        if failed and not any(entry.matches(result.clause, result.case, system) for entry in known):
            key = result.clause, cause_of(result.message)
            reasons.setdefault(key, []).append(result)
    order = list(load_clauses())
    return [
        KnownFailure(
            clause,
            _reason(min((result.message for result in of_reason), key=is_drawn)),
            NO_ISSUE,
            (system,),
            tuple(sorted({result.case for result in of_reason})),
        )
        for (clause, _), of_reason in sorted(reasons.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]


def _reason(message: str) -> str:
    line = reason_of(message)
    return (line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]}…") or "no message"


def block(entry: KnownFailure) -> str:
    """The entry as TOML, each line with a line feed."""
    cases = [_string(case) for case in entry.cases]
    case = cases[0] if len(cases) == 1 else "".join(["[\n", *(f"  {name},\n" for name in cases), "]"])
    return (
        f"[[known_failure]]\nclause = {_string(entry.clause)}\ncase = {case}\n"
        f"os = [{', '.join(map(_string, entry.os))}]\n"
        f"reason = {_string(entry.reason)}\nissue = {_string(entry.issue)}\n"
    )


def _string(text: str) -> str:
    """A basic string of TOML: JSON's, which has other rules for DEL only."""
    return json.dumps(printable(text), ensure_ascii=False).replace("\x7f", r"\u007f")


def with_blocks(text: str, entries: Iterable[KnownFailure]) -> str:
    """The text of a manifest with these entries at its end, in its own line ends."""
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text if text.endswith("\n") or not text else text + newline
    return before + "".join(newline + block(entry).replace("\n", newline) for entry in entries)


def gaps(known: Iterable[KnownFailure], manifest: str) -> str:
    """What to do about known failures that are not reported anywhere yet, in a sentence; empty without any."""
    missing = [entry for entry in known if entry.issue == NO_ISSUE]
    if not missing:
        return ""
    clauses = ", ".join(dict.fromkeys(entry.clause for entry in missing))
    have = "has" if len(missing) == 1 else "have"
    which = f"{counted(len(missing), 'known failures')} {have} no issue yet ({clauses})"
    return f'{which}: put the address of the report in place of issue = "{NO_ISSUE}" in {manifest}'


def write_known_failures(path: Path, results: Iterable[Result], system: str, exit_code: int) -> list[KnownFailure]:
    """Add an entry for each failure that the manifest at ``path``, as it is by now, does not list.

    Returns the new entries. Raises OutputError, with ``exit_code``, when the manifest cannot be read or written, or
    cannot be completed this way; then it is as before, and the message has the entries.
    """
    ids = frozenset(load_clauses())
    entries: list[KnownFailure] = []
    try:
        text = path.read_bytes().decode("utf-8")
        before = parse_manifest(text, path, ids, str(path))
        entries = unlisted_failures(results, before.known_failures, system)
        if not entries:
            return entries
        completed = with_blocks(text, entries)
        after = parse_manifest(completed, path, ids, str(path))
        wanted = dataclasses.replace(before, known_failures=(*before.known_failures, *entries))
        if after != wanted:
            raise ManifestError(f"{path}: with the new entries at its end it would say something else")
        _replace(path.resolve(), completed.encode("utf-8"))
    except (OSError, ValueError) as error:
        to_paste = "".join(f"\n{block(entry)}" for entry in entries)
        raise OutputError(f"--write-known-failures: nothing was written: {error}{to_paste}", exit_code) from error
    return entries


def _replace(target: Path, content: bytes) -> None:
    """Replace a file in one step, and keep its owner and mode. Raises OSError."""
    about = target.stat()
    descriptor, temp = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if sys.platform != "win32":
            with contextlib.suppress(PermissionError):  # only root may give a file away
                os.chown(temp, about.st_uid, about.st_gid)
        shutil.copymode(target, temp)
        os.replace(temp, target)
    except BaseException:
        os.unlink(temp)
        raise
    if sys.platform != "win32":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
