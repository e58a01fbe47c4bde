"""The operations of a correct write, for the tests of points."""

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.strace.parser import parse

__all__ = ["HONEST", "names", "operations"]

HONEST = """\
open("/run/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</run/a>
write(3</run/a>, "abc", 100) = 100
fsync(3</run/a>) = 0
close(3</run/a>) = 0
stat("/run/status.json", {...}) = 0
rename("/run/a", "/run/status.json") = 0
open("/run", O_RDONLY) = 3</run>
fsync(3</run>) = 0
unlink("/run/a") = -1 ENOENT (No such file or directory)
lseek(4</run/b>, 0, SEEK_SET) = 0
"""


def operations(text: str = HONEST) -> tuple[Operation, ...]:
    return operations_of(parse(text), "/run", ["status.json"])


def names(points: object) -> list[str]:
    return [point.name for point in points]  # type: ignore[attr-defined]  # an iterable of points
