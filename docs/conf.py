"""The documentation site: Markdown that reads the same on GitHub.

    sphinx-build -W --keep-going -n docs .tox/docs/html

Four things are done here so that one text serves both places: a page can be a file of the repository (`SITE_PAGE`),
one page is made from data (`CLAUSE_PAGE`), links to files of the repository that are no pages are followed or spelt out
(`_link`), and Mermaid diagrams are drawn by a script that is part of the site, so that it asks no other server for
anything.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.util import logging

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

sys.path.insert(0, str(ROOT))  # the clauses of this checkout
from scripts.clause_reference import page as clause_page  # noqa: E402  # needs the line above

project = "pulse"
author = "the pulse authors"
version = release = re.findall(r'__version__ = "(.+)"', (ROOT / "pulse" / "_version.py").read_text("utf-8"))[0]

extensions = ["myst_parser"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
# A command's "--impl" must not become a dash.
smartquotes = False
nitpicky = True
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"pulse {version}"
html_static_path = ["_static"]
html_css_files = ["pulse.css"]
html_copy_source = False

# The repository's address, where the site is built for one; links to its files are spelt out elsewhere.
REPOSITORY = os.environ.get("PULSE_REPOSITORY") or (
    f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}" if "GITHUB_REPOSITORY" in os.environ else ""
)
SITE_PAGE = re.compile(r"<!-- On the site this page is (\S+) -->\n")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
CLAUSE_PAGE = "clauses"
BADGE = re.compile(r"^\[!\[.+\n", re.MULTILINE)  # pictures of another server
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1`*[ ]*$\n?", re.MULTILINE | re.DOTALL)

MERMAID_VERSION = "11.12.1"
MERMAID_SHA512 = "UlIZrRariB11TY1RtTgUWp65tphtBv4CSq7vyS2ZZ2TgoMjs2nloq+wFqxiwcxlhHUvs7DPGgMjs2aeQxz5h9g=="

logger = logging.getLogger(__name__)


def _read_source(app: Sphinx, docname: str, content: list[str]) -> None:
    """Take the text of a page from the file that it names, and mend its links for the site."""
    page = Path(app.env.doc2path(docname))
    origin, text = page, content[0]
    if found := SITE_PAGE.search(text):
        origin = (page.parent / found[1]).resolve()
        if not origin.exists():
            logger.warning("there is no %s to show", found[1], location=docname)
            return
        app.env.note_dependency(str(origin), docname=docname)
        # What follows the mark, such as the table of contents, belongs to the site's page, too.
        text = origin.read_text(encoding="utf-8") + "\n" + text[found.end() :].partition("<!-- site: -->\n")[2]
        text = BADGE.sub("", text)
    if docname == CLAUSE_PAGE:
        text = clause_page()
    prose_from = 0
    mended = []
    for fence in FENCE.finditer(text):
        mended += [_links(text[prose_from : fence.start()], origin, page), fence[0]]
        prose_from = fence.end()
    content[0] = "".join([*mended, _links(text[prose_from:], origin, page)])


def _links(prose: str, origin: Path, page: Path) -> str:
    return LINK.sub(lambda link: _link(link, origin, page), prose)


def _link(link: re.Match[str], origin: Path, page: Path) -> str:
    """One link or image of a text in `origin`, as the page needs it."""
    mark, label, address = link.groups()
    label = _links(label, origin, page)  # a picture that is a link
    path, hash_mark, anchor = address.partition("#")
    if not path or re.match(r"[a-z]+:", address):
        return f"{mark}[{label}]({address})"
    target = (origin.parent / path).resolve()
    if not target.exists():
        logger.warning("%s: dead link: %s", origin.relative_to(ROOT).as_posix(), address)
        return label
    target = _pages().get(target, target)
    if target.is_relative_to(DOCS) and target.is_file():
        return f"{mark}[{label}]({Path(os.path.relpath(target, page.parent)).as_posix()}{hash_mark}{anchor})"
    name = target.relative_to(ROOT).as_posix()
    if REPOSITORY:
        return f"[{label}]({REPOSITORY}/{'tree' if target.is_dir() else 'blob'}/main/{name}{hash_mark}{anchor})"
    return label if label.startswith("!") or Path(name).name in label else f"{label} (`{name}`)"


def _pages() -> dict[Path, Path]:
    """Which page of the site each file is that another file names for it."""
    found = {}
    for page in DOCS.rglob("*.md"):
        if mark := SITE_PAGE.search(page.read_text(encoding="utf-8")):
            found[(page.parent / mark[1]).resolve()] = page
    return found


class Mermaid(Directive):
    """A diagram: its source, which the browser replaces by the picture."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The source as it is."""
        source = html.escape("\n".join(self.content))
        return [nodes.raw("", f'<pre class="mermaid">\n{source}\n</pre>', format="html")]


def _fetch_mermaid(app: Sphinx) -> None:
    """Put the script that draws the diagrams into the site; npm has it in one file."""
    script = Path(app.outdir, "_static", "mermaid.min.js")
    npm = shutil.which("npm")
    if app.builder.format != "html" or script.exists():
        return
    if npm is None:
        logger.warning("npm is needed: without it the diagrams stay text")
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"mermaid@{MERMAID_VERSION}", "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        archive = next(Path(folder).glob("*.tgz"))
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != MERMAID_SHA512:
            raise RuntimeError(f"mermaid {MERMAID_VERSION} is not the file that it was")
        with tarfile.open(archive) as files:
            member = files.extractfile("package/dist/mermaid.min.js")
            assert member is not None
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_bytes(member.read())


def _add_mermaid(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Only pages with a diagram load the script, which is large."""
    if doctree is not None and any('class="mermaid"' in node.astext() for node in doctree.findall(nodes.raw)):
        app.add_js_file("mermaid.min.js")
        app.add_js_file(None, body='mermaid.initialize({startOnLoad: true, theme: "neutral"});')


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what this file adds."""
    handlers: dict[str, Callable[..., None]] = {
        "builder-inited": _fetch_mermaid,
        "source-read": _read_source,
        "html-page-context": _add_mermaid,
    }
    for event, handler in handlers.items():
        app.connect(event, handler)
    app.add_directive("mermaid", Mermaid)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
