"""``--write-known-failures``: what failed is added to the manifest, and nothing else in it changes."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.clauses import load_clauses
from conformance.contract.errors import OutputError
from conformance.contract.manifest import KnownFailure, load_manifest
from conformance.reporting.results import Result
from conformance.runner.known_failures import block, gaps, unlisted_failures, with_blocks, write_known_failures

TEXT = """\
# Judged as published.
[implementation]
name   = "demo"   # as npm calls it
language = "go"
profile = "pulse"
roles = ["writer"]
mode = "serve"
command = [
    "./serve",
]

[[known_failure]]
clause = "MET-01"
case = "mode_is_kept:*"   # all of them
reason = "the mode is lost"
issue = "https://example.org/1"
# the end"""
LOST = Result("MET-02", "umask:0022", "fail", "the mode was 0644 and is now 0600\nmore")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "implementation.toml"
    path.write_bytes(TEXT.encode("utf-8"))
    return path


def known(path: Path) -> tuple[KnownFailure, ...]:
    return load_manifest(path, frozenset(load_clauses()), "x").known_failures


# What is added


def test_cases_that_fail_for_one_reason_share_an_entry_whatever_their_numbers_and_names() -> None:
    [entry] = unlisted_failures(
        [LOST, Result("MET-02", "umask:0002", "error", "the mode was 0664 and is now 0600")], (), "linux"
    )
    assert entry == KnownFailure(
        "MET-02", "the mode was 0644 and is now 0600", "TODO", ("linux",), ("umask:0002", "umask:0022")
    )


def test_what_another_seed_would_have_drawn_is_no_reason_of_its_own() -> None:
    drawn = Result(
        "VIS-03", "drawn", "fail", "no O_EXCL: create run_3.txt.19657 (a document of 405 bytes at run_3.txt)"
    )
    usual = Result("VIS-03", "usual", "fail", "no O_EXCL: create status.json.36340")
    [entry] = unlisted_failures([drawn, usual], (), "linux")
    assert (entry.reason, entry.cases) == ("no O_EXCL: create status.json.…", ("drawn", "usual"))
    assert unlisted_failures([drawn], (), "linux")[0].reason == entry.reason


def test_other_reasons_and_other_clauses_have_entries_of_their_own_in_the_order_of_the_contract() -> None:
    others = [Result("MET-02", "umask:0077", "fail", "no file"), Result("DOC-01", "members", "fail", "no file")]
    found = unlisted_failures([LOST, *others], (), "linux")
    assert [(entry.clause, entry.reason) for entry in found] == [
        ("DOC-01", "no file"),
        ("MET-02", "no file"),
        ("MET-02", "the mode was 0644 and is now 0600"),
    ]


@pytest.mark.parametrize(
    "result",
    [
        Result("MET-02", "umask:0022", "pass"),
        Result("MET-02", "umask:0022", "xfail"),
        Result("MET-02", "umask:0022", "xpass"),
        Result("MET-02", "umask:0022", "unmeasured"),
        Result("MET-02", "umask:0022", "n/a"),
        Result("MET-02", "umask:0022", "error", "KeyError", blame="kit"),
    ],
)
def test_what_is_no_new_failure_of_the_implementation_is_not_added(result: Result) -> None:
    assert unlisted_failures([result], (), "linux") == []


def test_a_failure_that_is_listed_for_another_system_is_added_for_this_one() -> None:
    listed = KnownFailure("MET-02", "as ever", "https://example.org/1", ("windows",))
    assert unlisted_failures([LOST], [listed], "windows") == []
    [entry] = unlisted_failures([LOST], [listed], "linux")
    assert entry.os == ("linux",)


def test_the_folder_of_the_run_is_no_part_of_a_reason() -> None:
    message = "ENOENT: chown '/tmp/run-_w78jdxb/cases/gw1-14/status.json.105'"
    [entry] = unlisted_failures([Result("CON-01", "a", "fail", message)], (), "linux")
    assert entry.reason == "ENOENT: chown 'status.json.105'"


EVIL = 'quote " and \\ and \x1b[2J \x00 \x7f \u202e \ud800 """ \'\'\' ' + "xy" * 250


def test_a_block_is_toml_whatever_the_implementation_has_said() -> None:
    [entry] = unlisted_failures([Result("MET-02", "a", "fail", EVIL)], (), "linux")
    [table] = tomllib.loads(block(entry))["known_failure"]
    assert table == {
        "clause": "MET-02",
        "case": "a",
        "os": ["linux"],
        "reason": entry.reason,
        "issue": "TODO",
    }
    assert r"\x1b[2J \x00 \x7f \u202e \ud800" in entry.reason
    assert len(entry.reason) == 241


def test_the_end_of_the_text_and_its_line_ends_are_kept() -> None:
    [entry] = unlisted_failures([LOST], (), "linux")
    assert with_blocks("a = 1", [entry]).startswith("a = 1\n\n[[known_failure]]\n")
    windows = with_blocks("a = 1\r\n", [entry, entry])
    assert windows.startswith("a = 1\r\n\r\n[[known_failure]]\r\n")
    assert windows.count("\n") == windows.count("\r\n")


# The file


def test_the_manifest_has_the_new_entries_after_everything_that_it_had(manifest: Path) -> None:
    before = known(manifest)
    added = write_known_failures(manifest, [LOST], "linux", 1)
    text = manifest.read_bytes().decode("utf-8")
    assert text.startswith(f"{TEXT}\n\n[[known_failure]]\n")
    assert known(manifest) == (*before, *added)
    assert [path.name for path in manifest.parent.iterdir()] == [manifest.name]


def test_a_second_time_changes_nothing(manifest: Path) -> None:
    write_known_failures(manifest, [LOST], "linux", 1)
    content, about = manifest.read_bytes(), manifest.stat()
    assert write_known_failures(manifest, [LOST], "linux", 1) == []
    assert (manifest.read_bytes(), manifest.stat().st_mtime_ns) == (content, about.st_mtime_ns)


def test_the_mode_stays_and_a_link_is_followed(manifest: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no mode bits to keep, and links need a right there")
    manifest.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(manifest)
    assert write_known_failures(link, [LOST], "linux", 1)
    assert link.is_symlink()
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"known_failure = []\n{TEXT[: TEXT.index('[[known')]}", "cannot be read as TOML"),
        ("[implementation", "cannot be read as TOML"),
    ],
)
def test_a_manifest_that_cannot_be_completed_stays_as_it_is(manifest: Path, text: str, says: str) -> None:
    manifest.write_text(text, encoding="utf-8")
    content = manifest.read_bytes()
    with pytest.raises(OutputError, match="nothing was written") as refused:
        write_known_failures(manifest, [LOST], "linux", 1)
    assert says in str(refused.value)
    assert refused.value.exit == 1
    assert manifest.read_bytes() == content
    assert [path.name for path in manifest.parent.iterdir()] == [manifest.name]


def test_an_error_of_the_file_system_leaves_no_temp_and_shows_what_would_have_been_written(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=r"(?s)no room.*\[\[known_failure\]\].*MET-02"):
        write_known_failures(manifest, [LOST], "linux", 1)
    assert manifest.read_text("utf-8") == TEXT
    assert [path.name for path in manifest.parent.iterdir()] == [manifest.name]


# The gap


def test_a_gap_is_asked_for() -> None:
    new = KnownFailure("MET-02", "as ever", "TODO")
    reported = KnownFailure("MET-01", "as ever", "https://example.org/1")
    assert gaps([reported], "x.toml") == ""
    assert gaps([reported, new], "x.toml") == (
        '1 known failure has no issue yet (MET-02): put the address of the report in place of issue = "TODO" in x.toml'
    )
    assert gaps([new, new], "x.toml").startswith("2 known failures have no issue yet (MET-02): ")


# The command


def test_what_fails_is_added_once_and_is_known_from_then_on(
    make_manifest: Callable[..., Path], adapters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_manifest(["{python}", "-S", str(adapters / "misbehaving.py"), "ascii-only", "0"])
    arguments = ["--impl", str(path), "--clause", "DOC-07", "--case", "message:cyrillic", "-n", "0", "--seed", "1"]
    assert main([*arguments, "--write-known-failures"]) == 1
    stdout = capsys.readouterr().out
    assert f"1 known failure added to {path}, for 1 case; the verdict of this run stays as it is" in stdout
    assert "1 known failure has no issue yet (DOC-07)" in stdout
    [entry] = known(path)
    assert (entry.clause, entry.cases, entry.issue) == ("DOC-07", ("message:cyrillic",), "TODO")
    content = path.read_bytes()
    assert main([*arguments, "--write-known-failures"]) == 0
    stdout = capsys.readouterr().out
    assert "passed but for 1 known failure" in stdout
    assert "(not reported yet); seen: " in stdout
    assert f"0 known failures added to {path}" in stdout
    assert path.read_bytes() == content


def test_a_mutant_has_no_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--impl", "mutant:always-0600", "--clause", "DOC-03", "--write-known-failures"]) == 2
    assert "mutant:always-0600 has no manifest to write into" in capsys.readouterr().err
