"""The newest state for Prometheus, in its text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pulse.liveness import Liveness
from pulse.panel.states import State
from pulse.status import STATUSES

__all__ = ["exposition"]

OF_A_STATUS = {
    "epoch": ("epochs", "Epochs completed."),
    "total_epochs": ("total_epochs", "Epochs planned; 0 when unknown."),
    "loss": ("loss", "The current loss."),
    "timestamp": ("timestamp_seconds", "When the status was written, by the writer's clock, since 1970."),
}
"""Member of a status → end of the metric's name, help."""

OF_A_FILE = {
    "unchanged_seconds": ("unchanged_seconds", "For how long the document has not changed."),
    "last_look_age_seconds": (
        "last_look_age_seconds",
        "For how long the panel has seen nothing of the file: much more than its interval where a disk hangs.",
    ),
    "unreadable_seconds": ("unreadable_seconds", "For how long the file has held no valid status."),
    "rate": ("epochs_per_second", "Speed, from what the panel has seen."),
    "eta_seconds": ("eta_seconds", "Time to the last epoch at that speed."),
}
"""Member of a file that may be null → end of the metric's name, help."""


def exposition(state: State, viewers: int) -> bytes:
    """All metrics of a state.

    Args:
        state: the newest.
        viewers: how many streams are open.

    ``message`` is no metric and no label: it changes too often.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(state, viewers))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, state: State, viewers: int) -> None:
        self._state, self._viewers = state, viewers

    def collect(self) -> Iterator[Metric]:
        """The metrics; see :class:`prometheus_client.registry.Collector`."""
        files = [row.file for row in self._state.rows]
        for values, member, prefix in (
            (STATUSES, "status", "The last valid status"),
            (tuple(one.value for one in Liveness), "liveness", "Whether the run is alive"),
        ):
            gauge = GaugeMetricFamily(
                f"pulse_{member}", f"{prefix}: 1 for what it is.", labels=["path", "name", member]
            )
            for file in files:
                now = file[member] if member == "liveness" else (file["status"] or {}).get("status")
                for value in values:
                    gauge.add_metric([file["path"], file["name"], value], float(value == now))
            yield gauge
        for member, (end, text) in OF_A_STATUS.items():
            gauge = GaugeMetricFamily(f"pulse_{end}", text, labels=["path", "name"])
            for file in files:
                if file["status"] is not None:
                    gauge.add_metric([file["path"], file["name"]], file["status"][member])
            yield gauge
        progress = GaugeMetricFamily("pulse_progress_ratio", "Progress, from 0 to 1.", labels=["path", "name"])
        for file in files:
            progress.add_metric([file["path"], file["name"]], file["progress"] / 100.0)
        yield progress
        for member, (end, text) in OF_A_FILE.items():
            gauge = GaugeMetricFamily(f"pulse_{end}", text, labels=["path", "name"])
            for file in files:
                if file[member] is not None:
                    gauge.add_metric([file["path"], file["name"]], file[member])
            yield gauge
        yield GaugeMetricFamily("pulse_panel_viewers", "Streams that are open.", value=self._viewers)
        yield GaugeMetricFamily("pulse_panel_poll_duration_seconds", "The last poll.", value=self._state.seconds)
        yield CounterMetricFamily("pulse_panel_polls", "Polls of all files.", value=self._state.polls)
