"""Fixtures shared by the tests of the kit: adapters that misbehave on demand, and the command line as a process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import conformance
from conformance.subject.launch import LaunchOptions

ADAPTERS = Path(__file__).parent / "adapters"
DEADLINE_SECONDS = 60.0

# The processes that these tests start count for coverage: together they run every line that any process of the tests
# runs. Those of all others are not measured, for that takes half as long again.
MEASURED = (
    "commands/adapter/test_templates.py",
    "commands/judge/test_programs.py::test_a_file_that_is_only_made_once",
    "commands/judge/test_programs.py::test_a_lock_that_a_kill_leaves",
    "commands/observe/",
    "in_process/test_enumeration.py",
    "in_process/test_fakefs.py",
    "in_process/test_oscalls.py::test_a_full_disk",
    "in_process/test_realfs.py",
    "runner/test_full_folder.py",
    "runner/test_room.py",
    "runner/test_standard_output.py",
    "runner/test_watchdog.py",
    "selfcheck/",
    "suite/",
    "syscalls/",
    "system/",
    "test_cli_hostile.py",
    "test_cli_interrupt.py",
    "test_cli_isolation.py",
)


@pytest.fixture(autouse=True)
def unmeasured_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keeps coverage.py out of the processes that a test starts, but for those of ``MEASURED``."""
    if request.node.nodeid.startswith(tuple(f"tests/conformance/{test}" for test in MEASURED)):
        yield
        return
    config = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    yield
    if config is not None:
        os.environ["COVERAGE_PROCESS_CONFIG"] = config


@pytest.fixture
def adapters() -> Path:
    """The folder of the small implementations that the tests judge."""
    return ADAPTERS


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """The folder where ``misbehaving.py`` leaves what a test checks."""
    folder = tmp_path / "traces"
    folder.mkdir()
    return folder


@pytest.fixture
def make_manifest(tmp_path: Path) -> Callable[..., Path]:
    """Writes a manifest into a new folder: ``make_manifest(command=[…], mode=…, more="…")`` → its path."""

    def make(
        command: list[str] | None = None,
        *,
        mode: str = "serve",
        profile: str = "pulse",
        roles: tuple[str, ...] = ("writer",),
        entry_point: str = "",
        setup: list[list[str]] | None = None,
        more: str = "",
    ) -> Path:
        folder = tmp_path / "implementation"
        folder.mkdir()
        # JSON strings and lists of strings are valid TOML.
        members: dict[str, object] = {
            "name": "under test",
            "language": "python",
            "profile": profile,
            "roles": list(roles),
            "mode": mode,
            **({"command": command} if command else {}),
            **({"callable": entry_point} if entry_point else {}),
            **({"setup": setup} if setup else {}),
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in members.items()]
        path = folder / "implementation.toml"
        path.write_text("\n".join(["[implementation]", *lines, "", more]), encoding="utf-8")
        return path

    return make


@pytest.fixture
def misbehaving(make_manifest: Callable[..., Path], traces: Path) -> Callable[..., Path]:
    """The manifest of an implementation that misbehaves: ``misbehaving(HOW, NUMBER)``, see that adapter."""

    def make(how: str = "behave", number: int = 0, more: str = "", **members: object) -> Path:
        # Without site, so that the coverage hook is not loaded: this process starts hundreds of times.
        command = ["{python}", "-S", str(ADAPTERS / "misbehaving.py"), how, str(number), str(traces)]
        return make_manifest(command, more=more, **members)

    return make


class CommandServer:
    """The process of ``command_server.py``, which is started by the first command and again after a mishap."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Runs ``pulse conformance`` with these arguments in this folder, beside which its output is kept."""
        server = self._process = self._process or self._start()
        assert server.stdin is not None
        assert server.stdout is not None
        outputs = {name: folder.with_name(f"{folder.name}.{name}") for name in ("stdout", "stderr")}
        for path in outputs.values():
            path.write_bytes(b"")
        places = {"folder": str(folder), **{name: str(path) for name, path in outputs.items()}}
        try:
            command = {"arguments": arguments, "environment": dict(os.environ), **places}
            server.stdin.write(json.dumps(command) + "\n")
            server.stdin.flush()
            line = server.stdout.readline()
            assert line, "the process that runs the commands ended; its standard error says why"
        except BaseException:  # also when the test's time is up: what is still running must not answer the next test
            self.end()
            raise
        texts = {name: path.read_text(encoding="utf-8") for name, path in outputs.items()}
        return subprocess.CompletedProcess(arguments, int(line), **texts)

    def end(self) -> None:
        """Ends the process and what it has started, if there is one."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(self._process.pid).children(recursive=True):
                    child.kill()
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        # Each command measures itself: what all of them import is seen elsewhere.
        unmeasured = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
        script = Path(__file__).with_name("command_server.py")
        return subprocess.Popen(
            [sys.executable, "-P", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=unmeasured
        )


@pytest.fixture(scope="session")
def command_server() -> Iterator[CommandServer]:
    """Runs commands faster than new processes do. Linux only: elsewhere a fork may not use what is loaded here."""
    server = CommandServer()
    yield server
    server.end()


@pytest.fixture
def conformance_command(
    tmp_path: Path, command_server: CommandServer
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``pulse conformance`` with these arguments in an empty folder; with an ``environment``, in a new Python."""
    folder = tmp_path / "current"
    folder.mkdir()

    def run(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        words = [str(argument) for argument in arguments]
        if environment is None and sys.platform == "linux":
            return command_server.run(words, folder)
        return subprocess.run(
            [sys.executable, "-m", "conformance.cli", *words],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=DEADLINE_SECONDS * 14,  # a whole suite on a slow machine
        )

    return run


@pytest.fixture
def children(tmp_path: Path) -> Path:
    """An empty folder for the records of running children."""
    folder = tmp_path / "children"
    folder.mkdir()
    return folder


@pytest.fixture
def launch_options(children: Path, tmp_path: Path) -> Callable[..., LaunchOptions]:
    """How to start an implementation: ``launch_options(answer_seconds=…)``."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def make(**changes: object) -> LaunchOptions:
        settings: dict[str, object] = {"children": children, "scratch": scratch, **changes}
        return LaunchOptions(**settings)  # type: ignore[arg-type]  # the values are checked where they are given

    return make


@pytest.fixture
def package_copy(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A copy of the package that a test may change, and the environment in which Python finds it first."""
    folder = tmp_path / "site-packages"
    package = folder / "conformance"
    left_out = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(Path(conformance.__file__).parent, package, ignore=left_out)
    return package, {"PYTHONPATH": str(folder)}
