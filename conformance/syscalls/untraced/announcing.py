"""A program that executes another one whose syncs the kernel announces: ``python -m … DESCRIPTOR COMMAND…``.

The filter (seccomp_unotify(2)) stays with the process through exec and with all its children. Its listener is sent over
the socket DESCRIPTOR, with `LISTENING`; where no filter may be installed, the reason is sent instead. It needs no
rights: for a user without CAP_SYS_ADMIN the program gives up the right to gain any (PR_SET_NO_NEW_PRIVS), as systemd
and container runtimes let it.
"""

from __future__ import annotations

import array
import ctypes
import errno
import os
import socket
import struct
import sys

from conformance.subject.fork_messages import become
from conformance.syscalls.tracer.ptrace import call_names

__all__ = ["LISTENING", "SYNCS", "main"]

assert sys.platform == "linux"

LISTENING = b"listening"
SYNCS = ("fsync", "fdatasync", "sync", "syncfs", "msync")
_CALL = {"x86_64": 317, "aarch64": 277}  # seccomp(2)
_SET_MODE_FILTER, _NEW_LISTENER, _NO_NEW_PRIVS = 1, 8, 38
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD, _IS, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def _filter() -> bytes:
    """The filter: these calls of this machine's own architecture are announced, all others go on."""
    audit, names = call_names()
    numbers = [number for number, name in names.items() if name in SYNCS]
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_IS, 0, len(numbers) + 1, audit), (_LOAD, 0, 0, _NUMBER)]
    steps += [(_IS, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _install() -> int:
    """Install the filter. Returns its listener's descriptor. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = _filter()
    program = _Program(len(code) // 8, code)
    for attempt in range(2):
        listener: int = libc.syscall(_CALL[os.uname().machine], _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
        if listener >= 0:
            return listener
        if ctypes.get_errno() == errno.EACCES and attempt == 0:
            libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(arguments: list[str]) -> None:
    """Install the filter, hand its listener over, and become the command; exit code 1 where there can be none."""
    control = socket.socket(fileno=int(arguments[0]))
    try:
        listener = _install()
    except (OSError, KeyError) as error:
        control.send(str(error).encode())
        sys.exit(1)
    control.sendmsg([LISTENING], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
    os.close(listener)
    control.close()
    become(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
