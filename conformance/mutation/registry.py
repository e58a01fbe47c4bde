"""The mutants and variants of the kit: the decorators that make them, and how ``--impl mutant:NAME`` finds them.

A mutant or a variant is one function that takes the place of one method of the honest base
(`conformance.mutation.honest`). The decorated name is the factory of an implementation of mode ``python``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Literal, NamedTuple

from conformance.mutation import mutants, variants
from conformance.mutation.honest import Honest

__all__ = [
    "EVERYWHERE",
    "SENDING",
    "SYNCING",
    "WAY_OF_WRITING",
    "Entry",
    "Factory",
    "all_mutants",
    "all_variants",
    "entry_of",
    "folder_of",
    "mutant",
    "variant",
]

Kind = Literal["mutant", "variant"]
EVERYWHERE = ("linux", "macos", "windows")
WAY_OF_WRITING = ("VIS-*", "FLT-*", "KIL-*", "PWR-*")
"""The clauses that follow a write from call to call, and might doubt one whose calls are unusual."""
SENDING = ("VIS-*", "FLT-0[1237]", "PWR-*")
"""Those that might doubt how the bytes get into the temp: they look at the calls, their faults and short results."""
SYNCING = ("VIS-0[15]", "FLT-0[147]", "PWR-*")
"""Those that might doubt how, and in which order, the temp and the folder are synced."""
# The methods of the honest base that no read calls.
_WRITING = frozenset({"create", "fill_temp", "replace", "send", "serialise", "sync", "sync_folder", "temp_name"})
_PACKAGES: dict[str, ModuleType] = {"mutant": mutants, "variant": variants}


class Entry(NamedTuple):
    """One mutant or variant.

    ``caught_by`` is the clause that must catch it (empty for a variant), ``outcome`` its result. ``doubted_by`` has
    globs of the clauses that might take a variant for broken (empty for a mutant). ``docstring`` states
    the defect, or what is unusual but correct. ``callable`` is the manifest's entry point. ``on`` lists the systems
    that it runs on, named as in a manifest's ``known_failure.os``. ``manifest`` holds what its manifest says besides
    what all say: fields of `conformance.contract.manifest.Manifest`. ``reads_as_usual`` is true when the method that it
    replaces only writes, so that it reads as the honest base does. ``depth`` is the ``--depth`` of its run.
    """

    name: str
    caught_by: str
    outcome: Literal["fail", "error"]
    docstring: str
    callable: str
    on: tuple[str, ...] = EVERYWHERE
    manifest: Mapping[str, Any] = MappingProxyType({})
    reads_as_usual: bool = False
    doubted_by: tuple[str, ...] = ()
    depth: int = 1


class Factory(NamedTuple):
    """What a decorated function becomes: calling it makes the honest base with one method replaced."""

    kind: Kind
    entry: Entry
    part: str
    function: Callable[..., Any]

    def __call__(self) -> Honest:
        """A new implementation."""
        members = {self.part: self.function, "name": f"{self.kind}:{self.entry.name}"}
        implementation = type(self.function.__name__, (Honest,), members)()
        assert isinstance(implementation, Honest)
        return implementation


def mutant(
    replaces: str,
    *,
    caught_by: str,
    outcome: Literal["fail", "error"] = "fail",
    on: tuple[str, ...] = EVERYWHERE,
    depth: int = 1,
    **manifest: Any,
) -> Callable[[Callable[..., Any]], Factory]:
    """Make a mutant of a function that puts a defect in the place of the honest method ``replaces``.

    ``caught_by`` names the clause that must catch it, ``outcome`` what the suite must then report (``error`` for a
    mutant that dies or hangs), ``on`` the systems where it can be caught, ``depth`` the ``--depth`` of its run, other
    keywords what its manifest says. Raises AttributeError when the honest base has no such method.
    """
    return lambda function: _factory(
        "mutant", function, replaces, on, manifest, caught_by=caught_by, outcome=outcome, depth=depth
    )


def variant(
    replaces: str, *, doubted_by: tuple[str, ...], on: tuple[str, ...] = EVERYWHERE, depth: int = 1, **manifest: Any
) -> Callable[[Callable[..., Any]], Factory]:
    """Make a variant of a function that does what the honest method ``replaces`` does in an unusual but correct way.

    ``doubted_by`` are globs of the clauses that look at what is unusual about it, and so might take it for broken.
    ``on`` names the systems that it runs on, ``depth`` is the ``--depth`` of its run, other keywords say what its
    manifest says.
    """
    return lambda function: _factory("variant", function, replaces, on, manifest, doubted_by=doubted_by, depth=depth)


def _factory(
    kind: Kind,
    function: Callable[..., Any],
    part: str,
    on: tuple[str, ...],
    manifest: Mapping[str, Any],
    *,
    caught_by: str = "",
    outcome: Literal["fail", "error"] = "fail",
    doubted_by: tuple[str, ...] = (),
    depth: int = 1,
) -> Factory:
    getattr(Honest, part)
    entry = Entry(
        name=function.__name__.replace("_", "-"),
        caught_by=caught_by,
        outcome=outcome,
        docstring=" ".join((function.__doc__ or "").split()),
        callable=f"{function.__module__}:{function.__name__}",
        on=on,
        manifest=manifest,
        reads_as_usual=part in _WRITING,
        doubted_by=doubted_by,
        depth=depth,
    )
    return Factory(kind, entry, part, function)


def all_mutants() -> tuple[Entry, ...]:
    """Every mutant of the kit, module by module, in the order of the source."""
    return _entries("mutant")


def all_variants() -> tuple[Entry, ...]:
    """Every variant of the kit, module by module, in the order of the source."""
    return _entries("variant")


def _entries(kind: str) -> tuple[Entry, ...]:
    import pkgutil  # late: every process of a mutant would wait for it

    package = _PACKAGES[kind]
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.name != "__main__")
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    factories = [value for module in modules for value in vars(module).values() if isinstance(value, Factory)]
    return tuple(factory.entry for factory in factories if factory.kind == kind)


def entry_of(kind: str, name: str) -> Entry:
    """The mutant or variant of this name. Raises LookupError, which lists the known names."""
    entries = {entry.name: entry for entry in _entries(kind)}
    if name not in entries:
        raise LookupError(f"{kind}:{name}: no such {kind}; choose from: {', '.join(sorted(entries))}")
    return entries[name]


def folder_of(kind: str) -> str:
    """The folder of the modules of all mutants, or of all variants."""
    [folder] = _PACKAGES[kind].__path__
    return os.path.realpath(folder)
