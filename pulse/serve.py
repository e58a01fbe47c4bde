"""The reference as an implementation under test: :class:`Reference` in process, :func:`serve` over a pipe."""

import json
from collections.abc import Mapping
from typing import IO, Any

from pulse._streams import complain
from pulse._version import __version__
from pulse.reader import StatusReader, read_status
from pulse.status import Status, from_members, progress
from pulse.writer import write_training_status

__all__ = ["PROTOCOL", "Reference", "serve"]

PROTOCOL = 1
"""The version of the line protocol (SPEC.md, "Mode serve")."""


class Reference:
    """The operations of the protocol, as methods: ``ValueError`` means refused, ``OSError`` failed."""

    name = "pulse reference"
    version = __version__
    language = "python"

    def __init__(self) -> None:
        """Start with no file polled."""
        self._readers: dict[str, StatusReader] = {}

    def write(self, path: str, status: Mapping[str, Any]) -> None:
        """Write a status whose absent members take the defaults (LIF-01…04).

        Raises:
            ValueError: a member is unknown or not allowed (REF-01…06).
            OSError: the write failed.
        """
        write_training_status(path, **from_members(status, complete=False))

    def read(self, path: str) -> Status | None:
        """The status at ``path``, or ``None`` for anything else that is there."""
        return read_status(path).status

    def poll(self, path: str) -> tuple[Status | None, bool]:
        """The last valid status that this object saw at ``path``, and whether the file holds it now."""
        polled = self._readers.setdefault(path, StatusReader(path)).poll()
        return polled.status, polled.fresh

    def progress(self, status: Mapping[str, Any]) -> float:
        """Progress in percent (RDR-13).

        Raises:
            ValueError: ``status`` is not valid.
        """
        return progress(from_members(status, complete=False))


class _Garbage(Exception):
    """A line that is not a request of the protocol."""


def serve(stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """Answer requests until ``stop`` or the end of ``stdin``: one JSON object per line each way.

    Answers are ASCII, so that no locale changes them.

    Returns:
        The exit code: 0, or 2 after a line that is not a request (reported on stderr).

    Raises:
        OSError: a request cannot be read, or an answer cannot be written.
    """
    reference = Reference()
    for line in stdin:
        try:
            request = _request(line)
            answer = _answer(reference, request)
        except _Garbage as error:
            complain(f"pulse serve: {error}: {line[:200]!r}")
            return 2
        stdout.write(json.dumps({"id": request["id"], **answer}).encode() + b"\n")
        stdout.flush()
        if request["op"] == "stop":
            break
    return 0


def _number(value: dict[str, Any]) -> Any:
    """Decode ``{"$float": "NaN"}`` and its two relatives, which JSON numbers cannot express."""
    if value.keys() == {"$float"}:
        if value["$float"] not in ("NaN", "Infinity", "-Infinity"):
            raise _Garbage("$float must be NaN, Infinity or -Infinity")
        return float(value["$float"])
    return value


def _request(line: bytes) -> dict[str, Any]:
    """Decode one line."""
    try:
        request = json.loads(line, object_hook=_number)
    except (ValueError, RecursionError) as error:
        raise _Garbage(f"not JSON ({error})") from error
    if not isinstance(request, dict) or "id" not in request or not isinstance(request.get("op"), str):
        raise _Garbage("not a request with id and op")
    if request["op"] in ("write", "read", "poll") and not isinstance(request.get("path"), str):
        raise _Garbage("a request without a path")
    if request["op"] in ("write", "progress") and not isinstance(request.get("status"), dict):
        raise _Garbage("a request without a status")
    return request


def _answer(reference: Reference, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; the answer lacks only its id."""
    try:
        return {"ok": True, **_result(reference, request)}
    except NotImplementedError as error:
        return {"ok": False, "error": "unsupported", "message": str(error)}
    except ValueError as error:
        return {"ok": False, "error": "invalid", "message": str(error)}
    except OSError as error:
        return {"ok": False, "error": "io", "message": str(error)}


def _result(reference: Reference, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; the members of the answer besides ``ok``."""
    match request["op"]:
        case "start":
            if request.get("protocol") != PROTOCOL:
                raise NotImplementedError(f"protocol {request.get('protocol')!r}: only {PROTOCOL} is known")
            return {
                "protocol": PROTOCOL,
                "name": reference.name,
                "version": reference.version,
                "language": reference.language,
            }
        case "write":
            reference.write(request["path"], request["status"])
            return {}
        case "read":
            return {"status": reference.read(request["path"])}
        case "poll":
            status, fresh = reference.poll(request["path"])
            return {"status": status, "fresh": fresh}
        case "progress":
            return {"progress": reference.progress(request["status"])}
        case "stop":
            return {}
        case unknown:
            raise NotImplementedError(f"the operation {unknown!r} is not supported")
