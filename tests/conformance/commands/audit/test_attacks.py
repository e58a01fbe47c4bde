"""Whatever is given to the gate: one line that says what and where, never a traceback, never APPROVED.

The legs are forged, with a chain that holds: a hash chain is computed again in a moment.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.audit.command import main as audit_main
from conformance.commands.compare.command import main as compare_main
from conformance.commands.report_bug.command import main as report_bug_main
from conformance.reporting.chain import START, linked, sealed
from conformance.system.file_hashes import file_hash

Lines = list[dict[str, Any]]
Refused = Callable[..., str]


def forge(path: Path, change: Callable[[Lines], object], *, replace: tuple[str, str] = ("", "")) -> None:
    """Change the lines of a results file, then the text of each, and compute the chain again."""
    lines: Lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(lines)
    link, written = START, []
    for line in lines:
        line.pop("chain", None)
        text, link = linked(json.dumps(line).replace(*replace) if replace[0] else json.dumps(line), link)
        written.append(text + "\n")
    path.write_text("".join(written), encoding="utf-8", newline="\n")


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    """``refused(place, …, policy="…")`` → the one line with which `pulse audit merge` refuses."""
    monkeypatch.chdir(tmp_path)

    def run(*places: Path, policy: str | None = "", main: Callable[[list[str]], int] = audit_main) -> str:
        arguments = list(map(str, places))
        if main is audit_main:
            arguments = ["merge", *arguments]
            if policy is not None:
                (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
                arguments += ["--policy", "policy.toml"]
        code, printed = main(arguments), capsys.readouterr()
        assert (code, printed.out) == (2, ""), printed
        [line] = printed.err.splitlines()
        line.encode("utf-8")
        assert line.isprintable()
        return line

    return run


def header(**members: Any) -> Callable[[Lines], object]:
    return lambda lines: lines[0].update(members)


def about(**members: Any) -> Callable[[Lines], object]:
    return lambda lines: lines[0]["implementation"].update(members)


def first(**members: Any) -> Callable[[Lines], object]:
    return lambda lines: lines[1].update(members)


def last(**members: Any) -> Callable[[Lines], object]:
    return lambda lines: lines[-1].update(members)


FORGED: dict[str, tuple[Callable[[Lines], object], str]] = {
    "a program of another name": (header(program="pulse approve"), "'pulse approve' is no command of this kit"),
    "a program that is a list": (header(program=["pulse conformance"]), "the header has no program"),
    "a system that does not exist": (header(platform={"system": "beos"}), "'beos' is no system of this kit"),
    "a system that is a number": (header(platform={"system": 1}), "does not say on which platform"),
    "no platform": (header(platform=None), "does not say on which platform"),
    "a selection that is a text": (header(selection="*"), "what was selected"),
    "a selection of numbers": (header(selection={"clause": [1]}), "what was selected"),
    "a selection of objects": (header(selection={"clause": [{}]}), "what was selected"),
    "a file system that is null": (header(file_system=None), "the header has no file_system"),
    "a seed that is no number": (header(seed=float("nan")), "is no number"),
    "an infinite time": (last(seconds=float("inf")), "is no number"),
    "an implementation that is a list": (header(implementation=[]), "which implementation"),
    "an executable that is a text": (about(executable="/bin/sh"), "executable and files"),
    "an executable without a path": (about(executable={}), "executable and files"),
    "files that are a list": (about(files=["implementation.toml"]), "executable and files"),
    "files whose hashes are numbers": (about(files={"each": {"implementation.toml": 1}}), "executable and files"),
    "files with a hash that is none": (about(files={"each": {}, "sha256": "0"}), "executable and files"),
    "a number of files below nothing": (about(files={"count": -1}), "executable and files"),
    "a reason for no hashes that is a list": (about(files={"why_not": []}), "executable and files"),
    "a name that is an object": (about(name={}), "which implementation"),
    "a clause that is a list": (first(clause=["DOC-01"]), "is no clause of this kit"),
    "a clause that is an object": (first(clause={"DOC-01": 1}), "is no clause of this kit"),
    "a clause that does not exist": (first(clause="DOC-99"), "is no clause of this kit"),
    "an outcome that is a list": (first(outcome=["pass"]), "is no outcome"),
    "an outcome that is an object": (first(outcome={}), "is no outcome"),
    "a case that is null": (first(case=None), "needs a case and a message"),
    "a message that is a list": (first(message=["a"]), "needs a case and a message"),
    "counts that are a list": (first(counts=[1]), "counts must be whole numbers"),
    "a count that is a fraction": (first(counts={"kills": 1.5}), "counts must be whole numbers"),
    "a count that is true": (first(counts={"kills": True}), "counts must be whole numbers"),
    "a count below nothing": (first(counts={"kills": -5}), "counts must be whole numbers"),
    "a count beyond all machines": (first(counts={"kills": 10**400}), "counts must be whole numbers"),
    "a footer that counts nothing": (last(counts={}), "counts other outcomes"),
    "a footer whose counts are a list": (last(counts=[]), "counts other outcomes"),
    "a footer with another number of results": (last(results=3), "the footer counts 3 results"),
    "an exit code that is a text": (last(exit="0"), "the footer has no verdict"),
    "an exit code that is true": (last(exit=True), "the footer has no verdict"),
    "an exit code that no run has": (last(exit=77), "the footer has no verdict"),
    "a sentence that is null": (last(sentence=None), "the footer has no verdict"),
    "reasons that are numbers": (last(reasons=[1]), "the footer has no reasons"),
    "a format that is newer": (header(format=99), "results of format 99"),
    "a format that is a list": (header(format=[2]), "results of format [2]"),
    "no footer": (lambda lines: lines.pop(), "has no footer"),
    "no header": (lambda lines: lines.pop(0), "does not begin with a header"),
    "two headers": (lambda lines: lines.insert(1, dict(lines[0])), "a second header"),
    "two footers": (lambda lines: lines.append(dict(lines[-1])), "follows the footer"),
    "another kit": (header(kit_files="0" * 64), "made by the kit"),
    "another version of the kit": (header(kit="0.0.1"), "made by the kit 0.0.1"),
}


@pytest.mark.parametrize("attack", FORGED)
def test_a_forged_leg_of_the_wrong_shape(refused: Refused, every_leg: Path, attack: str) -> None:
    change, said = FORGED[attack]
    path = every_leg / "linux" / "conformance" / "results.jsonl"
    forge(path, change)
    line = refused(every_leg)
    assert said in line
    assert str(path) in line


SWAPPED: dict[str, Callable[[Lines], object]] = {
    "name": about(name="other"),
    "version": about(version="1.1"),
    "profile": about(profile="generic"),
    "roles": about(roles=["writer"]),
    "command": about(command=["./other"]),
    "files": about(files={"each": {"implementation.toml": "3" * 64}}),
}


@pytest.mark.parametrize("what", SWAPPED)
def test_a_leg_of_something_else(refused: Refused, every_leg: Path, what: str) -> None:
    forge(every_leg / "windows" / "conformance" / "results.jsonl", SWAPPED[what])
    line = refused(every_leg)
    assert f"its {what}" in line
    assert "is of a different implementation" in line


@pytest.mark.parametrize("text", ["\ud800", "a\x1b[2Jb", "a\u202eb", "a\nb", "a\x00b"], ids=ascii)
def test_a_name_that_cannot_be_printed(refused: Refused, every_leg: Path, text: str) -> None:
    forge(every_leg / "windows" / "conformance" / "results.jsonl", about(name=text))
    assert "its name is" in refused(every_leg)


DEEP = '"seed": ' + "[" * 100_000 + "]" * 100_000
RAW = {
    "nested too deeply": (('"seed": 17', DEEP), "not a line of results"),
    "a number of 5,000 digits": (('"seed": 17', '"seed": ' + "9" * 5_000), "not a line of results"),
}


@pytest.mark.parametrize("attack", RAW)
def test_json_that_is_hard_on_the_parser(refused: Refused, every_leg: Path, attack: str) -> None:
    path, (replace, said) = every_leg / "linux" / "conformance" / "results.jsonl", RAW[attack]
    forge(path, lambda lines: None, replace=replace)
    assert said in refused(every_leg)


BYTES: dict[str, bytes] = {
    "empty": b"",
    "one line feed": b"\n",
    "zeros": b"\0" * 4096,
    "not UTF-8": b"\xff\xfe{}\n",
    "a byte order mark": b"\xef\xbb\xbf{}\n",
    "no object": b"[1]\n",
    "NaN": b"NaN\n",
    "HTML": b"<!doctype html>\n",
}


@pytest.mark.parametrize("attack", BYTES)
@pytest.mark.parametrize("name", ["results.jsonl", "matrix.json"])
def test_a_file_of_something_else(refused: Refused, every_leg: Path, name: str, attack: str) -> None:
    path = every_leg / "linux" / ("mutants" if name == "matrix.json" else "conformance") / name
    path.write_bytes(BYTES[attack])
    assert str(path) in refused(every_leg)


MATRIX: dict[str, Callable[[dict[str, Any]], object]] = {
    "a total that the rows do not have": lambda matrix: matrix["totals"].update(caught=300, mutants=300),
    "it holds although one was missed": lambda matrix: matrix["mutants"][0].update(verdict="missed"),
    "no rows": lambda matrix: matrix.update(mutants=[]),
    "rows that are numbers": lambda matrix: matrix.update(mutants=[1, 2, 3]),
    "rows that are an object": lambda matrix: matrix.update(mutants={"a": 1}),
    "totals that are a list": lambda matrix: matrix.update(totals=[]),
    "an infinite total": lambda matrix: matrix["totals"].update(caught=float("inf")),
    "a total in words": lambda matrix: matrix["totals"].update(caught="3"),
    "no selection": lambda matrix: matrix.pop("selection"),
    "a selection that is null": lambda matrix: matrix.update(selection=None),
    "no platform": lambda matrix: matrix.update(platform=[]),
    "another format": lambda matrix: matrix.update(format=1),
    "another kit": lambda matrix: matrix.update(kit_files="0" * 64),
}


@pytest.mark.parametrize("attack", MATRIX)
def test_a_forged_matrix(refused: Refused, every_leg: Path, attack: str) -> None:
    path = every_leg / "linux" / "mutants" / "matrix.json"
    matrix = json.loads(path.read_text("utf-8"))
    del matrix["sha256"]
    MATRIX[attack](matrix)
    path.write_text(json.dumps(sealed(matrix)), encoding="utf-8")
    assert str(path) in refused(every_leg)


def test_a_matrix_given_twice(refused: Refused, every_leg: Path) -> None:
    path = every_leg / "linux" / "mutants" / "matrix.json"
    (path.parent / "again").mkdir()
    (path.parent / "again" / path.name).write_bytes(path.read_bytes())
    assert "give each matrix once" in refused(every_leg)


def replace_by(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def make_fifo(path: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(path)


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "a FIFO": make_fifo,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device that never ends": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("attack", ODD_FILES)
@pytest.mark.parametrize("name", ["results.jsonl", "matrix.json", "policy.toml", "audit.toml"])
def test_what_is_no_regular_file(
    refused: Refused, every_leg: Path, name: str, attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {"results.jsonl": every_leg / "linux" / "conformance", "matrix.json": every_leg / "linux" / "mutants"}
    path = folders.get(name, every_leg) / name
    path.touch()
    replace_by(path, ODD_FILES[attack])
    if name == "policy.toml":
        assert audit_main(["merge", str(every_leg), "--policy", str(path)]) == 2
    else:
        assert re.match(rf"pulse audit: (\S*/)?{name}: ", refused(every_leg, policy=None))  # the place first


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("main", [compare_main, report_bug_main])
@pytest.mark.parametrize("attack", ODD_FILES)
def test_the_other_commands_take_no_such_file_either(
    refused: Refused, every_leg: Path, main: Callable[[list[str]], int], attack: str
) -> None:
    path = every_leg / "linux" / "conformance" / "results.jsonl"
    replace_by(path, ODD_FILES[attack])
    others = [every_leg / "linux" / "stress"] if main is compare_main else []
    assert str(path.parent) in refused(path.parent, *others, main=main)


WRONG_TYPES = [
    name for name in FORGED if name.startswith(("a clause", "an outcome", "a case", "a message", "a format"))
]


@pytest.mark.parametrize("main", [compare_main, report_bug_main])
@pytest.mark.parametrize("attack", [*WRONG_TYPES, "no header", "two footers", "no platform"])
def test_the_other_commands_take_no_forged_file_either(
    refused: Refused, every_leg: Path, main: Callable[[list[str]], int], attack: str
) -> None:
    path = every_leg / "linux" / "conformance" / "results.jsonl"
    forge(path, FORGED[attack][0])
    others = [every_leg / "linux" / "stress"] if main is compare_main else []
    assert str(path.parent) in refused(path.parent, *others, main=main)


def test_results_that_change_while_they_are_read(
    refused: Refused, every_leg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = every_leg / "linux" / "conformance" / "results.jsonl"

    def changed(file: Path) -> str:
        if file == path:
            with file.open("ab") as stream:
                stream.write(b"{}\n")
        return file_hash(file)

    monkeypatch.setattr("conformance.commands.audit.legs.file_hash", changed)
    assert f"{path}: changed while it was read" in refused(every_leg)


POLICIES = {
    "not TOML": "[required",
    "NUL": "[required]\nplatforms = ['linux\0']",
    "a key twice": "[minimum]\nwrites = 1\nwrites = 2",
    "a fraction": "[minimum]\nwrites = 1e3",
    "infinity": "[minimum]\nwrites = inf",
    "nan": "[minimum]\nwrites = nan",
    "a negative number": "[minimum]\nwrites = -1",
    "a number of 5,000 digits": f"[minimum]\nwrites = {'9' * 5_000}",
    "true for a number": "[minimum]\nwrites = true",
    "a date for a number": "[minimum]\nwrites = 2027-01-01",
    "a time of day": "[required]\nwine = 07:32:00",
    "a platform that does not exist": '[required]\nplatforms = ["beos"]',
    "a platform twice": '[required]\nplatforms = ["linux", "linux"]',
    "no platform at all": "[required]\nplatforms = []",
    "an empty platform": '[required]\nplatforms = [""]',
    "a text for a list": '[required]\nplatforms = "linux"',
    "a list of lists": '[required]\nplatforms = [["linux"]]',
    "a MUST as SHOULD": '[required]\nshould = ["DOC-01"]',
    "a table for a list": "[required.platforms]\nlinux = true",
    "an array of tables": "[[required]]\nwine = true",
    "a table for accepted": "[accepted]\nclause = 'MET-03'",
    "a number for accepted": "accepted = [1]",
    "an unknown key": "[required]\nplatform = ['linux']",
    "an unknown table": "[requires]\nwine = true",
    "a date with a time": "[[accepted]]\nclause = 'MET-03'\nuntil = 2099-01-01T00:00:00Z\nreason = 'x'",
    "a date in quotes": "[[accepted]]\nclause = 'MET-03'\nuntil = '2099-01-01'\nreason = 'x'",
    "a date that does not exist": "[[accepted]]\nclause = 'MET-03'\nuntil = 2099-02-30\nreason = 'x'",
    "a date that is past": "[[accepted]]\nclause = 'MET-03'\nuntil = 2020-01-01\nreason = 'x'",
    "no date": "[[accepted]]\nclause = 'MET-03'\nreason = 'x'",
    "an empty reason": "[[accepted]]\nclause = 'MET-03'\nuntil = 2099-01-01\nreason = ''",
    "a glob of clauses": "[[accepted]]\nclause = '*'\nuntil = 2099-01-01\nreason = 'x'",
    "nested too deeply": f"x = {'[' * 5_000}{']' * 5_000}",
    "escapes for a terminal": '"\\u001b[2J" = 1',
}


@pytest.mark.parametrize("attack", POLICIES)
def test_a_policy_of_the_wrong_shape(refused: Refused, every_leg: Path, attack: str) -> None:
    assert "policy.toml" in refused(every_leg, policy=POLICIES[attack])


def test_a_policy_that_is_not_utf_8(refused: Refused, every_leg: Path) -> None:
    (every_leg / "audit.toml").write_bytes(b"[required]\n# \xff\n")
    assert "audit.toml: cannot be read as TOML" in refused(every_leg, policy=None)
