"""The steps to the root of the sandbox: what is shown there, and what is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.subject.sandbox_view import Step, covers_too_much, program_folders, steps

if sys.platform != "linux":
    pytest.skip("only Linux has the namespaces of the sandbox", allow_module_level=True)

View = Callable[..., dict[str, Step]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def view(home: Path) -> View:
    """The steps by their paths, for these folders; they are made."""

    def make(
        shown: tuple[Path, ...] = (), writable: tuple[Path, ...] = (), concealed: tuple[Path, ...] = ()
    ) -> dict[str, Step]:
        for folder in (*shown, *writable, *concealed):
            folder.mkdir(parents=True, exist_ok=True)
        found = steps(*(tuple(map(str, folders)) for folders in (shown, writable, concealed)))
        return {step.path: step for step in found}

    return make


def test_the_system_is_read_only_and_temporary_folders_are_in_memory(view: View) -> None:
    found = view()
    assert [found[path].kind for path in ("/usr", "/etc", "/proc", "/sys")] == ["read"] * 4
    assert [found[path].kind for path in ("/tmp", "/var/tmp", "/dev", "/dev/shm")] == ["memory"] * 4
    assert found["/dev/null"].kind == "device"
    assert found["/dev/stdout"] == Step("link", "/dev/stdout", "/proc/self/fd/1")
    assert not {"/", "/home", "/root", "/run", "/var"} & found.keys()


def test_a_folder_comes_before_what_is_in_it(view: View, tmp_path: Path) -> None:
    found = list(view((tmp_path / "a",), (tmp_path / "a" / "b",)))
    for path in found:
        assert all(found.index(str(above)) < found.index(path) for above in Path(path).parents if str(above) in found)
    assert {"/dev/null", str(tmp_path / "a"), str(tmp_path / "a" / "b")} <= {*found}


def test_what_can_be_written_to_is_so_even_in_a_folder_that_is_shown(view: View, tmp_path: Path) -> None:
    shown, writable = tmp_path / "shown", tmp_path / "shown" / "run"
    found = view((shown, shown / "below"), (writable,))
    assert (found[str(shown)].kind, found[str(writable)].kind) == ("read", "write")
    assert str(shown / "below") not in found, "it is shown already"


def test_the_home_folder_is_not_shown_but_what_is_named_in_it_is(view: View, home: Path) -> None:
    found = view((home, home / "tools"))
    assert str(home) not in found
    assert found[str(home / "tools")].kind == "read"


def test_a_folder_with_the_home_folder_in_it_is_not_shown(view: View, home: Path) -> None:
    assert str(home.parent) not in view((home.parent, Path("/")))


def test_what_is_concealed_is_empty_even_where_it_lies_in_a_folder_that_is_shown(view: View, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    found = view((shown, shown / "state" / "own"), (), (shown / "state", tmp_path / "elsewhere"))
    assert (found[str(shown / "state")].kind, found[str(shown / "state" / "own")].kind) == ("memory", "read")
    assert str(tmp_path / "elsewhere") not in found, "it is nowhere to be seen"


def test_links_on_the_way_are_made_and_their_end_is_shown(view: View, tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to(tmp_path / "real")
    found = view((tmp_path / "first" / "inner",))
    assert found[str(tmp_path / "first")] == Step("link", str(tmp_path / "first"), "second")
    assert found[str(tmp_path / "second")].more == str(tmp_path / "real")
    assert found[str(tmp_path / "real" / "inner")].kind == "read"


def test_no_link_is_followed_that_the_program_may_have_put_there(view: View, tmp_path: Path) -> None:
    run, secret = tmp_path / "run", tmp_path / "secret"
    for folder in (run, secret):
        folder.mkdir()
    (run / "implementation").symlink_to(secret)
    found = steps([str(run / "implementation")], [str(run)])
    assert str(secret) not in {step.path for step in found}


def test_links_that_lead_in_a_circle_end(view: View, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert str(tmp_path / "a") not in {step.path for step in steps([str(tmp_path / "a")], []) if step.kind == "read"}


def test_what_not_everyone_may_read_in_etc_is_hidden(view: View) -> None:
    found = view()
    closed = [path for path in ("/etc/shadow", "/etc/gshadow") if os.path.exists(path)]
    assert [found[path].kind for path in closed] == ["hidden"] * len(closed)
    assert "/etc/passwd" not in found


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp", "/"])
def test_folders_that_would_show_too_much(home: Path, folder: str) -> None:
    assert covers_too_much(Path(folder))
    assert covers_too_much(home) == "it is your home folder"
    assert not covers_too_much(home / "tools")


def test_a_program_brings_its_folder_and_what_is_beside_bin_but_nothing_of_the_home_folder_s_own(home: Path) -> None:
    node, local = home / "versions" / "20" / "bin" / "node", home / ".local" / "bin" / "tool"
    for program in (node, local):
        program.parent.mkdir(parents=True)
        program.touch()
    (home / "link").symlink_to(node)
    assert list(program_folders(str(home / "link"))) == [node.parent, node.parent.parent]
    assert list(program_folders(str(local))) == [local.parent]
