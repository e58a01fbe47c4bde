"""Environments that put a program into another locale or time zone, each shown to be in force before it is used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zoneinfo
from pathlib import Path

from conformance.contract.errors import Unmeasured

__all__ = ["decimal_comma", "time_zone"]

# A locale of glibc (locale(5)): that of C, but for numbers. Its name is what the runtimes that bring their own data
# (Java, Node, .NET) go by; Turkish has a decimal comma, and an "i" that becomes another letter in upper case.
_NAME = "tr_TR.UTF-8"
_CATEGORIES = {
    **dict.fromkeys(("LC_CTYPE", "LC_COLLATE", "LC_MONETARY", "LC_TIME", "LC_MESSAGES"), 'copy "POSIX"'),
    "LC_NUMERIC": 'decimal_point ","\nthousands_sep "."\ngrouping 3;3',
    **dict.fromkeys(
        ("LC_PAPER", "LC_NAME", "LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT", "LC_IDENTIFICATION"), 'copy "i18n"'
    ),
}
# ASCII is enough here, as the encoding is chosen by its name; the whole table of UTF-8 takes seconds to compile.
_CHARACTERS = "".join(f"<U{number:04X}> /x{number:02x} ASCII\n" for number in range(128))
_CHARACTER_MAP = (
    "<code_set_name> UTF-8\n<comment_char> %\n<escape_char> /\n<mb_cur_min> 1\n<mb_cur_max> 6\n"
    f"CHARMAP\n{_CHARACTERS}END CHARMAP\n"
)


def decimal_comma(folder: Path) -> dict[str, str]:
    """The variables of a locale whose numbers have a decimal comma. Raises Unmeasured where there is none.

    It is one of the system's, or is compiled in ``folder``, an existing one, with localedef(1).
    """
    if sys.platform == "win32":
        raise Unmeasured("Windows takes the locale from the user's settings, not from variables")
    usual = {"LC_ALL": _NAME, "LANG": _NAME}
    if _point_of(usual) == ",":
        return usual
    _compile(folder)
    environment = {**usual, "LOCPATH": str(folder)}
    if (found := _point_of(environment)) != ",":
        raise Unmeasured(f"a locale was compiled, but its decimal point is {found!r} here: this is not glibc")
    return environment


def _point_of(environment: dict[str, str]) -> str:
    tool = shutil.which("locale")
    if tool is None:
        raise Unmeasured("cannot show which locale is in force: there is no command `locale` here")
    # A locale that does not exist is that of C, with a complaint on standard error.
    done = subprocess.run([tool, "decimal_point"], env={**os.environ, **environment}, capture_output=True, text=True)
    return done.stdout.strip()


def _compile(folder: Path) -> None:
    tool = shutil.which("localedef")
    if tool is None or sys.platform == "darwin":
        raise Unmeasured(f"the locale {_NAME} is not installed, and there is no localedef that could make it")
    source, characters = folder / "source", folder / "characters"
    source.write_text("".join(f"{name}\n{text}\nEND {name}\n" for name, text in _CATEGORIES.items()), encoding="ascii")
    characters.write_text(_CHARACTER_MAP, encoding="ascii")
    command = [tool, "--force", "-i", str(source), "-f", str(characters), str(folder / _NAME)]
    done = subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True)
    if not (folder / _NAME / "LC_NUMERIC").exists():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
        raise Unmeasured(f"localedef cannot make a locale here (its sources may be missing: package locales): {said}")


def time_zone(name: str) -> dict[str, str]:
    """The variable for a time zone: of the IANA database, or a rule as in tzset(3). Raises Unmeasured where it is
    unknown, because a program is then in UTC without a word.
    """
    is_rule = any(character.isdigit() for character in name)
    if is_rule and sys.platform == "win32" and "," in name:
        raise Unmeasured("Windows knows no rules for summer time in TZ")
    if not is_rule and not any(Path(folder, name).is_file() for folder in zoneinfo.TZPATH):
        raise Unmeasured(f"there is no time zone {name} here: install the time zone database (tzdata)")
    return {"TZ": name}
