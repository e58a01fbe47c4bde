"""The element in pages of other people: plain HTML, a host program, Svelte."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import pulse.panel

from .conftest import View, missing, put, served, site

STATIC = Path(pulse.panel.__file__).parent / "static"
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with the panel's files in ``panel/``, and its address on a plain web server."""
    shutil.copytree(STATIC, tmp_path / "panel")
    with site(tmp_path) as address:
        yield tmp_path, address


def test_a_plain_page_and_a_status_file_on_any_web_server(plain: tuple[Path, str], view: View) -> None:
    folder, address = plain
    page = (EXAMPLES / "panel.html").read_text("utf-8")
    (folder / "index.html").write_text(page.replace('interval="2"', 'interval="0.1"'), "utf-8")
    view.page.goto(address)
    view.wait_for(**{"my run": "unreadable"})
    put(folder / "status.json", epoch=1.0)
    view.wait_for(**{"my run": "running"})
    put(folder / "status.json", epoch=3.0)
    view.page.wait_for_function("document.querySelector('training-panel').shadowRoot.textContent.includes('75.0 %')")
    (folder / "status.json").write_text("{")
    view.wait_for(**{"my run": "unreadable"})
    assert view.text(".percent") == "75.0 %"


HOST = """<!doctype html><script type="module" src="panel/training-panel.js"></script>
<training-panel interval="0.1" stalled-after="1"></training-panel>
<script>const panel = document.querySelector('training-panel')</script>"""

STATUS = """{ status: 'running', epoch: 1, total_epochs: 4, loss: 0.5, message: 'from the host',
  timestamp: Math.floor(Date.now() / 1000) }"""


def test_a_host_program_hands_over_what_it_has(plain: tuple[Path, str], view: View) -> None:
    folder, address = plain
    (folder / "index.html").write_text(HOST, "utf-8")
    view.page.goto(address)
    view.page.evaluate(f"() => {{ panel.data = {STATUS} }}")
    view.wait_for(training="running")
    assert view.text(".message") == "from the host"
    view.page.evaluate("() => { panel.data = null }")
    view.wait_for(training="unreadable")


def test_a_function_of_the_host_is_asked_again_and_again(plain: tuple[Path, str], view: View) -> None:
    folder, address = plain
    (folder / "index.html").write_text(HOST, "utf-8")
    view.page.goto(address)
    view.page.evaluate(f"""() => {{
        window.now = {STATUS}
        panel.source = async () => ({{ ...window.now, epoch: window.still ? 1 : (window.now.epoch += 0.001) }})
    }}""")
    view.wait_for(training="running")
    view.page.evaluate("() => { window.still = true }")
    view.wait_for(training="stalled")
    view.page.evaluate("() => { Object.assign(window.now, { status: 'done' }) }")
    view.wait_for(training="done")
    view.page.evaluate("() => { panel.source = async () => { throw new Error('no such command') } }")
    view.page.wait_for_function(
        "document.querySelector('training-panel').shadowRoot.textContent.includes('no such command')"
    )


def test_an_allowed_origin_embeds_the_panel_of_another_server(plain: tuple[Path, str], view: View) -> None:
    folder, address = plain
    put(folder / "run.json", "done", 4.0)
    with served(folder / "run.json", "--allow-origin", address) as panel:
        page = f'<script type="module" src="panel/training-panel.js"></script><training-panel src="{panel}api/status">'
        (folder / "index.html").write_text(page, "utf-8")
        view.page.goto(address)
        view.wait_for(run="done")


def test_the_svelte_example(tmp_path: Path, view: View) -> None:
    npm = shutil.which("npm")
    if npm is None:
        missing("npm")
    project = tmp_path / "svelte"
    shutil.copytree(EXAMPLES / "svelte", project, ignore=shutil.ignore_patterns("node_modules", "dist"))
    package = project / "package.json"
    package.write_text(package.read_text("utf-8").replace("../../../pulse/panel/static", STATIC.as_posix()), "utf-8")
    subprocess.run([npm, "install", "--no-audit", "--no-fund", "--install-links"], cwd=project, check=True)
    subprocess.run([npm, "run", "build"], cwd=project, check=True)
    put(tmp_path / "run.json", epoch=3.0)
    with served(tmp_path / "run.json") as panel:
        vite = ["node", "node_modules/vite/bin/vite.js", "preview", "--port", "0", "--host", "127.0.0.1"]
        environment = os.environ | {"PULSE_PANEL": panel, "NO_COLOR": "1"}
        with subprocess.Popen(vite, cwd=project, env=environment, stdout=subprocess.PIPE, text=True) as preview:
            assert preview.stdout is not None
            address = next(found[0] for line in preview.stdout if (found := re.search(r"http://\S+", line)))
            try:
                view.page.goto(address)
                view.wait_for(run="running")
                assert view.page.locator("h1").text_content() == "1 running"
                put(tmp_path / "run.json", "done", 4.0)
                view.wait_for(run="done")
                assert view.page.title() == "1 done"
            finally:
                preview.terminate()
