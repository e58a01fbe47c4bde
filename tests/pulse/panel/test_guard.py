"""Which requests are answered."""

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from pulse.panel.guard import SECURITY_HEADERS, Guard, Policy, is_loopback

from .conftest import LOCAL, Answer, ask

TOKEN = "a-token-of-enough-characters"
REMOTE = Policy(frozenset({"host.example"}), addresses=True, token=TOKEN)


def answer(policy: Policy, path: str = "/api/status", method: str = "GET", **headers: str) -> Answer:
    """What a guarded application that answers everything with "inside" says."""
    return asyncio.run(ask(Guard(PlainTextResponse("inside"), policy), path, method, **headers))


class TestHost:
    @pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "localhost.:80"])
    def test_its_own_names_are_answered(self, host: str) -> None:
        assert answer(LOCAL, host=host).body == b"inside"

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "[::1", "192.0.2.7"]
    )
    def test_every_other_name_is_refused(self, host: str) -> None:
        refused = answer(LOCAL, host=host)
        assert refused.status == 421
        assert b"--allow-host" in refused.body

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1:8765@evil.example",
            "me@127.0.0.1",
            "127.0.0.1:evil",
            "[::1]evil.example",
            "::1",
            "[]",
            "127.0.0.1, x",
        ],
    )
    def test_what_is_no_host_is_refused(self, host: str) -> None:
        assert answer(Policy(frozenset({"127.0.0.1", "::1"})), host=host).status == 421

    def test_ipv6_is_in_brackets(self) -> None:
        assert answer(Policy(frozenset({"::1"})), host="[::1]:8765").status == 200

    def test_a_panel_for_the_network_answers_under_every_address(self) -> None:
        bearer = f"Bearer {TOKEN}"
        assert answer(REMOTE, host="192.0.2.7:8765", authorization=bearer).status == 200
        assert answer(REMOTE, host="evil.example", authorization=bearer).status == 421


class TestAbsoluteForm:
    """A target such as that of a request to a proxy, which every server has to take (RFC 9112, 3.2.2)."""

    @staticmethod
    async def path(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(f"{scope['path']} {scope['query_string'].decode()}")(scope, receive, send)

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("http://127.0.0.1:8765/api/status", "/api/status "),
            ("HTTP://LOCALHOST/a%20b?c=d", "/a b c=d"),
            ("http://127.0.0.1:8765?c=d", "/ c=d"),
        ],
    )
    def test_it_is_the_path_and_the_host_header_is_ignored(self, target: str, expected: str) -> None:
        given = asyncio.run(ask(Guard(self.path, LOCAL), target, host="proxy.example"))
        assert given.body.decode() == expected

    @pytest.mark.parametrize("target", ["http://evil.example/", "http:///", "http://me@127.0.0.1/"])
    def test_its_authority_has_to_be_an_allowed_host(self, target: str) -> None:
        assert answer(LOCAL, target).status == 421


class TestRequests:
    def test_only_get_and_head(self) -> None:
        assert answer(LOCAL, method="HEAD").status == 200
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            refused = answer(LOCAL, method=method)
            assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")

    def test_no_bodies(self) -> None:
        assert answer(LOCAL, content_length="0").status == 200
        for headers in ({"content_length": "5"}, {"transfer_encoding": "chunked"}):
            refused = answer(LOCAL, **headers)
            assert (refused.status, refused.headers["connection"]) == (413, "close")

    @pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
    def test_every_answer_has_the_security_headers(self, host: str) -> None:
        assert SECURITY_HEADERS.items() <= answer(LOCAL, host=host).headers.items()

    def test_the_page_can_load_nothing_from_elsewhere_and_run_nothing_inline(self) -> None:
        policy = answer(LOCAL).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy

    def test_what_is_no_request_is_passed_on(self) -> None:
        passed: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            passed.append(scope["type"])

        async def nothing(*_: Any) -> Any: ...

        asyncio.run(Guard(app, LOCAL)({"type": "lifespan"}, nothing, nothing))
        assert passed == ["lifespan"]


class TestOtherOrigins:
    ALLOWED = Policy(LOCAL.hosts, origins=frozenset({"http://localhost:5173"}), token=TOKEN)

    def test_none_may_read_by_default(self) -> None:
        assert "access-control-allow-origin" not in answer(LOCAL, origin="http://localhost:5173").headers

    def test_one_that_is_allowed_may(self) -> None:
        headers = answer(self.ALLOWED, origin="http://localhost:5173", authorization=f"Bearer {TOKEN}").headers
        assert headers["access-control-allow-origin"] == "http://localhost:5173"
        assert headers["cross-origin-resource-policy"] == "cross-origin"
        assert headers["vary"] == "Origin"
        assert "access-control-allow-origin" not in answer(self.ALLOWED, origin="http://evil.example").headers

    def test_it_may_send_the_token_in_a_header(self) -> None:
        asked = answer(self.ALLOWED, method="OPTIONS", origin="http://localhost:5173")
        assert (asked.status, asked.headers["access-control-allow-headers"]) == (204, "Authorization")
        assert answer(self.ALLOWED, method="OPTIONS", origin="http://evil.example").status == 405


class TestToken:
    @pytest.mark.parametrize("authorization", ["", TOKEN, f"Basic {TOKEN}", "Bearer x", f"Bearer {TOKEN}x", "Bearer é"])
    def test_without_it_nothing_is_answered(self, authorization: str) -> None:
        refused = answer(REMOTE, authorization=authorization)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert b"inside" not in refused.body

    @pytest.mark.parametrize(
        "headers", [{"authorization": f"Bearer {TOKEN}"}, {"cookie": f"other=1; pulse_panel={TOKEN}"}]
    )
    def test_with_it_in_a_header_or_a_cookie(self, headers: dict[str, str]) -> None:
        assert answer(REMOTE, **headers).body == b"inside"

    def test_in_the_address_it_becomes_a_cookie(self) -> None:
        moved = answer(REMOTE, f"/?token={TOKEN}")
        assert (moved.status, moved.headers["location"]) == (303, "/")
        cookie = moved.headers["set-cookie"]
        assert cookie.startswith(f"pulse_panel={TOKEN};")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert moved.headers["cache-control"] == "no-store"

    def test_a_wrong_one_in_the_address_is_explained(self) -> None:
        refused = answer(REMOTE, "/?token=wrong")
        assert (refused.status, refused.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert b"Open the address" in refused.body

    def test_only_the_page_takes_it_in_its_address(self) -> None:
        assert answer(REMOTE, f"/api/status?token={TOKEN}").status == 401


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
