"""Which of the lines that a program printed says what went wrong."""

import pytest

from conformance.commands.judge.printed import asks, error_line, telling_lines

PYTHON = """Traceback (most recent call last):
  File "save.py", line 3, in <module>
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "save.py", line 5, in <module>
FileNotFoundError: [Errno 2] No such file or directory: 'state.json'
"""
NODE = """node:fs:573
  return binding.open(
                 ^

Error: ENOENT: no such file or directory, open 'state.json'
    at Object.openSync (node:fs:573:18)
    at Object.readFileSync (node:fs:452:35)
    at load (/srv/job.js:9:24)
    at Module._compile (node:internal/modules/cjs/loader:1554:14) {
  errno: -2,
  code: 'ENOENT'
}

Node.js v20.20.2
"""
JAVA = """Exception in thread "main" java.nio.file.NoSuchFileException: state.json
\tat java.base/sun.nio.fs.UnixException.translateToIOException(UnixException.java:92)
\tat Save.main(Save.java:7)
"""
RUBY = """save.rb:2:in `read': No such file or directory @ rb_sysopen - state.json (Errno::ENOENT)
\tfrom save.rb:2:in `load'
\tfrom save.rb:5:in `<main>'
"""
NPM = """npm error Missing script: "save"
npm error A complete log of this run can be found in: /root/.npm/_logs/2026-11-28-debug-0.log
"""


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (PYTHON, "FileNotFoundError: [Errno 2] No such file or directory: 'state.json'"),
        (NODE, "Error: ENOENT: no such file or directory, open 'state.json'"),
        (
            NODE.replace("Error: ENOENT:", "TypeError [ERR_INVALID_ARG_TYPE]:"),
            "TypeError [ERR_INVALID_ARG_TYPE]: no such file or directory, open 'state.json'",
        ),
        (JAVA, 'Exception in thread "main" java.nio.file.NoSuchFileException: state.json'),
        (RUBY, "save.rb:2:in `read': No such file or directory @ rb_sysopen - state.json (Errno::ENOENT)"),
        (NPM, 'npm error Missing script: "save"'),
        (f"{NODE}{NPM}", "Error: ENOENT: no such file or directory, open 'state.json'"),
        ("saving\nfatal: the lock is taken\n\n", "fatal: the lock is taken"),
        ("", ""),
        ("Node.js v20.20.2\n", ""),
    ],
    ids=[
        "Python",
        "Node",
        "Node with a code",
        "Java",
        "Ruby",
        "npm",
        "Node by npm",
        "no error",
        "nothing",
        "only that",
    ],
)
def test_the_line_that_names_the_error(printed: str, line: str) -> None:
    assert error_line(printed) == line


def test_a_few_lines_have_the_error_among_them() -> None:
    assert telling_lines(NODE, 3) == [
        "Error: ENOENT: no such file or directory, open 'state.json'",
        "    at Object.openSync (node:fs:573:18)",
        "    at Object.readFileSync (node:fs:452:35)",
    ]
    assert telling_lines(PYTHON, 2) == PYTHON.splitlines()[-2:]
    assert telling_lines("a\nb\nc\n", 2) == ["b", "c"]
    assert telling_lines("", 2) == []


@pytest.mark.parametrize(
    "printed",
    ["Overwrite? ", "Overwrite?\n", "Overwrite [y/N] ", "Your name: ", "> ", "EOFError: EOF when reading a line\n"],
)
def test_a_question_at_the_end(printed: str) -> None:
    assert asks(f"started\n{printed}")


@pytest.mark.parametrize("printed", ["", "done\n", "What? Nothing.\n", "files:\n", "see above:\nnothing\n"])
def test_no_question_at_the_end(printed: str) -> None:
    assert not asks(printed)
