"""What happens to the names in a folder: real files, and what inotify reports about them."""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.oracle.inotify import Event, FolderWatch, publishes, writes_to

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has inotify")
NAME = "status.json"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that exists, alone in its folder."""
    path = tmp_path / NAME
    path.write_bytes(b"old")
    return path


def exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) != 0:  # AT_FDCWD, RENAME_EXCHANGE
        pytest.skip(f"no exchange on this file system: {os.strerror(ctypes.get_errno())}")


def by_rename(target: Path) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(b"new")
    temp.replace(target)


def by_rename_before_the_close(target: Path) -> None:
    temp = target.with_name("temp")
    with temp.open("xb") as file:
        file.write(b"new")
        file.flush()
        temp.replace(target)
        target.read_bytes()


def by_rename_and_then_a_touch(target: Path) -> None:
    by_rename(target)
    with target.open("r+b"):
        pass


def by_exchange(target: Path) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(b"new")
    exchange(temp, target)
    temp.unlink()


def by_rename_from_another_folder(target: Path) -> None:
    folder = target.with_name("folder")
    folder.mkdir()
    (folder / "temp").write_bytes(b"new")
    (folder / "temp").replace(target)


def in_place(target: Path) -> None:
    target.write_bytes(b"new")


def without_cutting(target: Path) -> None:
    with target.open("r+b") as file:
        file.write(b"n")


def by_appending(target: Path) -> None:
    with target.open("ab") as file:
        file.write(b"n")


def by_cutting(target: Path) -> None:
    os.truncate(target, 1)


def opened_and_left(target: Path) -> None:
    target.open("ab").close()


def unlink_then_rename(target: Path) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(b"new")
    target.unlink()
    temp.replace(target)


def unlink_then_link(target: Path) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(b"new")
    target.unlink()
    target.hardlink_to(temp)
    temp.unlink()


def moved_aside_then_rename(target: Path) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(b"new")
    target.rename(target.with_name("backup"))
    temp.replace(target)


def twice(target: Path) -> None:
    by_rename(target)
    by_rename(target)


def only_read(target: Path) -> None:
    target.read_bytes()


def beside_it(target: Path) -> None:
    target.with_name("other").write_bytes(b"new")
    target.with_name("other").rename(target.with_name("another"))
    target.with_name("another").unlink()


@linux_only
@pytest.mark.parametrize(
    ("write", "published", "touched"),
    [
        (by_rename, ["moved-to"], []),
        (by_rename_before_the_close, ["moved-to"], []),
        (by_rename_and_then_a_touch, ["moved-to"], ["close-write"]),
        (by_exchange, ["moved-to"], []),
        (by_rename_from_another_folder, ["moved-to"], []),
        (twice, ["moved-to", "moved-to"], []),
        (in_place, [], ["modify", "modify", "close-write"]),
        (without_cutting, [], ["modify", "close-write"]),
        (by_appending, [], ["modify", "close-write"]),
        (by_cutting, [], ["modify"]),
        (opened_and_left, [], ["close-write"]),
        (unlink_then_rename, ["moved-to"], ["delete"]),
        (unlink_then_link, ["create"], ["delete"]),
        (moved_aside_then_rename, ["moved-to"], ["moved-from"]),
        (only_read, [], []),
        (beside_it, [], []),
    ],
)
def test_each_way_of_writing_shows(
    target: Path, write: Callable[[Path], None], published: list[str], touched: list[str]
) -> None:
    with FolderWatch(target.parent) as watch:
        write(target)
        events = watch.events()
    assert [event.kind for event in publishes(events, NAME)] == published
    # The kernel may merge equal consecutive events, so only the kinds count.
    assert list(dict.fromkeys(event.kind for event in writes_to(events, NAME))) == list(dict.fromkeys(touched))


@linux_only
@pytest.mark.parametrize("write", [by_rename, by_exchange])
def test_a_first_write_that_replaces_nothing_is_a_publish(tmp_path: Path, write: Callable[[Path], None]) -> None:
    if write is by_exchange:
        (tmp_path / NAME).touch()
    with FolderWatch(tmp_path) as watch:
        write(tmp_path / NAME)
        events = watch.events()
    assert len(publishes(events, NAME)) == 1
    assert writes_to(events, NAME) == ()


@linux_only
def test_a_first_write_in_place_is_recognised(tmp_path: Path) -> None:
    with FolderWatch(tmp_path) as watch:
        (tmp_path / NAME).write_bytes(b"new")
        events = watch.events()
    assert [event.kind for event in publishes(events, NAME)] == ["create"]
    assert [event.kind for event in writes_to(events, NAME)] == ["modify", "close-write"]


@linux_only
def test_the_events_of_a_rename_come_in_order_and_share_a_cookie(target: Path) -> None:
    with FolderWatch(target.parent) as watch:
        by_rename(target)
        events = watch.events()
    assert [str(event) for event in events] == [
        "create temp",
        "open temp",
        "modify temp",
        "close-write temp",
        "moved-from temp",
        f"moved-to {NAME}",
    ]
    assert events[4].cookie == events[5].cookie != 0


@linux_only
def test_each_event_is_reported_once(target: Path) -> None:
    with FolderWatch(target.parent) as watch:
        assert watch.events() == ()
        by_rename(target)
        assert watch.events()
        assert watch.events() == ()
        target.unlink()
        assert watch.events() == (Event("delete", NAME),)


@linux_only
def test_many_events_and_names_of_any_kind_are_read_in_full(tmp_path: Path) -> None:
    names = [f"{number:05}-\udcff-é" + "x" * 200 for number in range(1000)]
    with FolderWatch(tmp_path) as watch:
        for name in names:
            (tmp_path / name).mkdir()
        events = watch.events()
    assert [event.name for event in events if event.kind == "create"] == names


@linux_only
def test_a_change_of_mode_is_an_event_and_not_a_write(target: Path) -> None:
    with FolderWatch(target.parent) as watch:
        target.chmod(0o600)
        events = watch.events()
    assert events == (Event("attributes", NAME),)
    assert writes_to(events, NAME) == ()


@linux_only
def test_events_that_the_kernel_dropped_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overflow = (-1).to_bytes(4, sys.byteorder, signed=True) + (0x4000).to_bytes(4, sys.byteorder) + bytes(8)
    with FolderWatch(tmp_path) as watch:
        monkeypatch.setattr(os, "read", lambda descriptor, size: overflow)
        with pytest.raises(OSError, match="its queue was full"):
            watch.events()
        monkeypatch.undo()


@linux_only
def test_a_missing_folder_is_an_error_and_leaves_no_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError, match="inotify"):
        FolderWatch(tmp_path / "none")
    assert len(os.listdir("/proc/self/fd")) == before


@linux_only
def test_no_descriptor_is_left_at_the_end(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with FolderWatch(tmp_path):
        assert len(os.listdir("/proc/self/fd")) == before + 1
    assert len(os.listdir("/proc/self/fd")) == before


@linux_only
def test_a_system_that_allows_no_more_watches_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def inotify_init1(self, flags: int) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: Full())
    with pytest.raises(OSError, match="inotify"):
        FolderWatch(tmp_path)


def test_elsewhere_it_is_unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unmeasured, match="needs inotify, which only Linux has"):
        FolderWatch(tmp_path)


EXCHANGE = (
    Event("moved-from", "temp", 1),
    Event("moved-to", NAME, 1),
    Event("moved-from", NAME, 2),
    Event("moved-to", "temp", 2),
)


def test_the_second_half_of_an_exchange_is_not_a_write() -> None:
    assert writes_to(EXCHANGE, NAME) == ()
    assert publishes(EXCHANGE, NAME) == (EXCHANGE[1],)


@pytest.mark.parametrize(
    "events",
    [
        EXCHANGE[2:],
        EXCHANGE[:3],
        (Event("moved-from", "temp", 9), *EXCHANGE[1:]),
        (Event("moved-from", "temp", 1), Event("moved-to", "other", 1), *EXCHANGE[2:]),
        (*EXCHANGE[:3], Event("moved-to", "backup", 2)),
        (*EXCHANGE[:3], Event("delete", "temp")),
        (Event("create", "temp"), *EXCHANGE[1:]),
    ],
    ids=lambda events: ", ".join(map(str, events)),
)
def test_a_target_that_is_moved_away_in_other_ways_is_touched(events: tuple[Event, ...]) -> None:
    assert [event.kind for event in writes_to(events, NAME)] == ["moved-from"]
