"""A drift run as metrics, for the textfile collector of Prometheus' node-exporter.

The text format is that of https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4. All are
gauges, since each run writes the file anew, and none has a time of its own, which the collector would refuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from portalctl.insight.drift import KINDS, PortalDrift
from portalctl.output.escaping import terminal

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Family:
    name: str
    help: str
    samples: Sequence[tuple[Labels, float]]


def drift_metrics(portals: Sequence[PortalDrift], *, finished: datetime, throttles: int) -> str:
    """`finished`: when the run had read every portal; `throttles`: how often it paused because a portal asked."""
    families = (
        _Family(
            "portalctl_drift_findings",
            "Places where portal and files disagree, by kind; acknowledged ones are not counted.",
            [sample for portal in portals for sample in _by_kind(portal)],
        ),
        _Family(
            "portalctl_drift_acknowledged",
            "Places where portal and files disagree that are acknowledged.",
            [(_of(portal), len(portal.acknowledged)) for portal in portals],
        ),
        _Family(
            "portalctl_developers",
            "Developers on the portal, by status.",
            [(_of(portal, status=s), count) for portal in portals for s, count in sorted(portal.statuses.items())],
        ),
        _Family(
            "portalctl_api_calls",
            "Requests that reading the portal took in the last run.",
            [(_of(portal), portal.calls) for portal in portals],
        ),
        _Family("portalctl_throttles", "Pauses in the last run that a portal asked for (429).", [({}, throttles)]),
        _Family(
            "portalctl_last_success_timestamp_seconds",
            "When the portal was last read and compared completely, whatever was found.",
            [(_of(portal), round(finished.timestamp())) for portal in portals],
        ),
    )
    return "".join(line for family in families for line in _lines(family))


def _by_kind(portal: PortalDrift) -> Iterable[tuple[Labels, float]]:
    count = Counter(finding.kind for finding in portal.findings)
    return ((_of(portal, kind=kind), count[kind]) for kind in sorted(KINDS))


def _of(portal: PortalDrift, **more: str) -> Labels:
    return {"portal": portal.name, **more}


def _lines(family: _Family) -> Iterable[str]:
    if family.samples:
        yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} gauge\n"
    for labels, value in family.samples:
        inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{family.name}{{{inside}}} {value}\n" if inside else f"{family.name} {value}\n"


def _escaped(text: str) -> str:
    return terminal(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
