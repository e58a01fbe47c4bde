"""The writer: what is published, what is refused, what stays after a failure (LIF, VIS, FLT, MET, CON)."""

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
    atomic_write_json,
    safe_read_json,
    write_done_status,
    write_error_status,
    write_idle_status,
    write_running_status,
    write_training_status,
)
from pulse.status import SIZE_LIMIT

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and links of POSIX")
is_root = sys.platform != "win32" and os.geteuid() == 0

EXAMPLES: list[tuple[Callable[[str], None], dict[str, Any]]] = [
    (
        lambda path: write_idle_status(path),
        {"status": "idle", "epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": "Waiting to start..."},
    ),
    (
        lambda path: write_running_status(path, 2.5, 3.0, 0.342, "epoch 2/3, step 150/800"),
        {
            "status": "running",
            "epoch": 2.5,
            "total_epochs": 3.0,
            "loss": 0.342,
            "message": "epoch 2/3, step 150/800",
        },
    ),
    (
        lambda path: write_error_status(path, 2.5, 3.0, 0.342, "CUDA out of memory at step 150"),
        {
            "status": "error",
            "epoch": 2.5,
            "total_epochs": 3.0,
            "loss": 0.342,
            "message": "CUDA out of memory at step 150",
        },
    ),
    (
        lambda path: write_done_status(path, 3.0, 3.0, 0.127),
        {"status": "done", "epoch": 3.0, "total_epochs": 3.0, "loss": 0.127, "message": "Training completed"},
    ),
]


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


class TestDocuments:
    @pytest.mark.parametrize(("write", "expected"), EXAMPLES, ids=["idle", "running", "error", "done"])
    def test_the_orders_examples_are_written_exactly(
        self, target: str, write: Callable[[str], None], expected: dict[str, Any]
    ) -> None:
        write(target)
        document = json.loads(content(target))
        assert isinstance(document.pop("timestamp"), int)
        assert document == expected

    def test_an_explicit_timestamp_is_kept(self, target: str) -> None:
        write_training_status(target, "running", 1, 3, 0.5, "now", 0)
        assert json.loads(content(target))["timestamp"] == 0

    def test_json_is_indented_by_two_and_not_escaped(self, target: str) -> None:
        atomic_write_json(target, {"шаг": [1]})
        assert content(target) == '{\n  "шаг": [\n    1\n  ]\n}'.encode()

    def test_json_takes_the_layout_of_the_caller(self, target: str) -> None:
        atomic_write_json(target, {"шаг": [1]}, indent=None, ensure_ascii=True)
        assert content(target) == b'{"\\u0448\\u0430\\u0433": [1]}'

    def test_a_path_object_is_taken(self, tmp_path: Path) -> None:
        write_idle_status(tmp_path / "a.json")
        assert message(str(tmp_path / "a.json")) == "Waiting to start..."

    def test_documents_grow_and_shrink_without_a_tail(self, target: str) -> None:
        for size in (0, 100_000, 1, 1_000_000, 50):
            write_idle_status(target, "x" * size)
            assert message(target) == "x" * size


class TestRefusals:
    @pytest.mark.parametrize(
        "data",
        [
            {"loss": float("nan")},
            {"loss": float("inf")},
            {"path": Path("x")},
            {"text": "\ud800"},
            {(1, 2): 3},
            {"text": "x" * SIZE_LIMIT},
            [("a", 1)],
            None,
        ],
        ids=["NaN", "Infinity", "object", "surrogate", "key", "size", "list", "None"],
    )
    def test_what_json_cannot_carry_leaves_the_disk_alone(self, target: str, data: Any) -> None:
        with pytest.raises(InvalidStatus):
            atomic_write_json(target, data)
        assert os.listdir(os.path.dirname(target)) == []

    def test_so_do_endless_and_bottomless_objects(self, target: str) -> None:
        endless: dict[str, Any] = {}
        endless["self"] = endless
        deep: dict[str, Any] = {}
        for _ in range(100_000):
            deep = {"deeper": deep}
        for data in (endless, deep):
            with pytest.raises(InvalidStatus):
                atomic_write_json(target, data)
        while deep:  # taken apart one by one: older Pythons overflow the stack when it is freed at once
            deep = deep["deeper"]

    def test_a_refused_status_leaves_the_target_as_it_was(self, target: str) -> None:
        write_idle_status(target)
        before, bytes_before = os.stat(target), content(target)
        with pytest.raises(InvalidStatus):
            write_training_status(target, "paused")
        after = os.stat(target)
        assert content(target) == bytes_before
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def injected(call: str, number: int, *, really: bool = False) -> Callable[..., Any]:
    """A stand-in for ``os.<call>`` that fails with errno ``number``; ``really`` does the work first."""
    real = getattr(os, call)

    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        if really:
            real(*arguments, **keywords)
        raise OSError(number, os.strerror(number))

    return stand_in


class TestFailures:
    @pytest.mark.parametrize("existing", [False, True])
    @pytest.mark.parametrize(
        ("call", "number"),
        [
            ("stat", errno.EACCES),
            ("open", errno.EMFILE),
            ("write", errno.ENOSPC),
            ("fsync", errno.EIO),
            ("replace", errno.EXDEV),
            ("replace", errno.EBUSY),
        ],
    )
    def test_before_the_replace_the_original_error_is_raised_and_nothing_has_changed(
        self,
        target: str,
        monkeypatch: pytest.MonkeyPatch,
        open_descriptors: Callable[[], set[str]],
        existing: bool,
        call: str,
        number: int,
    ) -> None:
        if existing:
            write_idle_status(target, "old")
        listing, descriptors = os.listdir(os.path.dirname(target)), open_descriptors()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, injected(call, number))
            with pytest.raises(OSError, match=os.strerror(number)) as failure:
                write_idle_status(target, "new")
        assert failure.value.errno == number
        assert any("unchanged" in note for note in failure.value.__notes__)
        assert failure.value.filename == target
        assert os.listdir(os.path.dirname(target)) == listing
        assert open_descriptors() == descriptors
        assert not existing or message(target) == "old"
        write_idle_status(target, "next")
        assert message(target) == "next"

    def test_a_failed_close_is_a_failed_write(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        write_idle_status(target, "old")
        with monkeypatch.context() as patch:
            patch.setattr(os, "close", injected("close", errno.EIO, really=True))
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                write_idle_status(target, "new")
        assert message(target) == "old"
        assert os.listdir(os.path.dirname(target)) == [os.path.basename(target)]

    def test_a_failing_clean_up_does_not_hide_the_first_error(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", injected("write", errno.ENOSPC))
            patch.setattr(os, "close", injected("close", errno.EIO, really=True))
            patch.setattr(os, "unlink", injected("unlink", errno.EACCES))
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                write_idle_status(target)
        assert not os.path.exists(target)

    def test_short_writes_are_completed(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.write
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
            write_idle_status(target, "шаг")
        assert message(target) == "шаг"

    def test_a_write_that_takes_no_bytes_is_an_error_not_a_loop(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, data: 0)
            with pytest.raises(OSError, match="accepted no bytes"):
                write_idle_status(target)
        assert os.listdir(os.path.dirname(target)) == []

    def test_a_failed_fsync_is_never_retried(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []

        def fail(descriptor: int) -> None:
            calls.append(descriptor)
            raise OSError(errno.EIO, "injected")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match="injected"):
                write_idle_status(target)
        assert len(calls) == 1

    def test_a_success_does_not_touch_the_name_of_the_temp_again(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.replace
        recreated: list[str] = []

        def replace_and_recreate(temp: str, path: str) -> None:
            real(temp, path)
            Path(temp).write_text("somebody else's")
            recreated.append(temp)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace_and_recreate)
            write_idle_status(target)
        assert [Path(name).read_text() for name in recreated] == ["somebody else's"]

    def test_a_temp_that_exists_is_never_opened(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pulse.writer.temp_name", lambda base: "taken.tmp")
        taken = Path(target).with_name("taken.tmp")
        taken.symlink_to("elsewhere")
        with pytest.raises(FileExistsError):
            write_idle_status(target)
        assert not os.path.lexists(taken.with_name("elsewhere"))


@posix
class TestFolderSync:
    @staticmethod
    def fail_for_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """Let ``os.fsync`` fail for folders only."""
        real = os.fsync

        def fsync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(number, os.strerror(number))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    @pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP])
    def test_a_file_system_that_cannot_is_not_an_error(
        self, target: str, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        self.fail_for_folders(monkeypatch, number)
        write_idle_status(target, "new")
        assert message(target) == "new"

    def test_any_other_failure_is_reported_and_the_document_is_new(
        self, target: str, monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], set[str]]
    ) -> None:
        self.fail_for_folders(monkeypatch, errno.EIO)
        descriptors = open_descriptors()
        with pytest.raises(OSError, match=os.strerror(errno.EIO)) as failure:
            write_idle_status(target, "new")
        assert any("may not survive a power cut" in note for note in failure.value.__notes__)
        assert message(target) == "new"
        assert open_descriptors() == descriptors

    def test_it_can_be_turned_off(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fail_for_folders(monkeypatch, errno.EIO)
        write_training_status(target, "idle", durable=False)
        atomic_write_json(target, {"a": 1}, durable=False)
        assert safe_read_json(target) == {"a": 1}

    def test_a_folder_that_may_not_be_read_is_not_an_error(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.open

        def refuse_folders(path: str, flags: int, *mode: int) -> int:
            if os.path.isdir(path):
                raise PermissionError(errno.EACCES, "injected", path)
            return real(path, flags, *mode)

        monkeypatch.setattr(os, "open", refuse_folders)
        write_idle_status(target, "new")
        assert message(target) == "new"


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

        def somebody_elses(descriptor: int) -> os.stat_result:
            fields = list(real(descriptor))
            fields[stat.ST_UID] += 1
            fields[stat.ST_GID] += 1
            return os.stat_result(fields)

        with umask(0o022), monkeypatch.context() as patch:
            patch.setattr(os, "fstat", somebody_elses)
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

    def test_a_relative_path_is_resolved_when_the_write_begins(
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
    def test_what_is_no_regular_file_is_not_replaced(
        self, tmp_path: Path, make_special_file: Callable[[str, Path], None], kind: str
    ) -> None:
        make_special_file(kind, tmp_path / "special")
        with pytest.raises(OSError, match="not a regular file"):
            write_idle_status(tmp_path / "special")
        assert os.listdir(tmp_path) == ["special"]
        assert not (tmp_path / "special").is_file()

    def test_an_impossible_path_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="null"):
            write_idle_status("a\0b")

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


def test_a_temp_name_that_is_taken_is_somebody_elses_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "taken.tmp"
    taken.write_bytes(b"somebody else's")
    monkeypatch.setattr("pulse.writer.temp_name", lambda base: taken.name)
    with pytest.raises(FileExistsError):
        write_idle_status(tmp_path / "status.json")
    assert taken.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path) == [taken.name]


def test_a_rename_that_finds_something_in_its_way_leaves_no_temp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_the_way(temp: str, target: str) -> None:
        raise FileExistsError(errno.EEXIST, "injected", temp, None, target)

    monkeypatch.setattr("pulse.writer.replace", in_the_way)
    with pytest.raises(FileExistsError):
        write_idle_status(tmp_path / "status.json")
    assert os.listdir(tmp_path) == []
