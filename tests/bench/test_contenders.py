"""Contenders: the loops in C and in Python do what they promise, and one that dies is named."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.contenders import c_loop, compile_loops, python_loop, race
from pulse import write_training_status

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the loops are POSIX programs")
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")

# The calls of a write as strace names them on the machines that it runs on.
FILE_CALLS = (
    "trace=openat,newfstatat,fstat,statx,listxattr,flistxattr,getrandom,write,fsync,close,rename,renameat,renameat2"
)
ONE_NAME = {"renameat": "rename", "renameat2": "rename", "fstat": "newfstatat", "statx": "newfstatat"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that holds a valid document."""
    path = tmp_path / "status.json"
    write_training_status(path, "running", 1.0, 2.0, 0.5, "here")
    return path


def calls_of(command: list[str], log: Path) -> list[str]:
    """The file calls of the last of three writes, after the folder's sync of the second."""
    # Coverage would make file calls of its own in the child.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run(
        ["strace", "-f", "-o", str(log), "-e", FILE_CALLS, *command],
        env=unmeasured,
        input="3\n",
        text=True,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    names = [line.split(maxsplit=1)[1].partition("(")[0] for line in log.read_text().splitlines() if "(" in line]
    names = [ONE_NAME.get(name, name) for name in names]
    renames = [at for at, name in enumerate(names) if name == "rename"]
    return names[renames[-2] + 4 : renames[-1] + 4]  # a durable rename is followed by open, fsync and close


@needs_compiler
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_loops_make_the_system_calls_of_the_reference(
    target: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    program, log = compile_loops(outside), outside / "strace.log"
    reference = calls_of(python_loop("write", target, "1"), log)
    assert reference.count("fsync") == 2, "the file's and the folder's"
    assert calls_of(c_loop(program, "write", target, "1"), log) == reference
    write_training_status(target, "running")  # the loop in C has left no document
    assert calls_of(python_loop("calls", target, "1"), log) == reference


@pytest.mark.parametrize("durable", ["1", "0"])
def test_the_reference_keeps_the_members_it_found(target: Path, durable: str) -> None:
    before = json.loads(target.read_bytes())
    race({"reference": python_loop("write", target, durable)}, 1)
    after = json.loads(target.read_bytes())
    assert {**after, "timestamp": 0} == {**before, "timestamp": 0}


@pytest.mark.parametrize("kind", ["read", "reads", "stress"])
def test_readers_leave_the_document_alone(target: Path, kind: str) -> None:
    before = target.read_bytes()
    (seconds,) = race({kind: python_loop(kind, target)}, 1)[kind]
    assert seconds > 0.0
    assert target.read_bytes() == before


@needs_compiler
def test_the_loop_in_c_insists_on_the_size_of_the_document(target: Path, tmp_path: Path) -> None:
    command = c_loop(compile_loops(tmp_path), "read", target)
    assert len(race({"c": command}, 2)["c"]) == 2
    target.write_bytes(target.read_bytes()[:-1])
    with pytest.raises(RuntimeError, match="c exited with 1"):
        race({"c": command}, 1)


def test_every_generation_is_a_new_process(target: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = f"import sys; open({str(started)!r}, 'a').write('x'); [print(0.01, flush=True) for line in sys.stdin]"
    done: list[int] = []
    assert race({"one": [sys.executable, "-c", program]}, 2, done.append, generations=3) == {"one": [0.005] * 6}
    assert started.read_text() == "xxx"
    assert done == [1, 2, 3, 4, 5, 6]


def test_a_contender_that_dies_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="reference exited with 1"):
        race({"reference": python_loop("write", tmp_path / "missing", "1")}, 1)


def test_without_a_compiler_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="install gcc or clang"):
        compile_loops(tmp_path)
