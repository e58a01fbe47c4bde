"""The writer and its target: modes, owners, links, odd paths, other writers (MET, CON)."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulse import (
    InvalidStatus,
    safe_read_json,
    write_idle_status,
    write_training_status,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and links of POSIX")
is_root = sys.platform != "win32" and os.geteuid() == 0


def content(path: str) -> bytes:
    """The bytes at ``path``, read without the package's reader."""
    return Path(path).read_bytes()


def message(path: str) -> object:
    """The message of the document at ``path``."""
    return json.loads(content(path))["message"]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set the umask for the block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def injected(call: str, number: int, *, really: bool = False) -> Callable[..., Any]:
    """A stand-in for ``os.<call>`` that fails with errno ``number``; ``really`` does the work first."""
    real = getattr(os, call)

    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        if really:
            real(*arguments, **keywords)
        raise OSError(number, os.strerror(number))

    return stand_in


@posix
class TestAttributes:
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o664, 0o444, 0o777, 0o1644])
    @pytest.mark.parametrize("mask", [0o022, 0o077, 0])
    def test_an_existing_target_keeps_its_mode(self, target: str, mode: int, mask: int) -> None:
        with umask(mask):
            write_idle_status(target)
            os.chmod(target, mode)
            write_idle_status(target)
        assert stat.S_IMODE(os.stat(target).st_mode) == mode

    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o027, 0])
    def test_a_new_target_honours_the_umask(self, target: str, mask: int) -> None:
        with umask(mask):
            write_idle_status(target)
        assert stat.S_IMODE(os.stat(target).st_mode) == 0o666 & ~mask

    @pytest.mark.parametrize("mode", [0o600, 0o640])
    def test_the_temp_is_never_more_open_than_the_target(
        self, target: str, monkeypatch: pytest.MonkeyPatch, mode: int
    ) -> None:
        write_idle_status(target)
        os.chmod(target, mode)
        seen: list[int] = []
        for call in ("fstat", "write", "fsync", "replace"):
            real = getattr(os, call)

            def look(*arguments: Any, real: Callable[..., Any] = real) -> Any:
                seen.extend(
                    stat.S_IMODE(entry.stat().st_mode)
                    for entry in os.scandir(os.path.dirname(target))
                    if entry.name.endswith(".tmp")
                )
                return real(*arguments)

            monkeypatch.setattr(os, call, look)
        with umask(0):
            write_training_status(target, "idle", durable=False)
        assert len(seen) == 4
        assert all(found & ~mode == 0 for found in seen)

    @pytest.mark.skipif(not is_root, reason="only root can give files away")
    def test_an_existing_target_keeps_its_owner_and_special_bits(self, target: str) -> None:
        write_idle_status(target)
        shutil.chown(target, 1234, 4321)
        os.chmod(target, 0o6750)
        write_idle_status(target)
        found = os.stat(target)
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o6750)

    @pytest.mark.skipif(not is_root, reason="only root can give files away")
    @pytest.mark.parametrize("mode", [0o640, 0o660, 0o664, 0o2750, 0o644])
    def test_the_writers_group_may_never_do_more_with_the_temp_than_all_others(
        self, target: str, monkeypatch: pytest.MonkeyPatch, mode: int
    ) -> None:
        write_idle_status(target)
        shutil.chown(target, 1234, 4321)
        os.chmod(target, mode)
        seen: list[os.stat_result] = []
        for call in ("write", "fstat", "chown", "chmod", "fsync", "replace"):
            real = getattr(os, call)

            def look(*arguments: Any, real: Callable[..., Any] = real) -> Any:
                seen.extend(e.stat() for e in os.scandir(os.path.dirname(target)) if e.name.endswith(".tmp"))
                return real(*arguments)

            monkeypatch.setattr(os, call, look)
        with umask(0):
            write_training_status(target, "idle", durable=False)
        wrong_group = [stat.S_IMODE(found.st_mode) for found in seen if found.st_gid != 4321]
        assert len(wrong_group) >= 3  # at the write, the fstat and the first chown
        assert [oct(found) for found in wrong_group if (found >> 3 & 0o7) & ~(mode & 0o7)] == []
        last = seen[-1]
        assert (last.st_uid, last.st_gid, stat.S_IMODE(last.st_mode)) == (1234, 4321, mode)

    def test_what_the_system_refuses_to_keep_does_not_fail_the_write(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_idle_status(target)
        os.chmod(target, 0o666)
        asked: list[str] = []

        def refuse(call: str) -> Callable[..., None]:
            def stand_in(*arguments: Any) -> None:
                asked.append(call)
                raise PermissionError(errno.EPERM, "injected")

            return stand_in

        real = os.fstat

        def owned_by_another_user(descriptor: int) -> os.stat_result:
            fields = list(real(descriptor))
            fields[stat.ST_UID] += 1
            fields[stat.ST_GID] += 1
            return os.stat_result(fields)

        with umask(0o022), monkeypatch.context() as patch:
            patch.setattr(os, "fstat", owned_by_another_user)
            patch.setattr(os, "chown", refuse("chown"))
            patch.setattr(os, "chmod", refuse("chmod"))
            write_idle_status(target, "new")
        assert asked == ["chown", "chown", "chmod"]
        assert message(target) == "new"


class TestPaths:
    @pytest.mark.parametrize(
        "name",
        ["x.tmp", "with space.json", "статус.json", "x" * 255, "я" * 127, ".hidden", "a.json", "-"],
        ids=lambda name: name[:12],
    )
    def test_unusual_names_work_and_leave_nothing_else(self, tmp_path: Path, name: str) -> None:
        for text in ("old", "new"):
            write_idle_status(tmp_path / name, text)
        assert message(str(tmp_path / name)) == "new"
        assert os.listdir(tmp_path) == [name]

    @posix
    def test_a_name_that_is_not_utf_8_works(self, tmp_path: Path) -> None:
        path = os.path.join(tmp_path, os.fsdecode(b"caf\xe9.json"))
        try:
            Path(path).touch()
        except OSError:
            pytest.skip("this file system takes only UTF-8 names")
        write_idle_status(path)
        assert message(path) == "Waiting to start..."

    def test_siblings_keep_their_own_temps(self, tmp_path: Path) -> None:
        mine = {"a.toml", "a.json.tmp", "a.tmp", ".a.json.tmp", "tmp"}
        for name in mine:
            (tmp_path / name).write_text(name)
        write_idle_status(tmp_path / "a.json")
        assert {entry.name: entry.read_text() for entry in tmp_path.iterdir() if entry.name in mine} == {
            name: name for name in mine
        }
        assert set(os.listdir(tmp_path)) == {*mine, "a.json"}

    def test_a_relative_path_is_resolved_when_the_write_starts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path)
        real = os.write

        def move_and_write(descriptor: int, data: bytes) -> int:
            os.chdir(tmp_path / "elsewhere")
            return real(descriptor, data)

        monkeypatch.setattr(os, "write", move_and_write)
        write_idle_status("status.json", "here")
        assert message(str(tmp_path / "status.json")) == "here"
        assert os.listdir(tmp_path / "elsewhere") == []

    @posix
    def test_dots_behind_a_link_are_not_lexical(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "link").symlink_to("a/b")
        monkeypatch.chdir(tmp_path)
        write_idle_status("link/../status.json")
        assert set(os.listdir(tmp_path / "a")) == {"b", "status.json"}

    @posix
    def test_a_link_is_followed_and_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        link = tmp_path / "link.json"
        link.symlink_to("real/status.json")
        for text in ("dangling at first", "then not"):
            write_idle_status(link, text)
            assert link.is_symlink()
            assert message(str(tmp_path / "real" / "status.json")) == text
        assert os.listdir(tmp_path / "real") == ["status.json"]

    @posix
    def test_a_loop_of_links_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            write_idle_status(tmp_path / "a")
        assert set(os.listdir(tmp_path)) == {"a", "b"}

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("missing/status.json", FileNotFoundError),
            ("folder", IsADirectoryError),
            ("folder/", IsADirectoryError),
            ("", IsADirectoryError),
            ("file/status.json", OSError),
            ("x" * 300, OSError),
        ],
    )
    def test_a_path_that_cannot_be_a_file_is_an_error_and_creates_nothing(
        self, tmp_path: Path, path: str, error: type[OSError]
    ) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("")
        with pytest.raises(error):
            write_idle_status(os.path.join(tmp_path, path))
        assert set(os.listdir(tmp_path)) == {"folder", "file"}
        assert os.listdir(tmp_path / "folder") == []

    @posix
    @pytest.mark.parametrize("kind", ["FIFO", "socket"])
    def test_what_is_not_a_regular_file_is_not_replaced(
        self, tmp_path: Path, make_special_file: Callable[[str, Path], None], kind: str
    ) -> None:
        make_special_file(kind, tmp_path / "special")
        with pytest.raises(OSError, match="not a regular file"):
            write_idle_status(tmp_path / "special")
        assert os.listdir(tmp_path) == ["special"]
        assert not (tmp_path / "special").is_file()

    @pytest.mark.parametrize("path", ["a\0b", pytest.param("\ud800", marks=posix)])
    def test_an_impossible_path_is_refused(self, path: str) -> None:
        with pytest.raises(InvalidStatus, match="no file can have the path"):
            write_idle_status(path)

    def test_what_is_not_a_path_is_an_error_of_the_caller(self) -> None:
        with pytest.raises(TypeError):
            write_idle_status(3)  # type: ignore[arg-type]  # the point of the test

    @posix
    def test_a_working_folder_that_is_gone_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def gone() -> str:
            raise FileNotFoundError(errno.ENOENT, "injected")

        monkeypatch.setattr(os, "getcwd", gone)
        with pytest.raises(FileNotFoundError, match=r"injected: 'status\.json'"):
            write_idle_status("status.json")

    @posix
    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files have links only where there is /proc")
    @pytest.mark.parametrize("links", [0, 2])
    def test_a_link_to_an_open_file_is_not_replaced(self, tmp_path: Path, links: int) -> None:
        log = tmp_path / "log"
        with log.open("w") as file:
            path = f"/proc/self/fd/{file.fileno()}"
            for number in range(links):
                (tmp_path / f"link{number}").symlink_to(path)
                path = f"link{number}"
            with pytest.raises(OSError, match="a link to an open file") as failure:
                write_idle_status(tmp_path / path)
            assert failure.value.errno == errno.EINVAL
            assert os.path.samestat(os.fstat(file.fileno()), os.stat(log))
        assert log.read_text() == ""

    @posix
    @pytest.mark.skipif(is_root, reason="root may write everywhere")
    def test_a_read_only_folder_is_an_error(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir(mode=0o555)
        with pytest.raises(PermissionError):
            write_idle_status(folder / "status.json")


class TestConcurrency:
    def test_threads_on_one_target_never_tear_it(self, target: str) -> None:
        start = threading.Barrier(4)
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                start.wait()
                for step in range(25):
                    write_training_status(target, "running", step, message=str(number) * 1000, durable=False)
                    assert safe_read_json(target) is not None
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert os.listdir(os.path.dirname(target)) == [os.path.basename(target)]

    def test_processes_on_one_target_leave_one_whole_document(self, target: str) -> None:
        script = (
            "import sys; from pulse import write_running_status\n"
            "for step in range(20): write_running_status(sys.argv[1], step, 20, 0.5, sys.argv[2] * 500)"
        )
        commands = [[sys.executable, "-c", script, target, str(number)] for number in range(3)]
        workers = [subprocess.Popen(command) for command in commands]
        assert [worker.wait() for worker in workers] == [0, 0, 0]
        document = safe_read_json(target)
        assert document is not None
        assert document["epoch"] == 19.0
        assert os.listdir(os.path.dirname(target)) == [os.path.basename(target)]

    def test_the_bytes_do_not_depend_on_the_locale(self, target: str) -> None:
        script = (
            "import sys; from pulse import write_training_status\n"
            "write_training_status(sys.argv[1], 'idle', message='\\u0448\\r\\n', timestamp=1)"
        )
        for locale in ("C", "C.UTF-8"):
            environment = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
            subprocess.run([sys.executable, "-c", script, target], check=True, env=environment)
            assert '"ш\\r\\n"'.encode() in content(target)
