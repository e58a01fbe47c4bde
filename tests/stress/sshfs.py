"""A folder seen through sshfs, for tests: as on another machine, with its rename, its caches and its attributes.

OpenSSH's own SFTP server is started in place of ``ssh``, which would only carry the same bytes to it: no network, no
keys, no server that must be ended. Also a command, for a look by hand: ``python -m tests.stress.sshfs FOLDER MOUNT``
mounts until Enter is pressed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["mounted", "what_is_missing"]

_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
_SECONDS = 20.0


def _server() -> str | None:
    return next((path for path in _SERVERS if os.access(path, os.X_OK)), None)


def what_is_missing() -> str | None:
    """Why nothing can be mounted here, or None when it can."""
    if sys.platform != "linux":
        return "FUSE mounts need Linux"
    if os.geteuid() != 0:
        return "mounting needs root, or a fusermount3 that is set-uid"
    for command in ("sshfs", "fusermount3"):
        if shutil.which(command) is None:
            return f"{command} is not installed: apt install sshfs"
    if _server() is None:
        return "sftp-server is not installed: apt install openssh-sftp-server"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    return None


@contextlib.contextmanager
def mounted(folder: Path, mount: Path, *options: str) -> Iterator[Path]:
    """Mount ``folder`` at ``mount``, which is made, with these options of sshfs. Yields ``mount``.

    Raises subprocess.CalledProcessError, with what sshfs said, when that fails.
    """
    mount.mkdir()
    command = mount.with_name(f"{mount.name}-server")
    command.write_text(f"#!/bin/sh\nexec {_server()}\n", encoding="ascii")
    command.chmod(0o755)
    words = ["-o", f"ssh_command={command}", *(word for option in options for word in ("-o", option))]
    subprocess.run(
        ["sshfs", f"nobody:{folder}", mount, *words], check=True, capture_output=True, text=True, timeout=_SECONDS
    )
    try:
        yield mount
    finally:
        # Lazily: what a failed test has left open must not keep the mount.
        subprocess.run(["fusermount3", "-u", "-z", mount], check=True, capture_output=True, timeout=_SECONDS)
        mount.rmdir()
        command.unlink()


if __name__ == "__main__":
    with mounted(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), *sys.argv[3:]):
        input("mounted; press Enter to unmount: ")
