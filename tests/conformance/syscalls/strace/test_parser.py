"""What one line of a strace log means: prefixes, strings, descriptors, flags, paths, results and threads."""

import errno

import pytest

from conformance.syscalls.strace.parser import parse
from conformance.syscalls.tracer.calls import Argument, Call, Descriptor, TraceError


def one(line: str) -> Call:
    (call,) = parse(line)
    return call


def arguments(line: str) -> dict[str, Argument]:
    return dict(one(line).arguments)


def seen(text: str) -> list[tuple[int, int | None, str]]:
    """(begun, ended, name) of each call."""
    return [(call.begun, call.ended, call.name) for call in parse(text)]


PREFIXES = {
    "none": "",
    "pid": "4711  ",
    "pid on the terminal": "[pid  4711] ",
    "time": "12:00:01 ",
    "time with microseconds": "4711  12:00:01.000123 ",
    "seconds since 1970": "4711  1795316330.305877 ",
    "relative time": "4711       0.000078 ",
    "both times": "4711  1795316330.305877 (+     0.000078) ",
}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES.keys())
@pytest.mark.parametrize("suffix", ["", " <0.000012>"])
def test_prefixes_and_times_are_understood(prefix: str, suffix: str) -> None:
    call = one(f"{prefix}fsync(3</run/a>) = 0{suffix}")
    assert call.arguments == {"descriptor": Descriptor(3, "/run/a")}
    assert call.thread == (4711 if "4711" in prefix else 0)


@pytest.mark.parametrize(
    ("shown", "path"),
    [
        ("3</run/a b>", "/run/a b"),
        ("3</run/a>(deleted)", "/run/a (deleted)"),
        ("3</run/a (deleted)>", "/run/a (deleted)"),
        (r"3</run/\74\303\251\"\76\n>", '/run/<é">\n'),
        (r"3<\x2f\x61>", "/a"),
        ("3<pipe:[123]>", "pipe:[123]"),
        ("3<anon_inode:[eventfd]>", "anon_inode:[eventfd]"),
        ("3</dev/pts/0<char 136:0>>", "/dev/pts/0"),
        ("3<TCP:[10.0.0.1:1->10.0.0.2:2]>", "TCP:[10.0.0.1:1->10.0.0.2:2]"),
    ],
)
def test_paths_of_descriptors(shown: str, path: str) -> None:
    assert arguments(f'write({shown}, "a)b", 3) = 3') == {"descriptor": Descriptor(3, path), "count": 3}


@pytest.mark.parametrize(
    ("shown", "path"),
    [
        (r'"/run/a\"b,<c>\\\t\x41\101\0012"', '/run/a"b,<c>\\\tAA\x012'),
        (r'"/run/\377"', "/run/\udcff"),
        ('"/run//b/./../c/"', "/run/c"),
        ('"//run/a"', "/run/a"),
    ],
)
def test_strings_and_paths(shown: str, path: str) -> None:
    assert arguments(f"unlink({shown}) = 0") == {"path": path}


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('openat(AT_FDCWD</run>, "a", O_RDONLY) = 3</run/a>', "/run/a"),
        ('openat(-100 /* AT_FDCWD */</run>, "a", 0) = 3</run/a>', "/run/a"),
        ('openat(5</run/sub>, "../a", O_RDONLY) = 3</run/a>', "/run/a"),
        ('newfstatat(5</run/a>, "", {st_mode=S_IFREG|0644, ...}, AT_EMPTY_PATH) = 0', "/run/a"),
        ("utimensat(5</run/a>, NULL, [UTIME_OMIT, {tv_sec=1}], 0) = 0", "/run/a"),
    ],
)
def test_folder_and_path_become_one_path(line: str, path: str) -> None:
    assert one(line).path() == path


def test_both_paths_of_a_rename_have_their_own_folder() -> None:
    line = 'renameat2(3</run>, "a", AT_FDCWD</other>, "b", RENAME_NOREPLACE) = 0'
    assert arguments(line) == {"path": "/run/a", "other_path": "/other/b", "flags": 1}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ('open("/a", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 3</a>', "flags", 0o2000301),
        ('open("/a", 0x800c1 /* O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC */, 0600) = 3</a>', "flags", 0x800C1),
        ('open("/a", O_RDWR|O_TMPFILE, 0600) = 3</a>', "flags", 0o20200002),
        ('open("/a", O_RDONLY|0x8000000) = 3</a>', "flags", 0x8000000),
        ('open("/a", O_WRONLY, 0666) = 3</a>', "mode", 0o666),
        ('mknod("/a", S_IFIFO|0600) = 0', "mode", 0o10600),
        ('openat2(AT_FDCWD</>, "a", {flags=O_RDWR|O_CREAT, mode=0644, resolve=0}, 24) = 3</a>', "flags", 0o102),
        ("mmap(NULL, 5, PROT_READ|PROT_WRITE, MAP_SHARED, 4</a>, 0x1000) = 0x7f00", "protection", 3),
        ("mmap(NULL, 5, PROT_READ, MAP_PRIVATE|4<<MAP_HUGE_SHIFT, 4</a>, 0) = 0x7f00", "flags", 2 | 4 << 26),
        ("mmap(NULL, 5, PROT_READ, MAP_SHARED, 4</a>, 0x1000) = 0x7f00", "offset", 0x1000),
        ("msync(0x7f00, 5, MS_SYNC) = 0", "address", 0x7F00),
        ("ioctl(3</a>, BTRFS_IOC_CLONE or FICLONE, 4) = 0", "request", 0x40049409),
        ("ioctl(3</a>, _IOC(_IOC_WRITE, 0x94, 0x9, 0x4), 4) = 0", "request", 0x40049409),
        ("ioctl(3</a>, SNDCTL_TMR_TIMEBASE or TCGETS, 0x7ffc) = -1 ENOTTY (Inappropriate…)", "request", 0x5401),
        ("fcntl(3</a>, F_DUPFD_CLOEXEC, 10) = 10</a>", "argument", 10),
        ("fcntl(3</a>, F_SETLKW, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0}) = 0", "command", 7),
        ("fallocate(3</a>, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 10) = 0", "mode", 3),
        ("flock(3</a>, LOCK_EX|LOCK_NB) = 0", "command", 6),
        ("lseek(3</a>, -5, SEEK_END) = 7", "offset", -5),
        ('pwritev2(3</a>, [{iov_base="a", iov_len=1}, {iov_base="b"..., iov_len=9}], 2, 8, RWF_DSYNC) = 2', "flags", 2),
        ('pwritev2(3</a>, [{iov_base="a", iov_len=1}], 1, 8, RWF_DSYNC) = 1', "offset", 8),
        ("dup2(3</a>, 1</b>) = 1</a>", "new", 1),
        ('pread(3</a>, ""..., 5, 7) = 0', "offset", 7),
        ("_llseek(3</a>, 7, [7], SEEK_SET) = 0", "offset", 7),
    ],
)
def test_numbers_and_flags(line: str, name: str, value: int) -> None:
    assert one(line).number(name) == value


def test_a_flag_without_a_number_fails_when_the_number_is_needed() -> None:
    call = one("ioctl(3</dev/tty>, TIOC_FUTURE, 0x7ffc) = 0")
    with pytest.raises(TraceError, match="TIOC_FUTURE"):
        call.number("request")
    with pytest.raises(TraceError, match="FUTURE_SHIFT"):
        one("mmap(NULL, 5, PROT_READ, 4<<FUTURE_SHIFT, 4</a>, 0) = 0x7f00").number("flags")
    with pytest.raises(TraceError, match=r"line 1 .*RWF_FUTURE"):
        parse('pwritev2(3</run/a>, [{iov_base="a", iov_len=1}], 1, 0, RWF_FUTURE) = 1')


@pytest.mark.parametrize(
    ("result", "value", "error", "injected"),
    [
        ("0", 0, 0, False),
        ("0x8002 (flags O_RDWR|O_LARGEFILE)", 0x8002, 0, False),
        ("7</run/a>", 7, 0, False),
        ("-1 ENOSPC (No space left on device)", -errno.ENOSPC, errno.ENOSPC, False),
        ("-1 ENOSPC (No space left on device) (INJECTED)", -errno.ENOSPC, errno.ENOSPC, True),
        ("-1 EIO (Input/output error) (INJECTED) <0.000012>", -errno.EIO, errno.EIO, True),
        ("0 (DELAYED)", 0, 0, False),
        ("?", None, 0, False),
    ],
)
def test_results(result: str, value: int | None, error: int, injected: bool) -> None:
    call = one(f"fcntl(3</run/a>, F_GETFL) = {result}")
    assert (call.result, call.error, call.injected) == (value, error, injected)
    assert (call.ended is None) == (value is None)


def test_a_success_that_strace_has_made_up_is_refused() -> None:
    with pytest.raises(TraceError, match="inject errors only"):
        parse("fsync(3</run/a>) = 0 (INJECTED)")


def test_interrupted_lines_begin_and_end_in_the_order_of_the_log() -> None:
    log = """\
1 fsync(3</run/a> <unfinished ...>
2 write(4</run/b>, "x", 1) = 1
2 rename("/run/b", "/run/c" <unfinished ...>
1 <... fsync resumed>) = 0
2 <... rename resumed>) = 0
"""
    assert seen(log) == [(0, 4, "fsync"), (1, 2, "write"), (3, 5, "rename")]


def test_a_killed_call_has_begun_and_never_ended() -> None:
    for ending in ("1 <... fsync resumed>) = ?\n1 +++ killed by SIGKILL +++", "1 +++ killed by SIGKILL +++", ""):
        assert seen(f"1 fsync(3</run/a> <unfinished ...>\n{ending}") == [(0, None, "fsync")]
    assert seen("1 fsync(3</run/a> <unfinished ...>) = ?\n1 +++ killed by SIGKILL +++") == [(0, None, "fsync")]
    assert seen("1 fsync(3</run/a> <detached ...>") == [(0, None, "fsync")]


def test_a_call_that_the_kernel_restarts_counts_once() -> None:
    log = """\
1 flock(3</run/a>, LOCK_EX) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
1 --- SIGINT {si_signo=SIGINT, si_code=SI_USER} ---
1 rt_sigreturn({mask=[]}) = 73
1 flock(3</run/a>, LOCK_EX) = 0
"""
    assert [(call.name, call.result) for call in parse(log)] == [("rt_sigreturn", 73), ("flock", 0)]


def test_threads_belong_to_the_process_that_has_cloned_them() -> None:
    log = """\
10 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD|CLONE_SETTLS, stack=0x7f} <unfinished ...>
11 sync() = 0
10 <... clone3 resumed> => {parent_tid=[11]}, 88) = 11
11 clone(child_stack=0x7f, flags=0x10f00) = 12
12 vfork( <unfinished ...>
13 sync() = 0
12 <... vfork resumed>) = 13
12 sync() = 0
99 sync() = 0
"""
    assert [(call.thread, call.process) for call in parse(log) if call.name == "sync"] == [
        (11, 10),
        (13, 13),
        (12, 10),
        (99, 99),
    ]


def test_on_a_terminal_lines_without_a_number_belong_to_the_only_thread() -> None:
    log = """\
sync() = 0
clone(child_stack=NULL, flags=SIGCHLDstrace: Process 11 attached
 <unfinished ...>
[pid 11] sync() = 0
[pid 10] <... clone resumed>) = 11
[pid 10] exit_group(0) = ?
[pid 10] +++ exited with 0 +++
sync() = 0
+++ exited with 0 +++
"""
    assert [call.thread for call in parse(log) if call.name == "sync"] == [10, 11, 11]
    assert [call.thread for call in parse("strace: Process 7 attached\nsync() = 0\nstrace: Process 7 detached")] == [7]


def test_what_strace_says_in_the_middle_of_a_line_is_no_part_of_it() -> None:
    log = """\
[pid 10] fsync(3</run/a>strace: Process 10 detached
strace: Process 11 detached
 <detached ...>
"""
    (call,) = parse(log)
    assert (call.name, call.arguments, call.result) == ("fsync", {"descriptor": Descriptor(3, "/run/a")}, None)


def test_an_execve_of_another_thread_goes_on_as_the_first() -> None:
    log = """\
10 futex(0x7f, FUTEX_WAIT <unfinished ...>
11 execve("/bin/true", ["true"], 0x7f /* 3 vars */ <unfinished ...>
10 <... futex resumed>) = ?
10 +++ superseded by execve in pid 11 +++
10 <... execve resumed>) = 0
10 sync() = 0
"""
    assert [(call.name, call.thread, call.result) for call in parse(log)] == [
        ("futex", 10, None),
        ("execve", 10, 0),
        ("sync", 10, 0),
    ]
    without_its_beginning = "10 +++ superseded by execve in pid 11 +++\n10 sync() = 0"
    assert [call.thread for call in parse(without_its_beginning)] == [10]


def test_relative_paths_follow_the_current_folder_of_their_process() -> None:
    log = """\
10 getcwd("/run", 4096) = 5
10 rename("a", "b") = 0
10 vfork() = 11
11 chdir("sub") = 0
11 unlink("c") = 0
10 fchdir(3</other>) = 0
10 unlink("d") = 0
11 unlink("e") = 0
"""
    calls = parse(log)
    assert [call.path() for call in calls if call.name == "unlink"] == ["/run/sub/c", "/other/d", "/run/sub/e"]
    assert calls[1].path("other_path") == "/run/b"


def test_the_first_folder_can_be_given() -> None:
    assert parse('1 unlink("a") = 0', "/run")[0].path() == "/run/a"


def test_a_relative_path_that_matters_needs_a_folder() -> None:
    with pytest.raises(TraceError, match="current folder is not known"):
        parse('1 unlink("a") = 0')
    for harmless in ('execve("./a", ["./a"], 0x7f) = 0', 'unlink("a") = -1 ENOENT (No such file or directory)'):
        assert one(harmless).arguments == {}


@pytest.mark.parametrize("name", ["/proc/self/fd/4", "/proc/10/fd/4", "/proc/thread-self/fd/4", "/dev/fd/4"])
def test_paths_through_a_descriptor_are_the_descriptors(name: str) -> None:
    log = f"""\
10 openat(AT_FDCWD</run>, ".", O_RDWR|O_TMPFILE, 0644) = 4</run/#77>(deleted)
10 linkat(AT_FDCWD</run>, "{name}", AT_FDCWD</run>, "a", AT_SYMLINK_FOLLOW) = 0
"""
    assert parse(log)[1].path() == "/run/#77 (deleted)"


def test_an_open_through_an_unknown_descriptor_shows_what_it_opened() -> None:
    assert one('open("/dev/fd/63", O_RDONLY) = 3<pipe:[77]>').path() == "pipe:[77]"


def test_a_descriptor_is_followed_through_renames_and_unlinks() -> None:
    log = """\
1 openat(AT_FDCWD</run>, "a", O_RDWR) = 4</run/a>
1 rename("/run/a", "/run/b") = 0
1 truncate("/proc/self/fd/4", 1) = 0
1 unlink("/run/b") = 0
1 truncate("/proc/self/fd/4", 1) = 0
1 close(4</run/b>(deleted)) = 0
"""
    assert [call.path() for call in parse(log) if call.name == "truncate"] == ["/run/b", "/run/b (deleted)"]
    with pytest.raises(TraceError, match="the file behind descriptor 4 is"):
        parse(log + '1 truncate("/proc/self/fd/4", 1) = 0')


def test_calls_that_the_model_does_not_know_keep_their_paths() -> None:
    assert arguments('mount("/dev/sda", "/run/x", "ext4", 0, NULL) = 0') == {"0": "/dev/sda", "1": "/run/x"}
    assert arguments("syscall_0x3e8(0x1, 3</run/a>) = 0") == {"0": Descriptor(-1, "/run/a")}
    assert "unknown" in arguments("io_uring_enter(4<anon_inode:[io_uring]>, 1, 0, 0, NULL, 8) = 1")


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        ("fsync(3</run/a>) = 0\nhello", "line 2 .*not a line of strace.*hello"),
        ("fsync(3</run/a>", "does not end"),
        ("fsync(3</run/a>) 0", "result cannot be read"),
        ("fsync(3) = 0", "record with strace -y"),
        ("fsync(x) = 0", "'x' is not a descriptor"),
        ("fsync(3</run/a>) = -1 EFUTURE (?)", "EFUTURE is not known"),
        ("ftruncate(3</run/a>, many) = 0", "length is 'many'"),
        ("1 <... fsync resumed>) = 0", "has not started"),
        ("1 fsync(3</run/a> <unfinished ...>\n1 sync() = 0", "within another"),
        ("strace: Process 1 attached\nstrace: Process 2 attached\nsync() = 0", "which thread"),
    ],
)
def test_what_cannot_be_understood_says_so(log: str, problem: str) -> None:
    with pytest.raises(TraceError, match=problem):
        parse(log)


def test_a_log_that_begins_in_the_middle_of_a_wait_is_understood() -> None:
    assert seen("1 <... futex resumed>) = 0\n1 sync() = 0") == [(0, 1, "sync")]
