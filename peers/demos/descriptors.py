"""FLT-01, FLT-02: a write while no descriptor is free. ``python descriptors.py MANIFEST``; mode serve, Linux."""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

assert sys.platform == "linux"

PATIENCE = 20  # seconds


def main(manifest: Path) -> str:
    """Write once without a limit, and once with no free descriptor. Returns the second answer and what is left."""
    about = tomllib.loads(manifest.read_text("utf-8"))["implementation"]
    folder = tempfile.mkdtemp()
    command = [sys.executable if word == "{python}" else word for word in about["command"]]
    process = subprocess.Popen(command, cwd=manifest.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None

    def request(**members: object) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"id": 1, **members}).encode() + b"\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            return {"ok": False, "message": f"no answer within {PATIENCE} s"}
        return dict(json.loads(process.stdout.readline()))

    write = {"op": "replace", "path": f"{folder}/status.json", "text": "document"}
    request(op="start", protocol=1)
    request(**write)
    used = {int(name) for name in os.listdir(f"/proc/{process.pid}/fd")}
    free = next(number for number in range(len(used) + 1) if number not in used)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (free, free))
    answer = request(**write)
    process.kill()
    process.wait()
    left = sorted(os.listdir(folder))
    return f"{'ok' if answer['ok'] else answer.get('message')}; there are: {' '.join(left)}"


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
