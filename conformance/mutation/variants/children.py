"""Writers that let another thread or process do part of the work.

They have a module of their own because the process of every variant imports its whole module, and what starts threads
and processes takes long to import.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest
from conformance.mutation.registry import SYNCING, WAY_OF_WRITING, variant


@variant("fill_temp", doubted_by=SYNCING)
def synced_in_another_thread(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Opens and closes the temp in the caller's thread, writes it in a second one and syncs it in a third."""
    with (
        closing(self.create(temp)) as descriptor,
        ThreadPoolExecutor(1) as writing,
        ThreadPoolExecutor(1) as syncing,
    ):
        writing.submit(self.send, descriptor, data).result()
        self.keep_metadata(temp, target)
        syncing.submit(self.sync, descriptor).result()


@variant("replace", doubted_by=WAY_OF_WRITING)
def looks_often_whether_a_thread_is_ready(self: Honest, temp: str, target: str) -> None:
    """Replaces in another thread, and asks every 50 ms whether that has ended, for as long as it takes."""
    with ThreadPoolExecutor(1) as replacing:
        ended = replacing.submit(Honest.replace, self, temp, target)
        while not ended.done():
            wait([ended], 0.05)
        ended.result()


if sys.platform != "win32":
    from conformance.mutation.variants.syscalls import fill, no_more

    # The child's program. It takes the names of temp and target as arguments, and the document on its standard input.
    # Its exit status is the number of an error, and 128 more after the replace: the temp's name is no more its own.
    _WORK = """
import contextlib, errno, os, signal, stat, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent cleans up
temp, target = sys.argv[1:]
replaced = 0
rest = memoryview(sys.stdin.buffer.read())
try:
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    while rest:
        rest = rest[os.write(descriptor, rest):]
    with contextlib.suppress(FileNotFoundError):
        old = os.stat(target)
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        if sys.platform == "linux":
            access_list = None
            with contextlib.suppress(OSError):
                access_list = os.getxattr(target, "system.posix_acl_access")
            if access_list is not None:
                os.setxattr(descriptor, "system.posix_acl_access", access_list)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(temp, target)
    replaced = 128
    folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
except OSError as error:
    sys.exit(error.errno + replaced)
"""

    _REPLACED = 128

    def _run(words: list[str], data: bytes = b"") -> int:
        """Run a child to its end, and kill it when the caller is interrupted. Returns its exit status."""
        with subprocess.Popen(words, stdin=subprocess.PIPE) as child:
            try:
                child.communicate(data)
            finally:
                child.kill()
                child.wait()
        if child.returncode == -signal.SIGINT:
            raise KeyboardInterrupt
        return child.returncode

    @variant("publish", doubted_by=(*WAY_OF_WRITING, "MET-*", "CON-*"))
    def child_process_does_the_work(self: Honest, path: str, data: bytes) -> None:
        """Lets a child process write, sync and rename, and removes the temp when that fails before the rename."""
        target = self.resolve(path)
        temp = self.temp_name(target)
        status = 0
        try:
            status = _run([sys.executable, "-I", "-S", "-c", _WORK, temp, target], data)
            if status > _REPLACED:
                raise OSError(status - _REPLACED, os.strerror(status - _REPLACED), target)
            if status != 0:
                # A child that was killed has a negative status.
                number = status if status > 0 else errno.ECANCELED
                raise OSError(number, os.strerror(number), target)
        except FileExistsError:
            raise  # the temp's name is taken: the file belongs to another writer
        except BaseException:
            if status <= _REPLACED:
                self.discard(temp)
            raise

    @variant("fill_temp", doubted_by=SYNCING)
    def synced_in_a_child(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Has another program sync the temp by its name.

        Not coreutils' `sync`: that fails when a signal interrupts its fsync (FLT-07).
        """

        def write_and_sync(descriptor: int) -> None:
            self.send(descriptor, data)
            program = "import os, sys; os.fsync(os.open(sys.argv[1], os.O_RDONLY))"
            if _run([sys.executable, "-I", "-S", "-c", program, temp]) != 0:
                raise OSError(errno.EIO, "sync failed", temp)

        fill(self, temp, target, write_and_sync, no_more, os.O_WRONLY)
