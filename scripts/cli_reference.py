"""Generates docs/cli.md from the commands themselves.

python scripts/cli_reference.py            write docs/cli.md
python scripts/cli_reference.py --check    fail if docs/cli.md is not what the commands say
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cli.md"
WIDTH = 120  # characters, as for every Markdown line of the project
USAGE_WIDTH = 90  # code is not wrapped by a browser

INTRODUCTION = """\
# Commands

Every command, option and default. This page is generated from the commands by `python scripts/cli_reference.py`; do not
edit it. How to choose among the options: [running the suite](running.md) and [stress](stress.md). What the exit codes
of a verdict mean: [Results](../conformance/SPEC.md#results) in the contract.
"""


def page() -> str:
    """The text of docs/cli.md for the commands of this checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = {name: value.split(":")[0] for name, value in project["entry-points"]["pulse.commands"].items()}
    parser, _ = importlib.import_module("pulse.cli")._parser(sorted(modules))
    parts = [INTRODUCTION, *_argparse_command(parser, "pulse")]
    for name, module in sorted(modules.items()):
        parts += _click_commands(_click_command(module), f"pulse {name}")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _click_command(module: str) -> click.Command:
    """The command of an entry point: the one in its module that is named after the module or its package."""
    names = {name for word in module.replace("_", "-").split(".") for name in (word, f"pulse {word}")}
    found = [
        value
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, click.Command) and value.name in names
    ]
    if not found:
        raise LookupError(f"{module} has no click command named {' or '.join(sorted(names))}")
    return found[0]


def _click_commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """The sections of a command and of its sub-commands."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield _heading(context.command_path, " ".join([context.command_path, *command.collect_usage_pieces(context)]))
    yield _paragraphs(command.help or "")
    shown = [option for option in command.get_params(context) if not getattr(option, "hidden", False)]
    yield _list(_click_option(option, context) for option in shown)
    if isinstance(command, click.Group):
        for child in sorted(command.commands):
            yield from _click_commands(command.commands[child], child, context)


def _click_option(parameter: click.Parameter, context: click.Context) -> tuple[str, str]:
    """How one option or argument is written, and what it means."""
    if not isinstance(parameter, click.Option):
        return parameter.make_metavar(context), "See above."
    record = parameter.get_help_record(context)
    assert record is not None, f"{parameter.name} is hidden"
    extra = parameter.get_help_extra(context)
    details = [
        *(["Required."] if "required" in extra else []),
        *([f"Default: `{extra['default']}`."] if "default" in extra else []),
        *([f"Range: `{extra['range']}`."] if "range" in extra else []),
    ]
    # A default that click does not know is written in the help text, in the style of click.
    text = re.sub(r"\s*\[default: (.*?)\]", r" Default: \1.", parameter.help or "")
    return record[0].replace(" RANGE", ""), " ".join([text, *details])


def _argparse_command(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """The sections of an argparse command and of its sub-commands."""
    children = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    # Python 3.14 colours a usage line for terminals.
    usage = re.sub(r"\x1b\[[0-9;]*m", "", parser.format_usage()).removeprefix("usage: ")
    yield _heading(name, " ".join(usage.split()))
    if parser.description:
        yield _paragraphs(parser.description)
    yield _list(_argparse_option(action) for action in parser._actions if action not in children)
    for action in children:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for child, parser_of_child in action.choices.items():
            parser_of_child.description = parser_of_child.description or _sentence(helps.get(child, ""))
            yield from _argparse_command(parser_of_child, f"{name} {child}")


def _argparse_option(action: argparse.Action) -> tuple[str, str]:
    value: Any = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    value = " ".join(value) if isinstance(value, tuple) else value
    names = ", ".join(action.option_strings)
    return f"{names} {value}".strip() if action.nargs != 0 else names, _sentence(action.help or "")


def _sentence(text: str) -> str:
    """The lower-case phrase of argparse as a sentence, like the others on the page."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def _paragraphs(text: str) -> str:
    """A docstring as Markdown: literals in single backquotes, lines filled."""
    paragraphs = inspect.cleandoc(text).replace("\b\n", "").replace("``", "`").split("\n\n")
    return "\n\n".join(_filled(_options_marked(paragraph)) for paragraph in paragraphs) + "\n"


def _list(options: Iterable[tuple[str, str]]) -> str:
    return "\n".join(_filled(f"- `{typed}`: {_options_marked(text)}", indent="  ") for typed, text in options) + "\n"


def _heading(name: str, usage: str) -> str:
    unbroken = re.sub(r"\[[^]]*\]", lambda option: option[0].replace(" ", "\xa0"), usage)
    filled = textwrap.fill(unbroken, USAGE_WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    lines = filled.replace("\xa0", " ")
    return f"## `{name}`\n\n```text\n{lines}\n```"


def _options_marked(text: str) -> str:
    """The text on one line, with option names in backquotes."""
    return re.sub(r"(?<![`\w-])--[a-z][a-z-]*", r"`\g<0>`", " ".join(text.split()))


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page. Returns the exit code: 1 when `--check` finds a stale page."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    wanted = page()
    if not options.check:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    present = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if present == wanted:
        return 0
    difference = difflib.unified_diff(present.splitlines(), wanted.splitlines(), "docs/cli.md", "commands", lineterm="")
    print("\n".join(difference))
    print("docs/cli.md is stale: run python scripts/cli_reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the commands of this checkout, not of an installed kit
    sys.exit(main())
