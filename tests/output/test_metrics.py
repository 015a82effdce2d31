"""Metrics by the exposition format, read by a small strict parser."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from portalctl.insight.drift import KINDS, Acknowledged, DriftFinding, Kind, PortalDrift
from portalctl.output.metrics import drift_metrics

NOW = datetime(2026, 6, 15, 8, tzinfo=UTC)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


def parsed(text: str) -> Samples:
    """The samples of a file that node-exporter takes: each family once, HELP and TYPE first, no time, no repeats."""
    assert text.endswith("\n")
    assert "\r" not in text
    found: Samples = {}
    families: list[str] = []
    lines = text[:-1].split("\n")
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("# HELP "):
            families.append(line.split(" ", 3)[2])
            assert len(families) == len(set(families))
        elif line.startswith("# TYPE "):
            assert before.startswith(f"# HELP {families[-1]} ")
            assert line == f"# TYPE {families[-1]} gauge"
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert sample[1] == families[-1]
            labels = tuple(_LABEL.findall(sample[2] or ""))
            assert "".join(f'{name}="{value}",' for name, value in labels) == (f"{sample[2]}," if sample[2] else "")
            assert len(dict(labels)) == len(labels)
            assert (sample[1], labels) not in found
            found[sample[1], labels] = float(sample[3])
    return found


def finding(kind: Kind) -> DriftFinding:
    return DriftFinding(kind, "ann@x.org", None, "approved", "no rule", None)


def portal(name: str = "partners", **statuses: int) -> PortalDrift:
    known = (Acknowledged(finding("withheld"), "agreed", None, "known.yaml", 3),)
    found = (finding("setting"), finding("setting"), finding("backlog"))
    developers = sum(statuses.values())
    return PortalDrift(
        name, "konnect", "p", "https://x", "2026-06-15T08:00:00Z", developers, statuses, 7, found, known
    )


def test_what_a_run_tells() -> None:
    read = parsed(drift_metrics([portal(approved=3, pending=1), portal("others")], finished=NOW, throttles=2))
    here = ("portal", "partners")
    counts = {
        dict(labels)["kind"]: n
        for (name, labels), n in read.items()
        if name == "portalctl_drift_findings" and here in labels
    }
    assert counts == {kind: {"setting": 2, "backlog": 1}.get(kind, 0) for kind in KINDS}
    assert read["portalctl_drift_acknowledged", (here,)] == 1
    assert read["portalctl_developers", (here, ("status", "approved"))] == 3
    assert read["portalctl_api_calls", (here,)] == 7
    assert read["portalctl_throttles", ()] == 2
    assert read["portalctl_last_success_timestamp_seconds", (("portal", "others"),)] == NOW.timestamp()


@given(st.text(max_size=8))
@example('a"b\\c\nd')
@example("\ud800")
def test_no_status_breaks_the_file(status: str) -> None:
    read = parsed(drift_metrics([replace(portal(), statuses={status: 1})], finished=NOW, throttles=0))
    assert sum(name == "portalctl_developers" for name, _ in read) == 1


def test_no_family_without_samples() -> None:
    assert "portalctl_developers" not in drift_metrics([portal()], finished=NOW, throttles=0)
