"""What an implementation of mode ``python`` does reaches the kit in the form of the protocol."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import load_manifest
from conformance.subject import python_host as host
from conformance.subject.client import ServeImplementation, start
from conformance.subject.launch import LaunchOptions
from conformance.subject.python_host import load_object, serve


@pytest.fixture
def hosted(
    adapters: Path, make_manifest: Callable[..., Path], launch_options: Callable[..., LaunchOptions]
) -> Iterator[Callable[[str], ServeImplementation]]:
    """Serves a factory of ``adapters/in_process.py`` as a run does."""
    running: list[ServeImplementation] = []

    def run(factory: str) -> ServeImplementation:
        path = make_manifest(mode="python", entry_point=f"in_process:{factory}")
        (path.parent / "in_process.py").write_bytes((adapters / "in_process.py").read_bytes())
        implementation = start(load_manifest(path, frozenset(load_clauses()), source="x"), launch_options())
        assert isinstance(implementation, ServeImplementation)
        running.append(implementation)
        return implementation

    yield run
    for implementation in running:
        if implementation.usable:
            implementation.stop()


def status(message: str) -> dict[str, Any]:
    return {"status": "idle", "message": message}


def test_name_and_version_are_the_object_s(hosted: Callable[[str], ServeImplementation]) -> None:
    assert hosted("Talkative").about == {"protocol": 1, "name": "talkative", "version": "3", "language": "python"}


def test_name_and_version_may_be_missing(hosted: Callable[[str], ServeImplementation]) -> None:
    assert hosted("Bytes").about == {"protocol": 1, "name": "", "version": "", "language": "python"}


def test_a_factory_may_be_an_attribute_of_an_attribute(hosted: Callable[[str], ServeImplementation]) -> None:
    assert hosted("Namespace.Inner").about["name"] == "talkative"


@pytest.mark.parametrize(
    ("raised", "error", "says"),
    [
        ("ValueError", "invalid", "ValueError: the value is wrong"),
        ("UnicodeEncodeError", "invalid", "UnicodeEncodeError"),
        ("OSError", "io", "No space left on device"),
        ("PermissionError", "io", "PermissionError"),
        ("NotImplementedError", "unsupported", "not today"),
    ],
)
def test_exceptions_are_answers(
    hosted: Callable[[str], ServeImplementation], raised: str, error: str, says: str
) -> None:
    implementation = hosted("Talkative")
    answer = implementation.request("write", path="x", status=status(raised))
    assert (answer.ok, answer.error) == (False, error)
    assert says in answer.message
    assert implementation.request("write", path="x", status=status("")).ok


@pytest.mark.parametrize(
    ("raised", "code", "says"), [("ZeroDivisionError", 1, "a crash of the writer"), ("SystemExit", 1, "gives up")]
)
def test_any_other_exception_ends_the_process(
    hosted: Callable[[str], ServeImplementation], raised: str, code: int, says: str
) -> None:
    implementation = hosted("Talkative")
    with pytest.raises(ImplementationError, match=f"ended with exit code {code} instead of answering") as caught:
        implementation.request("write", path="x", status=status(raised))
    assert says in caught.value.stderr


def test_an_answer_that_is_not_json_ends_the_process(hosted: Callable[[str], ServeImplementation]) -> None:
    with pytest.raises(ImplementationError, match="ended with exit code 1") as caught:
        hosted("Talkative").request("read", path="an object")
    assert "not JSON serializable" in caught.value.stderr


def test_what_it_prints_goes_to_standard_error(hosted: Callable[[str], ServeImplementation]) -> None:
    """By ``print``, through the descriptor and from a child: none of it may mix with the answers."""
    implementation = hosted("Talkative")
    for _ in range(3):
        assert implementation.request("write", path="x", status=status("")).ok
    implementation.stop()
    printed = implementation.stderr()
    assert [printed.count(f"printed by {what}") for what in ("print", "descriptor", "a child")] == [3, 3, 3]


def test_reader_operations(hosted: Callable[[str], ServeImplementation]) -> None:
    implementation = hosted("Talkative")
    assert implementation.request("read", path="a").fields == {"status": {"path": "a"}}
    assert implementation.request("poll", path="a").fields == {"status": None, "fresh": False}
    infinite = implementation.request("progress", status={"epoch": math.inf})
    assert infinite.fields == {"progress": math.inf}


@pytest.mark.parametrize("operation", ["read", "poll", "progress", "write", "__init__", "name"])
def test_an_operation_that_it_does_not_have(hosted: Callable[[str], ServeImplementation], operation: str) -> None:
    answer = hosted("Bytes").request(operation, path="a", status={})
    assert answer.error == "unsupported"
    assert operation in answer.message


def test_replace_gets_the_text(hosted: Callable[[str], ServeImplementation], tmp_path: Path) -> None:
    target = tmp_path / "target"
    assert hosted("Bytes").request("replace", path=str(target), text="\u044d\r\n\ud83d\ude00").ok
    assert target.read_bytes() == "\u044d\r\n\U0001f600".encode()


def test_threads_run_several_lists_of_writes(hosted: Callable[[str], ServeImplementation], tmp_path: Path) -> None:
    """A crash in one thread is that thread's answer, and the others go on."""

    def write(name: str, text: str) -> dict[str, str]:
        return {"op": "replace", "path": str(tmp_path / name), "text": text}

    writes = [[write("a", "1"), write("a", "2")], [write("b", "crash"), write("b", "3")], [write("no/folder", "4")]]
    first, second, third = hosted("Bytes").request("threads", writes=writes).fields["answers"]
    assert first == [{"ok": True}, {"ok": True}]
    assert [(said["ok"], said.get("error")) for said in second] == [(False, "crash"), (True, None)]
    assert "ZeroDivisionError" in second[0]["message"]
    assert third[0]["error"] == "io"
    assert [(tmp_path / name).read_text() for name in "ab"] == ["2", "3"]


class Recorder:
    """Records what it was given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def write(self, path: str, status: Any) -> None:
        self.given.append((path, status))


def served(implementation: object, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    answers = io.BytesIO()
    lines = b"".join(json.dumps(request).encode() + b"\n" for request in requests)
    serve(implementation, io.BytesIO(lines), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_numbers_that_json_cannot_express_are_decoded() -> None:
    recorder = Recorder()
    status = {"epoch": {"$float": "Infinity"}, "total_epochs": {"$float": "-Infinity"}, "loss": 10**400}
    assert served(recorder, {"id": 0, "op": "write", "path": "x", "status": status}) == [{"id": 0, "ok": True}]
    assert recorder.given == [("x", {"epoch": math.inf, "total_epochs": -math.inf, "loss": 10**400})]


def test_serving_ends_with_stop() -> None:
    answers = served(Recorder(), {"id": 0, "op": "stop"}, {"id": 1, "op": "start"})
    assert answers == [{"id": 0, "ok": True}]


def test_serving_ends_with_the_input() -> None:
    assert served(Recorder()) == []


def test_the_manifest_s_folder_is_first_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["elsewhere"])
    (tmp_path / "only_in_this_folder.py").write_text("class Made:\n    where = __file__\n", encoding="utf-8")
    for _ in range(2):
        made = load_object(str(tmp_path), "only_in_this_folder:Made")
        assert made.where == str(tmp_path / "only_in_this_folder.py")
    assert sys.path == [str(tmp_path), "elsewhere"]


def test_a_module_that_does_not_exist_is_reported_on_standard_error(
    hosted: Callable[[str], ServeImplementation],
) -> None:
    with pytest.raises(ImplementationError, match="ended with exit code 1") as caught:
        hosted("Missing")
    assert "has no attribute 'Missing'" in caught.value.stderr


def test_file_calls_pause_so_that_writes_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr("conformance.subject.python_host.time.sleep", paused.append)
    with host.pauses_before_file_calls():
        (tmp_path / "a").write_bytes(b"")
        before_rename = len(paused)
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "b").unlink()
    assert before_rename >= 1
    assert len(paused) >= before_rename + 2
    assert all(0 <= seconds < 0.01 for seconds in paused)
    paused.clear()
    (tmp_path / "c").write_bytes(b"")
    assert not paused
