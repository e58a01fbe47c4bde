"""Which calls concern a folder, and what each means. The calls are given as lines of strace."""

import pytest

from conformance.syscalls.operations import Operation, operations_of, relative_name
from conformance.syscalls.strace.parser import parse
from conformance.syscalls.tracer.calls import TraceError


def operations(*lines: str, existing: tuple[str, ...] = ()) -> tuple[Operation, ...]:
    return operations_of(parse("\n".join(lines)), "/run", existing)


def one(line: str, existing: tuple[str, ...] = ()) -> Operation:
    (operation,) = operations(line, existing=existing)
    return operation


KINDS = {
    'open("/run/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</run/a>': "create a",
    'open("/run/old", O_WRONLY|O_CREAT, 0600) = 3</run/old>': "open old",
    'open("/run/old", O_RDONLY) = 3</run/old>': "open old",
    'creat("/run/a", 0600) = 3</run/a>': "create a",
    'open("/run", O_RDWR|O_TMPFILE, 0600) = 3</run/#1>(deleted)': "create-unnamed .",
    'openat2(3</run>, "a", {flags=O_RDWR|O_CREAT, resolve=0}, 24) = 4</run/a>': "create a",
    'mknod("/run/a", S_IFREG|0600) = 0': "create a",
    'write(3</run/#10094176>(deleted), "abc", 3) = 3': "write (unnamed) 3 bytes",
    "close(3</run/a>(deleted)) = 0": "close a (deleted)",
    'write(3</run/a>, "abc", 3) = 2': "write a 2 bytes",
    'write(3</run/a>, "abc", 3) = -1 ENOSPC (No space left on device)': "write a 3 bytes",  # that it was asked to take
    'pwrite64(3</run/a>, "abc", 3, 7) = -1 EIO (Input/output error)': "write a 3 bytes",
    'pwrite64(3</run/a>, "abc", 3, 7) = 3': "write a 3 bytes",
    'writev(3</run/a>, [{iov_base="abc", iov_len=3}], 1) = 3': "write a 3 bytes",
    "sendfile(3</run/a>, 4</other>, NULL, 9) = 9": "write a ← /other 9 bytes",
    "sendfile(4</other>, 3</run/a>, NULL, 9) = 9": "read /other ← a",
    "copy_file_range(4</run/b>, NULL, 3</run/a>, NULL, 9, 0) = 4": "write a ← b 4 bytes",
    "splice(4<pipe:[1]>, NULL, 3</run/a>, NULL, 9, 0) = 4": "write a ← pipe:[1] 4 bytes",
    "ioctl(3</run/a>, FICLONE, 4</other>) = 0": "write a 0 bytes",
    'truncate("/run/a", 5) = 0': "truncate a 5 bytes",
    "ftruncate(3</run/a>, 5) = 0": "truncate a 5 bytes",
    "fallocate(3</run/a>, FALLOC_FL_KEEP_SIZE, 0, 5) = 0": "allocate a 5 bytes",
    "fallocate(3</run/a>, FALLOC_FL_ZERO_RANGE, 0, 5) = 0": "write a 5 bytes",
    "mmap(NULL, 5, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x7f00": "map a",
    "mmap(NULL, 5, PROT_READ|PROT_WRITE, MAP_PRIVATE, 3</run/a>, 0) = 0x7f00": "read a",
    "mmap(NULL, 5, PROT_READ, MAP_SHARED, 3</run/a>, 0) = 0x7f00": "read a",
    "fsync(3</run/a>) = 0": "sync a",
    "fdatasync(3</run/a>) = 0": "sync a",
    "fsync(3</run>) = 0": "sync-folder .",
    "fsync(3</run/sub>) = 0": "sync-folder sub",
    "syncfs(3</run/a>) = 0": "sync-all a",
    "sync() = 0": "sync-all .",
    "sync_file_range(3</run/a>, 0, 5, SYNC_FILE_RANGE_WRITE) = 0": "sync-range a",
    "close(3</run/a>) = 0": "close a",
    'rename("/run/a", "/run/b") = 0': "rename a → b",
    'rename("/elsewhere/a", "/run/b") = 0': "rename /elsewhere/a → b",
    'renameat2(3</run>, "a", 3</run>, "b", RENAME_EXCHANGE) = 0': "exchange a → b",
    'link("/run/a", "/run/b") = 0': "link a → b",
    'symlink("a", "/run/b") = 0': "symlink b",
    'unlink("/run/a") = 0': "unlink a",
    'unlinkat(3</run>, "a", 0) = 0': "unlink a",
    'unlinkat(3</run>, "sub", AT_REMOVEDIR) = 0': "remove-folder sub",
    'rmdir("/run/sub") = 0': "remove-folder sub",
    'mkdir("/run/new", 0777) = 0': "make-folder new",
    'stat("/run/a", {st_mode=S_IFREG|0644, ...}) = 0': "stat a",
    'access("/run/a", F_OK) = 0': "stat a",
    'readlink("/run/a", "b", 4095) = 1': "readlink a",
    "getdents64(3</run>, 0x55 /* 2 entries */, 32768) = 48": "list .",
    'read(3</run/a>, "abc", 9) = 3': "read a",
    'chmod("/run/a", 0600) = 0': "chmod a",
    "fchown(3</run/a>, 0, 0) = 0": "chown a",
    "utimensat(3</run/a>, NULL, NULL, 0) = 0": "utime a",
    'setxattr("/run/a", "user.x", "y", 1, 0) = 0': "attribute a",
    "flock(3</run/a>, LOCK_EX) = 0": "lock a",
    "fcntl(3</run/a>, F_SETLKW, {l_type=F_WRLCK}) = 0": "lock a",
    "fcntl(3</run/a>, F_GETFL) = 0x8000 (flags O_RDONLY|O_LARGEFILE)": "other a",
    "lseek(3</run/a>, 0, SEEK_SET) = 0": "other a",
    "ioctl(3</run/a>, TCGETS, 0x7f) = -1 ENOTTY (Inappropriate ioctl for device)": "other a",
}


@pytest.mark.parametrize(("line", "expected"), KINDS.items(), ids=KINDS.values())
def test_what_a_call_means(line: str, expected: str) -> None:
    assert str(one(line, existing=("old", "sub/"))) == expected


@pytest.mark.parametrize(
    "line",
    [
        "fsync(3</running/a>) = 0",
        'rename("/other/a", "/other/b") = 0',
        'write(1<pipe:[1]>, "/run/a", 6) = 6',
        'execve("/bin/true", ["/run/a"], 0x7f /* 1 var */) = 0',
        "munmap(0x7f00, 5) = 0",
        "ioctl(3</dev/dri/card0>, DRM_IOCTL_FUTURE, 0x7f) = 0",
        "futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 1",
    ],
)
def test_what_does_not_concern_the_folder(line: str) -> None:
    assert operations(line) == ()


@pytest.mark.parametrize(
    "line",
    [
        "ioctl(3</run/a>, FS_IOC_SETFLAGS, [FS_IMMUTABLE_FL]) = 0",
        "ioctl(3</run/a>, FUTURE_REQUEST, 0x7f) = 0",
        'renameat2(3</run>, "a", 3</run>, "b", RENAME_WHITEOUT) = 0',
        'open("/run/a", O_WRONLY|O_FUTURE) = 3</run/a>',
        'name_to_handle_at(AT_FDCWD</run>, "a", {handle_bytes=8}, [1], 0) = 0',
        'umount2("/run/sub", 0) = 0',
        "io_uring_enter(4<anon_inode:[io_uring]>, 1, 1, 0, NULL, 8) = 1",
    ],
)
def test_what_the_model_does_not_know_is_never_ignored(line: str) -> None:
    with pytest.raises(TraceError):
        operations(line)


def test_operations_are_numbered_by_their_starts() -> None:
    found = operations(
        "1 fsync(3</run/a> <unfinished ...>",
        '2 write(4</elsewhere>, "x", 1) = 1',
        "2 close(4</run/b>) = 0",
        "1 <... fsync resumed>) = 0",
    )
    assert [(each.number, str(each)) for each in found] == [(0, "sync a"), (1, "close b")]


def test_a_name_exists_from_its_creation_to_its_end() -> None:
    create = 'open("/run/a", O_WRONLY|O_CREAT, 0600) = 3</run/a>'
    for end in ('unlink("/run/a") = 0', 'rename("/run/a", "/run/b") = 0'):
        assert [each.kind for each in operations(create, create, end, create)] == [
            "create",
            "open",
            "unlink" if "unlink" in end else "rename",
            "create",
        ]


def test_a_failed_call_changes_no_names() -> None:
    create = 'open("/run/a", O_WRONLY|O_CREAT, 0600) = '
    failed, done = f"{create}-1 ENOSPC (No space left on device)", f"{create}3</run/a>"
    assert [(each.kind, each.descriptor) for each in operations(failed, done)] == [("create", -1), ("create", 3)]


def test_a_new_folder_is_synced_as_a_folder() -> None:
    assert [str(each) for each in operations('mkdir("/run/new", 0777) = 0', "fsync(3</run/new>) = 0")] == [
        "make-folder new",
        "sync-folder new",
    ]


def test_a_mapping_is_known_by_its_address() -> None:
    found = operations(
        "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x10000",
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 4</elsewhere>, 0) = 0x20000",
        "msync(0x11000, 10, MS_SYNC) = 0",
        "msync(0x11000, 10, MS_ASYNC) = 0",
        "mremap(0x10000, 8192, 16384, MREMAP_MAYMOVE) = 0x40000",
        "munmap(0x42000, 8192) = 0",
        "munmap(0x20000, 4096) = 0",
    )
    assert [str(each) for each in found][:4] == ["map a", "sync a", "sync-range a", "other a"]
    assert str(found[4]) == "unmap a"


def test_a_mapping_ends_with_its_munmap() -> None:
    found = operations(
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x10000",
        "munmap(0x10000, 4096) = -1 EINVAL (Invalid argument)",
        "munmap(0x10000, 4096) = 0",
        "munmap(0x10000, 4096) = 0",
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x10000",
        "msync(0x10000, 4096, MS_SYNC) = 0",
    )
    assert [str(each) for each in found] == ["map a", "unmap a", "unmap a"]


def test_a_mapping_is_of_one_process() -> None:
    found = operations(
        "1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x10000",
        "2 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/b>, 0) = 0x10000",
        "2 msync(0x10000, 4096, MS_SYNC) = 0",
        "2 munmap(0x10000, 4096) = 0",
        "1 msync(0x10000, 4096, MS_SYNC) = 0",
        "3 msync(0x10000, 4096, MS_SYNC) = 0",
    )
    assert [str(each) for each in found] == ["map a", "map b", "sync b", "unmap b", "sync a"]


def test_a_descriptor_whose_close_failed_is_watched() -> None:
    """It is closed nevertheless: closing it again may close a file that another thread has opened."""
    failed = "close(3</run/a>) = -1 EINTR (Interrupted system call)"
    again = "close(3) = -1 EBADF (Bad file descriptor)"
    assert [str(each) for each in operations(failed, again)] == ["close a", "close ."]
    assert [each.descriptor for each in operations(failed, again)] == [3, 3]
    opened = 'open("/run/b", O_RDONLY) = 3</run/b>'
    closed = "close(3</run/b>) = 0"
    assert [each.kind for each in operations(failed, opened, closed, again)] == ["close", "open", "close"]
    assert operations("close(3</run/a>) = 0", again)[1:] == ()


def test_what_is_a_folder_follows_its_name() -> None:
    sync = "fsync(3</run/new>) = 0"
    found = operations(
        sync,
        'rename("/run/sub", "/run/new") = 0',
        sync,
        "fsync(3</run/sub>) = 0",
        'rmdir("/run/new") = -1 ENOTEMPTY (Directory not empty)',
        sync,
        'unlinkat(3</run>, "new", AT_REMOVEDIR) = 0',
        sync,
        existing=("sub/",),
    )
    assert [str(each) for each in found if each.call.name == "fsync"] == [
        "sync new",
        "sync-folder new",
        "sync sub",
        "sync-folder new",
        "sync new",
    ]


def test_offsets_lengths_and_descriptors() -> None:
    positioned = one('pwrite64(3</run/a>, "abc", 3, 7) = 2')
    assert (positioned.descriptor, positioned.offset, positioned.length) == (3, 7, 2)
    appended = one('write(3</run/a>, "abc", 3) = -1 EIO (Input/output error)')
    assert (appended.offset, appended.length) == (-1, 0)


def test_names_are_relative_to_the_folder() -> None:
    assert [relative_name(path, "/run") for path in ("/run", "/run/a", "/run/sub/a", "/running")] == [
        ".",
        "a",
        "sub/a",
        "/running",
    ]
