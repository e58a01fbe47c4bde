"""Which requests are answered: by host, method, body and token; and the headers that every answer has."""

import hmac
import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Policy", "is_loopback"]

SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

HOST: Final = re.compile(r"(?:\[([^]]+)\]|([^:\[\]@]*))(?::[0-9]*)?")
"""A Host header: an IPv6 address in brackets, or a name or another address; then perhaps a port (RFC 9110, 7.2)."""

ABSOLUTE: Final = re.compile(rb"https?://([^/]*)(/.*)?", re.DOTALL | re.IGNORECASE)
"""A target in absolute form, without its query: every server must take it, and then ignore Host (RFC 9112, 3.2.2)."""

TOKEN_WANTED: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Token needed: pulse panel</title><h1>Token needed</h1>"
    "<p>Open the address that <code>pulse panel</code> printed when it started: it ends in <code>?token=…</code>.</p>"
)


@dataclass(frozen=True)
class Policy:
    """What is allowed."""

    hosts: frozenset[str]
    """Names in the Host header, in lower case and without a port, under which the panel answers."""
    addresses: bool = False
    """Whether any IP address is allowed as Host. A page of another site cannot use one for DNS rebinding."""
    token: str | None = None
    """What a request has to bring along; ``None`` for nothing."""
    origins: frozenset[str] = frozenset()
    """Other origins whose pages may read the answers, such as ``http://localhost:5173``."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can connect to a host, given by name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, policy: Policy, cookie: str = "pulse_panel") -> None:
        """Guard ``app``.

        Args:
            app: what answers the requests that are allowed.
            policy: what is allowed.
            cookie: the name of the cookie that carries the token.
        """
        self._app, self._policy, self._cookie = app, policy, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, scope = _target(headers.get("host", ""), scope)
        origin = headers.get("origin", "")
        allowed_origin = origin if origin in self._policy.origins else None

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    answer.setdefault(name, value)
                if allowed_origin is not None:
                    answer["access-control-allow-origin"] = allowed_origin
                    answer["cross-origin-resource-policy"] = "cross-origin"
                    answer.add_vary_header("Origin")
            await send(message)

        refusal = self._refusal(scope, _name_of(host), headers, preflight=allowed_origin is not None)
        await (refusal or self._app)(scope, receive, secured)

    def _refusal(self, scope: Scope, host: str, headers: Headers, *, preflight: bool) -> Response | None:
        """The answer to a request that is not passed on; ``None`` for one that is."""
        if not self._is_allowed(host):
            return PlainTextResponse(
                f"The panel does not answer as {host!r}. Use the address that it printed, or start it with "
                f"--allow-host NAME.\n",
                status_code=421,
            )
        if scope["method"] == "OPTIONS" and preflight:
            return Response(
                status_code=204,
                headers={
                    "access-control-allow-methods": "GET",
                    "access-control-allow-headers": "Authorization",
                    "access-control-max-age": "600",
                },
            )
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Only GET and HEAD.\n", status_code=405, headers={"allow": "GET, HEAD"})
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return PlainTextResponse("No request here has a body.\n", status_code=413, headers={"connection": "close"})
        return None if self._policy.token is None else self._token_refusal(self._policy.token, scope, headers)

    def _is_allowed(self, host: str) -> bool:
        if host in self._policy.hosts:
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return self._policy.addresses

    def _token_refusal(self, token: str, scope: Scope, headers: Headers) -> Response | None:
        """As :meth:`_refusal`, for a panel with a token: in a header, in a cookie, or in the query of the page."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _is_equal(credentials.strip(), token):
            return None
        if _is_equal(cookie_parser(headers.get("cookie", "")).get(self._cookie, ""), token):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and _is_equal(given, token):
            # Out of the address, so that it stays out of the history, of bookmarks and of screenshots.
            answer: Response = RedirectResponse("/", status_code=303)
            answer.set_cookie(self._cookie, token, httponly=True, samesite="lax", path="/")
        elif scope["path"] == "/":
            answer = HTMLResponse(TOKEN_WANTED, status_code=401)
        else:
            answer = PlainTextResponse("A token is needed: Authorization: Bearer …\n", status_code=401)
        answer.headers["cache-control"] = "no-store"
        if answer.status_code == 401:
            answer.headers["www-authenticate"] = "Bearer"
        return answer


def _target(host: str, scope: Scope) -> tuple[str, Scope]:
    """The host that a request is for, given its Host header, and the request with a path as its target."""
    found = ABSOLUTE.fullmatch(scope.get("raw_path") or b"")
    if found is None:
        return host, scope
    raw_path = found[2] or b"/"
    return found[1].decode("latin-1"), {**scope, "raw_path": raw_path, "path": unquote(raw_path.decode("latin-1"))}


def _name_of(host: str) -> str:
    """The name or the address in a Host header, without port, brackets and the dot of the root; empty if malformed."""
    found = HOST.fullmatch(host)
    return "" if found is None else (found[1] or found[2]).lower().removesuffix(".")


def _is_equal(given: str, token: str) -> bool:
    """Whether the token is right; a wrong one takes as long however much of it is right."""
    return hmac.compare_digest(given.encode(), token.encode())
