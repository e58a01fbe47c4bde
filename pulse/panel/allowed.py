"""What --allow-host and --allow-origin take, as browsers write it in their headers."""

import re
from typing import Final

__all__ = ["host_name", "origin"]

_HOST: Final = r"\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+)"
_HOST_NAME: Final = re.compile(rf"(?:{_HOST})(?::[0-9]*)?")
_BARE_ADDRESS: Final = re.compile(r"[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*")
_ORIGIN: Final = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>{_HOST})(?::(?P<port>[0-9]*))?/?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def host_name(text: str) -> str:
    """A name or an address in lower case, without port, brackets and the dot of the root.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    lower = text.lower()
    if _BARE_ADDRESS.fullmatch(lower):
        return lower
    found = _HOST_NAME.fullmatch(lower)
    name = "" if found is None else (found["six"] or found["name"]).removesuffix(".")
    if not name:
        raise ValueError(f"{text!r} is no host: write a name or an address alone, such as proxy.example")
    return name


def origin(text: str) -> str:
    """An origin as the header ``Origin`` has it: in lower case, without a slash at the end and a port that goes unsaid.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    if text == "null":
        return text  # that of a page from a file
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise ValueError(f"{text!r} is no origin: write scheme, host and port, such as http://localhost:5173")
    scheme, host, port = found["scheme"], found["host"], found["port"]
    return f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS.get(scheme) else "")
