"""What `/metrics` shows: the state of each portal, runs, changes, calls and pauses, as Prometheus metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portalctl.controller.models import PortalState, PortalView
from portalctl.controller.turn import RunOutcome
from portalctl.events import Event, Waiting
from portalctl.insight.drift import KINDS

STATES: Final = get_args(PortalState)


class Metrics(Collector):
    """Counts what happens, from any thread, and collects it with the views of now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._changes: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[str] = Counter()
        self._throttles: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self._requests: Counter[tuple[str, str]] = Counter()
        self._group_times: dict[str, datetime] = {}
        self._views: Mapping[str, PortalView] = {}
        self._manifest_good = 0.0

    def text(self, views: Mapping[str, PortalView], *, manifest_good: bool) -> str:
        """Return all metrics in the text format."""
        with self._lock:
            self._views, self._manifest_good = views, float(manifest_good)
            registry = CollectorRegistry(auto_describe=False)
            registry.register(self)
            return generate_latest(registry).decode()

    def ended(self, outcome: RunOutcome) -> None:
        """Count a run and its results."""
        record = outcome.record
        with self._lock:
            self._runs[record.portal, record.state] += 1
            self._calls[record.portal] += outcome.calls
            self._group_times |= outcome.group_times
            if record.ended_at is not None:
                self._seconds[record.portal] = (record.ended_at - record.started_at).total_seconds()
            for result in ("confirmed", "failed", "skipped", "unknown"):
                self._changes[record.portal, result] += getattr(record.counts, result)

    def event(self, portal: str, event: Event) -> None:
        """Count the pauses that a portal asked for."""
        if isinstance(event, Waiting):
            with self._lock:
                self._throttles[portal] += 1

    def request(self, kind: str, result: str) -> None:
        """Count a request to the API. `kind` and `result` are words of ours, never the sender's."""
        with self._lock:
            self._requests[kind, result] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the families; called by `text` under its lock."""
        yield from self._gauges(datetime.now(UTC))
        yield _counter("runs", "Runs by the state they ended in.", ("portal", "state"), self._runs)
        yield _counter("changes", "Changes sent, by result.", ("portal", "result"), self._changes)
        yield _counter("api_calls", "Requests to portals.", ("portal",), self._calls)
        yield _counter("throttles", "Pauses that a portal asked for.", ("portal",), self._throttles)
        yield _counter("requests", "Requests to this API, by kind and result.", ("kind", "result"), self._requests)

    def _gauges(self, now: datetime) -> Iterator[GaugeMetricFamily]:
        state = _gauge("portal_state", "1 for the state that the portal is in.", "state")
        drift = _gauge("drift_findings", "Differences between portal and manifest, by kind.", "kind")
        pending = _gauge("pending_developers", "Developers that wait for a decision.")
        oldest = _gauge("oldest_pending_seconds", "Age of the oldest pending sign-up.")
        middle = _gauge("pending_median_seconds", "Median age of the pending sign-ups.")
        held = _gauge("held_plans", "1 while changes wait for approval.")
        contested = _gauge("contested", "Developers and teams that another program changes back.")
        last = _gauge("last_run_timestamp_seconds", "When the last run ended.")
        for name, view in sorted(self._views.items()):
            for word in STATES:
                state.add_metric([name, word], float(view.state == word))
            for kind in KINDS if view.drift is not None else ():
                drift.add_metric([name, kind], view.drift.get(kind, 0) if view.drift is not None else 0)
            pending.add_metric([name], view.pending)
            for family, moment in ((oldest, view.oldest_pending), (middle, view.median_pending)):
                if moment is not None:  # none are pending, or the portal reports no times
                    family.add_metric([name], max(0.0, (now - moment).total_seconds()))
            held.add_metric([name], float(view.held is not None))
            contested.add_metric([name], view.contested)
            if view.last_run is not None:
                last.add_metric([name], view.last_run.timestamp())
        seconds = _gauge("run_duration_seconds", "Duration of the last run.")
        for name, duration in sorted(self._seconds.items()):
            seconds.add_metric([name], duration)
        manifest = GaugeMetricFamily("portalctl_manifest_good", "1 while the newest manifest is used.")
        manifest.add_metric([], self._manifest_good)
        ages = GaugeMetricFamily(
            "portalctl_directory_age_seconds", "Time since the groups of a directory were read.", labels=["directory"]
        )
        for name, moment in sorted(self._group_times.items()):
            ages.add_metric([name], max(0.0, (now - moment).total_seconds()))
        yield from (ages, state, drift, pending, oldest, middle, held, contested, last, seconds, manifest)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"portalctl_{name}", text, labels=("portal", *labels))


def _counter(
    name: str, text: str, labels: tuple[str, ...], counts: Mapping[str, int] | Mapping[tuple[str, str], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"portalctl_{name}", text, labels=labels)
    items: Iterable[tuple[str | tuple[str, str], int]] = counts.items()
    for key, count in sorted(items, key=str):
        family.add_metric([key] if isinstance(key, str) else list(key), count)
    return family
