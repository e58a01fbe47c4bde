"""The reference as an implementation under test, in process and over the line protocol."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from pulse import __version__
from pulse.serve import Reference, serve

STATUS = {
    "status": "running",
    "epoch": 2.5,
    "total_epochs": 3.0,
    "loss": 0.5,
    "message": "шаг",
    "timestamp": 5,
}
TARGET = "the target"
"""Stands for the target's path in a request that is written before the path is known."""


def write_of(path: str = TARGET, **members: Any) -> dict[str, Any]:
    """A request to write the status with some members changed."""
    return {"op": "write", "path": path, "status": {**STATUS, **members}}


def talk(*requests: Any) -> list[dict[str, Any]]:
    """Send requests (objects, or raw lines) to a new server, which must exit with 0, and return its answers."""
    code, answers = session(*requests)
    assert code == 0
    return answers


def session(*requests: Any) -> tuple[int, list[dict[str, Any]]]:
    """Send requests to a new server; return its exit code and its answers."""
    lines = [request if isinstance(request, bytes) else json.dumps(request).encode() for request in requests]
    stdout = io.BytesIO()
    code = serve(io.BytesIO(b"".join(line + b"\n" for line in lines)), stdout)
    assert stdout.getvalue().isascii()
    return code, [json.loads(line) for line in stdout.getvalue().splitlines()]


class TestReference:
    def test_says_who_it_is(self) -> None:
        who = (Reference.name, Reference.version, Reference.language)
        assert who == ("pulse reference", __version__, "python")

    def test_writes_and_reads(self, target: str) -> None:
        reference = Reference()
        assert reference.read(target) is None
        reference.write(target, STATUS)
        assert reference.read(target) == STATUS

    def test_absent_members_take_the_defaults(self, target: str) -> None:
        reference = Reference()
        reference.write(target, {"status": "idle", "timestamp": 1})
        expected = {**STATUS, "status": "idle", "epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": ""}
        assert reference.read(target) == {**expected, "timestamp": 1}

    def test_refuses_an_unknown_member(self, target: str) -> None:
        with pytest.raises(ValueError, match="unknown member"):
            Reference().write(target, {**STATUS, "lr": 0.1})
        assert not os.path.exists(target)

    def test_a_failed_write_is_an_os_error(self, target: str) -> None:
        with pytest.raises(FileNotFoundError):
            Reference().write(target + "/x", STATUS)

    def test_polls_each_path_on_its_own(self, target: str) -> None:
        reference = Reference()
        reference.write(target, STATUS)
        assert reference.poll(target) == (STATUS, True)
        os.unlink(target)
        assert reference.poll(target) == (STATUS, False)
        assert reference.poll(target + ".other") == (None, False)

    def test_progress(self) -> None:
        assert Reference().progress(STATUS) == pytest.approx(83.333333)


class TestServe:
    def test_answers_in_order_and_echoes_the_id(self, target: str) -> None:
        answers = talk(
            {"id": 0, "op": "start", "protocol": 1},
            {"id": "one", "op": "write", "path": target, "status": STATUS},
            {"id": 2, "op": "read", "path": target},
            {"id": 3, "op": "poll", "path": target},
            {"id": 4, "op": "progress", "status": STATUS},
            {"id": 5, "op": "stop"},
            b"this is never read",
        )
        assert answers == [
            {
                "id": 0,
                "ok": True,
                "protocol": 1,
                "name": "pulse reference",
                "version": __version__,
                "language": "python",
            },
            {"id": "one", "ok": True},
            {"id": 2, "ok": True, "status": STATUS},
            {"id": 3, "ok": True, "status": STATUS, "fresh": True},
            {"id": 4, "ok": True, "progress": 2.5 / 3.0 * 100},
            {"id": 5, "ok": True},
        ]

    def test_the_end_of_stdin_ends_it(self) -> None:
        assert talk() == []

    @pytest.mark.parametrize(
        ("request_", "error"),
        [
            (write_of(status="paused"), "invalid"),
            (write_of(loss={"$float": "NaN"}), "invalid"),
            (write_of(loss={"$float": "-Infinity"}), "invalid"),
            (write_of(message="\ud800"), "invalid"),
            (write_of(timestamp=None), "invalid"),
            ({"op": "progress", "status": {"status": "running", "epoch": {"$float": "Infinity"}}}, "invalid"),
            (write_of(TARGET + "/missing/x"), "io"),
            ({"op": "replace", "path": TARGET, "text": "x"}, "unsupported"),
            ({"op": "dance"}, "unsupported"),
            ({"op": "start", "protocol": 2}, "unsupported"),
        ],
    )
    def test_a_failure_says_which_kind_and_the_server_lives(
        self, target: str, request_: dict[str, Any], error: str
    ) -> None:
        if "path" in request_:
            request_ = {**request_, "path": request_["path"].replace(TARGET, target)}
        failed, after = talk({"id": 1, **request_}, {"id": 2, "op": "read", "path": target})
        assert (failed["id"], failed["ok"], failed["error"]) == (1, False, error)
        assert failed["message"]
        assert after == {"id": 2, "ok": True, "status": None}

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"hello",
            b"\xff",
            b"[]",
            b"1",
            b"[" * 100_000,
            b'{"op": "stop"}',
            b'{"id": 1}',
            b'{"id": 1, "op": 2}',
            b'{"id": 1, "op": "read"}',
            b'{"id": 1, "op": "poll", "path": 3}',
            b'{"id": 1, "op": "write", "path": "x"}',
            b'{"id": 1, "op": "write", "path": "x", "status": []}',
            b'{"id": 1, "op": "progress"}',
            b'{"id": 1, "op": "progress", "status": {"epoch": {"$float": "1"}}}',
            b'{"id": 1, "op": "progress", "status": {"epoch": {"$float": []}}}',
        ],
        ids=lambda line: repr(line[:60]),
    )
    def test_garbage_ends_it_with_2_and_a_reason(self, line: bytes, capsys: pytest.CaptureFixture[str]) -> None:
        code, answers = session({"id": 0, "op": "start", "protocol": 1}, line, {"id": 2, "op": "stop"})
        assert (code, len(answers)) == (2, 1)
        assert capsys.readouterr().err.startswith("pulse serve: ")

    def test_works_over_pipes_whatever_the_locale(self, target: str) -> None:
        environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
        with subprocess.Popen(
            [sys.executable, "-m", "pulse", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            for request in (
                {"id": 1, "op": "write", "path": target, "status": STATUS},
                {"id": 2, "op": "read", "path": target},
                {"id": 3, "op": "stop"},
            ):
                server.stdin.write(json.dumps(request).encode() + b"\n")
                server.stdin.flush()
                answer = json.loads(server.stdout.readline())
                assert (answer["id"], answer["ok"]) == (request["id"], True)
        assert server.returncode == 0
        with open(target, "rb") as file:
            assert '"шаг"'.encode() in file.read()
