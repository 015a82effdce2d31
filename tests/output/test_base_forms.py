"""A plan beside that of its base, as people read it, word for word. After a change that is meant:
`pytest tests/output/test_base_forms.py --snapshot-update`, and read the difference."""

from __future__ import annotations

from dataclasses import replace

import cmarkgfm
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from portalctl.changes.plan import BaseComparison, Plan, PortalPlan, UnruledGrant
from portalctl.manifest.model import Policy, RemovalLimits
from portalctl.output.html.plan import plan_html
from portalctl.output.markdown.plan import plan_markdown
from portalctl.output.text.plan import plan_text
from portalctl.output.text.style import Style
from tests.changes.build import developer, override, portal, snapshot, team, trusted, whole_plan
from tests.insight.test_base import compared
from tests.output.hostile import HOSTILE
from tests.output.plans import typed


class TextFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


class MarkdownFile(TextFile):
    file_extension = "md"


def reviewed(partners: int = 3) -> PortalPlan:
    """Something of everything a change of the manifest can do."""
    strict = Policy(limits=RemovalLimits(removals=0))
    leaver = override("peter@arsenal.com", "revoked")
    base = portal(
        policy=strict,
        trusted_domains=(trusted("old.com", "reds"), trusted("city.com")),
        teams=(team("reds"),),
        overrides=(leaver,),
    )
    head = portal(
        policy=strict,
        trusted_domains=(trusted("new.com", line=12), trusted("city.com", line=13)),
        teams=(team("reds"),),
        overrides=(leaver,),
    )
    names = [f"p{number:02}@old.com" for number in range(partners)]
    live = snapshot(
        *(developer(name) for name in names),
        developer("peter@arsenal.com"),
        developer("wait@old.com", "pending"),
        developer("ann@city.com", "pending"),
        developer("joe@new.com", "pending"),
        teams={"reds": names},
    )
    return compared(base, head, live)


def fixed(given: PortalPlan) -> Plan:
    return replace(whole_plan(given), digest=f"sha256:{'0' * 64}")


@pytest.mark.parametrize("width", [80, 160])
def test_text(snapshot: SnapshotAssertion, width: int) -> None:
    assert plan_text(fixed(reviewed()), Style(width=width)) == snapshot.use_extension(TextFile)


def test_markdown(snapshot: SnapshotAssertion) -> None:
    assert plan_markdown(fixed(reviewed())) == snapshot.use_extension(MarkdownFile)


def test_a_page_has_them_too() -> None:
    page = plan_html(fixed(reviewed(1)))
    for shown in (
        "<h3>1 developer stays approved without a rule</h3>",
        "<code>p00@old.com</code> stays approved, in <code>reds</code>",
        "<h3>Prevented by this change</h3>",
        "<code>wait@old.com</code> pending &#8594; approved, joins <code>reds</code>",
        "policy.limits.removals is 0 (not from this change)",
        "1 from this change, 2 not from this change",
    ):
        assert shown in page


def moved(sole: str = "team") -> Plan:
    """`ann` is trusted still, and in the old team by no rule; with `both`, another has lost every rule."""
    others = (trusted("old.com"),) if sole == "both" else ()
    teams = (team("reds"), team("blues"))
    base = portal(trusted_domains=(trusted("city.com", "reds"), *others), teams=teams)
    head = portal(trusted_domains=(trusted("city.com", "blues"),), teams=teams)
    people = (developer("ann@city.com"), developer("bob@old.com"))
    live = snapshot(*people, teams={"reds": ["ann@city.com"], "blues": ["ann@city.com"]})
    return fixed(compared(base, head, live))


def test_who_is_in_a_team_by_no_rule_is_told_how_to_leave_it_and_nothing_worse() -> None:
    for text in (plan_text(moved(), Style(width=200)), plan_markdown(moved()), plan_html(moved())):
        assert "1 developer stays in a team without a rule" in text
        assert "last rule" not in text
        assert "denied_domains" not in text
        assert "membership: exclusive" in text


def test_who_lost_every_rule_and_who_is_in_a_team_by_none_are_counted_apart() -> None:
    text = plan_text(moved("both"), Style(width=200))
    assert "1 developer stays approved without a rule, 1 developer stays in a team without a rule" in text
    assert (
        "denied_domains, or an override with status: revoked. To remove developers from a team, write membership: "
        in text
    )


def test_whoever_stays_live_is_never_folded_or_collapsed() -> None:
    plan = fixed(reviewed(100))
    text = plan_text(plan, Style(width=160))
    shown = plan_markdown(plan).split("<details>")[0]
    for form in (text, shown):
        assert all(f"p{number:02}@old.com" in form for number in range(100))
        assert "100 developers" in form
    cut = plan_markdown(plan, most=4_000)
    assert len(cut.encode()) <= 4_000
    assert "more** developers without a rule" in cut


def test_what_strangers_typed_stays_inert() -> None:
    (one,) = typed().portals
    people = [change for change in one.changes if change.developer is not None]
    kept = [UnruledGrant(each.developer, each.team, each.why) for each in people if each.developer is not None]
    plan = whole_plan(replace(one, base=BaseComparison(one.changes, tuple(kept))))
    html = cmarkgfm.github_flavored_markdown_to_html(plan_markdown(plan, most=10**7))
    assert not [mark for mark in ("<script", "<img", "<a ") if mark in html]
    page = plan_html(plan)
    assert not [mark for mark in ("<img", "<a ", "<script>alert") if mark in page]
    text = plan_text(plan, Style(width=200, verbose=True))
    assert all(line.isprintable() and "::" not in line for line in text.splitlines())
    assert text.count("stays approved") == len(HOSTILE)
