"""Plots: the same figures make the same SVG."""

from pathlib import Path

from bench.plots import Curve, plot_curves

CURVES = (Curve("write", ((256, 12.0), (4096, 18.0))), Curve("C write", ((256, 5.0), (4096, 6.0))))


def draw(path: Path) -> str:
    plot_curves(path, "Cost by size", "bytes", "µs per operation", CURVES)
    return path.read_text(encoding="utf-8")


def test_the_plot_names_its_axes_and_curves_as_text(tmp_path: Path) -> None:
    drawn = draw(tmp_path / "results" / "plot.svg")
    for text in ("Cost by size", "bytes", "µs per operation", "write", "C write"):
        assert f">{text}</text>" in drawn


def test_the_same_figures_make_the_same_bytes(tmp_path: Path) -> None:
    assert draw(tmp_path / "first.svg") == draw(tmp_path / "second.svg")
