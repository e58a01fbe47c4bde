"""The followers in other languages, on a file that the reference writes and that others break; and their writers,
where the suite does not look.

Node needs no build. The builds of Rust and Go take long, and cargo fetches crates: `tox -e languages` runs those two.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import pulse
from conformance.contract.clauses import load_clauses
from conformance.runner.resolve import resolve
from conformance.runner.set_up import release, set_up
from conformance.subject.launch import LaunchOptions

PROGRAMS = {"rust": "target/release/pulse-follow", "go": "target/pulse-follow", "node": "follow.mjs"}
SERVERS = {"rust": "target/release/examples/serve", "go": "target/serve", "node": "serve.mjs"}
BUILT_WITH = {"rust": "cargo", "go": "go"}

Follow = Callable[..., subprocess.Popen[str]]
Request = Mapping[str, object]

# cargo fetches and builds its crates within the first test of Rust: minutes on a busy machine.
pytestmark = pytest.mark.timeout(1800)


class Built(NamedTuple):
    """A follower that can be started."""

    language: str
    folder: Path
    command: list[str]
    serve: list[str]


@pytest.fixture(scope="module", params=["rust", "go", "node"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The follower of a language, built once for all tests."""
    language = request.param
    if language == "node" and shutil.which("node") is None:
        pytest.skip("needs node")
    if language in BUILT_WITH:
        if not os.environ.get("PULSE_LANGUAGES"):
            pytest.skip("built and run by tox -e languages")
        if shutil.which(BUILT_WITH[language]) is None:
            pytest.skip(f"needs {BUILT_WITH[language]}")
    folder = tmp_path_factory.mktemp(language)
    options = LaunchOptions(children=folder / "children", scratch=folder / "scratch")
    options.children.mkdir()
    options.scratch.mkdir()
    manifest = set_up(resolve(language, frozenset(load_clauses())), folder, options)
    runner = ["node"] if language == "node" else []
    follower, server = (str(manifest.folder / programs[language]) for programs in (PROGRAMS, SERVERS))
    yield Built(language, manifest.folder, [*runner, follower], [*runner, server])
    release(folder)


@pytest.fixture
def follow(built: Built) -> Iterator[Follow]:
    """Starts a language's follower on a file, with what it logs in its output."""
    running: list[subprocess.Popen[str]] = []

    def start(file: Path, interval: str = "0.05") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*built.command, file, interval],
            cwd=built.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints. The test's time-out ends the wait."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_run_is_followed_to_its_end(follow: Follow, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    process = follow(file)
    assert "no valid status yet" in line(process)  # there is no file
    pulse.write_running_status(file, 1, 3, 0.5, "café")
    printed = line(process) + line(process)
    assert "readable again" in printed
    assert "running  33.3 %  epoch 1/3  loss 0.5" in printed
    assert "café" in printed

    file.write_bytes(file.read_bytes()[:-9])  # torn, as a writer in place would leave it
    assert "keeping the last valid status" in line(process)
    pulse.write_done_status(file, 3, 3, 0.25)
    printed = line(process) + line(process)
    assert "readable again" in printed
    assert "done  100.0 %  epoch 3/3  loss 0.25" in printed
    assert process.wait() == 0


HOUR = 3600


@pytest.mark.parametrize(
    ("written", "modified"),
    [(-2 * HOUR, -HOUR), (-HOUR, -2 * HOUR), (HOUR, 2 * HOUR)],
    ids=["the file's time is nearer", "the timestamp is nearer", "both are ahead"],
)
def test_a_run_that_has_died_before_is_stalled_at_once_for_all_alike(
    follow: Follow, tmp_path: Path, written: int, modified: int
) -> None:
    file = tmp_path / "status.json"
    now = int(time.time())
    pulse.write_training_status(file, "running", 1, 3, 0.5, timestamp=now + written)
    os.utime(file, (now, now + modified))
    process = follow(file)
    assert "running  33.3 %" in line(process)
    found = re.fullmatch(r"stalled: no change for (\d+) s\n", line(process))
    assert found is not None
    reference = pulse.StatusReader(file).poll().unchanged_seconds
    assert reference is not None
    for seconds in (float(found[1]), reference):  # they go on while the machine is busy
        assert abs(seconds - HOUR) < HOUR / 2


def test_a_run_that_fails_is_exit_code_1(follow: Follow, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    pulse.write_error_status(file, 1, 3, 0.5, "out of\x1b[31m memory")
    process = follow(file)
    printed = line(process)
    assert "error  33.3 %" in printed
    assert "\x1b" not in printed
    assert process.wait() == 1


def test_what_a_document_says_does_not_reach_the_terminal_as_it_is(follow: Follow, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_text('{"\x9b31m\u202e": "\x9b\u202e"}', encoding="utf-8")  # an unknown member
    process = follow(file)
    printed = line(process)
    pulse.write_error_status(file, 1, 3, 0.5, "\x9b31m\u202eevil\u2028\u200b")
    printed += "".join(iter(lambda: line(process), ""))
    assert "evil" in printed
    assert not set(printed) & set("\x9b\u202e\u2028\u200b")


@pytest.mark.parametrize("interval", ["1", "1s", "0.5"])
def test_seconds_are_taken_with_and_without_their_unit(follow: Follow, tmp_path: Path, interval: str) -> None:
    file = tmp_path / "status.json"
    pulse.write_done_status(file, 3, 3, 0.5)
    assert "done" in line(follow(file, interval))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names in Unicode only")
def test_a_path_that_is_not_utf_8_is_followed(built: Built, follow: Follow, tmp_path: Path) -> None:
    if built.language == "node":
        pytest.skip("Node has only Unicode arguments")
    file = tmp_path / os.fsdecode(b"caf\xe9.json")
    pulse.write_done_status(file, 3, 3, 0.5)
    assert "done" in line(follow(file))


def answers(built: Built, *requests: Request, largest_file: int | None = None) -> list[dict[str, object]]:
    """What the writer answers, after ``start``, in mode ``serve``."""
    asked: list[Request] = [{"op": "start"}, *requests, {"op": "stop"}]
    lines = [json.dumps({"id": number, **request}) + "\n" for number, request in enumerate(asked)]
    limit = [] if largest_file is None else ["prlimit", f"--fsize={largest_file}"]
    done = subprocess.run(
        [*limit, *built.serve], cwd=built.folder, input="".join(lines), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(answer) for answer in done.stdout.splitlines()][1:-1]


def test_a_path_with_a_nul_is_invalid(built: Built, tmp_path: Path) -> None:
    path = f"{tmp_path}/a\0b.json"
    [answer] = answers(built, {"op": "write", "path": path, "status": {"status": "running"}})
    assert (answer["ok"], answer["error"]) == (False, "invalid")


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit, of Linux")
def test_a_file_that_may_not_grow_is_an_error_and_no_end(built: Built, tmp_path: Path) -> None:
    request = {"op": "write", "path": str(tmp_path / "a.json"), "status": {"status": "running"}}
    [answer] = answers(built, request, largest_file=10)
    assert (answer["ok"], answer["error"]) == (False, "io")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["status.json", "0"], ["status.json", "1", "2"]])
def test_wrong_arguments_are_exit_code_2(arguments: list[str]) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs node")
    program = resolve("node", frozenset(load_clauses())).folder / "follow.mjs"
    done = subprocess.run(["node", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
