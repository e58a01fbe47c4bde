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
end_descendants()
try:
    os.kill(grandchild, 0)
except ProcessLookupError:
    print("gone")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has real power cuts")
@pytest.mark.parametrize("kind", ["grandchild", "orphan"])
def test_nothing_is_left_of_what_was_started(kind: str) -> None:
    # A process of its own: all of its children end.
    done = subprocess.run([sys.executable, "-c", SCRIPT, kind], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("gone\n", "")
