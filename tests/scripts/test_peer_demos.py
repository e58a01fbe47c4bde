"""Each known failure of a library has a script that shows it without the kit."""

from __future__ import annotations

import re
import tomllib

import pytest

from scripts.peer_demos import HERE, ROOT, Demo, demos

DEMOS = demos()
MANIFESTS = sorted({demo.manifest for demo in DEMOS})


def libraries() -> list[str]:
    shipped = ROOT / "conformance" / "implementations"
    paths = [*ROOT.glob("peers/*/*.toml"), *shipped.glob("*/implementation.toml")]
    names = [path.relative_to(ROOT).with_suffix("").as_posix() for path in paths]
    return sorted(name for name in names if name.startswith("peers/") or "atomic" in name)


@pytest.mark.parametrize(
    "name", [name for name in libraries() if "[[known" in (ROOT / f"{name}.toml").read_text("utf-8")]
)
def test_the_clauses_shown_are_those_of_the_known_failures(name: str) -> None:
    entries = tomllib.loads((ROOT / f"{name}.toml").read_text("utf-8"))["known_failure"]
    known = {entry["clause"] for entry in entries if "linux" in entry.get("os", ["linux"])}
    shown = {clause for demo in DEMOS if demo.manifest == name for clause in demo.clauses}
    assert shown == known


def test_every_library_is_there() -> None:
    assert len(MANIFESTS) >= 17
    assert set(MANIFESTS) <= set(libraries())


@pytest.mark.parametrize("script", sorted({demo.run[0] for demo in DEMOS}))
def test_a_script_names_the_clauses_that_it_shows(script: str) -> None:
    head = (HERE / script).read_text("utf-8")[:600]
    for start, end in re.findall(r"FLT-(\d\d) … FLT-(\d\d)", head):
        head += " ".join(f"FLT-{number:02}" for number in range(int(start), int(end) + 1))
    missing = {clause for demo in DEMOS if demo.run[0] == script for clause in demo.clauses if clause not in head}
    assert missing == set()


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: f"{demo.manifest}-{demo.run[0]}-{demo.clauses[0]}")
def test_neither_nothing_nor_a_write_that_does_what_it_should_is_a_failure(demo: Demo) -> None:
    for harmless in ("", "ok\nthe target: new; left: \n", "Traceback (most recent call last):\n  …\n"):
        assert re.search(demo.prints, harmless, re.MULTILINE) is None
