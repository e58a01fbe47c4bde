"""What signals do to a write: handled, lost or ignored, by the program or by its language's runtime."""

from __future__ import annotations

import dataclasses
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import Unmeasured
from conformance.runner.run import Run
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.points import Point
from tests.conformance.syscalls.changed_writer import changed

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)


def at_the_sync(what: Any, number: int = 2, error: int = 0) -> Point:
    """An error of the sync of the temp, which is this operation of the correct writer, or a signal right after it."""
    phase: Any = "before" if error else "after"
    return Point("replace", what, phase, number, "sync", "other", "fsync", error, of_temp=True)


@pytest.mark.parametrize(
    ("handler", "caught", "lost", "left"),
    [("", True, False, 0), ("signal.SIG_DFL", False, False, 1), ("signal.SIG_IGN", False, False, 0)],
)
def test_an_interrupt(laboratory: Callable[..., Laboratory], handler: str, caught: bool, lost: bool, left: int) -> None:
    """Python's own handler raises KeyboardInterrupt, which ends the host after its clean-up."""
    start = f"import json\nimport signal\nsignal.signal(signal.SIGINT, {handler})" if handler else "import json"
    visit = laboratory(changed(("import json", start))).visit(at_the_sync("interrupt"))
    assert (visit.caught, visit.lost, len(visit.injection.left)) == (caught, lost, left)
    assert visit.injection.answer == ("ok" if "IGN" in handler else "crash")


@pytest.mark.parametrize(
    ("handler", "caught", "ignored", "answer"),
    [
        ("", False, False, "crash"),
        ("signal.signal(signal.SIGTERM, lambda *_: None)", True, False, "ok"),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))", True, False, "crash"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", False, True, "ok"),
    ],
)
def test_a_termination(
    laboratory: Callable[..., Laboratory], handler: str, caught: bool, ignored: bool, answer: str
) -> None:
    start = f"import json\nimport signal\nimport sys\n{handler}"
    visit = laboratory(changed(("import json", start))).visit(at_the_sync("terminate"))
    assert (visit.caught, visit.ignored, visit.injection.answer) == (caught, ignored, answer)
    assert visit.injection.target == ("new" if answer == "ok" else "old")


def test_a_program_that_hangs_after_a_signal_is_distinguished(laboratory: Callable[..., Laboratory]) -> None:
    waiting = "signal.signal(signal.SIGTERM, lambda *_: threading.Event().wait())"
    made = laboratory(changed(("import json", f"import json\nimport signal\nimport threading\n{waiting}")))
    made.run = dataclasses.replace(made.run, answer_seconds=2.0)
    visit = made.visit(at_the_sync("terminate"))
    assert (visit.injection.answer, visit.injection.target) == ("hang", "old")
    assert made.visit(at_the_sync("error", error=errno.EIO)).injection.answer == "io"  # by a new process


@pytest.mark.parametrize(("end", "caught"), [("os._exit(2)", False), ("(os.unlink(temp), os._exit(2))", True)])
def test_an_end_some_time_after_the_interrupt(python_run: Callable[..., Run], end: str, caught: bool) -> None:
    """Go's runtime ends the process a little later. Until then the write goes on; here it first probes the folder."""
    probe = "        os.close(os.open(f'{path}.probe', os.O_CREAT))\n        os.unlink(f'{path}.probe')\n"
    source = changed(
        ("import os", "import os\nimport signal\n\nseen = []\nsignal.signal(signal.SIGINT, lambda *_: seen.append(1))"),
        ("        descriptor =", probe + "        descriptor ="),
        ("os.fsync(descriptor)", f"os.fsync(descriptor)\n                seen and {end}"),
    )
    run = python_run(source)
    other = Laboratory(dataclasses.replace(run, manifest=dataclasses.replace(run.manifest, language="go")))
    create = Point("replace", "interrupt", "after", 0, "create", "other", "open", 0, of_temp=True)
    try:
        visit = other.visit(create)
    except Unmeasured as error:
        pytest.skip(str(error))
    finally:
        other.stop()
    assert visit.caught == caught


@pytest.mark.parametrize(
    ("when_answered", "caught"),
    [
        ("signal.signal(signal.SIGTERM, signal.SIG_DFL), os.kill(os.getpid(), signal.SIGTERM)", False),
        ("os._exit(0)", True),
        ("None", True),
    ],
    ids=["as Go's runtime ends", "a handler that ends it in order", "a handler that lets it go on"],
)
def test_an_end_after_the_answer(
    make_manifest: Callable[..., Path], run_of: Callable[..., Run], when_answered: str, caught: bool
) -> None:
    """The answer to a short write may be faster than the end that the signal brings."""
    source = (Path(__file__).parents[1] / "adapters" / "misbehaving.py").read_text(encoding="utf-8")
    handler = "seen = []\nsignal.signal(signal.SIGTERM, lambda *_: seen.append(1))\n\n\ndef write("
    answering = "        if usual:\n            say(usual)\n"
    for old, new in (("def write(", handler), (answering, f"{answering}            seen and ({when_answered})\n")):
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    manifest = make_manifest(command=["python", "program.py", "behave", "0"])
    (manifest.parent / "program.py").write_text(source, encoding="utf-8")
    run = run_of(manifest)
    made = Laboratory(dataclasses.replace(run, manifest=dataclasses.replace(run.manifest, language="go")))
    try:
        recording = made.record("replace")
        [sync] = [each for each in recording.operations if each.kind == "sync"]
        visit = made.visit(at_the_sync("terminate", sync.number), recording)
    except Unmeasured as error:
        pytest.skip(str(error))
    finally:
        made.stop()
    assert (visit.injection.answer, visit.injection.target, visit.caught) == ("ok", "new", caught)


def test_an_interrupt_that_is_lost(laboratory: Callable[..., Laboratory]) -> None:
    """SIGINT is ignored only during the write."""
    losing = changed(
        ("import json", "import json\nimport signal"),
        (
            "        Implementation.count += 1\n",
            "        Implementation.count += 1\n        before = signal.signal(signal.SIGINT, signal.SIG_IGN)\n",
        ),
        ("os.replace(temp, path)\n", "os.replace(temp, path)\n            signal.signal(signal.SIGINT, before)\n"),
    )
    visit = laboratory(losing).visit(at_the_sync("interrupt"))
    assert (visit.caught, visit.lost, visit.injection.answer) == (False, True, "ok")


@pytest.mark.parametrize(
    ("afterwards", "discarded"),
    [("signal.sigtimedwait({signal.SIGTERM}, 0)", True), ("None", False)],
    ids=["taken away", "left to end the process"],
)
def test_a_signal_that_is_blocked_during_the_write(
    laboratory: Callable[..., Laboratory], afterwards: str, discarded: bool
) -> None:
    unblocking = "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})"
    blocking = changed(
        ("import json", "import json\nimport signal"),
        (
            "        Implementation.count += 1\n",
            "        Implementation.count += 1\n        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n",
        ),
        (
            "os.replace(temp, path)\n",
            f"os.replace(temp, path)\n            {afterwards}\n            {unblocking}\n",
        ),
    )
    visit = laboratory(blocking).visit(at_the_sync("terminate"))
    assert (visit.caught, visit.discarded, visit.injection.answer) == (False, discarded, "ok" if discarded else "crash")
