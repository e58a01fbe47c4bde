"""Temps that a writer makes in another folder: they are followed, made to fail, and listed."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.order import faults_of_order, published_names
from conformance.syscalls.points import Point
from conformance.syscalls.powerloss.model import Before, judge
from conformance.syscalls.recording import Recording

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

WRITER = """
import os, tempfile

class Implementation:
    def replace(self, path, text):
        temp = self.temp(path)
        try:
            with open(temp, "xb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            self.publish(temp, path)
        except BaseException:
            self.discard(temp)
            raise
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def temp(self, path):
        return os.path.join(tempfile.gettempdir(), os.urandom(8).hex())

    def publish(self, temp, path):
        os.replace(temp, path)

    def discard(self, temp):
        os.unlink(temp)
"""
NEW_FOLDER = """
    def temp(self, path):
        return os.path.join(tempfile.mkdtemp(), "document")
"""
IN_TWO_STEPS = """
    def publish(self, temp, path):
        os.makedirs(tempfile.gettempdir() + "/done", exist_ok=True)
        done = os.path.join(tempfile.gettempdir(), "done", os.path.basename(temp))
        os.rename(temp, done)
        os.rename(done, path)
"""
UNNAMED = """
    def replace(self, path, text):
        descriptor = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_WRONLY)
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
        link = path + ".tmp"
        os.link(f"/proc/self/fd/{descriptor}", link, src_dir_fd=descriptor, follow_symlinks=True)
        os.close(descriptor)
        os.rename(link, path)
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
"""
MADE_BEFOREHAND = """
    def __init__(self):
        self.pool = tempfile.mkdtemp()
        self.count = 0
        for number in range(64):
            open(f"{self.pool}/{number}", "xb").close()

    def temp(self, path):
        self.count += 1
        return f"{self.pool}/{self.count}"
"""


def before_of(recording: Recording) -> Before:
    lengths = dict(recording.place.lengths)
    return Before("status.json", lengths.pop("status.json"), recording.place.target.stat().st_size, lengths)


@pytest.mark.parametrize("change", ["", NEW_FOLDER, IN_TWO_STEPS, UNNAMED], ids=["plain", "folder", "steps", "unnamed"])
def test_a_temp_elsewhere_is_followed(laboratory: Callable[..., Laboratory], change: str) -> None:
    recording = laboratory(WRITER + change).record("replace")
    assert recording.unseen == ""
    kinds = [
        each.kind for each in recording.operations if each.name in published_names(recording.operations, "status.json")
    ]
    assert {"write", "sync", "close"} <= set(kinds)
    judgement = judge(recording.operations, before_of(recording))
    assert (judgement.torn, judgement.lost) == (None, None)


def test_one_fact_is_one_failure(laboratory: Callable[..., Laboratory]) -> None:
    recording = laboratory(WRITER).record("replace")
    faults = faults_of_order(recording.operations, "status.json", existed=True)
    assert [(fault.clause, fault.text.partition(": ")[0]) for fault in faults] == [
        ("VIS-02", "the temp was outside of the target's folder")
    ]


def test_an_unsynced_temp_elsewhere_is_torn(laboratory: Callable[..., Laboratory]) -> None:
    recording = laboratory(WRITER.replace("                os.fsync(file.fileno())\n", "")).record("replace")
    found = judge(recording.operations, before_of(recording)).torn
    assert found is not None
    assert "the unsynced data of" in found.story


def test_a_temp_left_elsewhere_is_listed(laboratory: Callable[..., Laboratory]) -> None:
    careless = laboratory(WRITER.replace("        os.unlink(temp)\n", "        pass\n"))
    recording = careless.record("replace")
    at = next(each for each in recording.operations if each.kind == "sync")
    point = Point("replace", "error", "before", at.number, "sync", "other", "fsync", errno.EIO, of_temp=True)
    injection = careless.visit(point, recording).injection
    assert (injection.answer, injection.target) == ("io", "old")
    [left] = injection.left
    assert left == at.name or Path(left).parent == Path(at.name).parent


def test_a_file_that_was_made_before_the_write_is_not_followed(laboratory: Callable[..., Laboratory]) -> None:
    recording = laboratory(WRITER.replace('"xb"', '"r+b"', 1) + MADE_BEFOREHAND).record("replace")
    with pytest.raises(Unmeasured, match=r"the published file came from /.*, where the engine did not see it made"):
        recording.require_followed()
