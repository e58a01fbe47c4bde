"""Starts a process again that Wine failed to start.

Under load, Wine's CreateProcess sometimes reports ERROR_INTERNAL_ERROR: the new process ended before it had told the
server that it was ready, and nothing of the program had run. Windows never does so, so the workaround belongs in the
Python that is assembled for Wine, not into the code that runs there.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

ERROR_INTERNAL_ERROR = 1359
ATTEMPTS = 20
# Each refused start adds a line, so that a run can say how many there were.
LOG = os.path.join(sys.base_prefix, "refused-starts.log")


def repeated(
    create_process: Callable[..., Any], *, log: str = LOG, pause: Callable[[float], None] = time.sleep
) -> Callable[..., Any]:
    """``create_process``, called up to ``ATTEMPTS`` times for as long as it fails with ERROR_INTERNAL_ERROR.

    ``pause`` waits so many seconds. Raises the error of the last attempt, and every other error at once.
    """

    def create(*arguments: Any) -> Any:
        for attempt in range(1, ATTEMPTS):
            try:
                return create_process(*arguments)
            except OSError as error:
                if getattr(error, "winerror", None) != ERROR_INTERNAL_ERROR:
                    raise
                with open(log, "a", encoding="utf-8") as file:
                    file.write(f"attempt {attempt}: {arguments[1]}\n")
            pause(0.1 * attempt)
        return create_process(*arguments)

    return create


if sys.platform == "win32":
    import _winapi

    _winapi.CreateProcess = repeated(_winapi.CreateProcess)
