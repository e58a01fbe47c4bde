"""What a person sees of the panel: each complaint that people have about such pages, and why it cannot happen here."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from .conftest import View, put, served, site

SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_a_run_from_its_start_to_its_end(tmp_path: Path, view: View) -> None:
    run = tmp_path / "run.json"
    with served(run) as address:
        view.page.goto(address)
        view.wait_for(run="unreadable")
        put(run, "idle", 0.0, loss=0.0)
        view.wait_for(run="idle")
        for epoch in (1.0, 2.0, 3.0):
            put(run, epoch=epoch, loss=1.0 / epoch, message=f"epoch {epoch:.0f}")
            view.page.wait_for_function(f"() => document.title.startsWith('{epoch * 25:.1f} %')")
        assert view.states() == {"run": "running"}
        assert view.page.title() == "75.0 % running · run"
        bar = view.page.locator("training-panel [role=progressbar]")
        assert (bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuetext")) == (
            "75",
            "75.0 %, epoch 3 of 4",
        )
        assert view.text(".loss") == "loss 0.3333"
        assert view.page.locator("training-panel .line").get_attribute("d").count("L") == 2
        put(run, "done", 4.0)
        view.wait_for(run="done")
        assert view.page.title() == "100.0 % done · run"
        assert view.text("[aria-live=polite]") == "run: done"


def test_title_and_icon_carry_the_worst_state(tmp_path: Path, view: View) -> None:
    put(tmp_path / "a.json")
    put(tmp_path / "b.json", "error", message="ValueError: no such thing")
    with served(tmp_path) as address:
        view.page.goto(address)
        view.wait_for(a="running", b="error")
        assert view.page.title() == "1 error, 1 running · pulse"
        icon = view.page.locator("link[rel=icon]").get_attribute("href")
        assert "#c41e3a" in unquote(icon)


def test_a_dead_run_does_not_say_running(tmp_path: Path, view: View) -> None:
    put(tmp_path / "run.json")
    with served("--stalled-after", "1", tmp_path) as address:
        view.page.goto(address)
        view.wait_for(run="stalled")
        assert view.text(".badge .word") == "stalled"
        assert "the file still says running" in view.text(".why")
        put(tmp_path / "run.json", epoch=2.0)
        view.wait_for(run="running")


def test_a_half_file_keeps_the_last_valid_status_and_says_since_when(tmp_path: Path, view: View) -> None:
    put(tmp_path / "run.json", epoch=2.0)
    with served(tmp_path) as address:
        view.page.goto(address)
        view.wait_for(run="running")
        (tmp_path / "run.json").write_text('{"status": "runn')
        view.wait_for(run="unreadable")
        assert view.text(".percent") == "50.0 %"
        assert view.text(".why").startswith("The file holds no valid status, for ")


def test_markup_in_a_message_is_shown_and_not_run(tmp_path: Path, view: View) -> None:
    put(tmp_path / "run.json", message=SCRIPT)
    with served(tmp_path) as address:
        view.page.goto(address)
        view.wait_for(run="running")
        assert view.text(".message") == SCRIPT
        assert view.page.locator("training-panel .message *").count() == 0
        assert view.dialogs == []


def test_a_new_run_does_not_change_the_order_of_the_others(tmp_path: Path, view: View) -> None:
    for name, status in (("b", "running"), ("d", "running"), ("c", "done")):
        put(tmp_path / f"{name}.json", status)
    with served(tmp_path) as address:
        view.page.goto(address)
        view.wait_for(b="running", c="done", d="running")
        assert list(view.states()) == ["b", "d", "c"]
        view.page.locator("training-panel summary").nth(1).focus()
        put(tmp_path / "a.json")
        view.wait_for(a="running")
        assert list(view.states()) == ["b", "d", "a", "c"]
        put(tmp_path / "d.json", "error")  # the row with the focus moves, and keeps it
        view.wait_for(d="error")
        assert list(view.states()) == ["d", "b", "a", "c"]
        focused = "document.querySelector('training-panel').shadowRoot.activeElement.closest('.row').dataset.state"
        assert view.page.evaluate(focused) == "error"


def test_a_lost_connection_keeps_the_view_says_so_and_mends_itself(tmp_path: Path, view: View) -> None:
    put(tmp_path / "run.json", epoch=2.0)
    with served(tmp_path) as address:
        view.page.goto(address)
        view.wait_for(run="running")
        view.page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    view.page.wait_for_function("() => document.title.startsWith('⚠ connection lost')")
    assert view.page.locator("training-panel [role=alert]").is_visible()
    assert view.text(".badge .word") == "was running"
    assert view.text(".percent") == "50.0 %"

    view.page.reload()  # while there is no server
    view.page.wait_for_function("() => document.title.startsWith('⚠ connection lost')")
    assert (view.states(), view.text(".percent")) == ({"run": "running"}, "50.0 %")

    put(tmp_path / "run.json", "done", 4.0)
    with served(tmp_path, port=urlsplit(address).port or 0):
        view.wait_for(run="done")
        view.page.wait_for_function("() => document.title === '100.0 % done · run'")
        assert view.page.locator("training-panel [role=alert]").is_hidden()


def test_another_program_at_the_same_address_is_not_hidden(tmp_path: Path, view: View) -> None:
    put(tmp_path / "run.json")
    with served(tmp_path) as address:
        view.page.goto(address)
        view.page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    (tmp_path / "index.html").write_text("<p>another program</p>")
    with site(tmp_path, urlsplit(address).port or 0):
        view.page.goto(address)
        assert view.page.locator("p").text_content() == "another program"
        view.page.wait_for_function("() => navigator.serviceWorker.getRegistrations().then(all => all.length === 0)")


@pytest.mark.parametrize("width", [320, 390, 860, 1280])
def test_nothing_sticks_out_at_any_width(tmp_path: Path, view: View, width: int) -> None:
    put(tmp_path / ("a-name-that-is-rather-long-" * 4 + ".json"), message="m" * 500)
    put(tmp_path / "run.json", "error", message="CUDA out of memory " * 20)
    with served(tmp_path) as address:
        view.page.set_viewport_size({"width": width, "height": 800})
        view.page.goto(address)
        view.wait_for(run="error")
        assert view.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_the_details(tmp_path: Path, view: View) -> None:
    put(tmp_path / "run.json")
    with served(tmp_path) as address:
        view.page.goto(address)
        view.wait_for(run="running")
        view.page.keyboard.press("Tab")
        view.page.keyboard.press("Enter")
        assert view.page.locator("training-panel dd").first.text_content() == str(tmp_path / "run.json")
