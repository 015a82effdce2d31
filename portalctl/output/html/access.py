"""An access review as one HTML file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from portalctl.insight.access_review import REMARKS, Access, AccessReview, DatedReason, Membership, PortalAccess
from portalctl.output import view_model
from portalctl.output.escaping import html
from portalctl.output.html.frame import code, document
from portalctl.words import moment, plural

COLUMNS = ("Who", "Status", "Since", "Teams", "By which rule", "Override")


def access_html(review: AccessReview) -> str:
    """Everybody of every portal, in ASCII; a row for each developer."""
    names = ", ".join(portal.name for portal in review.portals)
    sections = [line for number, portal in enumerate(review.portals) for line in _portal(portal, f"portal-{number}")]
    return document(
        f"{html(names)}: access review",
        "Portal access: who has what",
        f"manifest {view_model.digest_words(review.manifest, code)} · made {html(moment(review.created_at))}"
        f" · {html(review.generator)}",
        sections,
    )


def _portal(portal: PortalAccess, anchor: str) -> Iterator[str]:
    there = sum(each.status != "absent" for each in portal.developers)
    facts = [html(portal.provider), code(urlsplit(portal.server).netloc), plural(there, "developer")]
    yield f'<section aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{html(portal.name)}</h2>'
    yield f'<p class="quiet">{" · ".join([*facts, f"read {html(moment(portal.observed_at))}"])}</p>'
    yield from _counts(portal)
    yield '<table class="people-table">'
    yield "<caption>Developers</caption>"
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    yield f"<thead><tr>{heads}</tr></thead>"
    yield from ("<tbody>", *map(_row, portal.developers), "</tbody>", "</table>", "</section>")


def _counts(portal: PortalAccess) -> Iterator[str]:
    statuses = Counter(each.status for each in portal.developers if each.status != "absent")  # that is a remark too
    remarks = Counter(remark for each in portal.developers for remark in each.remarks)
    yield '<ul class="counts">'
    yield from (f"<li><b>{count:,}</b> {html(status)}</li>" for status, count in sorted(statuses.items()))
    yield from (
        f'<li class="takes"><b>{remarks[remark]:,}</b> {remark}: {words}</li>'
        for remark, words in REMARKS.items()
        if remarks[remark]
    )
    yield "</ul>"


def _row(person: Access) -> str:
    names = [code(person.developer), *([html(person.full_name)] if person.full_name else [])]
    remarks = [f'<span class="state refused">{remark}</span>' for remark in person.remarks]
    cells = (
        "<br>".join([*names, *remarks]),
        html(person.status),
        html(moment(person.since)) if person.since else "",
        "<br>".join(map(_membership, person.teams)),
        "<br>".join(map(_rule, person.why)),
        _override(person),
    )
    named = (f'<td data-column="{name}">{cell}</td>' for name, cell in zip(COLUMNS, cells, strict=True))
    return "".join(["<tr>", *named, "</tr>"])


def _membership(membership: Membership) -> str:
    rules = ", ".join(f"<code>{_place(each)}</code>" for each in membership.why)
    return f"{code(membership.team)}: {rules or 'no rule'}"


def _rule(grant: DatedReason) -> str:
    origin = f" · {code(grant.origin.commit[:12])} {html(grant.origin.author)}" if grant.origin else ""
    reason = f": “{html(grant.reason)}”" if grant.reason else ""
    expires = f" until {grant.expires}" if grant.expires else ""
    return f"<code>{_place(grant)}</code> {view_model.rule(grant, html)}{expires}{reason}{origin}"


def _override(person: Access) -> str:
    """What it says and until when; where it is not the rule beside it, also which it is."""
    override = person.override
    if override is None:
        return ""
    status = html(override.status or "teams only")
    if override.why not in person.why:
        return f"{status}<br>{_rule(override.why)}"
    return f"{status} until {override.why.expires}" if override.why.expires else status


def _place(grant: DatedReason) -> str:
    return html(view_model.place(grant) or "built-in default")
