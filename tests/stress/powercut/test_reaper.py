"""A power cut ends everything that was started, and its process ids are free afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, subprocess, sys
from conformance.system.orphans import adopt_orphans
from stress.powercut.reaper import end_descendants

adopt_orphans()
# The grandchild is in a session of its own, and out of the reach of a killed process group.
shell = subprocess.Popen(["setsid", "sh", "-c", "setsid sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
grandchild = int(shell.stdout.readline())
os.kill(grandchild, 0)
if sys.argv[1] == "orphan":
    shell.kill()
    shell.wait()
end_descendants(*map(float, sys.argv[2:]))
try:
    os.kill(grandchild, 0)
except ProcessLookupError:
    print("gone")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has real power cuts")
@pytest.mark.parametrize("limit", [(), ("600",)])
@pytest.mark.parametrize("kind", ["grandchild", "orphan"])
def test_nothing_is_left_of_what_was_started(kind: str, limit: tuple[str, ...]) -> None:
    # A process of its own: all of its children end.
    done = subprocess.run([sys.executable, "-c", SCRIPT, kind, *limit], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("gone\n", "")


UNENDING = """
import psutil, subprocess
from stress.powercut.reaper import end_descendants

psutil.Process.kill = lambda process: None  # as if it waited for a disk
child = subprocess.Popen(["sleep", "600"])
end_descendants(0.01)
print(child.poll())
child.kill()
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has real power cuts")
def test_what_cannot_be_ended_is_waited_for_until_the_limit() -> None:
    done = subprocess.run([sys.executable, "-c", UNENDING], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("None\n", "")
