"""An interrupt at every line and at every bytecode leaves no temp, no descriptor, a whole target (FLT-09)."""

import errno
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pulse import _temps, read_status, write_training_status
from pulse.status import SIZE_LIMIT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors can be listed only where there is /proc")

OLD, NEW = "the old document", "the new document"


def interrupted(operation: Callable[[], object], point: int, event: str) -> bool:
    """Run ``operation`` with a KeyboardInterrupt at the ``point``-th line or opcode that it executes.

    Every Python frame below counts, those of the standard library too; the test's own stand-ins do not.

    Returns:
        Whether it got that far, so that the interrupt was raised.
    """
    seen = 0
    fired = False

    def trace(frame: FrameType, happened: str, _argument: Any) -> Any:
        nonlocal seen, fired
        if frame.f_code.co_filename == __file__:
            return None
        frame.f_trace_opcodes = event == "opcode"
        if happened in ("call", event):
            seen += 1
            if seen == point:
                fired = True
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # other packages' callbacks run with a collection, and the interrupt would hit them
    sys.settrace(trace)
    raised: BaseException | None = None
    try:
        operation()
    except (KeyboardInterrupt, OSError) as error:
        raised = error
    finally:
        sys.settrace(before)
        gc.enable()
    # It may come while an OSError is being cleaned up, but it must never vanish.
    assert isinstance(raised, KeyboardInterrupt) == fired, raised
    return fired


def message_at(path: str) -> str | None:
    """The message of the document at ``path``, or ``None`` when there is no valid one."""
    status = read_status(path).status
    return None if status is None else status["message"]


def fail_once(monkeypatch: pytest.MonkeyPatch, call: str) -> Callable[[bool], None]:
    """Make the first ``os.<call>`` after each arming fail; a ``close`` that fails still closes."""
    real = getattr(os, call)
    armed = False

    def arm(on: bool) -> None:
        nonlocal armed
        armed = on

    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        nonlocal armed
        if not armed:
            return real(*arguments, **keywords)
        armed = False
        if call == "close":
            real(*arguments)
        raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(os, call, stand_in)
    return arm


# At least this many points per write: fewer would mean that the trace does not see the writer.
FLOOR = {"line": 60, "opcode": 500}


@pytest.mark.parametrize("event", ["line", "opcode"])
@pytest.mark.parametrize("first", [None, OLD], ids=["new target", "existing target"])
def test_an_interrupt_during_a_write(
    tmp_path: Path, open_descriptors: Callable[[], set[str]], first: str | None, event: str
) -> None:
    target = str(tmp_path / "status.json")
    seen = set()
    point = 1
    while True:
        if first is None:
            Path(target).unlink(missing_ok=True)
        else:
            write_training_status(target, "idle", message=first, durable=False)
        _temps._swept.clear()
        descriptors = open_descriptors()
        fired = interrupted(lambda: write_training_status(target, "running", message=NEW), point, event)
        found = message_at(target)
        assert found in (first, NEW), f"point {point}"
        assert set(os.listdir(tmp_path)) <= {"status.json"}, f"point {point}"
        assert open_descriptors() == descriptors, f"point {point}"
        if not fired:
            break
        seen.add(found)
        point += 1
    print(f"{point - 1} points visited")
    assert point > FLOOR[event]
    assert seen == {first, NEW}, "interrupts came before the replace and after it"


@pytest.mark.parametrize("event", ["line", "opcode"])
@pytest.mark.parametrize("call", ["write", "fsync", "close", "replace"])
def test_an_interrupt_during_a_write_that_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_descriptors: Callable[[], set[str]],
    call: str,
    event: str,
) -> None:
    arm = fail_once(monkeypatch, call)
    target = str(tmp_path / "status.json")
    point = 1
    while True:
        write_training_status(target, "idle", message=OLD, durable=False)
        descriptors = open_descriptors()
        arm(True)
        fired = interrupted(lambda: write_training_status(target, "running", message=NEW), point, event)
        arm(False)
        assert message_at(target) == OLD, f"point {point}"
        assert os.listdir(tmp_path) == ["status.json"], f"point {point}"
        assert open_descriptors() == descriptors, f"point {point}"
        if not fired:
            break
        point += 1
    print(f"{point - 1} points visited")
    assert point > FLOOR[event]


@pytest.mark.parametrize("event", ["line", "opcode"])
@pytest.mark.parametrize("content", [b"{}", b"x" * (SIZE_LIMIT + 1)], ids=["read", "refused"])
def test_an_interrupt_during_a_read(
    tmp_path: Path, open_descriptors: Callable[[], set[str]], content: bytes, event: str
) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(content)
    descriptors = open_descriptors()
    point = 1
    while interrupted(lambda: read_status(str(path)), point, event):
        assert open_descriptors() == descriptors, f"point {point}"
        point += 1
    print(f"{point - 1} points visited")
    assert point > FLOOR[event] / 5
