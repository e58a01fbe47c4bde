"""Mode oneshot: one process per request."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError, NotApplicable
from conformance.oracle.payload import make_status
from conformance.subject.client import (
    Implementation,
    OneshotImplementation,
)
from tests.conformance.subject.conftest import running_children

STATUS = make_status(0, 1)
SOON = 1.0  # seconds: short, because the tests wait for it to pass
WAIT = "import threading; threading.Event().wait()"
RECORD = """
import pathlib, sys
pathlib.Path(sys.argv[2]).write_bytes(sys.argv[1].encode() + sys.stdin.buffer.read())
"""


class TestOneshot:
    @pytest.fixture
    def oneshot(
        self, make_manifest: Callable[..., Path], started: Callable[..., Implementation]
    ) -> Callable[..., OneshotImplementation]:
        """An implementation whose command is Python code; the operation is ``sys.argv[1]``."""

        def make(code: str, **changes: Any) -> OneshotImplementation:
            manifest = make_manifest(["{python}", "-c", code], mode="oneshot", roles=("writer", "reader"))
            implementation = started(manifest, **changes)
            assert isinstance(implementation, OneshotImplementation)
            return implementation

        return make

    def test_nothing_runs_between_requests(self, oneshot: Callable[..., OneshotImplementation], children: Path) -> None:
        implementation = oneshot("pass")
        assert implementation.pid is None
        assert implementation.usable
        assert implementation.about == {"name": "under test", "language": "python"}
        assert implementation.request("write", path="x", status=STATUS).ok
        assert running_children(children) == []
        implementation.stop()

    def test_write_gives_the_status_on_standard_input(
        self, oneshot: Callable[..., OneshotImplementation], tmp_path: Path
    ) -> None:
        target = tmp_path / "seen"
        status = {"message": "\u044d", "loss": float("nan")}
        assert oneshot(RECORD).request("write", path=str(target), status=status).ok
        assert target.read_bytes() == b'write{"message": "\\u044d", "loss": {"$float": "NaN"}}'

    def test_replace_gives_the_text_as_it_is(
        self, oneshot: Callable[..., OneshotImplementation], tmp_path: Path
    ) -> None:
        target = tmp_path / "seen"
        assert oneshot(RECORD).request("replace", path=str(target), text="\u044d\r\n").ok
        assert target.read_bytes() == "replace\u044d\r\n".encode()

    def test_read_takes_json_from_standard_output(self, oneshot: Callable[..., OneshotImplementation]) -> None:
        code = f"import sys; assert sys.argv[1:] == ['read', 'x']; print({json.dumps(json.dumps(STATUS))})"
        assert oneshot(code).request("read", path="x").fields == {"status": STATUS}

    def test_exit_code_1_is_a_refusal(self, oneshot: Callable[..., OneshotImplementation]) -> None:
        implementation = oneshot("raise SystemExit('not allowed')")
        answer = implementation.request("write", path="x", status=STATUS)
        assert (answer.ok, answer.error, answer.message) == (False, "refused", "not allowed")
        assert implementation.stderr() == "not allowed\n"

    @pytest.mark.parametrize("operation", ["poll", "progress", "threads"])
    def test_other_operations_do_not_exist(self, oneshot: Callable[..., OneshotImplementation], operation: str) -> None:
        with pytest.raises(NotApplicable, match=operation):
            oneshot("pass").request(operation, path="x")

    @pytest.mark.parametrize(
        ("code", "says"),
        [
            ("import sys; sys.exit(2)", "ended with exit code 2; 0 and 1 are answers"),
            ("import os; os.abort()", "ended with exit code"),
            ("print('Hello')", r"printed something that is not JSON: b'Hello\\n'"),
            ("print(end='')", "printed something that is not JSON: b''"),
            ("print('null null')", "not JSON"),
            ("print('[' * 100_000)", "not JSON"),
            ("import sys; sys.stdout.buffer.write(b'\"\\xff\"')", "not JSON"),
        ],
    )
    def test_anything_else_is_an_error(
        self, oneshot: Callable[..., OneshotImplementation], code: str, says: str
    ) -> None:
        with pytest.raises(ImplementationError, match=says):
            oneshot(f"import sys; print('why', file=sys.stderr); {code}").request("read", path="x")

    @pytest.mark.parametrize(
        "code",
        [
            WAIT,
            # The process ends, but not its output, which another process still holds open.
            f"import subprocess; subprocess.Popen([sys.executable, '-c', {WAIT!r}])",
        ],
        ids=["hang", "grandchild-holds-the-output"],
    )
    def test_a_process_without_end_is_killed(
        self, oneshot: Callable[..., OneshotImplementation], children: Path, code: str
    ) -> None:
        implementation = oneshot(f"import sys; print('busy', file=sys.stderr, flush=True); {code}", answer_seconds=SOON)
        with pytest.raises(ImplementationError, match="did not end within 1 s and was killed") as caught:
            implementation.request("read", path="x")
        assert caught.value.stderr == "busy\n"
        assert running_children(children) == []

    def test_a_large_document_that_is_never_read(self, oneshot: Callable[..., OneshotImplementation]) -> None:
        assert oneshot("pass").request("replace", path="x", text="x" * (4 << 20)).ok

    def test_a_command_that_does_not_exist(
        self, started: Callable[..., Implementation], make_manifest: Callable[..., Path]
    ) -> None:
        implementation = started(make_manifest([os.path.join(".", "missing")], mode="oneshot"))
        with pytest.raises(ImplementationError, match="cannot be started"):
            implementation.request("write", path="x", status=STATUS)

    def test_killing_it_when_nothing_ever_ran(
        self, oneshot: Callable[..., OneshotImplementation], children: Path
    ) -> None:
        oneshot("pass").kill()
        assert running_children(children) == []


COPY = "import pathlib, sys; pathlib.Path(sys.argv[2]).write_bytes(pathlib.Path(sys.argv[1]).read_bytes() + b'!')"
TAKE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read() + b'!')"


class TestTemplate:
    @pytest.fixture
    def template(
        self, make_manifest: Callable[..., Path], started: Callable[..., Implementation]
    ) -> Callable[..., OneshotImplementation]:
        """An implementation whose command is Python code, and these arguments."""

        def make(code: str, *arguments: str) -> OneshotImplementation:
            command = ["{python}", "-c", code, *arguments]
            implementation = started(make_manifest(command, mode="oneshot", profile="replace"))
            assert isinstance(implementation, OneshotImplementation)
            return implementation

        return make

    def test_the_text_comes_on_standard_input(
        self, template: Callable[..., OneshotImplementation], tmp_path: Path
    ) -> None:
        target = tmp_path / "a 'name'"
        assert template(TAKE, "{path}").request("replace", path=str(target), text="\u044d").ok
        assert target.read_bytes() == "\u044d!".encode()

    def test_or_in_a_file_that_is_gone_afterwards(
        self, template: Callable[..., OneshotImplementation], tmp_path: Path
    ) -> None:
        target = tmp_path / "f"
        assert template(COPY, "{input}", "{path}").request("replace", path=str(target), text="new").ok
        assert target.read_bytes() == b"new!"
        assert os.listdir(tmp_path / "scratch") == []

    def test_exit_codes_that_are_refusals(self, template: Callable[..., OneshotImplementation]) -> None:
        ends = "import sys; sys.exit(int(sys.argv[1]))"
        implementation = template(ends, "{path}")
        answer = implementation.request("replace", path="4", text="")
        assert (answer.ok, answer.error) == (False, "refused")
        with pytest.raises(ImplementationError, match="exit code 126; 0 to 125 are answers"):
            implementation.request("replace", path="126", text="")
