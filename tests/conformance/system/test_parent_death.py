"""A process that ends with its parent, however that ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.system.parent_death import end_with_parent

INNER = """
import os, signal, sys
from conformance.system.parent_death import end_with_parent
end_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
signal.pause()
"""
MIDDLE = f"""
import os, subprocess, sys
inner = subprocess.Popen([sys.executable, "-c", {INNER!r}, str(os.getpid())], stdout=subprocess.PIPE)
print(int(inner.stdout.readline()), flush=True)
sys.stdin.read()
"""
OUTER = f"""
import os, signal, subprocess, sys
from conformance.system.orphans import adopt_orphans
adopt_orphans()
middle = subprocess.Popen([sys.executable, "-c", {MIDDLE!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
pid = int(middle.stdout.readline())
os.kill(pid, signal.SIGSTOP)
middle.kill()
middle.wait()
os.waitpid(pid, 0)
print("ended")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has such a signal")
def test_it_ends_even_while_it_is_stopped() -> None:
    done = subprocess.run([sys.executable, "-c", OUTER], capture_output=True, text=True, timeout=200, check=False)
    assert (done.stdout, done.stderr) == ("ended\n", "")


@pytest.mark.skipif(sys.platform.startswith("linux"), reason="of systems without such a signal")
def test_elsewhere_nothing_is_done() -> None:
    end_with_parent(1)
