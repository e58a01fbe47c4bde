"""An implementation that does what it is told: the text of a ``replace`` is Python code, which finds ``path``."""

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
