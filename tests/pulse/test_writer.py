"""The writer: what it publishes, what it refuses, what a failure leaves (LIF, VIS, FLT, MET, CON)."""

import errno
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
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


class TestDocuments:
    @pytest.mark.parametrize(("write", "expected"), EXAMPLES, ids=["idle", "running", "error", "done"])
    def test_the_examples_are_written_exactly(
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
            Path(temp).write_text("another writer's")
            recreated.append(temp)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace_and_recreate)
            write_idle_status(target)
        assert [Path(name).read_text() for name in recreated] == ["another writer's"]

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
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
def test_a_temp_name_that_is_taken_belongs_to_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "taken.tmp"
    taken.write_bytes(b"another writer's")
    monkeypatch.setattr("pulse.writer.temp_name", lambda base: taken.name)
    with pytest.raises(FileExistsError) as failure:
        write_idle_status(tmp_path / "status.json")
    assert any(repr(str(taken)) in note for note in failure.value.__notes__)
    assert taken.read_bytes() == b"another writer's"
    assert os.listdir(tmp_path) == [taken.name]


def test_a_rename_that_finds_something_in_its_way_leaves_no_temp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_the_way(temp: str, target: str) -> None:
        raise FileExistsError(errno.EEXIST, "injected", temp, None, target)

    monkeypatch.setattr("pulse.writer.system.replace", in_the_way)
    with pytest.raises(FileExistsError) as failure:
        write_idle_status(tmp_path / "status.json")
    found = failure.value.errno, failure.value.strerror, failure.value.filename
    assert found == (errno.EEXIST, "injected", str(tmp_path / "status.json"))
    assert failure.value.filename2 is None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["open", "rename"])
def test_an_error_names_the_target_as_the_caller_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = os.path.join("missing", "status.json")
    if call == "rename":  # the temp's folder goes away while the temp is written
        (tmp_path / "missing").mkdir()
        monkeypatch.setattr("pulse.writer._fill", lambda *arguments: shutil.rmtree(tmp_path / "missing"))
        if sys.platform == "win32":
            pytest.skip("a file that is open cannot be removed")
    with pytest.raises(FileNotFoundError) as failure:
        write_idle_status(path)
    assert (failure.value.filename, failure.value.filename2) == (path, None)
    assert str(failure.value).endswith(f": {path!r}")
