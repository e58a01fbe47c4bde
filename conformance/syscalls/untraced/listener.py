"""The kit's side of the announced syncs: who syncs what, as the kernel tells it while the caller waits."""

from __future__ import annotations

import array
import contextlib
import ctypes
import os
import selectors
import socket
import struct
import sys
import threading

from conformance.contract.errors import Unmeasured
from conformance.syscalls.tracer.ptrace import call_names
from conformance.syscalls.untraced.repetition import Sync

assert sys.platform == "linux"

__all__ = ["Listener"]

_NOTICE = struct.Struct("QIIiIQ6Q")  # struct seccomp_notif
_ANSWER = struct.Struct("QqiI")  # struct seccomp_notif_resp
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
_CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_LONGEST = 500  # bytes of a reason
_MS_SYNC = 4


class Listener:
    """Serves announcements in a thread, from `descriptor` (which the announcing program inherits) to `close`.

    ``found`` are the syncs so far, ``refused`` says why a program could not install its filter; empty for none.
    """

    def __init__(self) -> None:
        self.found: list[Sync] = []
        self.refused = ""
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._names = call_names()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ours, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def descriptor(self) -> int:
        """The socket for the announcing program."""
        return self._theirs.fileno()

    def require_allowed(self) -> None:
        """Raise Unmeasured where a program could not install its filter."""
        if self.refused:
            raise Unmeasured(f"untraced syncs cannot be seen here: seccomp with a listener: {self.refused}")

    def close(self) -> None:
        """Stop listening. The implementation must have ended: what still waits for an answer would fail."""
        self._theirs.close()
        with contextlib.suppress(OSError):  # the thread ends with the last copy of it, and may have done so by now
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        with self._selector, self._ours:
            while True:
                for key, events in self._selector.select():
                    if key.fileobj is self._ours:
                        if not self._meet():
                            self._drop_all()
                            return
                    elif not events & selectors.EVENT_READ or not self._hear(key.fd):
                        self._drop(key.fd)

    def _meet(self) -> bool:
        """Take the listener of a program that has just installed its filter. False at the end."""
        data, control, _, _ = self._ours.recvmsg(_LONGEST, socket.CMSG_SPACE(array.array("i").itemsize))
        if not data:
            return False
        if not control:
            self.refused = data.decode("utf-8", "backslashreplace")
            return True
        [(_, _, listener)] = control
        self._selector.register(struct.unpack("i", listener[:4])[0], selectors.EVENT_READ)
        return True

    def _hear(self, listener: int) -> bool:
        """Note one sync and let it go on. False when no process has the filter any more."""
        notice = ctypes.create_string_buffer(_NOTICE.size)
        if not _control(listener, _RECEIVE, notice):
            return True  # the caller was killed while it waited; the end itself comes without EVENT_READ
        number, thread, _, call, _, _, first, _, third, *_ = _NOTICE.unpack(notice.raw)
        name = self._names.get(call, "")
        path = ""
        if name in ("fsync", "fdatasync"):
            with contextlib.suppress(OSError):
                path = os.readlink(f"/proc/{thread}/fd/{first & 0xFFFFFFFF}")
        if name != "msync" or third & _MS_SYNC:
            self.found.append(Sync(name, path))
        _control(listener, _SEND, ctypes.create_string_buffer(_ANSWER.pack(number, 0, 0, _CONTINUE), _ANSWER.size))
        return True

    def _drop(self, listener: int) -> None:
        self._selector.unregister(listener)
        os.close(listener)

    def _drop_all(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.fileobj is not self._ours:
                self._drop(key.fd)


def _control(listener: int, request: int, data: ctypes.Array[ctypes.c_char]) -> bool:
    """ioctl(2) on a listener; False where the caller is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.ioctl(listener, ctypes.c_ulong(request), data) == 0)
