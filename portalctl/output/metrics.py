"""A drift run as metrics for the textfile collector of Prometheus' node-exporter.

prometheus-client writes the text format (https://prometheus.io/docs/instrumenting/exposition_formats/). All metrics
are gauges, because each run replaces the file. They have no timestamps, which the collector would reject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from portalctl.insight.drift import KINDS, PortalDrift
from portalctl.insight.recorded_changes import kinds_of
from portalctl.output.escaping import terminal


def drift_metrics(portals: Sequence[PortalDrift], *, finished: datetime, throttles: int) -> str:
    """Return the metrics of a drift run.

    Args:
        finished: the time at which all portals had been read.
        throttles: the number of pauses because a portal returned 429.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_DriftCollector(portals, finished, throttles))
    return generate_latest(registry).decode()


class _DriftCollector(Collector):
    """Collects the metrics of a run, without those that have no samples."""

    def __init__(self, portals: Sequence[PortalDrift], finished: datetime, throttles: int) -> None:
        self._portals = portals
        self._finished = finished
        self._throttles = throttles

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics with samples. Label values are printable ASCII, whatever the portal returned."""
        throttles = _family("throttles", "Pauses in the last run because a portal returned 429.")
        throttles.add_metric([], self._throttles)
        yield from (family for family in (*self._by_portal(), throttles) if family.samples)

    def _by_portal(self) -> tuple[GaugeMetricFamily, ...]:
        findings = _family(
            "drift_findings", "Differences between portal and manifest by kind, without acknowledged ones.", "kind"
        )
        known = _family("drift_acknowledged", "Acknowledged differences between portal and manifest.", "portal")
        developers = _family("developers", "Developers on the portal by status.", "status")
        calls = _family("api_calls", "Requests that reading the portal took in the last run.", "portal")
        success = _family(
            "last_success_timestamp_seconds", "When the portal was last read and compared completely.", "portal"
        )
        oldest = _family("pending_oldest_seconds", "Age of the oldest pending sign-up.", "portal")
        middle = _family("pending_median_seconds", "Median age of the pending sign-ups.", "portal")
        manual = _family(
            "manual_changes", "Manual changes of the last 7 days, as the vendor's log has them.", "principal"
        )
        for portal in self._portals:
            name = terminal(portal.name)
            count = Counter(finding.kind for finding in portal.findings)
            for kind in sorted(KINDS):
                findings.add_metric([name, kind], count[kind])
            for status, number in sorted(portal.statuses.items()):
                developers.add_metric([name, terminal(status)], number)
            for principal, number in kinds_of(portal.recorded).items() if portal.unrecorded is None else ():
                manual.add_metric([name, principal], number)
            known.add_metric([name], len(portal.acknowledged))
            if portal.pending is not None:
                oldest.add_metric([name], portal.pending.oldest_seconds)
                middle.add_metric([name], portal.pending.median_seconds)
            calls.add_metric([name], portal.calls)
            success.add_metric([name], round(self._finished.timestamp()))
        return findings, known, developers, manual, oldest, middle, calls, success


def _family(name: str, text: str, label: str | None = None) -> GaugeMetricFamily:
    """Return a metric with the label `portal` and, if it is another one, `label`; None: without labels."""
    labels = [] if label is None else ["portal"] if label == "portal" else ["portal", label]
    return GaugeMetricFamily(f"portalctl_{name}", text, labels=labels)
