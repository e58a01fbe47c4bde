"""The table of what each call can fail with."""

import errno
import re
import tomllib
from pathlib import Path

import pytest

import conformance.oracle.call_errors
from conformance.in_process.filecalls import OS_CALLS
from conformance.oracle.call_errors import ERRORS_OF_CALL, ERRORS_OF_SYSTEM_CALL, INTERRUPTED, UNSUPPORTED

TEXT = Path(conformance.oracle.call_errors.__file__).with_suffix(".toml").read_text(encoding="utf-8")
ENTRIES = tomllib.loads(TEXT)["call"]


def test_every_kind_of_call_can_fail_and_each_error_has_a_name() -> None:
    assert all(ERRORS_OF_CALL.values())
    assert all(error in errno.errorcode for errors in ERRORS_OF_CALL.values() for error in errors)
    assert all(len(set(errors)) == len(errors) for errors in ERRORS_OF_CALL.values())


def test_every_kind_that_a_function_of_os_has_can_fail() -> None:
    assert set(OS_CALLS.values()) <= ERRORS_OF_CALL.keys()


# Errors of the program itself, the interrupted call (FLT-07), and wrong statements about a name.
NEVER = (errno.EBADF, errno.EFAULT, errno.EINVAL, errno.EINTR, errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR)


@pytest.mark.parametrize("kind", ERRORS_OF_CALL)
def test_no_call_fails_in_a_way_that_no_file_system_would(kind: str) -> None:
    assert not set(NEVER) & set(ERRORS_OF_CALL[kind])


def test_every_entry_names_its_manual_page() -> None:
    assert all(re.fullmatch(r"\w+\([23]p?\)(, \w+\([23]p?\))*", entry["page"]) for entry in ENTRIES)


def test_no_system_call_has_two_entries() -> None:
    names = [name for entry in ENTRIES for name in entry["calls"]]
    assert len(names) == len(set(names)) == len(ERRORS_OF_SYSTEM_CALL)


def test_the_first_entry_of_a_kind_is_used_in_process() -> None:
    assert ERRORS_OF_CALL["open"] == ERRORS_OF_SYSTEM_CALL["openat"] != ERRORS_OF_SYSTEM_CALL["mknod"]
    assert ERRORS_OF_CALL["stat"] == ERRORS_OF_SYSTEM_CALL["newfstatat"] != ERRORS_OF_SYSTEM_CALL["statx"]


def test_a_call_that_can_be_interrupted_is_one_that_can_fail() -> None:
    assert ERRORS_OF_SYSTEM_CALL.keys() >= INTERRUPTED


def test_what_a_system_that_cannot_do_it_says_is_no_error_of_the_page() -> None:
    assert not [name for name, errors in UNSUPPORTED.items() if set(errors) & set(ERRORS_OF_SYSTEM_CALL[name])]
