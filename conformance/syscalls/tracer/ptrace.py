"""ptrace(2) through ctypes: the few requests that the tracer needs, for 64-bit x86 and Arm.

Every function takes the id of a stopped thread and raises OSError; ESRCH means that the thread was killed meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

__all__ = [
    "EVENT_CLONE",
    "EVENT_EXEC",
    "EVENT_FORK",
    "EVENT_STOP",
    "EVENT_VFORK",
    "SystemCallStop",
    "architecture",
    "blocks",
    "call_names",
    "interrupt",
    "listen",
    "read_text",
    "read_word",
    "resume",
    "seize",
    "send",
    "set_argument",
    "set_result",
    "set_word",
    "shorten",
    "skip_call",
    "system_call_stop",
]

_POKEDATA, _POKEUSER, _CONT, _SYSCALL = 5, 6, 7, 24
_GETREGSET, _SETREGSET, _SEIZE, _INTERRUPT, _LISTEN = 0x4204, 0x4205, 0x4206, 0x4207, 0x4208
_GETSIGMASK, _GET_SYSCALL_INFO = 0x420A, 0x420E
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_STOP = 1, 2, 3, 4, 128
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10  # TRACESYSGOOD, and the four events
_EXITKILL = 0x100000
_ENTRY, _EXIT = 1, 2
_PAGE = 4096
_VECTOR, _LENGTH = 16, 8  # bytes of a struct iovec, and where in it its length is
_NT_PRSTATUS, _NT_ARM_SYSTEM_CALL = 1, 0x404
# Offsets in x86-64's struct user: the result, the number of the call, and its six arguments.
_X86_RESULT, _X86_NUMBER, _X86_ARGUMENTS = 80, 120, (112, 104, 96, 56, 72, 64)


class _SystemCallInfo(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("values", ctypes.c_uint64 * 8),
    )


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class SystemCallStop(NamedTuple):
    """Where a thread stands: at the entry of a call (its number and arguments) or at its exit (what it returned)."""

    phase: Literal["entry", "exit", "neither"]
    audit: int  # AUDIT_ARCH_…: whose numbers these are
    number: int
    arguments: tuple[int, ...]
    result: int


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    library.ptrace.restype = ctypes.c_long
    library.process_vm_readv.argtypes = (
        ctypes.c_long,
        ctypes.POINTER(_Vector),
        ctypes.c_ulong,
        ctypes.POINTER(_Vector),
        ctypes.c_ulong,
        ctypes.c_ulong,
    )
    library.process_vm_readv.restype = ctypes.c_ssize_t
    return library


def _ptrace(request: int, thread: int, address: int = 0, data: object = 0) -> int:
    result: int = _library().ptrace(request, thread, address, data)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace: {os.strerror(number)}")
    return result


@cache
def architecture() -> str:
    """``x86_64``, ``aarch64`` or any other name of uname(2)."""
    if sys.platform == "win32":
        return ""
    return os.uname().machine


@cache
def call_names() -> tuple[int, Mapping[int, str]]:
    """This machine's AUDIT_ARCH_ number, and system call number → name. Raises KeyError for another architecture."""
    tables: dict[str, tuple[int, dict[int, str]]] = {}
    names: dict[int, str] = {}
    with open(os.path.join(os.path.dirname(__file__), "numbers.txt"), encoding="ascii") as file:
        for line in file:
            match line.split():
                case ["architecture", name, audit]:
                    names = {}
                    tables[name] = int(audit, 16), names
                case [name, number]:
                    names[int(number)] = name
    return tables[architecture()]


def seize(thread: int, *, outlives: bool = False) -> None:
    """Start to trace a thread, which keeps running, as its new threads and children are traced.

    When the tracer ends, the kernel kills what it traced, or lets it go on as if nothing had been (``outlives``).
    """
    _ptrace(_SEIZE, thread, 0, _OPTIONS if outlives else _OPTIONS | _EXITKILL)


def interrupt(thread: int) -> None:
    """Stop a running thread, with EVENT_STOP; a call that it is blocked in is restarted afterwards."""
    _ptrace(_INTERRUPT, thread)


def resume(thread: int, signal: int = 0, *, to_next_call: bool) -> None:
    """Resume a stopped thread, up to the next entry or exit of a call or without such stops."""
    _ptrace(_SYSCALL if to_next_call else _CONT, thread, 0, signal)


def listen(thread: int) -> None:
    """Leave a thread in its group-stop (SIGSTOP, SIGTSTP)."""
    _ptrace(_LISTEN, thread)


def system_call_stop(thread: int) -> SystemCallStop:
    """The call that a thread in a system-call stop is entering or leaving."""
    info = _SystemCallInfo()
    _ptrace(_GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
    values = tuple(info.values)
    if info.op == _ENTRY:
        return SystemCallStop("entry", info.arch, values[0], values[1:7], 0)
    if info.op == _EXIT:
        return SystemCallStop("exit", info.arch, -1, (), ctypes.c_int64(values[0]).value)
    return SystemCallStop("neither", info.arch, -1, (), 0)


def blocks(thread: int, signal: int) -> bool:
    """Whether a thread blocks a signal."""
    mask = ctypes.c_uint64()
    _ptrace(_GETSIGMASK, thread, ctypes.sizeof(mask), ctypes.addressof(mask))
    return bool(mask.value >> (signal - 1) & 1)


def send(process: int, thread: int, signal: int) -> None:
    """Send a signal to this thread of a process (tgkill(2)); kill(2) leaves the choice to the kernel, which passes over
    a stopped thread.
    """
    number = next(number for number, name in call_names()[1].items() if name == "tgkill")
    words = (ctypes.c_long(each) for each in (number, process, thread, signal))
    if _library().syscall(*words) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"tgkill: {os.strerror(number)}")


def skip_call(thread: int) -> None:
    """At an entry: make the kernel do nothing for this call. `set_result` at the exit sets what it returns."""
    if architecture() == "x86_64":
        _ptrace(_POKEUSER, thread, _X86_NUMBER, ctypes.c_void_p(-1))
    else:
        number = ctypes.c_int(-1)
        vector = _Vector(ctypes.addressof(number), ctypes.sizeof(number))
        _ptrace(_SETREGSET, thread, _NT_ARM_SYSTEM_CALL, ctypes.addressof(vector))


def set_argument(thread: int, position: int, value: int) -> None:
    """At an entry: change one argument of the call."""
    if architecture() == "x86_64":
        _ptrace(_POKEUSER, thread, _X86_ARGUMENTS[position], value)
    else:
        _set_arm_register(thread, position, value)


def set_result(thread: int, result: int) -> None:
    """At an exit: change what the call returned; a negative errno is an error."""
    if architecture() == "x86_64":
        _ptrace(_POKEUSER, thread, _X86_RESULT, ctypes.c_void_p(result))
    else:
        _set_arm_register(thread, 0, result)


def _set_arm_register(thread: int, register: int, value: int) -> None:
    registers = (ctypes.c_uint64 * 34)()
    vector = _Vector(ctypes.addressof(registers), ctypes.sizeof(registers))
    _ptrace(_GETREGSET, thread, _NT_PRSTATUS, ctypes.addressof(vector))
    registers[register] = value
    _ptrace(_SETREGSET, thread, _NT_PRSTATUS, ctypes.addressof(vector))


def set_word(thread: int, address: int, value: int) -> None:
    """Change the 64-bit number at an address, even where the program itself could not."""
    _ptrace(_POKEDATA, thread, address, ctypes.c_void_p(value))


def shorten(thread: int, parameters: Sequence[str], size: int) -> tuple[int, int] | None:
    """At an entry: let a call that writes, with these parameters, write ``size`` bytes only, or half of what it was
    going to write where that is no more; one at least.

    Returns the address of the length of a vector that was changed for that, and what `set_word` has to make it again at
    the exit. Does nothing to a call that neither counts bytes nor has vectors.
    """
    arguments = system_call_stop(thread).arguments
    if "count" in parameters:
        position = parameters.index("count")
        set_argument(thread, position, _fewer(size, arguments[position]))
    elif "vectors" in parameters:
        position = parameters.index("vectors")
        places = [arguments[position - 1] + _VECTOR * number + _LENGTH for number in range(arguments[position])]
        lengths = [read_word(thread, at) for at in places]
        size = _fewer(size, sum(lengths))
        for number, (at, length) in enumerate(zip(places, lengths, strict=True), 1):
            if size <= length:
                set_argument(thread, position, number)
                set_word(thread, at, size)
                return at, length
            size -= length
    return None


def _fewer(size: int, all_of_them: int) -> int:
    return size if size < all_of_them else all_of_them // 2 or all_of_them


def read_text(thread: int, address: int, limit: int = _PAGE) -> bytes:
    """The bytes at an address up to the first NUL, at most ``limit`` of them; shorter where memory ends."""
    found = b""
    while len(found) < limit:
        size = min(_PAGE - (address + len(found)) % _PAGE, limit - len(found))
        piece = _read(thread, address + len(found), size)
        text, nul, _ = piece.partition(b"\0")
        found += text
        if nul or len(piece) < size:
            break
    return found


def read_word(thread: int, address: int) -> int:
    """The 64-bit number at an address, or 0 where there is no memory."""
    return int.from_bytes(_read(thread, address, 8), "little")


def _read(thread: int, address: int, size: int) -> bytes:
    buffer = ctypes.create_string_buffer(size)
    local, remote = _Vector(ctypes.addressof(buffer), size), _Vector(address, size)
    count = _library().process_vm_readv(thread, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return buffer.raw[: max(count, 0)]
