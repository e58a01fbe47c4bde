"""The schemas that the kit ships agree with real files, and with what its code accepts."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.commands.audit.command import main
from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ManifestError, NotAnAnswer
from conformance.contract.manifest import load_manifest
from conformance.reporting.results import Exit, Header, Result, lines_of, results_file
from conformance.reporting.verdict import decide
from conformance.subject.protocol import PROTOCOL, decode_answer, encode_request

ROOT = Path(__file__).parents[2]
KIT = "0" * 64
CLAUSES = frozenset(load_clauses())
MANIFESTS = sorted(
    path
    for pattern in ("conformance/implementations/*/*.toml", "peers/*/*.toml", "docs/examples/*/*.toml")
    for path in ROOT.glob(pattern)
    if b"[implementation]" in path.read_bytes()
)


def validator(name: str) -> Draft202012Validator:
    schema = json.loads(files("conformance").joinpath("schemas", f"{name}.schema.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


MANIFEST, PROTOCOL_LINE, RESULTS, AUDIT = map(validator, ("manifest", "protocol", "results", "audit"))


# Manifests


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_manifest_of_the_project_has_its_form(path: Path) -> None:
    MANIFEST.validate(tomllib.loads(path.read_text("utf-8")))


def test_there_are_manifests_to_look_at() -> None:
    assert len(MANIFESTS) > 15


PLAIN = """\
[implementation]
name = "mine"
language = "go"
profile = "pulse"
roles = ["writer", "reader"]
mode = "serve"
command = ["./mine"]
"""
KNOWN = '[[known_failure]]\nclause = "VIS-01"\nreason = "why"\nissue = "https://example.org/1"\n'
TEMPLATE = """\
[implementation]
name = "mine"
language = "c"
profile = "replace"
roles = ["writer"]
mode = "oneshot"
command = ["install", "{input}", "{path}"]
"""
GOOD = [
    PLAIN,
    PLAIN.replace('"serve"', '"oneshot"'),
    PLAIN.replace('"serve"', '"python"').replace('command = ["./mine"]', 'callable = "a.b:c.d"'),
    PLAIN + 'setup = [["make"]]\nkeep_setup = true\n',
    PLAIN + '[declares]\nsymlink = "follow"\nhard_link = "refuse"\nkeeps = [".{name}.lock"]\n',
    PLAIN + KNOWN + 'os = ["linux"]\ncase = "a:*"\nflaky = true\nrepeats = 5\n',
    PLAIN + KNOWN + 'case = ["a", "b"]\nflaky = true\n',
    PLAIN + KNOWN.replace("https://example.org/1", "TODO"),
    TEMPLATE,
    TEMPLATE + "refusals = [2, 255]\n",
]
BAD = [
    "",
    "implementation = 1",
    PLAIN + "unknown = 1\n",
    PLAIN.replace('name = "mine"', 'name = ""'),
    PLAIN.replace('name = "mine"\n', ""),
    PLAIN.replace('"pulse"', '"plain"'),
    PLAIN.replace('"pulse"', '"replace"'),  # with the role reader
    PLAIN.replace('["writer", "reader"]', "[]"),
    PLAIN.replace('["writer", "reader"]', '["watcher"]'),
    PLAIN.replace('["./mine"]', "[]"),
    PLAIN.replace('["./mine"]', '"./mine"'),
    PLAIN.replace('"serve"', '"python"'),
    PLAIN + "refusals = [2]\n",
    TEMPLATE.replace("oneshot", "serve"),
    TEMPLATE.replace('"replace"', '"json"'),
    TEMPLATE.replace("{path}", "path"),
    TEMPLATE + "refusals = [0]\n",
    TEMPLATE + "refusals = []\n",
    PLAIN + 'callable = "a:b"\n',
    PLAIN.replace('"serve"', '"python"').replace('command = ["./mine"]', 'callable = "a"'),
    PLAIN + "setup = [[]]\n",
    PLAIN + 'keep_setup = "yes"\n',
    PLAIN + '[declares]\nsymlink = "keep"\n',
    PLAIN + '[declares]\nkeeps = ["a/b"]\n',
    PLAIN + '[declares]\nkeeps = ["{name}"]\n',
    PLAIN + "[other]\n",
    PLAIN + KNOWN.replace('reason = "why"\n', ""),
    PLAIN + KNOWN.replace("https:", "http:"),
    PLAIN + KNOWN + 'os = ["plan9"]\n',
    PLAIN + KNOWN + "case = []\n",
    PLAIN + KNOWN + "flaky = 1\n",
    PLAIN + KNOWN + "repeats = 5\n",
    PLAIN + KNOWN + "flaky = false\nrepeats = 5\n",
    PLAIN + KNOWN + "flaky = true\nrepeats = 1\n",
    PLAIN + KNOWN.replace("https://example.org/1", "TODO later"),
    PLAIN + KNOWN.replace("[[known_failure]]", "[known_failure]"),
]


@pytest.mark.parametrize("text", [*GOOD, *BAD])
def test_the_schema_and_the_code_agree_about_a_manifest(tmp_path: Path, text: str) -> None:
    path = tmp_path / "implementation.toml"
    path.write_text(text, encoding="utf-8")
    try:
        load_manifest(path, CLAUSES, source="x")
        accepted = True
    except ManifestError:
        accepted = False
    assert accepted == (text in GOOD)
    assert MANIFEST.is_valid(tomllib.loads(text)) == accepted


# The protocol


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("start", {"protocol": PROTOCOL}),
        ("write", {"path": "/x", "status": {"loss": float("nan")}}),
        ("replace", {"path": "/x", "text": "any"}),
        ("read", {"path": "/x"}),
        ("poll", {"path": "/x"}),
        ("progress", {"status": {}}),
        ("stop", {}),
    ],
)
def test_what_the_kit_sends_is_a_request(operation: str, fields: Mapping[str, Any]) -> None:
    line = json.loads(encode_request(0, operation, fields))
    PROTOCOL_LINE.validate(line)
    for name in line:
        assert not PROTOCOL_LINE.is_valid({member: value for member, value in line.items() if member != name})


@pytest.mark.parametrize(
    "answer",
    [
        {"id": 0, "ok": True},
        {"id": 0, "ok": True, "protocol": 1, "name": "demo", "version": "1.0"},
        {"id": 0, "ok": True, "status": None, "fresh": False, "error": None},
        {"id": 0, "ok": True, "progress": 83.33, "more": [1]},
        {"id": 0, "ok": False, "error": "io", "message": "why"},
        {"ok": True},
        {"id": "0", "ok": True},
        {"id": True, "ok": True},
        {"id": 0},
        {"id": 0, "ok": "yes"},
        {"id": 0, "ok": True, "error": "io"},
        {"id": 0, "ok": True, "message": 5},
        {"id": 0, "ok": False},
        {"id": 0, "ok": False, "error": "disk"},
        [],
    ],
)
def test_the_schema_and_the_code_agree_about_an_answer(answer: Any) -> None:
    try:
        decode_answer(json.dumps(answer).encode(), 0)
        accepted = True
    except NotAnAnswer:
        accepted = False
    assert PROTOCOL_LINE.is_valid(answer) == accepted


# Results and decisions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a leg with a result of each kind."""
    results = [
        Result("VIS-01", "a", "pass", counts={"faults": 2}),
        Result("VIS-02", "a", "fail", "cut", {"trace": ["open"]}, "pulse conformance", 0.5),
        Result("VIS-03", "a", "error", "died", blame="implementation"),
        Result("CON-01", "*", "unmeasured", "too little", inconclusive=True),
    ]
    implementation = {"name": "demo", "version": "", "language": "go", "profile": "pulse", "mode": "serve", "roles": []}
    header = Header("1.0", implementation, {"system": "linux"}, "ext4", "3.13.0", 7, {"clause": []}, kit_files=KIT)
    with results_file(tmp_path / "leg") as file:
        assert file is not None
        file.header(header)
        for result in results:
            file.result(result)
        file.record("write", {"scenario": "first", "operations": []})
        file.footer(decide(results, load_clauses(), (), "linux", strict=False, complete=True))
    return tmp_path / "leg"


def test_every_line_of_a_run_has_its_form(folder: Path) -> None:
    kinds = []
    for line in lines_of(folder / "results.jsonl"):
        RESULTS.validate(line)
        kinds.append(line["type"])
    assert kinds == ["header", *["result"] * 4, "write", "footer"]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("header", {"format": 1}),
        ("header", {"implementation": {"name": "demo"}}),
        ("header", {"platform": {}}),
        ("header", {"selection": {"clause": "*"}}),
        ("result", {"clause": "x"}),
        ("result", {"outcome": "passed"}),
        ("result", {"message": None}),
        ("result", {"counts": {"writes": "many"}}),
        ("footer", {"exit": 3}),
        ("footer", {"reasons": [1]}),
        ("footer", {"counts": {"VIS-01": {"pass": -1}}}),
        ("write", {"chain": "x"}),
        ("write", {"type": 5}),
    ],
)
def test_a_line_of_another_form_is_none(folder: Path, kind: str, changes: Mapping[str, Any]) -> None:
    line = next(line for line in lines_of(folder / "results.jsonl") if line["type"] == kind)
    RESULTS.validate(line)
    assert not RESULTS.is_valid({**line, **changes})


def test_the_file_of_an_audit_has_its_form(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("conformance.commands.audit.command.kit_version", lambda: "1.0")
    monkeypatch.setattr("conformance.commands.audit.command.kit_files", lambda: KIT)
    assert main(["merge", "results.jsonl", "--report", "."]) == Exit.NOT_CONFORMANT
    audit = json.loads((folder / "audit.json").read_text("utf-8"))
    AUDIT.validate(audit)
    for name in audit:
        assert not AUDIT.is_valid({member: value for member, value in audit.items() if member != name})
