"""What an audit reads: legs, each one results.jsonl, read a line at a time; and matrices of mutants."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from conformance.commands.audit.policy import PLATFORMS, PROGRAMS, WORK, Policy
from conformance.contract.clauses import load_clauses
from conformance.reporting.bounds import cut
from conformance.reporting.chain import is_as_sealed
from conformance.reporting.results import FORMAT, OUTCOMES, Exit, lines_of
from conformance.system.file_hashes import file_hash
from conformance.system.file_kinds import kind_at

__all__ = ["AuditError", "Controls", "Leg", "Of", "found_below", "leg_of", "read_controls", "read_leg"]

_BAD = ("fail", "error", "xpass", "xfail")
_KEPT = 5  # failures of a clause that are kept; the others are counted
_SHOWN = 300  # characters of a message
_MOST_BYTES = 64 * 1024 * 1024  # of a matrix
_MOST = 2**63  # of whatever is counted
_SYSTEMS = (*PLATFORMS, "windows (wine)")
_PROGRAMS = (*PROGRAMS.values(), "pulse stress suite")
_EXITS = (Exit.CONFORMANT, Exit.NOT_CONFORMANT, Exit.INCONCLUSIVE)
_HEADER = ("kit", "kit_files", "program", "file_system", "python", "started", "command")
_HASH = re.compile(r"[0-9a-f]{64}")
_IDENTITY = ("name", "version", "language", "profile", "mode")


class AuditError(ValueError):
    """What was given cannot be audited. The message says what is wrong and where. Exit code 2."""


@dataclass
class Of:
    """What a leg found of a clause: cases by outcome, the first failures, and those that the policy does not accept."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    unaccepted: int = 0
    unmeasured: str = ""  # the first reason


@dataclass(frozen=True)
class Leg:
    """One run. ``link`` is the last of its chain, and so stands for the whole file. ``sha256`` is that of the file.

    ``whole`` says that nothing was left out by a selection. ``work`` is how much was counted, by its name.
    """

    path: Path
    header: Mapping[str, Any]
    footer: Mapping[str, Any]
    clauses: Mapping[str, Of]
    work: Mapping[str, int]
    controls_missed: tuple[str, ...]
    accepted: frozenset[int]
    sha256: str = ""

    @property
    def system(self) -> str:
        """The system, as in the header."""
        return str(self.header["platform"]["system"])

    @property
    def program(self) -> str:
        """Which of the kit's commands judged; the scenarios of stress count as stress."""
        program = str(self.header["program"])
        return "pulse stress" if program == "pulse stress suite" else program

    @property
    def asked(self) -> Mapping[str, Sequence[str]]:
        """What a run of the suite was limited to, by the names of the options; nothing for stress and power cuts, which
        name in their selection what they measure.
        """
        if self.program != "pulse conformance":
            return {}
        return {name: globs for name, globs in self.header["selection"].items() if globs and globs != ["*"]}

    @property
    def whole(self) -> bool:
        """Whether no selection left anything out."""
        return not self.asked

    @property
    def link(self) -> str:
        """The last link of its chain."""
        return str(self.footer["chain"])


@dataclass(frozen=True)
class Controls:
    """A matrix of mutants: which kit was judged on which system, how many were caught, and what was missed.

    ``whole`` says that no mutant or variant was left out, and that each variant was put to the whole suite.
    """

    path: Path
    kit: str
    kit_files: str
    system: str
    whole: bool
    holds: bool
    caught: int
    mutants: int
    missed: tuple[str, ...]
    sha256: str = ""


def found_below(place: Path) -> tuple[list[Path], list[Path]]:
    """The results.jsonl and the matrix.json at or below a place. Raises AuditError when there is neither."""
    if place.is_file():
        return ([], [place]) if place.suffix == ".json" else ([place], [])
    if not place.is_dir():
        raise AuditError(f"{place}: no such file or folder")
    results, matrices = _named("results.jsonl", place), _named("matrix.json", place)
    if not results and not matrices:
        raise AuditError(f"{place}: has no results.jsonl and no matrix.json in it: was its --report written elsewhere?")
    return results, matrices


def _named(name: str, place: Path) -> list[Path]:
    """Where something of this name is at or below a place, even a link that leads nowhere: none is passed over."""

    def refuse(error: OSError) -> NoReturn:
        raise error

    return sorted(
        Path(folder, name)
        for folder, folders, files in os.walk(place, onerror=refuse)
        if name in files or name in folders
    )


def read_leg(path: Path, policy: Policy) -> Leg:
    """Read a results file. Raises AuditError, OSError, and ResultsFileError as `lines_of` does."""
    before = _version(path)
    leg = leg_of(path, lines_of(path), policy)
    leg = dataclasses.replace(leg, sha256=file_hash(path))
    if _version(path) != before:
        raise AuditError(f"{path}: changed while it was read: let its run end first")
    return leg


def _version(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def leg_of(path: Path, lines: Iterable[Mapping[str, Any]], policy: Policy) -> Leg:
    """What the lines of a results file say, kept in a size that does not depend on how many there are.

    Raises AuditError.
    """
    numbered = enumerate(lines, 1)
    _, header = next(numbered)
    _require_header(header, path)
    platform = policy.platform(header["platform"]["system"])
    clauses: dict[str, Of] = {}
    sums: dict[tuple[str, str], int] = {}
    missed: list[str] = []
    accepted: set[int] = set()
    footer: Mapping[str, Any] | None = None
    for number, line in numbered:
        if line.get("type") == "footer":
            footer = line
        if line.get("type") != "result":
            continue
        where = f"{path}:{number}"
        clause, case, outcome, message, counts = _result(line, where)
        of = clauses.setdefault(clause, Of())
        of.counts[outcome] += 1
        if outcome == "unmeasured":
            of.unmeasured = of.unmeasured or cut(message, _SHOWN)
        if outcome in _BAD:
            entries = [index for index, entry in enumerate(policy.accepted) if entry.matches(clause, case, platform)]
            if outcome == "xfail" and entries:
                accepted.update(entries)
            elif line.get("blame") != "kit":  # that makes the run inconclusive
                of.unaccepted += 1
                if len(of.failures) < _KEPT:
                    of.failures.append(f"{clause} [{cut(case, _SHOWN)}] {outcome}: {cut(message, _SHOWN)}")
        for name in WORK:
            if value := counts.get(name):
                sums[clause, name] = sums.get((clause, name), 0) + value
        if outcome == "pass" and counts.get("positive controls", 1) < 1:
            missed.append(f"{clause} [{cut(case, _SHOWN)}]")
    if footer is None:
        raise AuditError(f"{path}: has no footer: the run did not finish, or the file was cut off; run it again")
    _require_footer(footer, clauses, path)
    # What several clauses count is the same work.
    work = {name: max(value for (_, of_name), value in sums.items() if of_name == name) for _, name in sums}
    return Leg(path, header, footer, clauses, work, tuple(missed[:_KEPT]), frozenset(accepted))


def _require_header(header: Mapping[str, Any], path: Path) -> None:
    implementation, platform, selection = (header.get(name) for name in ("implementation", "platform", "selection"))
    if not isinstance(implementation, dict) or not all(isinstance(implementation.get(name), str) for name in _IDENTITY):
        raise AuditError(f"{path}:1: the header does not say which implementation was judged")
    if not _has_its_files(implementation):
        raise AuditError(f"{path}:1: executable and files of the implementation are not as the kit writes them")
    if not isinstance(platform, dict) or not isinstance(platform.get("system"), str):
        raise AuditError(f"{path}:1: the header does not say on which platform")
    if platform["system"] not in _SYSTEMS:
        raise AuditError(f"{path}:1: {platform['system'][:40]!r} is no system of this kit")
    if not isinstance(selection, dict) or not all(_is_list_of_texts(globs) for globs in selection.values()):
        raise AuditError(f"{path}:1: the header does not say what was selected")
    for name in _HEADER:
        if not isinstance(header.get(name), str):
            raise AuditError(f"{path}:1: the header has no {name}")
    if header["program"] not in _PROGRAMS:
        raise AuditError(f"{path}:1: {header['program'][:40]!r} is no command of this kit that judges")
    _require_json(header, f"{path}:1")


def _has_its_files(implementation: Mapping[str, Any]) -> bool:
    """Whether what it says of its files is of the shape in ``schemas/results.schema.json``."""
    executable, files = implementation.get("executable", {"path": ""}), implementation.get("files", {})
    if not isinstance(executable, dict) or not isinstance(files, dict):
        return False
    each, count = files.get("each", {}), files.get("count", 0)
    hashes = [one["sha256"] for one in (executable, files) if "sha256" in one]
    return (
        isinstance(executable.get("path"), str)
        and isinstance(files.get("why_not", ""), str)
        and isinstance(each, dict)
        and (type(count) is int and count >= 0)
        and all(isinstance(one, str) and _HASH.fullmatch(one) for one in (*each.values(), *hashes))
    )


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _require_json(line: Mapping[str, Any], where: str) -> None:
    """Refuse what Python reads and no other program does: it would be in audit.json, too."""
    try:
        json.dumps(line, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise AuditError(f"{where}: NaN or infinity is no number of JSON") from error


def _result(line: Mapping[str, Any], where: str) -> tuple[str, str, str, str, Mapping[str, int]]:
    clause, case, outcome, message = (line.get(name) for name in ("clause", "case", "outcome", "message"))
    counts = line.get("counts", {})
    if not isinstance(clause, str) or clause not in load_clauses():
        raise AuditError(f"{where}: {str(clause)[:40]!r} is no clause of this kit")
    if outcome not in OUTCOMES:
        raise AuditError(f"{where}: {str(outcome)[:40]!r} is no outcome")
    if not isinstance(case, str) or not isinstance(message, str):
        raise AuditError(f"{where}: a result needs a case and a message")
    if not isinstance(counts, dict) or not all(type(value) is int and 0 <= value < _MOST for value in counts.values()):
        raise AuditError(f"{where}: counts must be whole numbers below 2 to the 63rd")
    return clause, case, str(outcome), message, counts


def _require_footer(footer: Mapping[str, Any], clauses: Mapping[str, Of], path: Path) -> None:
    """Compare what the footer says with what the lines say."""
    counted = footer.get("counts")
    found = {clause: dict(of.counts) for clause, of in clauses.items()}
    said = {clause: of for clause, of in counted.items() if of} if isinstance(counted, dict) else None
    if said != found:
        raise AuditError(f"{path}: the footer counts other outcomes than the lines have")
    ending = footer.get("exit")
    if type(ending) is not int or ending not in _EXITS or not isinstance(footer.get("sentence"), str):
        raise AuditError(f"{path}: the footer has no verdict")
    if not _is_list_of_texts(footer.get("reasons")):
        raise AuditError(f"{path}: the footer has no reasons")
    _require_json(footer, f"{path}: the footer")


def read_controls(path: Path) -> Controls:
    """Read a matrix.json. Raises AuditError, OSError."""
    if (kind := kind_at(path)) is not None:
        raise AuditError(f"{path}: {kind} is there, and no file")
    if path.stat().st_size > _MOST_BYTES:
        raise AuditError(f"{path}: larger than {_MOST_BYTES >> 20} MiB: not a matrix of mutants")
    try:
        matrix = json.loads(path.read_text(encoding="utf-8"))
        as_sealed = isinstance(matrix, dict) and is_as_sealed(matrix)
    except (ValueError, RecursionError) as error:
        raise AuditError(f"{path}: not a matrix of mutants: {error}") from error
    if not isinstance(matrix, dict) or matrix.get("format") != FORMAT:
        raise AuditError(f"{path}: not a matrix of mutants of format {FORMAT}; make it with this kit")
    if not as_sealed:
        raise AuditError(f"{path}: is not as it was written: it was edited or cut off; make it again")
    try:
        totals, selection = matrix["totals"], matrix["selection"]
        verdicts = Counter(str(row["verdict"]) for row in matrix["mutants"])
        caught, mutants = totals["caught"], totals["mutants"]
        agree = (caught, mutants) == (verdicts["caught"], verdicts.total()) and not (
            totals["holds"] and verdicts["missed"]
        )
        only_all = not selection["names"] and not selection["only_here"] and selection["clause"] in ([], ["*"])
        whole = only_all and totals["complete"] is True
        found = Controls(
            path=path,
            kit=str(matrix["kit"]),
            kit_files=str(matrix["kit_files"]),
            system=str(matrix["platform"]["system"]),
            whole=whole,
            holds=totals["holds"] is True,
            caught=verdicts["caught"],
            mutants=verdicts.total(),
            missed=tuple(str(row["entry"]["name"]) for row in matrix["mutants"] if row["verdict"] == "missed"),
            sha256=file_hash(path),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AuditError(f"{path}: not a matrix of mutants: {type(error).__name__}: {error}") from error
    if not agree:
        raise AuditError(f"{path}: its totals are not those of its rows; make it again")
    return found
