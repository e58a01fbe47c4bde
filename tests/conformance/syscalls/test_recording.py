"""What was recorded of a write, as a person reads it."""

from conformance.syscalls.operations import operations_of
from conformance.syscalls.recording import annotated
from conformance.syscalls.strace.parser import parse


def test_an_annotated_trace() -> None:
    log = [
        "1 fsync(3</run/a>) = -1 EIO (Input/output error) (INJECTED)",
        "1 close(3</run/a>) = 0",
        '1 unlink("/run/a" <unfinished ...>',
    ]
    assert annotated(operations_of(parse("\n".join(log)), "/run"), 1) == (
        "   0 fsync        sync a = Input/output error (injected)",
        "→  1 close        close a",
        "   2 unlink       unlink a = never returned",
    )
