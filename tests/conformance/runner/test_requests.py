"""A document to publish as a request, in both profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.oracle.payload import make_status
from conformance.runner.requests import Request, publish_request

STATUS = make_status(1, 2, 300)


def test_profile_pulse_hands_over_the_members() -> None:
    request = publish_request("pulse", Path("a", "b"), STATUS)

    assert request == ("write", {"path": str(Path("a", "b")), "status": STATUS})


def test_profile_replace_hands_over_the_text() -> None:
    operation, fields = publish_request("replace", "there", STATUS)

    assert operation == "replace"
    assert list(fields) == ["path", "text"]
    assert fields["path"] == "there"
    assert json.loads(fields["text"]) == STATUS


def test_a_request_keeps_its_own_copy_of_the_members() -> None:
    status = dict(STATUS)
    request = publish_request("pulse", "there", status)
    status.clear()

    assert request.fields["status"] == STATUS


@pytest.mark.parametrize(("profile", "operation"), [("pulse", "write"), ("replace", "replace")])
def test_message_is_the_request_of_the_protocol_without_an_id(profile: str, operation: str) -> None:
    request = publish_request(profile, "there", STATUS)

    assert request.message() == {"op": operation, **request.fields}


class Recorder:
    """An implementation in mode python that notes how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []

    def write(self, path: str, status: dict[str, Any]) -> None:
        self.calls.append(("write", path, status))

    def replace(self, path: str, text: str) -> None:
        self.calls.append(("replace", path, text))


def test_call_hands_path_and_document_to_the_method_of_the_operation() -> None:
    recorder = Recorder()
    publish_request("pulse", "there", STATUS).call(recorder)
    publish_request("replace", "there", {"status": "idle"}).call(recorder)

    assert recorder.calls == [("write", "there", STATUS), ("replace", "there", '{"status":"idle"}')]


def test_call_lets_through_what_the_method_raises() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        Request("nothing", {"path": "there"}).call(Recorder())
