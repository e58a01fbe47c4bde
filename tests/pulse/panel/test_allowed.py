"""What --allow-host and --allow-origin take."""

import pytest

from pulse.panel.allowed import host_name, origin


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("proxy.example", "proxy.example"),
        ("Proxy.Example:8443", "proxy.example"),
        ("proxy.example.", "proxy.example"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("[2001:DB8::1]:80", "2001:db8::1"),
        ("::1", "::1"),
        ("trainer_1", "trainer_1"),
    ],
)
def test_a_host_is_what_a_host_header_is_compared_with(given: str, expected: str) -> None:
    assert host_name(given) == expected


@pytest.mark.parametrize(
    "given", ["", ".", "https://proxy.example", "proxy.example/panel", "me@proxy", "a b", "*", "é.x"]
)
def test_what_is_no_host_is_refused_with_what_to_write(given: str) -> None:
    with pytest.raises(ValueError, match=r"such as proxy\.example$"):
        host_name(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://localhost:5173/", "http://localhost:5173"),
        ("HTTPS://Pages.Example:443", "https://pages.example"),
        ("http://pages.example:80/", "http://pages.example"),
        ("https://pages.example:80", "https://pages.example:80"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("tauri://localhost", "tauri://localhost"),
        ("null", "null"),
    ],
)
def test_an_origin_is_what_an_origin_header_is_compared_with(given: str, expected: str) -> None:
    assert origin(given) == expected


@pytest.mark.parametrize("given", ["", "*", "localhost:5173", "http://localhost:5173/page", "http://", "http://a?b"])
def test_what_is_no_origin_is_refused_with_what_to_write(given: str) -> None:
    with pytest.raises(ValueError, match=r"such as http://localhost:5173$"):
        origin(given)
