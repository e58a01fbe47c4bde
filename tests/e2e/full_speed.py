"""Reads a status file as fast as it can: ``python -m tests.e2e.full_speed FILE``, until its stdin is closed.

Every read is parsed strictly. It prints one JSON object: how many reads there were, how many different documents, and
what was wrong with the others.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter

from pulse import InvalidStatus, parse

__all__ = ["read_until"]


def read_until(ended: threading.Event, path: str) -> dict[str, object]:
    """Read a file again and again.

    Args:
        ended: when to stop.
        path: the file.

    Returns:
        ``reads``, ``documents`` (different ones), ``torn`` (reads that were no valid status: the reason → how often)
        and ``failed`` (reads that failed: the reason → how often).
    """
    reads, documents = 0, set[bytes]()
    torn, failed = Counter[str](), Counter[str]()
    while not ended.is_set():
        reads += 1
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                document = os.read(descriptor, 65536)
            finally:
                os.close(descriptor)
            if document not in documents:
                parse(document)
                documents.add(document)
        except InvalidStatus as error:
            torn[str(error)] += 1
        except OSError as error:
            failed[type(error).__name__] += 1
    return {"reads": reads, "documents": len(documents), "torn": dict(torn), "failed": dict(failed)}


def _main(path: str) -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    print(json.dumps(read_until(ended, path)))


if __name__ == "__main__":
    _main(sys.argv[1])
