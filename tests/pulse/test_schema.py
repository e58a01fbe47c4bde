"""The published schema agrees with our parser wherever a schema can."""

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pulse.status import MEMBERS, STATUSES, InvalidStatus, parse

SCHEMA = json.loads(files("pulse").joinpath("pulse-v1.schema.json").read_bytes())
GOOD: dict[str, Any] = {
    "status": "running",
    "epoch": 2.5,
    "total_epochs": 3.0,
    "loss": 0.342,
    "message": "epoch 2/3, step 150/800",
    "timestamp": 1764345613,
}


def without(name: str) -> dict[str, Any]:
    """The good document without one member."""
    return {key: value for key, value in GOOD.items() if key != name}


def test_is_a_valid_schema_with_a_stable_id() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:pulse:v1:schema"
    assert SCHEMA["additionalProperties"] is False
    assert tuple(SCHEMA["required"]) == tuple(SCHEMA["properties"]) == MEMBERS
    assert tuple(SCHEMA["properties"]["status"]["enum"]) == STATUSES


@pytest.mark.parametrize(
    "changes",
    [
        *({"status": status} for status in STATUSES),
        {"epoch": 0},
        {"epoch": 4.0},
        {"epoch": 1.7976931348623157e308, "loss": -1.7976931348623157e308},
        {"loss": -1},
        {"message": ""},
        {"message": "шаг\u0000\n"},
        {"timestamp": 0},
        {"timestamp": 2**53 - 1},
    ],
    ids=str,
)
def test_schema_and_parser_accept(changes: dict[str, Any]) -> None:
    document = {**GOOD, **changes}
    assert Draft202012Validator(SCHEMA).is_valid(document)
    assert parse(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    "document",
    [
        *(without(name) for name in MEMBERS),
        {**GOOD, "lr": 0.1},
        *({**GOOD, name: None} for name in MEMBERS),
        *({**GOOD, name: True} for name in MEMBERS),
        *({**GOOD, name: "1.0"} for name in ("epoch", "total_epochs", "loss", "timestamp")),
        {**GOOD, "status": "Running"},
        {**GOOD, "epoch": -0.5},
        {**GOOD, "total_epochs": -1},
        {**GOOD, "loss": 10**309},
        {**GOOD, "message": 1},
        {**GOOD, "timestamp": -1},
        {**GOOD, "timestamp": 2**53},
        {**GOOD, "timestamp": 1.5},
        [],
        None,
        "running",
    ],
    ids=lambda document: str(document)[:40],
)
def test_schema_and_parser_refuse(document: Any) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(document)
    with pytest.raises(InvalidStatus):
        parse(json.dumps(document).encode())
