"""The vectors are what their names and `reasons.toml` say; the loader refuses a folder where they disagree.

The judge below is a second opinion: `json`, `jsonschema` and the published schema, never the reference's
parser. It asks layer after layer, from the bytes up, and names the first one that objects. A document to
which none objects is valid; the last three object to what a writer must not do and a reader may take.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import accumulate
from pathlib import Path

import jsonschema
import pytest

from conformance.vectors import Vector, VectorError, load_vectors

VECTORS = load_vectors()
INVALID_LAYERS = {"encoding", "depth", "syntax", "duplicate", "unicode", "range", "schema", "token"}
EITHER_LAYERS = {"integer-token", "many-digits", "negative-zero", "underflow"}
FLOATS = ("epoch", "total_epochs", "loss")
# Far deeper than a status, and far less deep than a recursive parser can go.
DEEPEST = 200
SCHEMA = json.loads(files("pulse").joinpath("pulse-v1.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class Objection(Exception):
    """The name of the layer that objects, as its only argument."""


@dataclass(frozen=True)
class Token:
    """A number as it is spelled."""

    text: str
    integer: bool

    def number(self) -> int | float:
        # No double has more than 309 integer digits, and Python converts at most 4,300 to an int.
        return int(self.text) if self.integer and len(self.text) <= 400 else float(self.text)


@dataclass(frozen=True)
class Judgement:
    layer: str | None
    values: Mapping[str, object] | None


def judge(data: bytes) -> Judgement:
    """Name the first layer that objects to the bytes, and return the six values if a reader may accept them."""
    try:
        members = members_of(parse(decode(data)))
    except Objection as objection:
        return Judgement(layer=str(objection), values=None)
    values = {
        name: float(value.text) if name in FLOATS else int(value.text)
        for name, value in members.items()
        if isinstance(value, Token)
    }
    return Judgement(layer=writer_slip(members), values={**members, **values})


def decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise Objection("encoding")
    try:
        return data.decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        raise Objection("encoding") from None


def parse(text: str) -> object:
    if depth(text) > DEEPEST:
        raise Objection("depth")
    duplicates: list[str] = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            duplicates.append("in an object of this document")
        return members

    def refuse_constant(name: str) -> object:
        raise ValueError(name)

    try:
        document: object = json.loads(
            text,
            object_pairs_hook=collect,
            parse_constant=refuse_constant,
            parse_int=lambda spelled: Token(spelled, integer=True),
            parse_float=lambda spelled: Token(spelled, integer=False),
        )
    except ValueError:
        raise Objection("syntax") from None
    if duplicates:
        raise Objection("duplicate")
    try:
        json.dumps(document, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise Objection("unicode") from None
    return document


def depth(text: str) -> int:
    structure = re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)
    return max(accumulate(((sign in "[{") - (sign in "]}") for sign in structure), initial=0))


def members_of(document: object) -> dict[str, object]:
    numbers = document
    if isinstance(document, dict):
        numbers = {name: value.number() if isinstance(value, Token) else value for name, value in document.items()}
        # Before the schema: how its maximum applies to a number too large for a double is up to the validator.
        if any(overflows(document.get(name)) for name in FLOATS):
            raise Objection("range")
    if not VALIDATOR.is_valid(numbers):
        raise Objection("schema")
    assert isinstance(document, dict), "the schema takes objects only"
    if not document["timestamp"].integer:
        raise Objection("token")
    return document


def overflows(value: object) -> bool:
    return isinstance(value, Token) and not math.isfinite(float(value.text))


def writer_slip(members: Mapping[str, object]) -> str | None:
    """Name what a writer must not do although a reader may accept it."""
    tokens = {name: value for name, value in members.items() if isinstance(value, Token)}
    never_negative = [token for name, token in tokens.items() if name != "loss"]
    if any(tokens[name].integer for name in FLOATS):
        return "integer-token"
    if any(underflows(token) for token in tokens.values()):
        return "underflow"
    if any(token.text.startswith("-") for token in never_negative):
        return "negative-zero"
    # RDR-06 lets a reader give up on 4,301 digits, so no reader has to read them.
    if any(len(token.text) > 4300 for token in tokens.values()):
        return "many-digits"
    return None


def underflows(token: Token) -> bool:
    significand = re.split("[eE]", token.text)[0]
    return float(token.text) == 0 and re.search("[1-9]", significand) is not None


def disagreement(vector: Vector, data: bytes) -> str | None:
    """Say how the bytes differ from what the vector claims."""
    judgement = judge(data)
    layers: Mapping[str, Collection[str | None]] = {
        "valid": {None},
        "invalid": INVALID_LAYERS,
        "either": EITHER_LAYERS,
    }
    if vector.layer not in layers[vector.kind]:
        return f"a vector of kind {vector.kind} cannot have the layer {vector.layer}"
    if judgement.layer != vector.layer:
        return f"the first layer that objects is {judgement.layer}, not {vector.layer}"
    if not same(judgement.values, vector.expected):
        return f"the values are {judgement.values}, not {vector.expected}"
    return None


def same(one: Mapping[str, object] | None, other: Mapping[str, object] | None) -> bool:
    """Compare values and types: in Python 1 equals 1.0 and True."""
    if one is None or other is None:
        return one is other
    return one == other and all(type(one[name]) is type(other[name]) for name in one)


def number_of(kind: str) -> int:
    return len(load_vectors(kind))


def named(name: str) -> Vector:
    return next(vector for vector in VECTORS if vector.name == name)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_vector_is_what_its_name_and_its_table_say(vector: Vector) -> None:
    assert disagreement(vector, vector.path.read_bytes()) is None


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_there_are_enough_vectors_of_each_kind() -> None:
    assert number_of("valid") >= 25
    assert number_of("invalid") >= 120
    assert number_of("either") >= 15


def test_every_layer_objects_to_at_least_two_vectors() -> None:
    layers = [vector.layer for vector in VECTORS]
    assert {layer for layer in layers if layers.count(layer) >= 2} == INVALID_LAYERS | EITHER_LAYERS | {None}


def test_no_two_vectors_have_the_same_bytes() -> None:
    assert len({vector.path.read_bytes() for vector in VECTORS}) == len(VECTORS)


def test_every_vector_has_its_own_reason() -> None:
    assert [vector.name for vector in VECTORS if len(vector.reason) < 20] == []
    assert len({vector.reason for vector in VECTORS}) == len(VECTORS)


def test_every_vector_is_well_under_the_size_limit_of_readers() -> None:
    assert [vector.name for vector in VECTORS if vector.path.stat().st_size > 300_000] == []


def test_line_ends_survived_version_control_and_packaging() -> None:
    assert named("valid-crlf-line-ends").path.read_bytes().count(b"\r\n") == 8
    assert named("valid-trailing-line-feed").path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("vector", load_vectors("valid"), ids=lambda vector: vector.name)
def test_a_valid_document_under_an_invalid_name_is_detected(vector: Vector) -> None:
    data = vector.path.read_bytes()
    for layer in INVALID_LAYERS:
        assert disagreement(replace(vector, kind="invalid", layer=layer, expected=None), data) is not None


@pytest.mark.parametrize("vector", [*load_vectors("invalid"), *load_vectors("either")], ids=lambda vector: vector.name)
def test_any_other_document_under_a_valid_name_is_detected(vector: Vector) -> None:
    minimal = named("valid-minimal")
    assert disagreement(replace(minimal, expected=vector.expected), vector.path.read_bytes()) is not None


@pytest.mark.parametrize("layer", sorted(INVALID_LAYERS))
def test_a_document_that_fails_in_another_layer_is_detected(layer: str) -> None:
    examples = {vector.layer: vector for vector in load_vectors("invalid")}
    data = examples.pop(layer).path.read_bytes()
    assert [vector.name for vector in examples.values() if disagreement(vector, data) is None] == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": "done"},
        {"epoch": math.nextafter(2.5, 3)},
        {"epoch": True},
        {"total_epochs": 3},
        {"loss": 0.0},
        {"message": "epoch 2/3, step 150/800 "},
        {"timestamp": 1764345613.0},
        {"version": 1},
    ],
    ids=str,
)
def test_a_wrong_expected_value_is_detected(change: dict[str, object]) -> None:
    vector = named("valid-one-line")
    assert vector.expected is not None
    wrong = replace(vector, expected={**vector.expected, **change})
    assert disagreement(wrong, vector.path.read_bytes()) is not None


def test_a_kind_with_the_layer_of_another_kind_is_detected() -> None:
    vector = named("either-epoch-integer")
    assert disagreement(replace(vector, kind="invalid"), vector.path.read_bytes()) is not None


@pytest.mark.parametrize("kind", ["valid", "invalid", "either"])
def test_the_loader_gives_one_kind_sorted_by_name(kind: str) -> None:
    names = [vector.name for vector in load_vectors(kind)]
    assert names == sorted(vector.name for vector in VECTORS if vector.name.startswith(f"{kind}-"))


def test_the_loader_refuses_an_unknown_kind() -> None:
    with pytest.raises(VectorError, match="unknown kind of vector 'broken'"):
        load_vectors("broken")


TABLE = "[valid-a]\nreason = 'why'\nexpected = '{}'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """Make a folder that holds one document, `valid-a.json`, and the given `reasons.toml`."""

    def make(reasons: str) -> Path:
        (tmp_path / "valid-a.json").write_bytes(b"{}")
        (tmp_path / "reasons.toml").write_text(reasons, encoding="utf-8")
        return tmp_path

    return make


def test_the_loader_takes_a_folder_that_agrees_with_its_table(folder: Callable[[str], Path]) -> None:
    path = folder(TABLE)
    assert load_vectors(folder=path) == (
        Vector("valid-a", "valid", path / "valid-a.json", reason="why", expected={}, layer=None),
    )


@pytest.mark.parametrize(
    ("reasons", "complaint"),
    [
        ("", "add a table to reasons.toml for: valid-a"),
        (TABLE + "[invalid-b]\nreason = 'why'\nlayer = 'syntax'\n", "its table from reasons.toml: invalid-b"),
        ("[valid-a]\nreason = 'why'\n", "valid-a: its table in reasons.toml holds exactly expected, reason"),
        (TABLE + "layer = 'syntax'\n", "valid-a: its table in reasons.toml holds exactly expected, reason"),
        ("valid-a = 'why'\n", "valid-a: its table in reasons.toml holds exactly expected, reason"),
        ("[valid-a]\nreason = 1\nexpected = '{}'\n", "valid-a: the values in reasons.toml are strings"),
        ("[valid-a]\nreason = 'why'\nexpected = '{'\n", "valid-a: expected in reasons.toml must be JSON: "),
        ("[valid-a]\nreason = 'why'\nexpected = '[]'\n", "reasons.toml must be JSON: an object"),
        ("[valid-a", "reasons.toml must be UTF-8 and TOML"),
    ],
)
def test_the_loader_refuses_files_and_reasons_that_disagree(
    folder: Callable[[str], Path], reasons: str, complaint: str
) -> None:
    with pytest.raises(VectorError, match=re.escape(complaint)):
        load_vectors(folder=folder(reasons))


def test_the_loader_refuses_a_file_of_no_known_kind(folder: Callable[[str], Path]) -> None:
    path = folder(TABLE + "[other-b]\nreason = 'why'\n")
    (path / "other-b.json").write_bytes(b"{}")
    with pytest.raises(VectorError, match="other-b: a file's name begins with valid-, invalid- or either-"):
        load_vectors(folder=path)
