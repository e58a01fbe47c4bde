"""The ASGI application: a page, its files, the state as JSON and as a stream, and metrics."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from importlib.resources import files
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pulse.panel.fanout import Hub
from pulse.panel.guard import Guard, Policy
from pulse.panel.metrics import exposition

__all__ = ["FILES", "application"]

FILES: Final = {
    "/": "index.html",
    "/favicon.ico": "favicon.svg",
    "/sw.js": "sw.js",
    **{
        f"/static/{name}": name
        for name in (
            *("feed.js", "format.js", "page.css", "page.js"),
            *("row.js", "status-reader.js", "style.js", "training-panel.js"),
        )
    },
}
"""Path in an address → file beside this module. Nothing else can be asked for: no path is ever joined."""

TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

STREAM_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep the events back
]


def application(hub: Hub, policy: Policy, *, streams: int = 400, cookie: str = "pulse_panel") -> ASGIApp:
    """The whole application.

    Args:
        hub: where states come from.
        policy: which requests are answered.
        streams: how many viewers may have a stream; the others have to poll.
        cookie: the name of the token's cookie.
    """
    routes = [Route(path, _file(name)) for path, name in FILES.items()]
    routes += [
        Route("/api/status", _status(hub)),
        Route("/api/stream", _Stream(hub, streams)),
        Route("/metrics", _metrics(hub)),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # an address is right or wrong
    return Guard(app, policy, cookie)


Endpoint = Callable[[Request], Awaitable[Response]]


def _file(name: str) -> Endpoint:
    """One file, which is read now and kept."""
    content = files("pulse.panel").joinpath("static", name).read_bytes()
    suffix = name[name.rindex(".") :]
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"cache-control": "no-cache", "etag": tag, "x-pulse-panel": "1"}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=TYPES[suffix])

    return answer


def _status(hub: Hub) -> Endpoint:
    async def answer(_: Request) -> Response:
        return Response(await hub.whole(), headers={"cache-control": "no-store"}, media_type="application/json")

    return answer


def _metrics(hub: Hub) -> Endpoint:
    async def answer(_: Request) -> Response:
        text = exposition(await hub.now(), len(hub.subscriptions))
        return Response(text, headers={"cache-control": "no-store"}, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return answer


class _Stream:
    """Server-sent events for one viewer, until it goes or the panel ends."""

    def __init__(self, hub: Hub, most: int) -> None:
        self._hub, self._most = hub, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._hub.subscriptions) >= self._most:
            refusal = PlainTextResponse("Too many streams: poll /api/status.\n", 503, {"retry-after": "30"})
            await refusal(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        subscription = self._hub.subscribe()
        gone = asyncio.create_task(_disconnected(receive))
        gone.add_done_callback(lambda _: subscription.close())
        try:
            async with aclosing(subscription.events()) as events:
                async for event in events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            subscription.close()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
