"""junit.xml: what pytest wrote, and the verdict, which pytest does not know."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from conformance.reporting.foreign import visible
from conformance.reporting.results import Verdict

__all__ = ["write_junit"]


def write_junit(written: Path, to: Path, verdict: Verdict | None) -> None:
    """Copy pytest's file without the name of this machine, and add the properties ``verdict`` and ``measured``.

    Characters that no one could see, and those that turn the direction of a text, become their escapes. A run that did
    not finish has no verdict. Raises OSError.
    """
    tree = ElementTree.parse(written)
    for suite in tree.getroot().iter("testsuite"):
        suite.attrib.pop("hostname", None)  # reports are published
        properties = ElementTree.Element("properties")
        said = {"verdict": "none: the run did not finish"}
        if verdict is not None:
            measured, of = verdict.measured
            said = {"verdict": verdict.word, "measured": f"{measured} of {of} clauses"}
        for name, value in said.items():
            ElementTree.SubElement(properties, "property", name=name, value=value)
        suite.insert(0, properties)
    for element in tree.getroot().iter():
        element.text = element.text and visible(element.text)
        element.attrib.update({name: visible(value) for name, value in element.attrib.items()})
    tree.write(to, encoding="utf-8", xml_declaration=True)
