"""Plots as SVG files that only change if the figures do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

__all__ = ["Curve", "plot_curves"]


@dataclass(frozen=True)
class Curve:
    """A line of a plot: its name and its points (x, y)."""

    name: str
    points: tuple[tuple[float, float], ...]


def plot_curves(path: Path, title: str, x_label: str, y_label: str, curves: Sequence[Curve], *, base: int = 2) -> None:
    """Draw curves into an SVG file; both axes are logarithmic.

    Args:
        path: the file; its folder is created.
        title: above the plot.
        x_label: what x is, with its unit: bytes of a document, writers, readers.
        y_label: what y is, with its unit.
        curves: at least one; those whose name starts with ``C`` are limits, and dashed.
        base: the base of the x axis.
    """
    matplotlib.use("svg")
    from matplotlib import pyplot  # after `use`: importing it chooses the backend

    with matplotlib.rc_context({"svg.hashsalt": "pulse", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
        for curve in curves:
            xs, ys = zip(*curve.points, strict=True)
            style = "--" if curve.name.startswith("C ") else "-"
            axes.plot(xs, ys, style, marker="o", markersize=3, label=curve.name)
        axes.set_xscale("log", base=base)
        axes.set_yscale("log")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)
