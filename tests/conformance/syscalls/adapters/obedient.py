"""An implementation that obeys: the text of a ``replace`` is Python code to execute, with ``path`` defined."""

import os
import sys
import threading
from typing import Any


class Implementation:
    def __init__(self) -> None:
        self.names: dict[str, Any] = {"os": os, "sys": sys, "threading": threading}

    def replace(self, path: str, text: str) -> None:
        self.names.update(path=path, folder=os.path.dirname(path))
        exec(text, self.names)
