"""The three modes of an adapter, and everything that can be wrong with an answer."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import make_status
from conformance.subject.client import Implementation, ServeImplementation, start
from conformance.subject.launch import LaunchOptions, command_of
from tests.conformance.subject.conftest import load, running_children

STATUS = make_status(0, 1)
# Long enough for a busy machine, short enough for the tests that wait for it to pass.
SOON = 1.0
WAIT = "import threading; threading.Event().wait()"


@pytest.fixture
def serve(started: Callable[..., Implementation]) -> Callable[..., ServeImplementation]:
    """Like ``started``, for mode ``serve``."""

    def run(manifest: Path, **changes: Any) -> ServeImplementation:
        implementation = started(manifest, **changes)
        assert isinstance(implementation, ServeImplementation)
        return implementation

    return run


class TestServe:
    def test_handshake_reports_name_and_version(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        implementation = serve(misbehaving())
        assert implementation.about == {
            "protocol": 1,
            "name": "misbehaving",
            "version": "7",
            "language": "python",
        }
        assert implementation.usable
        assert implementation.pid is not None

    def test_request_is_carried_out(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        target = tmp_path / "status.json"
        answer = serve(misbehaving()).request("write", path=str(target), status=STATUS)
        assert answer.ok
        assert json.loads(target.read_text(encoding="utf-8")) == STATUS

    def test_a_refusal_is_an_answer(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        implementation = serve(misbehaving("io", 1))
        answer = implementation.request("progress", status=STATUS)
        assert (answer.ok, answer.error, answer.message) == (False, "io", "no, and this is why")
        assert implementation.usable

    def test_requests_may_be_pipelined(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        implementation = serve(misbehaving())
        targets = [tmp_path / f"{number}.json" for number in range(20)]
        numbers = [implementation.send("write", path=str(target), status=STATUS) for target in targets]
        assert all(implementation.receive(number).ok for number in numbers)
        assert all(target.exists() for target in targets)

    def test_requests_of_any_size_arrive(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        status = make_status(0, 1, size=4 << 20)
        target = tmp_path / "status.json"
        assert serve(misbehaving()).request("write", path=str(target), status=status).ok
        assert json.loads(target.read_text(encoding="utf-8")) == status

    def test_stop_ends_it(
        self,
        serve: Callable[..., ServeImplementation],
        misbehaving: Callable[..., Path],
        children: Path,
        gone: Callable[[int], bool],
    ) -> None:
        implementation = serve(misbehaving())
        pid = implementation.pid
        assert pid is not None
        implementation.stop()
        assert gone(pid)
        assert not implementation.usable
        assert running_children(children) == []

    def test_the_last_bytes_of_standard_error_are_kept(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        implementation = serve(misbehaving("log-to-stderr", 1))
        implementation.request("progress", status=STATUS)
        assert implementation.stderr().endswith("the end of it\n")

    @pytest.mark.parametrize("number", [0, 1])
    @pytest.mark.parametrize(
        ("how", "says"),
        [
            ("garbage", r"not a JSON answer: b'Welcome to the writer!\\n'"),
            ("not-utf-8", "not a JSON answer"),
            ("not-an-object", "not a JSON object"),
            ("next-id", "answered out of order: expected id"),
            ("text-for-id", 'an "id" that is not the integer . of the request'),
            ("text-for-ok", 'answered without "ok": true or false'),
            ("unknown-error", "must say .*one of invalid, io, unsupported"),
            ("die", "^ended with exit code 7 instead of answering$"),
            ("half-a-line", """exit code 7 instead of answering after printing b'{"id": """),
            ("endless-line", "instead of answering after printing b'xxxxx"),
        ],
    )
    def test_a_broken_answer_ends_it(
        self,
        serve: Callable[..., ServeImplementation],
        misbehaving: Callable[..., Path],
        children: Path,
        how: str,
        number: int,
        says: str,
    ) -> None:
        manifest = misbehaving(how, number)
        with pytest.raises(ImplementationError, match=says):
            serve(manifest).request("progress", status=STATUS)
        assert running_children(children) == []

    @pytest.mark.parametrize(
        ("how", "says"),
        [
            ("hang", "gave no answer within 1 s and was killed"),
            ("hang-ignoring-sigterm", "gave no answer within 1 s and was killed"),
            ("close-stdout", "closed its standard output"),
        ],
    )
    def test_an_answer_that_never_comes_ends_it(
        self,
        serve: Callable[..., ServeImplementation],
        misbehaving: Callable[..., Path],
        children: Path,
        how: str,
        says: str,
    ) -> None:
        implementation = serve(misbehaving(how, 1), answer_seconds=SOON)
        with pytest.raises(ImplementationError, match=says):
            implementation.request("progress", status=STATUS)
        assert not implementation.usable
        assert running_children(children) == []

    def test_the_request_is_in_the_error_as_it_was_sent(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        implementation = serve(misbehaving("die", 2))
        implementation.send("progress", status={})
        second = implementation.send("replace", path="p", text="é" + "x" * 5000)
        implementation.receive(1)
        with pytest.raises(ImplementationError) as caught:
            implementation.receive(second)
        assert caught.value.request.startswith('{"id":2,"op":"replace","path":"p","text":"\\u00e9xxx')
        assert caught.value.request.endswith('xxx"} (5,051 bytes)')
        assert len(caught.value.request) < 400

    def test_the_handshake_has_its_own_limit(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path], children: Path
    ) -> None:
        with pytest.raises(ImplementationError, match=r"no answer within 0\.1 s"):
            serve(misbehaving("hang", 0), start_seconds=0.1, answer_seconds=1000.0)
        assert running_children(children) == []

    def test_one_that_reads_nothing_does_not_block_the_kit(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        """The requests are more than any pipe holds."""
        implementation = serve(misbehaving("hang", 1))
        first, *_ = [implementation.send("replace", path="x", text="x" * (1 << 20)) for _ in range(8)]
        with pytest.raises(ImplementationError, match="no answer"):
            implementation.receive(first, SOON)

    def test_standard_error_is_in_the_error(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        with pytest.raises(ImplementationError) as caught:
            serve(misbehaving("die", 0))
        assert caught.value.stderr == "cannot go on: the reason why\n"

    def test_death_after_an_answer_fails_the_next_request(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        implementation = serve(misbehaving("answer-and-die", 1))
        assert implementation.request("progress", status=STATUS).error == "unsupported"
        assert implementation.usable
        with pytest.raises(ImplementationError, match="ended with exit code 7 instead of answering"):
            implementation.request("progress", status=STATUS)
        assert not implementation.usable

    def test_an_extra_answer_is_taken_for_the_next_one(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        implementation = serve(misbehaving("two-lines", 1))
        implementation.request("progress", status=STATUS)
        with pytest.raises(ImplementationError, match="answered out of order: expected id 2"):
            implementation.request("progress", status=STATUS)

    def test_another_protocol_is_not_spoken(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        with pytest.raises(ImplementationError, match="does not speak protocol 1: it answered start with 2"):
            serve(misbehaving("other-protocol", 0))

    def test_a_refused_handshake_says_why(
        self, serve: Callable[..., ServeImplementation], misbehaving: Callable[..., Path]
    ) -> None:
        with pytest.raises(ImplementationError, match="unsupported: no, and this is why"):
            serve(misbehaving("unsupported", 0))

    @pytest.mark.parametrize(
        ("how", "says"),
        [
            ("io", "answered stop with io: no, and this is why"),
            ("exit-non-zero", "ended with exit code 5 after stop"),
            ("do-not-exit", "did not exit after the answer to stop"),
            ("hang", "gave no answer"),
        ],
    )
    def test_stop_must_be_obeyed(
        self,
        serve: Callable[..., ServeImplementation],
        misbehaving: Callable[..., Path],
        children: Path,
        how: str,
        says: str,
    ) -> None:
        implementation = serve(misbehaving(how, 1), answer_seconds=SOON)
        with pytest.raises(ImplementationError, match=says):
            implementation.stop()
        assert running_children(children) == []

    def test_one_that_ended_before_stop_did_not_obey_it(
        self,
        serve: Callable[..., ServeImplementation],
        misbehaving: Callable[..., Path],
        eventually: Callable[[Callable[[], object], str], None],
        gone: Callable[[int], bool],
    ) -> None:
        implementation = serve(misbehaving("answer-and-die", 0))
        pid = implementation.pid
        assert pid is not None
        eventually(lambda: gone(pid), "it dies")
        with pytest.raises(ImplementationError, match="exit code 7 before it was asked to stop") as caught:
            implementation.stop()
        assert "the reason why" in caught.value.stderr

    def test_its_grandchildren_end_with_it(
        self,
        serve: Callable[..., ServeImplementation],
        misbehaving: Callable[..., Path],
        traces: Path,
        eventually: Callable[[Callable[[], object], str], None],
        gone: Callable[[int], bool],
    ) -> None:
        implementation = serve(misbehaving("die-with-a-grandchild", 1))
        with pytest.raises(ImplementationError):
            implementation.request("progress", status=STATUS)
        [grandchild] = [int(path.read_text(encoding="utf-8")) for path in traces.glob("grandchild-*")]
        eventually(lambda: gone(grandchild), "the grandchild ends")

    def test_a_command_that_does_not_exist(
        self, serve: Callable[..., ServeImplementation], make_manifest: Callable[..., Path]
    ) -> None:
        with pytest.raises(
            ImplementationError, match=r"cannot be started: no-such-command-here --fast: .*No such file"
        ):
            serve(make_manifest(["no-such-command-here", "--fast"]))


PRINT_ENVIRONMENT = """
import json, os, pathlib
names = [name for name in os.environ if name.startswith(("T", "PULSE_TEST"))]
where = {"folder": os.getcwd(), "environment": {name: os.environ[name] for name in names}}
pathlib.Path("file").touch()
where["mode"] = os.stat("file").st_mode
raise SystemExit(json.dumps(where))
"""


class TestLaunchOptions:
    @pytest.fixture
    def look(
        self, make_manifest: Callable[..., Path], launch_options: Callable[..., LaunchOptions]
    ) -> Callable[..., Any]:
        """Reports what a child sees when it is started with these launch options."""

        def run(**changes: Any) -> Any:
            manifest = make_manifest(["{python}", "-c", PRINT_ENVIRONMENT])
            with pytest.raises(ImplementationError) as caught:
                start(load(manifest), launch_options(**changes))
            return json.loads(caught.value.stderr)

        return run

    def test_the_manifest_s_folder_is_the_current_one(self, look: Callable[..., Any], tmp_path: Path) -> None:
        assert Path(look()["folder"]) == tmp_path / "implementation"

    def test_another_folder_on_demand(self, look: Callable[..., Any], tmp_path: Path, traces: Path) -> None:
        assert Path(look(folder=traces)["folder"]) == traces

    def test_temporary_files_go_to_the_run_s_own_folder(self, look: Callable[..., Any], tmp_path: Path) -> None:
        environment = look()["environment"]
        assert {environment[name] for name in ("TMPDIR", "TEMP", "TMP")} == {str(tmp_path / "scratch")}

    def test_environment_is_ours_with_the_requested_additions(
        self, look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PULSE_TEST_KEPT", "kept")
        monkeypatch.setenv("PULSE_TEST_CHANGED", "old")
        environment = look(environment={"PULSE_TEST_CHANGED": "new"})["environment"]
        assert (environment["PULSE_TEST_KEPT"], environment["PULSE_TEST_CHANGED"]) == ("kept", "new")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no real umask")
    def test_what_measures_the_kit_does_not_measure_it(
        self, launch_options: Callable[..., LaunchOptions], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "of the kit")
        monkeypatch.setenv("COVERAGE_PROCESS_START", "of the user")
        environment = launch_options().child_environment()
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "of the kit")
        assert not any(name.startswith("PYTEST_") for name in launch_options().child_environment())
        assert "COVERAGE_PROCESS_CONFIG" not in environment
        assert environment["COVERAGE_PROCESS_START"] == "of the user"

    @pytest.mark.parametrize("umask", [0o027, 0o077])
    def test_umask_on_demand(self, look: Callable[..., Any], umask: int) -> None:
        assert stat.S_IMODE(look(umask=umask)["mode"]) == 0o666 & ~umask

    @pytest.mark.skipif(sys.platform == "win32", reason="env is a POSIX command")
    def test_prefix_is_executed_before_it(self, look: Callable[..., Any]) -> None:
        assert look(prefix=("env", "PULSE_TEST=1"))["environment"]["PULSE_TEST"] == "1"


def test_the_word_python_is_the_kit_s_own(make_manifest: Callable[..., Path]) -> None:
    manifest = load(make_manifest(["{python}", "-c", "{python} stays inside a word"]))
    assert command_of(manifest) == (sys.executable, "-c", "{python} stays inside a word")


def test_mode_python_is_served_by_the_kit_s_host(make_manifest: Callable[..., Path], tmp_path: Path) -> None:
    manifest = load(make_manifest(mode="python", entry_point="package.module:factory"))
    assert command_of(manifest) == (
        *(sys.executable, "-m", "conformance.subject.python_host"),
        *(str(tmp_path / "implementation"), "package.module:factory"),
    )
