"""What is served under which address."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulse.panel import app as app_module
from pulse.panel.app import FILES, application
from pulse.panel.fanout import Hub

from .conftest import LOCAL, Answer, Clocks, app_of, ask, board_of, put

STATIC = Path(app_module.__file__).parent / "static"


def asked(hub: Hub, path: str, method: str = "GET", **headers: str) -> Answer:
    return asyncio.run(ask(app_of(hub), path, method, **headers))


@pytest.fixture
def hub(tmp_path: Path, clocks: Clocks) -> Hub:
    """A hub with the state of one run."""
    made = Hub(interval=2.0)
    made.publish(board_of(clocks, put(tmp_path / "run.json", message="<b>")).poll())
    return made


class TestFiles:
    @pytest.mark.parametrize("path", FILES)
    def test_each_is_served_with_its_type_and_revalidated(self, hub: Hub, path: str) -> None:
        first = asked(hub, path)
        assert (first.status, first.body) == (200, (STATIC / FILES[path]).read_bytes())
        assert first.headers["content-type"].split(";")[0] in app_module.TYPES.values()
        assert first.headers["cache-control"] == "no-cache"
        again = asked(hub, path, if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")

    def test_every_file_of_the_folder_is_served_but_for_the_description_of_the_package(self) -> None:
        assert {path.name for path in STATIC.iterdir()} - {"package.json"} == set(FILES.values())

    def test_the_worker_keeps_every_file_but_itself(self) -> None:
        shell = re.search(r"SHELL = \[(.*?)\]", (STATIC / "sw.js").read_text("utf-8"), re.DOTALL)
        assert shell is not None
        assert sorted(re.findall(r"'(.+?)'", shell[1])) == sorted(FILES.keys() - {"/sw.js"})

    def test_no_file_asks_another_server_for_anything(self) -> None:
        for path in STATIC.iterdir():
            addresses = set(re.findall(r"(?:https?:)?//[a-z][\w.]+", path.read_text("utf-8")))
            assert addresses <= {"http://www.w3.org"}, path.name

    def test_no_file_makes_markup_of_text(self) -> None:
        for path in STATIC.glob("*.js"):
            found = re.findall(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", path.read_text("utf-8")
            )
            assert found == [], path.name


def test_the_state_as_json(hub: Hub) -> None:
    answer = asked(hub, "/api/status")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")
    state = answer.json()
    assert (state["interval"], state["files"][0]["status"]["message"]) == (2.0, "<b>")


def test_metrics(hub: Hub) -> None:
    answer = asked(hub, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"pulse_progress_ratio" in answer.body


class TestStream:
    @staticmethod
    async def watch(hub: Hub, states: list[Any], *, streams: int = 5, leave: bool = True) -> tuple[list[Any], Any]:
        """What a viewer is sent while these states come, until it leaves or the hub closes; and the hub's viewers."""
        left = asyncio.Event()
        sent: list[Any] = []

        async def receive() -> Any:
            if not receive.asked:  # type: ignore[attr-defined]  # the body of the request comes first
                receive.asked = True  # type: ignore[attr-defined]  # as above
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        receive.asked = False  # type: ignore[attr-defined]  # as above

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) > 1 and states:
                hub.publish(states.pop(0))
            elif len(sent) > 1:
                left.set() if leave else hub.close()

        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "GET", "path": "/api/stream", "headers": headers, "query_string": b""}
        await application(hub, LOCAL, streams=streams)(scope, receive, send)
        return sent, hub.subscriptions

    def test_a_viewer_gets_states_until_it_leaves(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json"))
        hub = Hub()
        hub.publish(board.poll())
        sent, viewers = asyncio.run(self.watch(hub, [board.poll(), board.poll()]))
        assert (b"content-type", b"text/event-stream; charset=utf-8") in sent[0]["headers"]
        events = [part["body"].split(b"\n")[0] for part in sent[1:] if part["body"]]
        assert events == [b"event: state", b"event: changes", b"event: changes"]
        assert viewers == set()

    def test_a_stream_ends_with_the_panel(self, hub: Hub) -> None:
        sent, viewers = asyncio.run(self.watch(hub, [], leave=False))
        assert sent[-1] == {"type": "http.response.body", "body": b""}
        assert viewers == set()

    def test_each_event_is_one_line_of_json_whatever_the_message(self, tmp_path: Path, clocks: Clocks) -> None:
        hub = Hub()
        hub.publish(
            board_of(clocks, put(tmp_path / "run.json", message="a\n\nevent: state\ndata: {}\r\n\u2028")).poll()
        )
        sent, _ = asyncio.run(self.watch(hub, []))
        name, data, *rest = sent[1]["body"].decode().split("\n")
        assert (name, rest) == ("event: state", ["", ""])
        message = json.loads(data.removeprefix("data: "))["files"][0]["status"]["message"]
        assert message == "a\n\nevent: state\ndata: {}\r\n\u2028"

    def test_above_the_limit_the_answer_is_to_poll(self, hub: Hub) -> None:
        refused, _ = asyncio.run(self.watch(hub, [], streams=0))
        assert (refused[0]["status"], dict(refused[0]["headers"])[b"retry-after"]) == (503, b"30")

    def test_head_has_no_events(self, hub: Hub) -> None:
        answer = asked(hub, "/api/stream", "HEAD")
        assert (answer.status, answer.body) == (200, b"")
