"""Mounts of an image: what says something about the disk, and what only about this machine."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from stress.disk import KINDS, Disk
from stress.powercut.blocks import looking
from stress.powercut.blocks.looking import Unmountable, answer_with, mounted
from stress.powercut.blocks.verdict import Unseen

if sys.platform != "linux":
    pytest.skip("images are mounted on Linux only", allow_module_level=True)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image for which there is a loop device."""

    @contextlib.contextmanager
    def loop_device(image: Path) -> Iterator[str]:
        yield "/dev/loop0"

    monkeypatch.setattr(looking, "loop_device", loop_device)
    path = tmp_path / "image"
    path.write_bytes(b"")
    return path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets every mount fail with this error."""

    def refuse(number: int) -> None:
        def mount(disk: Disk) -> None:
            raise OSError(number, "no mount")

        monkeypatch.setattr(Disk, "mount", mount)

    return refuse


def error_of_mount(image: Path) -> OSError:
    """How the mount of an image fails."""
    try:
        with mounted(image, KINDS["ext4"], image.parent):
            pytest.fail("it was mounted")
    except OSError as error:
        return error


@pytest.mark.parametrize("number", [errno.EUCLEAN, errno.EINVAL, errno.EIO, errno.EEXIST])
def test_a_file_system_that_refuses_an_image_cannot_mount_it(
    image: Path, refused: Callable[[int], None], number: int
) -> None:
    refused(number)
    assert isinstance(error_of_mount(image), Unmountable)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EBUSY, errno.ENOMEM, errno.ENODEV])
def test_what_this_machine_refuses_says_nothing_about_an_image(
    image: Path, refused: Callable[[int], None], number: int
) -> None:
    refused(number)
    assert not isinstance(error_of_mount(image), Unmountable)


def test_an_image_that_its_server_does_not_open_is_not_judged_by_its_mount(
    image: Path, refused: Callable[[int], None]
) -> None:
    image.unlink()
    refused(errno.EIO)
    assert not isinstance(error_of_mount(image), Unmountable)


def test_without_a_loop_device_no_file_system_is_asked(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(image: Path) -> contextlib.AbstractContextManager[str]:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/dev/loop7")

    monkeypatch.setattr(looking, "loop_device", none)
    error = error_of_mount(image)
    assert not isinstance(error, Unmountable)
    assert "no loop device can be used here: [Errno 2] No such file or directory: '/dev/loop7'" in str(error)


@pytest.mark.parametrize("error", [Unmeasured("no FUSE"), OSError(errno.ENXIO, "no FUSE")])
def test_what_the_machine_lacks_is_an_answer(error: Exception) -> None:
    sent: list[Unseen] = []

    def look() -> None:
        raise error

    answer_with(sent.append, look)
    assert sent == [Unseen("no FUSE")]
