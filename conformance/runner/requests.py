"""The one place where a document to publish becomes a request, which depends on the implementation's profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from conformance.oracle.payload import encode

__all__ = ["Request", "publish_request"]


class Request(NamedTuple):
    """An operation of the protocol and its fields, for ``implementation.request(operation, **fields)``."""

    operation: str
    fields: Mapping[str, Any]

    def message(self) -> dict[str, Any]:
        """The request as the adapter protocol writes it, without an id."""
        return {"op": self.operation, **self.fields}

    def call(self, implementation: Any) -> None:
        """Call the method of this name on a Python object that is the implementation. Raises what it raises."""
        getattr(implementation, self.operation)(*self.fields.values())


def publish_request(profile: str, path: Path | str, status: Mapping[str, Any]) -> Request:
    """The request to publish a whole status at ``path``: its text in profile ``replace``, else its members."""
    if profile != "replace":
        return Request("write", {"path": str(path), "status": dict(status)})
    return Request("replace", {"path": str(path), "text": encode(status)})
