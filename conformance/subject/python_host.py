"""Serves an implementation of mode ``python`` in its own process.

``python -m conformance.subject.python_host FOLDER CALLABLE``: the object's methods are the operations of the protocol;
ValueError, OSError and NotImplementedError become the errors ``invalid``, ``io`` and ``unsupported``. The operation
``threads`` is between the kit and this host only: it runs several lists of writes at once, one thread each (clause
CON-04). Each thread pauses before each of its file calls: otherwise a whole series of writes fits into one time slice
of CPython, and no two writes ever overlap. With FILE_CALL_PAUSES in the environment, every write pauses likewise: on a
fast disk or a busy machine the writes of several processes rarely overlap.

It imports little, and late: it starts thousands of times in a run, and imports are most of the cost of a start. That
is why this module, and everything that mutants and variants import from the kit, uses named tuples, not dataclasses.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO

from conformance.subject.protocol import PROTOCOL, decode_floats

__all__ = ["PAUSES", "load_factory", "load_object", "pauses_before_file_calls", "serve"]

PAUSES = "FILE_CALL_PAUSES"  # an environment variable

# Audit events (docs.python.org, "Audit events table"): os.open and open() are "open", os.replace is "os.rename".
_FILE_CALLS = frozenset({"open", "os.rename", "os.link", "os.remove", "os.truncate", "os.chmod"})
_LONGEST_PAUSE = 0.0005  # seconds


def load_object(folder: str, entry_point: str) -> Any:
    """Import ``package.module:factory`` with ``folder`` first on the path, and call it."""
    return load_factory(folder, entry_point)()


def load_factory(folder: str, entry_point: str) -> Callable[[], Any]:
    """Import ``package.module:factory`` with ``folder`` first on the path."""
    if sys.path[0] != folder:
        sys.path.insert(0, folder)
    module, _, attribute = entry_point.partition(":")
    factory: Any = importlib.import_module(module)
    for name in attribute.split("."):
        factory = getattr(factory, name)
    return factory  # type: ignore[no-any-return]  # only run time shows what the name refers to


def _answer(implementation: Any, request: dict[str, Any]) -> dict[str, Any]:
    operation = request["op"]
    if operation == "start":
        about = {name: str(getattr(implementation, name, "")) for name in ("name", "version")}
        return {"ok": True, "protocol": PROTOCOL, "language": "python", **about}
    if operation == "stop":
        return {"ok": True}
    if operation == "threads":
        return {"ok": True, "answers": _threads(implementation, request["writes"])}
    try:
        return {"ok": True, **_result(implementation, request)}
    except ValueError as error:
        kind, text = "invalid", f"{type(error).__name__}: {error}"
    except OSError as error:
        kind, text = "io", f"{type(error).__name__}: {error}"
    except NotImplementedError as error:
        kind, text = "unsupported", str(error)
    return {"ok": False, "error": kind, "message": text}


def _result(implementation: Any, request: dict[str, Any]) -> dict[str, Any]:
    operation = request["op"]
    method: Callable[..., Any] | None = getattr(implementation, operation, None)
    if operation not in ("write", "replace", "read", "poll", "progress") or method is None:
        raise NotImplementedError(f"no operation {operation!r}")
    if operation == "write":
        method(request["path"], decode_floats(request["status"]))
        return {}
    if operation == "replace":
        method(request["path"], request["text"])
        return {}
    if operation == "read":
        return {"status": method(request["path"])}
    if operation == "poll":
        status, fresh = method(request["path"])
        return {"status": status, "fresh": fresh}
    return {"progress": method(decode_floats(request["status"]))}


def _threads(implementation: Any, writes: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    import threading
    import traceback

    answers: list[list[dict[str, Any]]] = [[] for _ in writes]
    together = threading.Barrier(len(writes))

    def work(number: int) -> None:
        together.wait()
        for request in writes[number]:
            try:
                answers[number].append(_answer(implementation, request))
            except BaseException:  # whatever ends a thread is reported as that thread's answer
                answers[number].append({"ok": False, "error": "crash", "message": traceback.format_exc()})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(writes))]
    with pauses_before_file_calls():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return answers


@contextmanager
def pauses_before_file_calls() -> Iterator[None]:
    """Inside the block, a random pause of less than a millisecond precedes each file call of this process."""
    import random

    pausing = True

    def pause(event: str, _: tuple[Any, ...]) -> None:
        if pausing and event in _FILE_CALLS:
            time.sleep(random.uniform(0, _LONGEST_PAUSE))

    sys.addaudithook(pause)  # for good: an audit hook cannot be removed
    try:
        yield
    finally:
        pausing = False


def serve(implementation: Any, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests, one line each, until ``stop`` or the end of the input."""
    for line in requests:
        request = json.loads(line)
        answer = {"id": request["id"], **_answer(implementation, request)}
        answers.write(json.dumps(answer, ensure_ascii=True).encode("ascii") + b"\n")
        answers.flush()
        if request["op"] == "stop":
            return


def main(arguments: list[str]) -> None:
    """Take over standard output for the answers; what the implementation prints goes to standard error."""
    folder, entry_point = arguments
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        implementation = load_object(folder, entry_point)
        with pauses_before_file_calls() if os.environ.get(PAUSES) else nullcontext():
            serve(implementation, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main(sys.argv[1:])
