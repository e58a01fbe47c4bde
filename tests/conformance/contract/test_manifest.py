"""The manifest: what is accepted, and the one-line message for what is not."""

from pathlib import Path

import pytest

from conformance.contract.errors import ManifestError
from conformance.contract.manifest import KnownFailure, Manifest, load_manifest

CLAUSES = frozenset({"MET-01", "DOC-01"})
ABOUT = """[implementation]
name = "demo"
language = "go"
profile = "pulse"
roles = ["writer", "reader"]
mode = "serve"
command = ["./serve", "--fast"]
"""
KNOWN = """[[known_failure]]
clause = "MET-01"
reason = "the mode is lost"
issue = "https://example.org/1"
"""


def load(folder: Path, text: str) -> Manifest:
    path = folder / "implementation.toml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path, CLAUSES, source="given")


def test_a_manifest_with_only_the_required_keys(tmp_path: Path) -> None:
    assert load(tmp_path, ABOUT) == Manifest(
        name="demo",
        language="go",
        profile="pulse",
        roles=("writer", "reader"),
        mode="serve",
        folder=tmp_path.resolve(),
        source="given",
        command=("./serve", "--fast"),
    )


def test_a_manifest_with_everything(tmp_path: Path) -> None:
    text = (
        '[implementation]\nname = "é"\nlanguage = "python"\nprofile = "replace"\nroles = ["writer"]\nmode = "python"\n'
        'callable = "package.module:Factory.make"\nsetup = [["npm", "ci"], ["make"]]\n[declares]\nsymlink = "follow"\n'
        f'{KNOWN}os = ["linux", "macos"]\ncase = "mode:*"\n'
    )
    manifest = load(tmp_path, text)
    assert (manifest.callable, manifest.command) == ("package.module:Factory.make", ())
    assert manifest.setup == (("npm", "ci"), ("make",))
    assert manifest.symlink == "follow"
    assert manifest.known_failures == (
        KnownFailure("MET-01", "the mode is lost", "https://example.org/1", ("linux", "macos"), ("mode:*",)),
    )


def test_the_exit_codes_of_refusals(tmp_path: Path) -> None:
    adapter = ABOUT.replace('"serve"', '"oneshot"')
    template = adapter.replace('"pulse"', '"replace"').replace(', "reader"]', "]").replace("--fast", "{path}")
    assert load(tmp_path, adapter).refusals == (1,)
    assert load(tmp_path, template).refusals == tuple(range(1, 126))
    assert load(tmp_path, template + "refusals = [2, 255]\n").refusals == (2, 255)


def test_a_known_failure_applies_to_every_system_and_case_by_default(tmp_path: Path) -> None:
    [entry] = load(tmp_path, ABOUT + KNOWN).known_failures
    assert (entry.os, entry.cases) == ((), ("*",))


def test_a_known_failure_may_be_flaky_and_say_how_often_its_cases_run(tmp_path: Path) -> None:
    [always] = load(tmp_path, ABOUT + KNOWN).known_failures
    [sometimes] = load(tmp_path, f"{ABOUT}{KNOWN}flaky = true\n").known_failures
    [often] = load(tmp_path, f"{ABOUT}{KNOWN}flaky = true\nrepeats = 5\n").known_failures
    assert [(entry.flaky, entry.repeats) for entry in (always, sometimes, often)] == [
        (False, None),
        (True, None),
        (True, 5),
    ]


def test_a_known_failure_may_list_its_cases(tmp_path: Path) -> None:
    [entry] = load(tmp_path, f'{ABOUT}{KNOWN}case = ["mode:0644", "mode:06*"]\n').known_failures
    assert entry.cases == ("mode:0644", "mode:06*")
    assert [entry.matches("MET-01", case, "linux") for case in ("mode:0644", "mode:0600", "mode:0755")] == [
        True,
        True,
        False,
    ]


MALFORMED = {
    "not TOML": ("[implementation", "cannot be read as TOML"),
    "nested too deeply": ("a = " + "[" * 100_000, "cannot be read as TOML"),
    "an integer of 5,000 digits": ("a = " + "1" * 5000, "cannot be read as TOML"),
    "empty": ("", "lacks the table [implementation]"),
    "unknown table": (
        ABOUT + "[extra]\n",
        "unknown table [extra]; there are [implementation], [declares], [[known_failure]]",
    ),
    "misspelt table": (ABOUT + "[declare]\n", "[[known_failure]]; did you mean declares?"),
    "misspelt tables": (ABOUT + KNOWN.replace("failure", "failures"), "unknown tables [[known_failures]]; there are"),
    "a key outside of the tables": ("mode = 'serve'\n" + ABOUT, "the key 'mode' is in no table; keys come below"),
    "a path in the text of a shell": (
        ABOUT.replace('["./serve", "--fast"]', '["sh", "-c", "cat > {path}"]'),
        "implementation.command has {path} in the text of a shell",
    ),
    "a template of another mode": (
        ABOUT.replace('"--fast"', '"{path}"'),
        'implementation.command has {path}, which needs mode "oneshot" and profile "replace"',
    ),
    "refusals of another mode": (ABOUT + "refusals = [2]\n", 'which only mode "oneshot" has'),
    "refusals are no exit codes": (
        ABOUT.replace('"serve"', '"oneshot"') + "refusals = [300]\n",
        "implementation.refusals must be a list of exit codes from 1 to 255",
    ),
    "misspelt key": (ABOUT + "role = ['writer']\n", "roles, setup; did you mean roles or profile?"),
    "implementation is a word": ("implementation = 'x'", "[implementation] must be a table"),
    "unknown key": (ABOUT + "colour = 'red'\n", "unknown key 'colour' in [implementation]; known keys are"),
    "name is missing": (ABOUT.replace('name = "demo"\n', ""), "[implementation] lacks the key 'name'"),
    "name is empty": (
        ABOUT.replace('"demo"', '""'),
        "implementation.name must be a string that is not empty",
    ),
    "name is a number": (
        ABOUT.replace('"demo"', "5"),
        "implementation.name must be a string that is not empty",
    ),
    "language is a list": (ABOUT.replace('"go"', "[]"), "implementation.language must be a string"),
    "unknown profile": (
        ABOUT.replace('"pulse"', '"bytes"'),
        "implementation.profile is 'bytes'; it must be one of pulse, json, replace",
    ),
    "profile is a list": (ABOUT.replace('"pulse"', '["pulse"]'), "implementation.profile is ['pulse']"),
    "unknown mode": (
        ABOUT.replace('"serve"', '"daemon"'),
        "implementation.mode is 'daemon'; it must be one of serve, oneshot, python",
    ),
    "roles is a string": (
        ABOUT.replace('["writer", "reader"]', '"writer"'),
        "implementation.roles must be a list",
    ),
    "no role": (ABOUT.replace('["writer", "reader"]', "[]"), "implementation.roles must be a list"),
    "unknown role": (
        ABOUT.replace('"reader"]', '"watcher"]'),
        "implementation.roles is 'watcher'; it must be one of writer, reader",
    ),
    "a reader of bytes": (ABOUT.replace('"pulse"', '"replace"'), 'implementation.roles must be ["writer"]'),
    "no command": (
        ABOUT.replace('command = ["./serve", "--fast"]\n', ""),
        "mode 'serve' needs the key 'command'",
    ),
    "command and callable": (ABOUT + 'callable = "a:b"\n', "mode 'serve' needs the key 'command' in"),
    "command in mode python": (
        ABOUT.replace('mode = "serve"', 'mode = "python"'),
        "mode 'python' needs the key 'callable' in [implementation], and not 'command'",
    ),
    "oneshot with a callable": (
        ABOUT.replace('mode = "serve"', 'mode = "oneshot"').replace("command", "callable"),
        "mode 'oneshot' needs the key 'command' in [implementation], and not 'callable'",
    ),
    "command is a string": (
        ABOUT.replace('["./serve", "--fast"]', '"./serve"'),
        "implementation.command must be",
    ),
    "command is empty": (
        ABOUT.replace('["./serve", "--fast"]', "[]"),
        "implementation.command must be a list",
    ),
    "command with an empty word": (ABOUT.replace('"--fast"', '""'), "implementation.command must be a list"),
    "command with a number": (ABOUT.replace('"--fast"', "3"), "implementation.command must be a list"),
    "keep_setup is a word": (ABOUT + 'keep_setup = "yes"\n', "implementation.keep_setup must be true or false"),
    "setup is a string": (ABOUT + 'setup = "npm ci"\n', "implementation.setup must be a list of commands"),
    "setup is one command": (
        ABOUT + 'setup = ["npm", "ci"]\n',
        "implementation.setup must be a list of strings",
    ),
    "setup with an empty command": (
        ABOUT + "setup = [[]]\n",
        "implementation.setup must be a list of strings",
    ),
    "declares is a list": (ABOUT + "[[declares]]\n", "[declares] must be a table"),
    "unknown declaration": (
        ABOUT + "[declares]\nlinks = 1\n",
        "unknown key 'links' in [declares]; known keys are",
    ),
    "unknown link policy": (
        ABOUT + "[declares]\nsymlink = 'keep'\n",
        "declares.symlink is 'keep'; it must be one of follow, replace, refuse",
    ),
    "unknown policy of hard links": (
        ABOUT + "[declares]\nhard_link = 'follow'\n",
        "declares.hard_link is 'follow'; it must be one of refuse",
    ),
    "kept files as one word": (
        ABOUT + "[declares]\nkeeps = '.{name}.lock'\n",
        "declares.keeps must be a list of strings",
    ),
    "kept files as a glob": (ABOUT + "[declares]\nkeeps = ['*.lock']\n", "declares.keeps has '*.lock'; it must name"),
    "kept files elsewhere": (
        ABOUT + "[declares]\nkeeps = ['../{name}']\n",
        "declares.keeps has '../{name}'; it must name",
    ),
    "the target itself as kept": (
        ABOUT + "[declares]\nkeeps = ['{name}']\n",
        "declares.keeps has '{name}'; it must name",
    ),
    "known failure in one pair of brackets": (
        ABOUT + KNOWN[1:].replace("]]", "]"),
        "must be written as [[known_failure]]",
    ),
    "known failure is a word": ("known_failure = ['x']\n" + ABOUT, "[known_failure] must be a table"),
    "known failure without reason": (
        ABOUT + KNOWN.replace('reason = "the mode is lost"\n', ""),
        "[known_failure] lacks the key 'reason'",
    ),
    "known failure with an empty reason": (
        ABOUT + KNOWN.replace("the mode is lost", ""),
        "known_failure.reason must be a string that is not empty",
    ),
    "known failure with an unknown key": (
        ABOUT + KNOWN + "until = 3\n",
        "unknown key 'until' in [known_failure]",
    ),
    "unknown clause": (
        ABOUT + KNOWN.replace("MET-01", "MET-99"),
        "known_failure names the unknown clause 'MET-99'; SPEC.md lists them",
    ),
    "clause is a list": (
        ABOUT + KNOWN.replace('"MET-01"', '["MET-01"]'),
        "known_failure.clause must be a string",
    ),
    "issue without TLS": (
        ABOUT + KNOWN.replace("https", "http"),
        "known_failure.issue is 'http://example.org/1'; it must be an https:// address, or \"TODO\" until there is one",
    ),
    "issue is a number": (
        ABOUT + KNOWN.replace('"https://example.org/1"', "1"),
        "known_failure.issue must be a string",
    ),
    "unknown system": (
        ABOUT + KNOWN + 'os = ["linux", "beos"]\n',
        "known_failure.os is 'beos'; it must be one of linux, macos, windows",
    ),
    "system is a string": (ABOUT + KNOWN + 'os = "linux"\n', "known_failure.os must be a list of strings"),
    "no system": (
        ABOUT + KNOWN + "os = []\n",
        "known_failure.os must be a list of strings that is not empty",
    ),
    "flaky is a word": (ABOUT + KNOWN + 'flaky = "yes"\n', "known_failure.flaky must be true or false"),
    "repeats of what is not flaky": (ABOUT + KNOWN + "repeats = 5\n", "known_failure.repeats needs flaky = true"),
    "one repeat": (
        ABOUT + KNOWN + "flaky = true\nrepeats = 1\n",
        "known_failure.repeats must be a whole number from 2 to 100",
    ),
    "too many repeats": (ABOUT + KNOWN + "flaky = true\nrepeats = 101\n", "a whole number from 2 to 100"),
    "repeats is true": (ABOUT + KNOWN + "flaky = true\nrepeats = true\n", "a whole number from 2 to 100"),
    "case is empty": (ABOUT + KNOWN + 'case = ""\n', "known_failure.case must be a string that is not empty"),
    "callable without colon": (
        ABOUT.replace(
            'mode = "serve"\ncommand = ["./serve", "--fast"]', 'mode = "python"\ncallable = "module.factory"'
        ),
        "implementation.callable is 'module.factory'; it must have the form package.module:factory",
    ),
    "callable without factory": (
        ABOUT.replace('mode = "serve"\ncommand = ["./serve", "--fast"]', 'mode = "python"\ncallable = "module:"'),
        "it must have the form package.module:factory",
    ),
    "callable that is a file": (
        ABOUT.replace('mode = "serve"\ncommand = ["./serve", "--fast"]', 'mode = "python"\ncallable = "./m.py:make"'),
        "it must have the form package.module:factory",
    ),
    "callable is a list": (
        ABOUT.replace('mode = "serve"\ncommand = ["./serve", "--fast"]', 'mode = "python"\ncallable = ["m:f"]'),
        "implementation.callable must be a string",
    ),
}


@pytest.mark.parametrize(("text", "complaint"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_manifest_gives_one_line_with_the_file_and_what_is_wrong(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        load(tmp_path, text)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{tmp_path / 'implementation.toml'}: ")
    assert complaint in line


def test_a_manifest_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "implementation.toml"
    path.write_bytes(b'name = "\xe9"')
    with pytest.raises(ManifestError, match="cannot be read as TOML"):
        load_manifest(path, CLAUSES, source="given")


def test_a_manifest_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read as TOML"):
        load_manifest(tmp_path, CLAUSES, source="given")


@pytest.mark.parametrize(
    ("clause", "case", "system", "matches"),
    [
        ("MET-01", "mode:0600", "linux", True),
        ("MET-02", "mode:0600", "linux", False),
        ("MET-01", "owner", "linux", False),
        ("MET-01", "mode:0600", "windows", False),
    ],
)
def test_a_known_failure_matches_by_clause_case_and_system(clause: str, case: str, system: str, matches: bool) -> None:
    known = KnownFailure("MET-01", "why", "https://example.org", ("linux", "macos"), ("mode:*",))
    assert known.matches(clause, case, system) is matches
