"""What the kit, its fork server (`conformance.subject.fork_server`) and the forks have agreed on."""

from __future__ import annotations

import os
import struct
from typing import NoReturn

from conformance.subject.default_signals import restore

__all__ = ["DESCRIPTORS", "HONEST", "HOST", "LENGTH", "SANDBOX", "TRACER", "Becoming", "become"]

# The programs that a fork can become, as modules.
HOST = "conformance.subject.python_host"
TRACER = "conformance.syscalls.tracer.process"
SANDBOX = "conformance.subject.in_sandbox"
# What every mutant and variant of the kit imports. It keeps no state and draws nothing at random.
HONEST = ("conformance.mutation.honest", "conformance.mutation.registry", "conformance.mutation.contexts")
LENGTH = struct.Struct("!I")  # of a request in bytes; also an id of a process, and a wait status
DESCRIPTORS = 4  # that come with each request: standard input, output and error, and where its end is reported


class Becoming(BaseException):
    """Unwinds a fork to the server's main function, which goes on as the module ``words[0]`` with these arguments."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(*words)
        self.words = words


def become(words: list[str]) -> NoReturn:
    """Execute a command, with the default disposition of every signal. Raises OSError.

    In a fork of the server, the kit's own host is no command but the module `HOST`, and the way into the sandbox is the
    module `SANDBOX`: raises Becoming.
    """
    restore()
    if words[0] in (HOST, SANDBOX):
        raise Becoming(words)
    os.execvp(words[0], words)
