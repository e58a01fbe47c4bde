"""The line that made an operation, from what programs wrote of their stacks."""

import json

import pytest

from conformance.commands.judge.stacks import node_source, python_sources, same_operations
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.strace.parser import parse

PYTHON = b"""Current thread 0x00007f12 (most recent call first):
  File "/venv/lib/python3.11/site-packages/numpy/lib/_npyio_impl.py", line 575 in save
  File "/run/jobs/train.py", line 12 in main
  File "/run/jobs/train.py", line 20 in <module>
Current thread 0x00007f12 (most recent call first):
  <no Python frame>
Current thread 0x00007f12 (most recent call first):
  File "/run/jobs/train.py", line 20 in <module>
"""


def test_each_stack_of_python_is_its_innermost_line_and_that_of_the_program_itself() -> None:
    assert python_sources(PYTHON) == [
        "numpy/lib/_npyio_impl.py:575 in save, called at /run/jobs/train.py:12 in main",
        "",
        "/run/jobs/train.py:20",
    ]
    assert python_sources(b"") == []


def logged(name: str, path: str, *frames: str) -> str:
    return json.dumps({"name": name, "paths": [path], "frames": list(frames)})


LOG = "\n".join(
    [
        logged("open", "/run/jobs/g", "at save (/run/jobs/s.js:9:1)"),
        logged(
            "writeFile", "/run/jobs/f", "at save (file:///run/jobs/s.mjs:3:9)", "at async file:///run/jobs/s.mjs:7:1"
        ),
        logged("open", "/run/jobs/f", "at node:internal/fs:1:1"),
        logged(
            "rename",
            "/run/jobs/f",
            "at Object.<anonymous> (/p/node_modules/w/i.js:4:2)",
            "at run (/run/jobs/m.js:2:1)",
        ),
        "cut off {",
    ]
).encode()


@pytest.mark.parametrize(
    ("kind", "path", "line"),
    [
        ("open", "/run/jobs/f", "/run/jobs/s.mjs:3 in save"),
        ("write", "/run/jobs/f", "/run/jobs/s.mjs:3 in save"),
        ("create", "/run/jobs/g", "/run/jobs/s.js:9 in save"),
        ("rename", "/run/jobs/f", "w/i.js:4 in Object.<anonymous>, called at /run/jobs/m.js:2 in run"),
        ("unlink", "/run/jobs/f", ""),
        ("write", "/run/jobs/other", ""),
    ],
)
def test_the_last_call_of_node_that_can_have_made_an_operation(kind: str, path: str, line: str) -> None:
    assert node_source(LOG, kind, {path}) == line


def operations(temp: str, *more: str) -> tuple[Operation, ...]:
    lines = [
        *more,
        f'open("COPY/{temp}", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<COPY/{temp}>',
        f"fsync(3<COPY/{temp}>) = 0",
        f'rename("COPY/{temp}", "COPY/f") = 0',
    ]
    return operations_of(parse("\n".join(lines).replace("COPY", "/run/work")), "/run", {"work/": 0, "work/f": 3})


def test_operations_of_two_runs_are_found_again_whatever_the_temps_are_called() -> None:
    assert same_operations(operations("t1"), operations("t2")) == {0: 0, 1: 1, 2: 2}
    assert same_operations(operations("t1"), operations("t2", 'stat("COPY/f", {}) = 0')) == {0: 1, 1: 2, 2: 3}


def test_operations_that_one_run_makes_more_often_are_not_matched() -> None:
    twice = (*operations("t1"), *operations("t2"))
    numbered = [each._replace(number=number) for number, each in enumerate(twice)]
    assert same_operations(operations("t"), numbered) == {}
