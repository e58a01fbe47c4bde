"""WIN-05, WIN-07 and WIN-08: how a reader opens files, what the environment does to the bytes, and termination."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.contract.errors import ImplementationError, Inconclusive, Violation
from conformance.oracle.document import SIZE_LIMIT, require_status, shown
from conformance.oracle.observer import observing
from conformance.oracle.payload import encode, identify, make_status
from conformance.runner.case import Case
from conformance.subject.client import Implementation
from conformance.suite.helpers.code_page import in_code_page
from conformance.system.share_modes import hold, require_deletable

PATIENCE_SECONDS = 30.0
LONGEST_DELAY = 0.02  # seconds of writing before the process is terminated at random
ENDS = 24
MOST_ENDS = 120  # when none of the first ENDS was within a write


@contextmanager
def reading(case: Case) -> Iterator[threading.Event]:
    """Have a process of the implementation read the target repeatedly. Yields an event that is set if it fails."""
    reader, finished, failed = case.start(), threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def read_again_and_again() -> None:
        try:
            while not finished.is_set():
                case.request("read", reader, path=str(case.target))
        except BaseException as error:  # raised again below, in the test's own thread
            errors.append(error)
            failed.set()

    thread = threading.Thread(target=read_again_and_again)
    thread.start()
    try:
        yield failed
    finally:
        finished.set()
        thread.join()
    if errors:
        raise errors[0]


def is_open(case: Case) -> bool:
    """Whether any process has the target open now. The probe itself blocks other opens: reads are not judged here."""
    try:
        with hold(case.target, "none"):
            return False
    except PermissionError:
        return True


@pytest.mark.clause("WIN-05")
def test_reader_shares_deletion(case: Case) -> None:
    """The kit asks for the right to delete while the reader has the file open: refused if the reader does not share it.

    The file is known to be open because the kit, before and after, cannot open it exclusively.
    """
    enough = 3 if case.run.manifest.mode == "oneshot" else 50
    room = SIZE_LIMIT - len(encode({**make_status(0, 1), "message": ""})) - 1024
    case.target.write_bytes(encode({**make_status(0, 1), "message": "x" * room}).encode("ascii"))
    asked = allowed = refused = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    with reading(case) as failed:
        while allowed < enough and not refused and not failed.is_set() and time.monotonic() < deadline:
            asked += 1
            if not is_open(case):
                continue
            try:
                require_deletable(case.target)
            except PermissionError:
                refused += 1
            else:
                allowed += is_open(case)
    case.counts = {"probes": asked, "probes that met a read": allowed + refused}
    if refused:
        raise Violation("while the reader had the target open, no other process could replace, rename or delete it")
    if allowed < enough:
        raise Inconclusive(f"only {allowed} of {asked} probes met a read; at least {enough} are needed")


CODE_PAGES = (437, 932, 1251, 65001)
ENVIRONMENTS = {
    "utf8-mode": {"PYTHONUTF8": "1"},
    "no-utf8-mode": {"PYTHONUTF8": "0"},
    "other-streams": {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp437"},
}
MESSAGE = "line\nfeed\r\nreturn\rtab\té ё € 漢 🎉"


def require_same_bytes(case: Case, elsewhere: Implementation) -> None:
    """Raise Violation unless the document is the same there, and has no carriage return: JSON needs none."""
    status = {**make_status(0, 1), "message": MESSAGE}
    documents = []
    for by in (case.implementation, elsewhere):
        case.require_ok(case.write(case.target, status, by=by))
        documents.append(case.bytes_at(case.target))
    usual, found = documents
    require_status(usual, status)
    if found != usual:
        raise Violation("the bytes differ from those of the usual environment", usual=shown(usual), found=shown(found))
    if b"\r" in usual:
        raise Violation("a line feed became a carriage return and a line feed", found=shown(usual))


@pytest.mark.clause("WIN-07")
@pytest.mark.parametrize("code_page", CODE_PAGES)
def test_console_code_page(case: Case, code_page: int) -> None:
    require_same_bytes(case, case.start_in(in_code_page(code_page)))


@pytest.mark.clause("WIN-07")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment(case: Case, name: str) -> None:
    require_same_bytes(case, case.start(environment=ENVIRONMENTS[name]))


class Writing:
    """A thread that has a process write one status after the other, until the process is terminated."""

    def __init__(self, case: Case, by: Implementation, acknowledged: int) -> None:
        self.acknowledged = acknowledged
        self.begun = threading.Event()
        self.errors: list[BaseException] = []
        self._case, self._by = case, by
        self._ended = False
        self._thread = threading.Thread(target=self._write_on)
        self._thread.start()

    def _write_on(self) -> None:
        try:
            while True:
                status = make_status(0, self.acknowledged + 1, 16_384)
                answer = self._case.publish(self._case.target, status, by=self._by)
                if answer.error not in ("io", "refused"):  # which the kit's own reader may have caused
                    self._case.require_ok(answer)
                    self.acknowledged += 1
                self.begun.set()
        except ImplementationError as error:
            if not self._ended:
                self.errors.append(error)
        except BaseException as error:  # raised again in `end`, in the test's own thread
            self.errors.append(error)
        finally:
            self.begun.set()

    def end(self) -> None:
        """Terminate the process at whatever point it has reached. Raises what a write raised before that."""
        self._ended = True
        self._by.kill()
        self._thread.join()
        if self.errors:
            raise self.errors[0]


@pytest.mark.clause("WIN-08")
def test_terminated_while_writing(case: Case) -> None:
    """The moments are random. A temp left behind, or a document that was not acknowledged, proves a hit."""
    moments = random.Random(case.run.seed)
    ends = hits = sequence = 0
    case.require_ok(case.publish(case.target, make_status(0, 0)))
    while ends < ENDS or (not hits and ends < MOST_ENDS):
        ends += 1
        names = set(case.folder.iterdir())
        with observing(case.target, (0, sequence)) as observation:
            writing = Writing(case, case.start(), sequence)
            writing.begun.wait(case.run.start_seconds)
            time.sleep(moments.uniform(0, LONGEST_DELAY))
            writing.end()
        observation.require_whole()
        _, found = identify(case.bytes_at(case.target))
        if found not in (writing.acknowledged, writing.acknowledged + 1):
            raise Violation(f"document {writing.acknowledged} was acknowledged, but the target holds {found}")
        hits += found > writing.acknowledged or bool(set(case.folder.iterdir()) - names)
        sequence = found + 1
        case.require_ok(case.publish(case.target, make_status(0, sequence)), "the write after the termination")
        case.require_holds(case.target, make_status(0, sequence))
    case.counts = {"ends": ends, "ends within a write": hits}
    if not hits:
        raise Inconclusive(f"none of {ends} terminations was within a write")
