"""Drift as Markdown, judged by GitHub's own renderer."""

from __future__ import annotations

from dataclasses import replace

import cmarkgfm

from portalctl.changes.plan import Notice
from portalctl.insight.drift import Acknowledged, DriftFinding, Kind, PortalDrift
from portalctl.output.documents import Drift
from portalctl.output.markdown.drift import drift_markdown
from portalctl.output.text.drift import drift_text
from portalctl.output.text.style import Style
from portalctl.reason import Reason
from tests.output.hostile import HOSTILE

WHY = Reason("overrides", "ann@x.org", "portals/partners.yaml", 7, "Left")


def finding(kind: Kind, who: str = "ann@x.org", fingerprint: str = "f0123456789ab") -> DriftFinding:
    return DriftFinding(kind, who, None, "approved", "revoked", WHY, "1", fingerprint)


def portal(*findings: DriftFinding, acknowledged: tuple[Acknowledged, ...] = ()) -> PortalDrift:
    return PortalDrift(
        "partners",
        "konnect",
        "p",
        "https://eu.api.konghq.com",
        "2026-06-15T08:00:00Z",
        1234,
        {},
        7,
        findings,
        acknowledged,
    )


def shown(*portals: PortalDrift, notices: tuple[Notice, ...] = (), most: int = 60_000) -> str:
    return drift_markdown(Drift(portals=portals, notices=notices, generator="portalctl 0.0"), most=most)


def test_what_counts_is_open_and_the_rest_collapsed() -> None:
    known = Acknowledged(finding("withheld", "eve@x.org"), "agreed", None, "known.yaml", 3)
    notice = Notice("acknowledgement_ended", "warning", "it ended", file="known.yaml", line=5)
    text = shown(portal(finding("unexpected_grant"), finding("backlog"), acknowledged=(known,)), notices=(notice,))
    open_part, _, collapsed = text.partition("<details>")
    assert open_part == (
        "## Portal drift · `partners`: 1 difference (1 unexpected grant)\n\n"
        "konnect · `eu.api.konghq.com` · 1,234 developers\n\n"
        "| kind | developer or team | on the portal | rule | finding |\n| --- | --- | --- | --- | --- |\n"
        "| unexpected grant | `ann@x.org` | approved; expected: revoked | `portals/partners.yaml:7` override: "
        '"Left" | `f0123456789ab` |\n\n'
    )
    assert "Acknowledged: 1" in collapsed
    assert "`known.yaml:3`" in collapsed
    assert "Not drift: 1 sign-up pending" in collapsed
    assert "- ⚠ it ended `known.yaml:5`\n" in collapsed


def test_nothing_found_is_said() -> None:
    assert shown(portal()).startswith("## Portal drift · `partners`: no drift\n\n")
    assert shown(portal(finding("backlog"))).startswith("## Portal drift · `partners`: no drift\n\n")


def test_it_keeps_to_its_limit_and_what_counts_falls_out_last() -> None:
    many = [finding("unruled_grant", f"p{number}@x.org", f"f{number:012}") for number in range(200)]
    waiting = [finding("backlog", f"w{number}@x.org", f"f1{number:011}") for number in range(3000)]
    text = shown(portal(*many, *waiting))
    assert len(text.encode()) <= 60_000
    assert text.count("| unruled grant |") == 200
    left = 3000 - text.count("| backlog |")
    assert f"**{left:,} more** pending sign-ups" in text
    tight = shown(portal(*many), most=5_000)
    assert len(tight.encode()) <= 5_000
    assert f"**{200 - tight.count('| unruled grant |')} more** findings" in tight


def test_what_strangers_typed_stays_inert() -> None:
    def typed(text: str) -> PortalDrift:
        one = replace(finding("withheld", text), team=text, live=text, wanted=text, why=replace(WHY, value=text))
        return replace(portal(one), acknowledged=(Acknowledged(one, text, None, text, 1),))

    portals = tuple(typed(text) for text in HOSTILE)
    notices = tuple(Notice("code", "warning", text, file=text, line=1) for text in HOSTILE)
    document = Drift(portals=portals, notices=notices)
    text = drift_markdown(document, most=10**7)
    html = cmarkgfm.github_flavored_markdown_to_html(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert html.count("<tr>") == 4 * len(HOSTILE)  # two tables of a head and a row each
    plain = drift_text(document, Style(width=200))
    assert all(line.isprintable() and "::" not in line for line in plain.splitlines())
