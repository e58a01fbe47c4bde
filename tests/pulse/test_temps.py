"""Names of temps; orphans of dead writers are swept, a live writer's temp never (VIS-03, KIL-02, KIL-03)."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse import _temps, write_idle_status
from pulse._platform import system
from pulse._temps import temp_name

if sys.platform == "darwin":
    pytest.skip("only on Linux and Windows can a dead writer be recognised", allow_module_level=True)

BASE = "training_status.json"
ARABIC_DIGITS = {ord("0") + digit: ord("\u0660") + digit for digit in range(10)}
SWEEP_CALLS = ["listdir", "lstat", "unlink", *(["kill"] if sys.platform == "linux" else [])]


def temp_of(process: str | int, base: str = BASE) -> str:
    """The name of a temp that another process of this pid namespace would use."""
    name = temp_name(base)
    mine = f"-{os.getpid()}-"
    assert name.count(mine) == 1
    return name.replace(mine, f"-{process}-")


def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_names_are_unique_hidden_short_and_end_in_tmp() -> None:
    names = {temp_name("x" * 255) for _ in range(1000)}
    assert len(names) == 1000
    assert all(name.startswith(".pulse-") and name.endswith(".tmp") and len(name) < 128 for name in names)


def test_siblings_have_different_prefixes() -> None:
    assert len({temp_name(base)[:15] for base in ("a.json", "a.toml", "a", "\udc80")}) == 4


def test_the_first_write_sweeps_the_orphans_of_its_target(target: str, tmp_path: Path) -> None:
    orphans = [tmp_path / temp_of(dead_process()) for _ in range(3)]
    for orphan in orphans:
        orphan.write_text("half a docu")
    write_idle_status(target)
    assert os.listdir(tmp_path) == [BASE]


@pytest.mark.skipif(sys.platform != "linux", reason="names of another process are made as on Linux")
def test_what_may_belong_to_a_live_writer_stays(target: str, tmp_path: Path) -> None:
    dead = dead_process()
    space = system.writer_id().rpartition("-")[0]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sleeper:
        kept = {
            "my own": temp_name(BASE),
            "a live process": temp_of(sleeper.pid),
            "another user's process": temp_of(1),
            "a sibling's": temp_of(dead, "sibling.json"),
            "another machine, boot or container": temp_of(dead).replace(space, "0123456789abcdef-f00"),
            "a writer that does not know where it is": temp_of(dead).replace(space, "unknown"),
            "no process id": temp_of("none"),
            "a huge process id": temp_of("9" * 30),
            "a process id with a sign": temp_of(f"+{dead}"),
            "a process id with an underscore": temp_of(f"{str(dead)[:1]}_{str(dead)[1:]}"),
            "a process id with a zero before it": temp_of(f"0{dead}"),
            "a process id in other digits": temp_of(str(dead).translate(ARABIC_DIGITS)),
            "too few random digits": temp_of(dead).replace(".tmp", "")[:-1] + ".tmp",
            "no random digits": temp_of(dead).replace(".tmp", "")[:-32] + "g" * 32 + ".tmp",
            "random digits in capitals": temp_of(dead).replace(".tmp", "")[:-32] + "A" * 32 + ".tmp",
            "not ours": "training_status.json.tmp",
            "almost ours": temp_of(dead) + "x",
        }
        for name in kept.values():
            (tmp_path / name).write_text("")
        write_idle_status(target)
        assert set(os.listdir(tmp_path)) == {*kept.values(), BASE}
        sleeper.communicate(b"\n")


def test_only_regular_files_are_removed_and_none_of_the_others_ends_the_sweep(
    target: str, tmp_path: Path, make_special_file: Callable[[str, Path], None]
) -> None:
    dead = dead_process()
    kept = {temp_of(dead) for _ in range(5)}
    folder, link, dangling, fifo, listening = (tmp_path / name for name in kept)
    folder.mkdir()
    if sys.platform != "win32":
        link.symlink_to(tmp_path.parent)
        dangling.symlink_to("missing")
        make_special_file("FIFO", fifo)
        make_special_file("socket", listening)
    else:
        kept = {folder.name}
    for _ in range(50):
        (tmp_path / temp_of(dead)).write_text("half a docu")
    write_idle_status(target)
    assert set(os.listdir(tmp_path)) == {*kept, BASE}


def test_an_orphan_that_cannot_be_removed_does_not_end_the_sweep(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = dead_process()
    for _ in range(10):
        (tmp_path / temp_of(dead)).write_text("")
    real = os.unlink
    refused: list[str] = []

    def unlink(path: str) -> None:
        if not refused:
            refused.append(os.path.basename(path))
            raise PermissionError(errno.EPERM, "injected")
        real(path)

    monkeypatch.setattr(os, "unlink", unlink)
    write_idle_status(target)
    assert set(os.listdir(tmp_path)) == {*refused, BASE}


def test_a_folder_is_searched_once_per_target(target: str, tmp_path: Path) -> None:
    write_idle_status(target)
    orphan = tmp_path / temp_of(dead_process())
    orphan.write_text("")
    write_idle_status(target)
    assert orphan.exists()
    write_idle_status(tmp_path / "sibling.json")
    assert orphan.exists()


def test_a_failed_write_sweeps_nothing(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = tmp_path / temp_of(dead_process())
    orphan.write_text("")
    with monkeypatch.context() as patch:
        patch.setattr("pulse.writer.temp_name", lambda base: "missing/temp")
        with pytest.raises(FileNotFoundError):
            write_idle_status(target)
    assert os.listdir(tmp_path) == [orphan.name]
    write_idle_status(target)
    assert os.listdir(tmp_path) == [BASE]


@pytest.mark.parametrize("call", SWEEP_CALLS)
def test_a_sweep_that_fails_does_not_fail_the_write(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / temp_of(dead_process())).write_text("")
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise PermissionError(errno.EPERM, "injected")

    monkeypatch.setattr(os, call, refuse)
    write_idle_status(target)
    assert len(asked) == 1
    assert os.path.exists(target)


def test_a_writer_killed_before_its_replace_leaves_an_orphan_and_the_next_process_sweeps_it(
    target: str, tmp_path: Path
) -> None:
    write_idle_status(target, "old")
    script = (
        "import os, sys, pulse\n"
        "os.fsync = lambda descriptor: (print('ready', flush=True), input())\n"
        "pulse.write_idle_status(sys.argv[1], 'never published')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready" + os.linesep.encode()
        assert len(os.listdir(tmp_path)) == 2
        _temps._swept.clear()
        write_idle_status(target, "while it lives")
        assert len(os.listdir(tmp_path)) == 2, "a live writer's temp was removed"
        writer.kill()
    _temps._swept.clear()
    write_idle_status(target, "new")
    assert os.listdir(tmp_path) == [BASE]
