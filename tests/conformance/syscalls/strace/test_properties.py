"""Whatever text is read as a log, the only error is TraceError."""

import contextlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from conformance.syscalls.operations import operations_of
from conformance.syscalls.strace.parser import parse
from conformance.syscalls.tracer.calls import Call, TraceError

LINES = [
    line
    for path in sorted((Path(__file__).parent / "logs").glob("*.log"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
FRAGMENTS = [
    "<",
    ">",
    "(",
    ")",
    '"',
    "\\",
    "\\x",
    "= ?",
    "0x",
    "-1",
    "9" * 30,
    "{",
    "]",
    ", ",
    "|",
    "1<<99",
    "_IOC(",
    "\0",
]
FRAGMENTS += [
    "NULL",
    "<unfinished ...>",
    "<... read resumed>",
    "O_FUTURE",
    "-1 EFUTURE",
    "(INJECTED)",
    "CLONE_THREAD",
    "09",
]
FRAGMENTS += [
    "AT_FDCWD",
    "/proc/self/fd/3",
    "(deleted)",
    " or ",
    "é",
    "strace: Process 1 attached",
    "+++ exited with 0 +++",
]


def understood(text: str) -> tuple[Call, ...]:
    """The calls, or none when the log cannot be understood."""
    with contextlib.suppress(TraceError):
        calls = parse(text)
        with contextlib.suppress(TraceError):
            operations_of(calls, "/data/run", ["status.json"])
        return calls
    return ()


@st.composite
def mutated_lines(draw: st.DrawFn) -> str:
    """A recorded line, a line with something else in its middle, or the start of one with the end of another."""
    line, other = draw(st.sampled_from(LINES)), draw(st.sampled_from([*LINES, *FRAGMENTS]))
    start = draw(st.integers(0, len(line)))
    end = draw(st.sampled_from([start, start + 1, start + 5, len(line)]))
    return draw(st.sampled_from([line, line[:start] + other + line[end:], line[:start] + other[start:]]))


@given(st.text())
def test_any_text(text: str) -> None:
    understood(text)


@given(st.lists(st.sampled_from(FRAGMENTS)))
def test_any_heap_of_fragments(fragments: list[str]) -> None:
    understood("".join(fragments))
    understood(f"fsync({''.join(fragments)}")


@given(st.lists(mutated_lines(), max_size=12))
def test_mutated_and_shuffled_logs(lines: list[str]) -> None:
    understood("\n".join(lines))


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_every_moment_is_counted_once_and_ends_follow_starts(lines: list[str]) -> None:
    calls = understood("\n".join(lines))
    moments = [moment for call in calls for moment in (call.begun, call.ended) if moment is not None]
    assert len(set(moments)) == len(moments)
    assert all(call.ended is None or call.begun < call.ended for call in calls)
