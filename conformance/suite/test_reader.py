"""RDR-01…08: what a reader returns for whatever is at the path."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured, Violation
from conformance.oracle.document import SIZE_LIMIT, shown
from conformance.oracle.payload import encode
from conformance.runner.case import Case
from conformance.suite.helpers.launch_prefixes import make_link
from conformance.suite.helpers.locales import decimal_comma
from conformance.suite.support.oddities import ODDITIES
from conformance.suite.support.reading import (
    DOCUMENT,
    LONG_TWINS,
    STATUS,
    TWINS,
    put_at_one_time,
    read,
    require_equal,
    what_was_alike,
)
from conformance.suite.support.target_names import LONG, NAMES, POSIX_NAMES, named, of_length
from conformance.vectors import KINDS, Vector, load_vectors

VALID, INVALID, EITHER = (load_vectors(kind) for kind in KINDS)
# RDR-06 is about the invalid vectors that are hard on a parser; the others are RDR-05's. What is hard is in the bytes.
MANY_DIGITS = re.compile(rb"[0-9]{309}")  # no double has so many before the point
HARD = tuple(v for v in INVALID if v.layer == "depth" or MANY_DIGITS.search(v.path.read_bytes()))
PLAIN_INVALID = tuple(v for v in INVALID if v not in HARD)
LIMIT_SECONDS = 1.0
C_LOCALE = {"LC_ALL": "C", "LANG": "C"}  # as cron and systemd start programs; Python itself then uses UTF-8 (PEP 540)


def names(vectors: tuple[Vector, ...]) -> pytest.MarkDecorator:
    """Parametrize with vectors, each by its name."""
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector.name) for vector in vectors])


@pytest.mark.clause("RDR-01")
@names(VALID)
def test_valid(case: Case, vector: Vector) -> None:
    case.target.write_bytes(vector.path.read_bytes())
    require_equal(read(case), vector.expected, vector.reason)


@pytest.mark.clause("RDR-01")
@names(EITHER)
def test_either(case: Case, vector: Vector) -> None:
    """A reader may take it or not; if it does, the values must be right."""
    case.target.write_bytes(vector.path.read_bytes())
    found = read(case)
    if found is not None:
        require_equal(found, vector.expected, vector.reason)


@pytest.mark.clause("RDR-01")
@pytest.mark.parametrize("kind", ["file", "chain", "folder"])
def test_behind_a_link(case: Case, kind: str) -> None:
    """Where a configuration is mounted, and where a run has a link called latest, every status is behind one."""
    (case.folder / "store").mkdir()
    (case.folder / "store" / "status.json").write_bytes(DOCUMENT)
    path = case.target
    if kind == "folder":
        make_link(case.folder / "latest", "store")
        path = case.folder / "latest" / "status.json"
    elif kind == "chain":
        make_link(case.folder / "latest", "store")
        make_link(path, os.path.join("latest", "status.json"))
    else:
        make_link(path, os.path.join("store", "status.json"))
    require_equal(read(case, path), STATUS, f"a link ({kind})")


@pytest.mark.clause("RDR-01")
@pytest.mark.parametrize("name", [*NAMES, *POSIX_NAMES])
def test_name(case: Case, name: str) -> None:
    """A reader that expands, decodes or strips a path looks elsewhere."""
    path = named(case.folder, name)
    path.write_bytes(DOCUMENT)
    require_equal(read(case, path), STATUS, f"a path that ends in {ascii(path.name)[:60]}")


@pytest.mark.clause("RDR-01")
@pytest.mark.parametrize("length", LONG)
def test_long_path(case: Case, length: int) -> None:
    path = of_length(case.folder, length)
    path.write_bytes(DOCUMENT)
    require_equal(read(case, path), STATUS, f"a path of {length:,} bytes")


@pytest.mark.clause("RDR-01")
def test_name_that_is_not_ascii_in_the_c_locale(case: Case) -> None:
    path = case.folder / "статус 🎉.json"
    path.write_bytes(DOCUMENT)
    answer = case.request("read", case.start(environment=C_LOCALE), path=str(path))
    require_equal(answer.fields.get("status"), STATUS, "a path that is not ASCII, in the locale C")


@pytest.mark.clause("RDR-01")
def test_numbers_in_a_locale_with_a_decimal_comma(case: Case) -> None:
    """strtod(3) and its like stop at the point there."""
    folder = case.folder / "locales"
    folder.mkdir()
    status = {**STATUS, "epoch": 2.5, "loss": 0.342}
    case.target.write_bytes(encode(status).encode("utf-8"))
    answer = case.request("read", case.start(environment=decimal_comma(folder)), path=str(case.target))
    require_equal(answer.fields.get("status"), status, "a locale with a decimal comma")


@pytest.mark.clause("RDR-01")
@pytest.mark.parametrize("how", ["written-over", "moved-into-place"])
def test_same_size_and_time(case: Case, how: str) -> None:
    """A cache keyed by them is wrong within one tick of the clock, and for copies that keep the time; one that compares
    the ends of a document, for one with a long message.
    """
    for status in (*TWINS, *LONG_TWINS):
        if how == "written-over":
            put_at_one_time(case.target, status)
        else:
            put_at_one_time(case.folder / "next", status)
            (case.folder / "next").replace(case.target)
        require_equal(read(case), status, what_was_alike(status))


@pytest.mark.clause("RDR-02")
def test_missing(case: Case) -> None:
    require_equal(read(case), None, "no file")
    require_equal(read(case, case.folder / "no-folder" / "status.json"), None, "no folder")
    case.require_listing(case.folder, set(), "after reading what is missing")


@pytest.mark.clause("RDR-03")
@pytest.mark.parametrize(
    "content", ["", " ", "\n", " \t\r\n" * 100], ids=["empty", "space", "line-feed", "white-space"]
)
def test_empty(case: Case, content: str) -> None:
    case.target.write_bytes(content.encode("ascii"))
    require_equal(read(case), None, "a file without a document")


@pytest.mark.clause("RDR-04")
def test_cut_at_every_byte(case: Case) -> None:
    document = encode({**STATUS, "message": "эпоха 🎉 " + STATUS["message"]}).encode("utf-8")
    for length in range(len(document)):
        case.target.write_bytes(document[:length])
        require_equal(read(case), None, f"a document cut after {length} of {len(document)} bytes")
    case.target.write_bytes(document)
    if read(case) is None:
        raise Violation("the whole document is not read", bytes=shown(document))


@pytest.mark.clause("RDR-04")
def test_cut_while_it_is_read(case: Case) -> None:
    """Another writer truncates the file, in place: a page that was mapped before is gone then."""
    if sys.platform == "win32":
        raise Unmeasured("Windows does not truncate a file that is mapped")
    whole = DOCUMENT.ljust(SIZE_LIMIT)
    case.target.write_bytes(whole)
    usual = min(timed_read(case) for _ in range(3))
    rounds = 20
    with case.target.open("r+b", buffering=0) as file:
        for number in range(rounds):
            at = (0, len(DOCUMENT) // 2, SIZE_LIMIT // 2)[number % 3]
            cutting = threading.Timer(usual * number / rounds, os.ftruncate, (file.fileno(), at))
            cutting.start()
            try:
                found = read(case)
            finally:
                cutting.join()
            if found is not None:
                require_equal(found, STATUS, f"a read during which the file was cut after {at} bytes")
            os.pwrite(file.fileno(), whole, 0)


def timed_read(case: Case) -> float:
    """The seconds of a read of a file that is whole."""
    begin = time.monotonic()
    require_equal(read(case), STATUS, "a document of 1 MiB")
    return time.monotonic() - begin


@pytest.mark.clause("RDR-05")
@names(PLAIN_INVALID)
def test_invalid(case: Case, vector: Vector) -> None:
    case.target.write_bytes(vector.path.read_bytes())
    require_equal(read(case), None, vector.reason)


@pytest.mark.clause("RDR-06")
@names(HARD)
def test_hard_on_the_parser(case: Case, vector: Vector) -> None:
    case.target.write_bytes(vector.path.read_bytes())
    require_equal(read(case), None, vector.reason)
    case.target.write_bytes(DOCUMENT)
    require_equal(read(case), STATUS, "the next read")


def require_null_in_time(case: Case, path: Path, what: str) -> None:
    """Require null within 1 s; in mode oneshot the time that any request takes is subtracted."""
    begin = time.monotonic()
    require_equal(read(case, case.folder / "nothing-here"), None, "no file")
    usual = time.monotonic() - begin if case.run.manifest.mode == "oneshot" else 0.0
    begin = time.monotonic()
    require_equal(read(case, path), None, what)
    taken = time.monotonic() - begin - usual
    if taken > LIMIT_SECONDS:
        raise Violation(f"{what}: null came after {taken:.2f} s; the limit is {LIMIT_SECONDS:g} s")


@pytest.mark.clause("RDR-07")
def test_one_byte_over_the_limit(case: Case) -> None:
    room = SIZE_LIMIT + 1 - len(encode({**STATUS, "message": ""}))
    case.target.write_bytes(encode({**STATUS, "message": "x" * room}).encode("ascii"))
    require_null_in_time(case, case.target, f"a valid document of {case.target.stat().st_size} bytes")


@pytest.mark.clause("RDR-07")
def test_at_the_limit(case: Case) -> None:
    room = SIZE_LIMIT - len(encode({**STATUS, "message": ""}))
    status = {**STATUS, "message": "x" * room}
    case.target.write_bytes(encode(status).encode("ascii"))
    require_equal(read(case), status, "a valid document of exactly 1 MiB")


@pytest.mark.clause("RDR-07")
def test_ten_gigabytes(case: Case) -> None:
    with case.target.open("wb") as file:
        file.write(DOCUMENT)
        try:
            file.truncate(10 * 1024**3)
        except OSError as error:
            raise Unmeasured(f"a sparse file of 10 GB cannot be made here: {error}") from error
    require_null_in_time(case, case.target, "a file of 10 GB")


@pytest.mark.clause("RDR-08")
@pytest.mark.parametrize("kind", ODDITIES)
def test_not_a_regular_file(case: Case, kind: str) -> None:
    ODDITIES[kind](case.target)
    require_null_in_time(case, case.target, kind)
    case.require_listing(case.folder, {case.target.name}, "after the read")


@pytest.mark.clause("RDR-08")
def test_file_instead_of_a_folder(case: Case) -> None:
    (case.folder / "file").write_bytes(DOCUMENT)
    require_null_in_time(case, case.folder / "file" / "status.json", "a path through a file")
