"""``python in_sandbox.py KEPT IGNORED NETWORK STEP… -- COMMAND…`` executes a command in namespaces of its own.

The process makes itself a mount namespace in which nothing exists but what the steps show, a network namespace with a
loopback interface only, and an IPC namespace (namespaces(7)), gives up every capability that is not in KEPT, the right
to gain any, limits on other processes (seccomp(2)), and, in a Landlock domain (landlock(7)), signals to processes
outside of it; then it becomes the command.
Its process id stays, and nothing stands between it and its parent: see docs/decisions/sandbox.md.

It is a script of its own, as `conformance.subject.as_user` is: prefixes that need root come before it. It starts
thousands of times in a run, where possible as a fork of `conformance.subject.fork_server`, and imports little. IGNORED
is the number of a signal that stays ignored, or 0; NETWORK is ``own``, or anything else for the machine's.
What the steps are is decided in `conformance.subject.sandbox_view`. It is ``--sandbox``, Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterator

__all__ = ["main"]

assert sys.platform == "linux"

# sched.h, sys/mount.h, linux/mount.h, sys/prctl.h, linux/landlock.h; the numbers of system calls that are the same on
# every architecture.
_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x40000000
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 0x1000, 0x4000, 0x40000
_ATTRIBUTES, _WHOLE_TREE = 442, 0x8000  # mount_setattr(2)
_DETACH = 2
_NO_NEW_PRIVILEGES, _DROP_FROM_BOUNDING_SET = 38, 24
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_NO_SIGNALS, _NO_ABSTRACT_SOCKETS = 2, 1  # scopes of a Landlock domain
_SCOPES_SINCE = 6  # Landlock's ABI
_CAPABILITIES_VERSION_3 = 0x20080522
_SET_FILTER, _FILTER_MODE = 22, 2  # seccomp(2)
_LOAD, _IS, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16 if sys.byteorder == "little" else 20  # in struct seccomp_data
_ALLOW, _NOT_PERMITTED = 0x7FFF0000, 0x00050001
# By machine: the architectures of its programs (linux/audit.h), of 64 and of 32 bits, and prlimit(2) there. The second
# number of x86_64 is that of x32.
_LIMITS: dict[str, dict[int, tuple[int, ...]]] = {
    "x86_64": {0xC000003E: (302, 0x4000012E), 0x40000003: (340,)},
    "aarch64": {0xC00000B7: (261,), 0x40000028: (369,)},
}
_LOOPBACK_UP = b"lo".ljust(16, b"\0") + (1).to_bytes(2, sys.byteorder) + bytes(22)  # struct ifreq, IFF_UP
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_IGNORED_BY_PYTHON = (13, 25)  # SIGPIPE and SIGXFSZ, from its start on
_OLD = "/.old"  # where the whole system is while the new root is built

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def _require(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str = "") -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _require(_libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)), f"mount {target}")


def _restrict(path: str, attributes: int, *, whole: bool) -> None:
    """Make a mount read-only and so on; with ``whole`` those below it, too."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = _WHOLE_TREE if whole else 0
    result = _libc.syscall(_ATTRIBUTES, -100, os.fsencode(path), flags, wanted, ctypes.sizeof(wanted))
    _require(result, f"mount_setattr {path}")


def _new_namespaces(network: bool) -> None:
    """``network`` is whether there is to be one of the network, too."""
    wanted = _NEW_MOUNTS | _NEW_IPC | (_NEW_NETWORK if network else 0)
    if _libc.unshare(wanted) == 0:
        return
    user, group = _libc.getuid(), _libc.getgid()
    _require(_libc.unshare(_NEW_USER | wanted), "namespaces are not allowed")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _show(path: str) -> None:
    """Bind what is at this path in the whole system to the same path here."""
    source = _OLD + path
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb"):
            pass
    _mount(source, path, flags=_BIND | _RECURSIVE)


def _step(kind: str, path: str, more: str) -> None:
    if kind == "link":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(more, path)
    elif kind == "memory":
        os.makedirs(path, exist_ok=True)
        _mount("tmpfs", path, "tmpfs", _NO_SETUID | _NO_DEVICES, more)
    elif kind == "hidden":
        if os.path.isdir(path):
            _mount("tmpfs", path, "tmpfs", _NO_SETUID | _NO_DEVICES | _READ_ONLY, "size=4k,mode=0")
        else:
            _mount(f"{_OLD}/dev/null", path, flags=_BIND)
            _restrict(path, _READ_ONLY | _NO_SETUID | _NO_DEVICES, whole=False)
    else:
        _show(path)
        restrictions = {
            "read": _READ_ONLY | _NO_SETUID | _NO_DEVICES,
            "write": _NO_SETUID,
            "device": _NO_SETUID,
        }
        _restrict(path, restrictions[kind], whole=True)


def _new_root(steps: list[str]) -> None:
    _mount("none", "/", flags=_RECURSIVE | _PRIVATE)
    _mount("tmpfs", "/proc", "tmpfs", _NO_SETUID | _NO_DEVICES, "size=1m,mode=755")
    os.mkdir(f"/proc{_OLD}")
    _require(_libc.pivot_root(b"/proc", os.fsencode(f"/proc{_OLD}")), "pivot_root")
    os.chdir("/")
    words = iter(steps)
    for kind, path, more in zip(words, words, words, strict=True):
        _step(kind, path, more)
    _require(_libc.umount2(os.fsencode(_OLD), _DETACH), "umount")
    os.rmdir(_OLD)
    _restrict("/", _READ_ONLY, whole=False)


def _loopback_up() -> None:
    control = _require(_libc.socket(2, 2, 0), "socket")  # AF_INET, SOCK_DGRAM
    try:
        _require(_libc.ioctl(control, ctypes.c_ulong(_SET_FLAGS), _LOOPBACK_UP), "loopback interface")
    finally:
        os.close(control)


def _keep_capabilities(kept: set[int]) -> None:
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for number in set(range(last + 1)) - kept:
        _require(_libc.prctl(_DROP_FROM_BOUNDING_SET, number, 0, 0, 0), "prctl")
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: of the lower and of the upper 32
    _require(_libc.capget(head, sets), "capget")
    mask = sum(1 << number for number in kept)  # none of them is above 31
    sets[:] = [sets[0] & mask, sets[1] & mask, 0, 0, 0, 0]
    _require(_libc.capset(head, sets), "capset")


def _filter(numbers: dict[int, tuple[int, ...]], process: int) -> bytes:
    """Of these calls, by architecture, only those about the calling process, or this one, are permitted.

    Elsewhere a limit ends a process like a signal: of processor time, for example (setrlimit(2)).
    """
    refuse = [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_IS, 2, 0, 0), (_IS, 1, 0, process)]
    refuse += [(_RETURN, 0, 0, _NOT_PERMITTED), (_RETURN, 0, 0, _ALLOW)]
    steps = [(_LOAD, 0, 0, _ARCHITECTURE)]
    for architecture, calls in numbers.items():
        found = [(_IS, len(calls) - index, 0, call) for index, call in enumerate(calls)]
        body = [(_LOAD, 0, 0, _NUMBER), *found, (_RETURN, 0, 0, _ALLOW), *refuse]
        steps += [(_IS, 0, len(body), architecture), *body]
    steps.append((_RETURN, 0, 0, _NOT_PERMITTED))  # a program of no known architecture
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _no_limits_on_others() -> None:
    code = _filter(_LIMITS[os.uname().machine], os.getpid())
    program = _Program(len(code) // 8, code)
    _require(_libc.prctl(_SET_FILTER, _FILTER_MODE, ctypes.byref(program), 0, 0), "seccomp")


def _own_domain() -> None:
    if _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1) < _SCOPES_SINCE:
        return  # `conformance.subject.sandbox` has seen to it that this is enough
    wanted = (ctypes.c_uint64 * 3)(0, 0, _NO_SIGNALS | _NO_ABSTRACT_SOCKETS)
    ruleset = _require(_libc.syscall(_CREATE_RULESET, wanted, ctypes.c_size_t(ctypes.sizeof(wanted)), 0), "Landlock")
    _require(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")
    os.close(ruleset)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        sys.exit(f"sandbox: {error if error.filename else error.strerror}")


def _restore_signals(ignored: int) -> None:
    for number in _IGNORED_BY_PYTHON:
        if number != ignored:
            _libc.signal(number, 0)  # SIG_DFL


def main(arguments: list[str]) -> None:
    """Enter the namespaces for good, and become the command. Prints why when that is not possible."""
    end = arguments.index("--")
    kept, ignored, network, *steps = arguments[:end]
    command = arguments[end + 1 :]
    os.get_exec_path()  # imports what execvp needs
    folder, mask = os.getcwd(), os.umask(0o022)
    with _said():
        _new_namespaces(network == "own")
        if network == "own":
            _loopback_up()
        _new_root(steps)
        _keep_capabilities({int(number) for number in kept.split(",")})
        _require(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
        _no_limits_on_others()
        _own_domain()
        os.chdir(folder)
    os.umask(mask)
    _restore_signals(int(ignored))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}, in the sandbox")


if __name__ == "__main__":
    main(sys.argv[1:])
