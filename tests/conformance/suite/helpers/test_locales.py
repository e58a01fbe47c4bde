"""Locales and time zones: what the environments do to a program, and what is said where they cannot."""

import os
import shutil
import subprocess
import sys
import zoneinfo
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.suite.helpers import locales
from conformance.suite.helpers.locales import decimal_comma, time_zone

PRINT_LOCALLY = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.str(2.5), locale.getencoding())"
PRINT_SUMMER_TIME = "import time; print(time.localtime().tm_isdst, time.localtime(0)[3:5])"


def printed(environment: dict[str, str], program: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_program_in_this_locale_prints_a_comma_and_still_utf_8(tmp_path: Path) -> None:
    try:
        environment = decimal_comma(tmp_path)
    except Unmeasured as reason:
        pytest.skip(str(reason))
    assert printed(environment, PRINT_LOCALLY) == "2,5 UTF-8"


def test_a_locale_that_is_installed_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(locales, "_point_of", lambda environment: ",")
    assert "LOCPATH" not in decimal_comma(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_compiler_of_locales_it_is_unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(locales, "_point_of", lambda environment: ".")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unmeasured, match="no localedef"):
        decimal_comma(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="localedef is glibc's")
def test_without_its_sources_a_locale_is_unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("localedef") is None or shutil.which("locale") is None:
        pytest.skip("there is no localedef here")
    monkeypatch.setattr(locales, "_CATEGORIES", {"LC_CTYPE": 'copy "no such locale"'})
    monkeypatch.setattr(locales, "_NAME", "xx_XX.UTF-8")
    with pytest.raises(Unmeasured, match="localedef cannot make a locale"):
        decimal_comma(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such rules")
def test_a_rule_puts_a_program_into_that_zone() -> None:
    assert printed(time_zone("AAA-9:30BBB-11,0/0,J365/25"), PRINT_SUMMER_TIME) == "1 (11, 0)"
    assert printed(time_zone("XXX+3:30"), PRINT_SUMMER_TIME) == "0 (20, 30)"


def test_a_zone_of_the_database_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path),))
    with pytest.raises(Unmeasured, match="no time zone Asia/Kathmandu"):
        time_zone("Asia/Kathmandu")
    (tmp_path / "Asia").mkdir()
    (tmp_path / "Asia" / "Kathmandu").touch()
    assert time_zone("Asia/Kathmandu") == {"TZ": "Asia/Kathmandu"}


def test_windows_knows_an_offset_but_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert time_zone("XXX+3:30") == {"TZ": "XXX+3:30"}
    with pytest.raises(Unmeasured, match="no rules"):
        time_zone("AAA-9:30BBB-11,0/0,J365/25")
