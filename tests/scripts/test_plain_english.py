"""The check for plain English finds each phrase in its samples, and spares correct uses."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from scripts.plain_english import Allowed, Phrase, Rules, find, load_rules, main, tracked_files

RULES = load_rules()


def _samples(kind: str) -> list[object]:
    """Each phrase with each of its samples: ``caught`` or ``spared``."""
    return [pytest.param(phrase, sample, id=sample) for phrase in RULES.phrases for sample in getattr(phrase, kind)]


@pytest.mark.parametrize(("phrase", "sample"), _samples("caught"))
def test_every_phrase_is_found_in_its_samples(phrase: Phrase, sample: str) -> None:
    [*found] = find("sample.md", f"{sample}\n", Rules((phrase,)))
    assert found
    assert phrase.plain in str(found[0])
    assert str(found[0]).startswith("sample.md:1: ")


@pytest.mark.parametrize(("phrase", "sample"), _samples("spared"))
def test_correct_uses_are_spared(phrase: Phrase, sample: str) -> None:
    assert not list(find("sample.md", f"{sample}\n", Rules((phrase,))))


def test_every_phrase_has_samples_of_both_kinds() -> None:
    assert RULES.phrases
    assert all(phrase.plain and phrase.caught and phrase.spared for phrase in RULES.phrases)


@pytest.mark.parametrize("phrase", RULES.phrases, ids=lambda phrase: str(phrase.pattern))
def test_the_replacement_is_plain_itself(phrase: Phrase) -> None:
    assert not list(find("sample.md", phrase.plain, RULES))


def test_a_finding_names_the_line_of_a_wrapped_phrase() -> None:
    [found] = find("a.py", "# one\n# a row\n# of kills\n", RULES)
    assert (found.line, found.text) == (2, "row # of kills")


def test_an_exception_allows_its_excerpt_in_its_file_only() -> None:
    rules = dataclasses.replace(RULES, allowed=(Allowed("a.md", "held by somebody else", "a quotation"),))
    text = "It is held by\nsomebody else. Somebody waits.\n"
    assert [found.line for found in find("a.md", text, rules)] == [2]
    assert len(list(find("b.md", text, rules))) == 2


def test_exceptions_give_a_reason() -> None:
    assert all(len(rule.reason.split()) > 2 for rule in RULES.allowed)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one tracked file of each kind."""
    files = {
        "good.md": b"A writer that waits.\n",
        "bad.py": b"# Nobody waits.\n",
        "picture.png": b"\0nobody",
        "latin.txt": b"\xe9 nobody",
        "data/vectors/a.json": b'"nobody"',
        "deep/numbers.txt": b"nobody 1\n",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_data_files_are_skipped(checkout: Path) -> None:
    assert tracked_files(checkout, RULES.skipped) == ["bad.py", "good.md", "latin.txt", "picture.png"]


def test_only_text_is_read(checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.plain_english.load_rules", lambda: dataclasses.replace(RULES, allowed=()))
    assert main([], root=checkout) == 1
    assert capsys.readouterr().out.startswith("bad.py:1: “Nobody”: write instead: no process")
    assert main(["--counts"], root=checkout) == 1
    assert capsys.readouterr().out == "    1 bad.py\n"
    assert main(["good.md"], root=checkout) == 0


def test_an_exception_that_is_no_longer_needed_is_an_error(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = (Allowed("bad.py", "Nobody waits", "a quotation"), Allowed("good.md", "somebody waits", "it is gone"))
    monkeypatch.setattr("scripts.plain_english.load_rules", lambda: dataclasses.replace(RULES, allowed=allowed))
    assert main([], root=checkout) == 1
    assert capsys.readouterr().out.count("no longer needed") == 1
    assert main(["bad.py"], root=checkout) == 0
