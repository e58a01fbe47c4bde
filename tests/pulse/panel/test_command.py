"""The command line of ``pulse panel``."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from pulse import cli
from pulse.panel import server
from pulse.panel.command import INSTALL
from pulse.panel.server import Settings, listen
from pulse.panel.sources import Kind


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What panels were started with; none of them serves."""
    settings: list[Settings] = []

    def serve(given: Settings, announce: Any) -> None:
        settings.append(given)
        announce("http://127.0.0.1:1/")

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.delenv("PULSE_PANEL_TOKEN", raising=False)
    return settings


def test_it_prints_the_address(started: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["panel", f"{tmp_path}/"]) == 0
    assert capsys.readouterr().out == "pulse panel: http://127.0.0.1:1/\nCtrl-C ends it.\n"
    (settings,) = started
    assert [(source.kind, source.path) for source in settings.sources] == [(Kind.FOLDER, str(tmp_path))]
    assert settings == Settings(settings.sources)


def test_every_option_arrives(started: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_PANEL_TOKEN", "sixteen-or-longer")
    options = "--port 0 --host 0.0.0.0 --interval 0.5 --stalled-after 90 --limit 7 --connections 9 "
    options += "--allow-host a --allow-host B.:8443 --allow-origin http://C:80/"
    assert cli.main(["panel", *options.split(), "x.json", "y.json"]) == 0
    (settings,) = started
    assert settings == Settings(
        sources=settings.sources,
        host="0.0.0.0",
        port=0,
        interval=0.5,
        stalled_after=90.0,
        limit=7,
        connections=9,
        token="sixteen-or-longer",
        allow_hosts=("a", "b"),
        allow_origins=("http://c",),
    )
    assert len(settings.sources) == 2


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--port", "65536", "x"],
        ["--port", "http", "x"],
        ["--interval", "0", "x"],
        ["--interval", "nan", "x"],
        ["--stalled-after", "-1", "x"],
        ["--limit", "0", "x"],
        ["--connections", "1.5", "x"],
        ["--limit", "9" * 5000, "x"],
        ["--allow-host", "https://proxy.example", "x"],
        ["--allow-origin", "localhost:5173", "x"],
    ],
)
def test_wrong_usage_exits_2(started: list[Settings], options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["panel", *options]) == 2
    assert started == []
    assert "pulse panel: error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "token", ["short", "has a space in it, though", "ünïcödé-is-no-héader", "tab\tis-no-header-either"]
)
def test_a_token_that_would_not_work_is_refused(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULSE_PANEL_TOKEN", token)
    assert cli.main(["panel", "x"]) == 2
    assert started == []
    assert "PULSE_PANEL_TOKEN must have" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "pulse.panel.server":
            raise ImportError("No module named 'uvicorn'")
        return honest(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert cli.main(["panel", "x"]) == 2
    assert INSTALL in capsys.readouterr().err


def test_a_port_in_use_is_one_clear_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["panel", "--port", str(port), "x"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"pulse panel: port {port} of 127.0.0.1 is in use: choose another")


def test_the_help_says_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["panel", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("FOLDER", "/api/status", "/metrics", "PULSE_PANEL_TOKEN", "exit code:", "--allow-origin"):
        assert word in text
