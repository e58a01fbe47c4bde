"""What ends before the first case: usage, the manifest, and the smoke stage. Exit codes 2 and 3, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.clauses import load_clauses


@pytest.fixture
def judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process. Returns exit code, stdout and stderr; no run's folder may be left."""
    parent = tmp_path / "temporary"
    parent.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(parent))

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        assert list(parent.iterdir()) == []
        return (code, *capsys.readouterr())

    return run


class TestManifest:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("[implementation", "cannot be read as TOML"),
            (b"\xff\xfe", "cannot be read as TOML"),
            ("", "lacks the table [implementation]"),
            ('[implementation]\nlangage = "python"', "unknown key 'langage' in [implementation]"),
            ('[implementation]\nname = "x"', "[implementation] lacks the key"),
            ("[implementation]\n[declared]", "unknown table [declared]; there are"),
        ],
    )
    def test_what_is_wrong_and_where_is_said_in_one_line(
        self, judged: Callable[..., tuple[int, str, str]], tmp_path: Path, content: str | bytes, says: str
    ) -> None:
        path = tmp_path / "mine.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        code, stdout, stderr = judged("--impl", path)
        assert (code, stdout) == (2, "")
        assert stderr.startswith(f"pulse conformance: {path}: ")
        assert says in stderr
        assert stderr.count("\n") == 1

    def test_an_unknown_clause(
        self, judged: Callable[..., tuple[int, str, str]], misbehaving: Callable[..., Path]
    ) -> None:
        entry = '[[known_failure]]\nclause = "DOC-99"\nreason = "r"\nissue = "https://example.org/1"'
        code, _, stderr = judged("--impl", misbehaving(more=entry))
        assert code == 2
        assert "known_failure names the unknown clause 'DOC-99'" in stderr
        assert stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("missing.toml", "missing.toml: no such manifest; give the path of an implementation.toml, one of"),
            ("mutant:missing", "mutant:missing: no such mutant; choose from: "),
            ("variant:missing", "variant:missing: no such variant; choose from: "),
        ],
    )
    def test_one_that_does_not_exist(self, judged: Callable[..., tuple[int, str, str]], name: str, says: str) -> None:
        code, stdout, stderr = judged("--impl", name)
        assert (code, stdout) == (2, "")
        assert stderr.startswith(f"pulse conformance: {says}")
        assert stderr.count("\n") == 1

    def test_a_command_without_a_place_for_the_path(self, judged: Callable[..., tuple[int, str, str]]) -> None:
        code, stdout, stderr = judged("--command", "sponge")
        assert (code, stdout) == (2, "")
        assert stderr.startswith("pulse conformance: the command 'sponge' has no {path}")

    def test_a_command_that_does_not_exist(self, judged: Callable[..., tuple[int, str, str]]) -> None:
        code, _, stderr = judged("--command", "no-such-program {path}")
        assert (code, "cannot be started: no-such-program" in stderr) == (3, True)


class TestOptions:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("--clause", "ABC-*"), "--clause ABC-*: no such clause; --list prints them"),
            (("--clause", "DOC03"), "--clause DOC03: no such clause; --list prints them; did you mean DOC-03"),
            (
                ("--clause", "DOC-03", "--case", "status:idle", "--case", "status:ilde"),
                "--case status:ilde: no case of the selected clauses has such a name; --list --clause DOC-03 prints "
                "them; did you mean status:idle",
            ),
            (
                ("--case", "no-such-case"),
                "--case no-such-case: no case of the selected clauses has such a name; --list",
            ),
            (("--list", "--case", "no-such-case"), "--case no-such-case: no case of the selected clauses"),
            (("--clause", "DOC-01", "--clause", "doc-01"), "--clause doc-01: no such clause"),
            (("--clause", ""), "no such clause"),
            (("--list", "--clause", "nothing"), "--clause nothing: no such clause"),
            (("-n", "-1"), "-1 is not in the range"),
            (("--seed", "-1"), "-1 is not in the range"),
            (("--answer-seconds", "0"), "0.0 is not in the range"),
            (("--start-seconds", "-1"), "-1.0 is not in the range"),
            (("--start-seconds", "soon"), "'soon' is not a valid float"),
            (("--no-such-option",), "No such option"),
            (("argument",), "unexpected extra argument"),
        ],
    )
    def test_a_wrong_one_is_named(
        self, judged: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], says: str
    ) -> None:
        code, stdout, stderr = judged(*arguments)
        assert (code, stdout) == (2, "")
        assert says in stderr

    def test_a_folder_that_does_not_exist(
        self, judged: Callable[..., tuple[int, str, str]], misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        folder = tmp_path / "missing"
        code, _, stderr = judged("--impl", misbehaving(), "--dir", folder)
        assert code == 2
        assert stderr.startswith(f"pulse conformance: {folder}: cannot make the run's temporary folder there: ")
        assert stderr.count("\n") == 1

    def test_a_file_for_a_folder(self, judged: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        for option in ("--dir", "--report"):
            code, _, stderr = judged(option, file)
            assert code == 2
            assert f"'{file}' is a file" in stderr

    def test_a_report_that_cannot_be_written(
        self, judged: Callable[..., tuple[int, str, str]], misbehaving: Callable[..., Path], tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        code, _, stderr = judged("--impl", misbehaving(), "--report", tmp_path / "file" / "report")
        assert code == 2
        assert f"--report {tmp_path / 'file' / 'report'}: cannot be written" in stderr


class TestList:
    def test_prints_every_clause_and_stops(self, judged: Callable[..., tuple[int, str, str]]) -> None:
        code, stdout, stderr = judged("--list")
        assert (code, stderr) == (0, "")
        assert [line.split()[0] for line in stdout.splitlines()] == list(load_clauses())

    def test_prints_the_selected_clauses(self, judged: Callable[..., tuple[int, str, str]]) -> None:
        code, stdout, _ = judged("--list", "--clause", "MET-0[12]", "--clause", "DOC-01")
        assert code == 0
        assert [line.split()[:2] for line in stdout.splitlines() if not line.startswith(" ")] == [
            ["DOC-01", "a"],
            ["MET-01", "(S)"],
            ["MET-02", "(S)"],
        ]

    def test_prints_the_cases_of_selected_clauses_as_case_takes_them(
        self, judged: Callable[..., tuple[int, str, str]]
    ) -> None:
        code, stdout, _ = judged("--list", "--clause", "DOC-03")
        clause, *cases = stdout.splitlines()
        assert (code, clause.split()[0]) == (0, "DOC-03")
        assert cases == ["    status:idle", "    status:running", "    status:done", "    status:error"]
        _, stdout, _ = judged("--list", "--case", "status:i*")
        assert stdout.splitlines() == [clause, "    status:idle"]

    def test_starts_no_implementation(self, judged: Callable[..., tuple[int, str, str]]) -> None:
        assert judged("--list", "--impl", "missing.toml")[0] == 0


class TestSmokeStage:
    @pytest.mark.parametrize(
        ("how", "number", "says"),
        [
            ("garbage", 0, "printed something that is not a JSON answer: b'Welcome to the writer!"),
            ("garbage", 1, "printed something that is not a JSON answer"),
            ("garbage", 2, "printed something that is not a JSON answer"),
            ("garbage", -1, "printed something that is not a JSON answer"),
            ("text-for-id", 1, 'answered with an "id" that is not the integer 1 of the request, but "1"'),
            ("unknown-error", -1, 'a failure must say "error": one of invalid, io, unsupported'),
            ("next-id", 0, "answered out of order: expected id 0"),
            ("next-id", 1, "answered out of order: expected id 1"),
            ("two-lines", 0, "answered out of order: expected id 1"),
            ("text-for-ok", 1, 'answered without "ok": true or false'),
            ("unknown-error", 1, 'a failure must say "error"'),
            ("unsupported", 0, "does not speak protocol 1"),
            ("unsupported", 1, "does not support write"),
            ("other-protocol", 0, "does not speak protocol 1: it answered start with 2"),
            ("io", 1, "cannot even write a plain document: io: no, and this is why"),
            ("half-a-line", 0, "ended with exit code 7 instead of answering after printing"),
            ("exit-non-zero", 2, "ended with exit code 5 after stop; expected 0"),
        ],
    )
    def test_a_broken_protocol_ends_the_run(
        self,
        judged: Callable[..., tuple[int, str, str]],
        misbehaving: Callable[..., Path],
        how: str,
        number: int,
        says: str,
    ) -> None:
        path = misbehaving(how, number)
        code, stdout, stderr = judged("--impl", path)
        assert (code, stdout) == (3, "")
        assert stderr.startswith(f"pulse conformance: {path}: {says}")

    @pytest.mark.parametrize(
        ("number", "request_sent"),
        [(0, '{"id":0,"op":"start","protocol":1}'), (1, '{"id":1,"op":"write","path":'), (2, '{"id":3,"op":"stop"}')],
    )
    def test_the_request_and_its_standard_error_are_shown(
        self,
        judged: Callable[..., tuple[int, str, str]],
        misbehaving: Callable[..., Path],
        number: int,
        request_sent: str,
    ) -> None:
        path = misbehaving("die", number)
        code, stdout, stderr = judged("--impl", path)
        first, second, *rest = stderr.splitlines()
        assert (code, stdout) == (3, "")
        assert first == f"pulse conformance: {path}: ended with exit code 7 instead of answering"
        assert second.startswith(f"the request: {request_sent}")
        assert rest == ["its standard error:", "  | cannot go on: the reason why"]

    def test_a_hang_in_the_handshake_has_the_limit_of_the_start(
        self, judged: Callable[..., tuple[int, str, str]], misbehaving: Callable[..., Path]
    ) -> None:
        code, _, stderr = judged("--impl", misbehaving("hang", 0), "--start-seconds", 0.5, "--answer-seconds", 1000)
        assert code == 3
        assert "gave no answer within 0.5 s and was killed; if it did print one, it has to flush" in stderr
        assert stderr.endswith('\nthe request: {"id":0,"op":"start","protocol":1}\n')

    @pytest.mark.parametrize(
        ("how", "number", "says"),
        [
            ("hang", 1, "gave no answer within 2 s and was killed"),
            ("hang-ignoring-sigterm", 1, "\nits standard error:\n  | deaf"),
            ("hang", 2, "gave no answer within 2 s and was killed"),
            ("do-not-exit", 2, "did not exit after the answer to stop"),
        ],
    )
    def test_a_hang_later_has_the_limit_of_an_answer(
        self,
        judged: Callable[..., tuple[int, str, str]],
        misbehaving: Callable[..., Path],
        how: str,
        number: int,
        says: str,
    ) -> None:
        code, _, stderr = judged("--impl", misbehaving(how, number), "--answer-seconds", 2)
        assert code == 3
        assert says in stderr

    def test_a_command_that_does_not_exist(
        self, judged: Callable[..., tuple[int, str, str]], make_manifest: Callable[..., Path]
    ) -> None:
        path = make_manifest(["no-such-command-here"])
        code, _, stderr = judged("--impl", path)
        assert code == 3
        assert stderr.startswith(f"pulse conformance: {path}: cannot be started: no-such-command-here: ")
        assert stderr.count("\n") == 1

    def test_a_failing_set_up_shows_its_standard_error(
        self, judged: Callable[..., tuple[int, str, str]], misbehaving: Callable[..., Path]
    ) -> None:
        path = misbehaving(setup=[["{python}", "-c", "import sys; sys.exit('no compiler here')"]])
        code, _, stderr = judged("--impl", path)
        assert code == 3
        said, _, stderr = stderr.partition("\n")
        assert said.startswith("setup: '{python}' -c ")
        assert stderr.startswith(f"pulse conformance: {path}: set-up command ended with exit code 1: ")
        assert stderr.endswith("\nits standard error:\n  | no compiler here\n")


def test_a_crash_of_the_kit_is_inconclusive(
    judged: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("a mistake in the kit")

    monkeypatch.setattr("conformance.runner.command_line.resolve", crash)
    code, stdout, stderr = judged()
    assert (code, stdout) == (4, "")
    assert "ZeroDivisionError: a mistake in the kit" in stderr
    assert stderr.endswith("pulse conformance: the kit itself failed; this says nothing about the implementation\n")


def test_ctrl_c_in_the_smoke_stage(
    judged: Callable[..., tuple[int, str, str]], misbehaving: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("conformance.runner.run._smoke", interrupt)
    code, stdout, stderr = judged("--impl", misbehaving())
    said = "pulse conformance: interrupted; the run did not finish, and there is no verdict"
    assert (code, stdout, stderr.strip()) == (130, "", said)
