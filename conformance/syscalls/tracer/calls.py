"""A system call as the engine records it, and what the arguments of each call mean. Data only.

Two sources make these records: the kit's own tracer (`conformance.syscalls.tracer.process`) and strace logs
(`conformance.syscalls.strace.parser`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["HARMLESS", "SIGNATURES", "Argument", "Begun", "Call", "Descriptor", "TraceError"]


class TraceError(RuntimeError):
    """A trace cannot be understood. It is an error of the kit, never a verdict on the implementation."""


class Descriptor(NamedTuple):
    """An open file at the time of the call: its number, and its path as ``/proc/PID/fd/NUMBER`` names it.

    The path of an unlinked file ends in `` (deleted)``; what is not a file has a path like ``pipe:[4711]``. A number
    that is not open, and ``AT_FDCWD``, have the path ``""``.
    """

    number: int
    path: str


Argument = int | str | Descriptor


class Call(NamedTuple):
    """One system call. ``begun`` and ``ended`` number all starts and ends of calls in the trace in one order.

    ``arguments`` are named as in `SIGNATURES`. Paths are absolute, with ``.`` and ``..`` resolved but not symbolic
    links. ``result`` is what it returned, None when it never did (a kill, an exit); ``error`` is an errno, or 0.
    ``injected`` means that the engine made it fail.
    """

    begun: int
    ended: int | None
    process: int
    thread: int
    name: str
    arguments: Mapping[str, Argument]
    result: int | None
    error: int = 0
    injected: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it returned anything but an error."""
        return self.result is not None and not self.error

    def number(self, name: str) -> int:
        """An argument that is a number. Raises TraceError."""
        value = self.arguments.get(name)
        if not isinstance(value, int):
            raise TraceError(f"{self.name}: argument {name} is {value!r}, not a number")
        return value

    def path(self, name: str = "path") -> str:
        """An argument that is a path, or the path of a descriptor. Raises TraceError."""
        value = self.arguments.get(name)
        if isinstance(value, Descriptor):
            return value.path
        if not isinstance(value, str):
            raise TraceError(f"{self.name}: argument {name} is {value!r}, not a path")
        return value


class Begun:
    """An operation that has started but not ended, as the tracer follows it. It counts them by ``number``."""

    def __init__(self, number: int, begun: int, name: str, arguments: dict[str, Argument]) -> None:
        self.number = number
        self.begun = begun
        self.name = name
        self.arguments = arguments
        self.result: int | None = None  # what it is made to return
        self.changed: tuple[int, int] | None = None  # the address of a number of the program's, and what it was


# The arguments of each call by position; ``_`` is one that does not matter here. A ``folder`` before a ``path`` is the
# descriptor that a relative path starts from; both together are recorded as one path. ``path`` of a call with
# AT_EMPTY_PATH is that descriptor's. An ``other_`` path or descriptor is the second one: where rename and link lead,
# where copies come from.
_TEXT = """
open path flags mode
openat folder path flags mode
openat2 folder path how size
creat path mode
close descriptor
close_range first last flags
dup descriptor
dup2 descriptor new
dup3 descriptor new flags
fcntl descriptor command argument
read descriptor _ count
pread64 descriptor _ count offset
readv descriptor _ vectors
preadv descriptor _ vectors offset
preadv2 descriptor _ vectors offset _ flags
write descriptor _ count
pwrite64 descriptor _ count offset
writev descriptor _ vectors
pwritev descriptor _ vectors offset
pwritev2 descriptor _ vectors offset _ flags
sendfile descriptor other_descriptor _ count
copy_file_range other_descriptor _ descriptor _ count flags
splice other_descriptor _ descriptor _ count flags
lseek descriptor offset whence
fsync descriptor
fdatasync descriptor
sync
syncfs descriptor
sync_file_range descriptor offset count flags
msync address length flags
mmap address length protection flags descriptor offset
munmap address length
mremap address length new_length flags new_address
truncate path length
ftruncate descriptor length
fallocate descriptor mode offset length
fadvise64 descriptor offset length advice
readahead descriptor offset count
rename path other_path
renameat folder path other_folder other_path
renameat2 folder path other_folder other_path flags
link path other_path
linkat folder path other_folder other_path flags
symlink _ path
symlinkat _ folder path
unlink path
unlinkat folder path flags
rmdir path
mkdir path mode
mkdirat folder path mode
mknod path mode
mknodat folder path mode
stat path
lstat path
fstat descriptor
newfstatat folder path _ flags
statx folder path flags
statfs path
fstatfs descriptor
access path mode
faccessat folder path mode
faccessat2 folder path mode flags
readlink path
readlinkat folder path
getdents descriptor
getdents64 descriptor
chmod path mode
fchmod descriptor mode
fchmodat folder path mode
fchmodat2 folder path mode flags
chown path user group
lchown path user group
fchown descriptor user group
fchownat folder path user group flags
utime path
utimes path
futimesat folder path
utimensat folder path _ flags
getxattr path
lgetxattr path
fgetxattr descriptor
listxattr path
llistxattr path
flistxattr descriptor
setxattr path
lsetxattr path
fsetxattr descriptor
removexattr path
lremovexattr path
fremovexattr descriptor
flock descriptor command
ioctl descriptor request
chdir path
fchdir descriptor
chroot path
inotify_add_watch _ path
execve path
execveat folder path _ _ flags
"""
SIGNATURES: Mapping[str, tuple[str, ...]] = {
    name: tuple(arguments) for name, *arguments in (line.split() for line in _TEXT.strip().splitlines())
}

# Calls that touch no file by path or descriptor in a way that could matter. A call that is in neither table and has a
# descriptor or a path of the folder among its arguments is an operation that the model does not know.
_HARMLESS_TEXT = """
poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
brk mprotect madvise mincore mlock mlock2 munlock mlockall munlockall membarrier process_madvise pkey_alloc
pkey_free pkey_mprotect mbind set_mempolicy get_mempolicy map_shadow_stack mseal memfd_create memfd_secret
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend
rt_tgsigqueueinfo sigaltstack signalfd signalfd4 kill tkill tgkill pidfd_send_signal pidfd_open pidfd_getfd pause
sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler
sched_setscheduler sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min
sched_rr_get_interval getpriority setpriority ioprio_get ioprio_set
nanosleep clock_nanosleep clock_gettime clock_settime clock_getres clock_adjtime gettimeofday settimeofday time
times adjtimex alarm getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
timerfd_create timerfd_settime timerfd_gettime
getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getgroups setgroups setuid setgid setreuid
setregid setresuid setresgid setfsuid setfsgid getpgid setpgid getpgrp getsid setsid capget capset personality
prctl arch_prctl set_tid_address set_robust_list get_robust_list rseq futex futex_waitv futex_wake futex_wait
futex_requeue clone clone3 fork vfork exit exit_group wait4 waitid restart_syscall
getrlimit setrlimit prlimit64 getrusage sysinfo uname getcpu getrandom umask getcwd syslog
sethostname setdomainname
socket socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt sendto
recvfrom sendmsg recvmsg sendmmsg recvmmsg
pipe pipe2 eventfd eventfd2 inotify_init inotify_init1 inotify_rm_watch
semget semop semctl semtimedop shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl
seccomp bpf perf_event_open kcmp landlock_create_ruleset landlock_restrict_self unshare setns ptrace
process_vm_readv process_vm_writev userfaultfd add_key request_key keyctl
io_setup io_destroy io_getevents io_pgetevents io_cancel io_uring_setup io_uring_register
"""
HARMLESS = frozenset(_HARMLESS_TEXT.split())
