"""A plan as one HTML file: complete, inert, and in need of nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.operation import Subject
from portalctl.changes.plan import Plan
from portalctl.output.escaping import terminal
from portalctl.output.html.chart import bars
from portalctl.output.html.plan import plan_html
from portalctl.reason import Reason
from tests.changes.build import developer, override, planned, portal, snapshot, whole_plan
from tests.output.hostile import HOSTILE
from tests.output.plans import everyday, refused, typed
from tests.output.reading import Page, read
from tests.output.test_base_forms import reviewed
from tests.plan_json import change_of

OURS = """
html head meta title style body header main footer h1 h2 h3 p a code span form label input select option button output
section ul li b div table caption thead tbody tr th td svg rect br details summary script
"""
ATTRIBUTES = """
lang charset http-equiv content name id class hidden type autocomplete spellcheck value role aria-label
aria-labelledby aria-hidden aria-sort scope colspan disabled data-ops data-teams data-rules viewbox width
preserveaspectratio height x
"""


def rows(page: Page) -> list[dict[str, str | None]]:
    return [attrs for tag, attrs in page.elements if tag == "tr" and "data-ops" in attrs]


def options(text: str, name: str) -> list[str]:
    found = re.search(rf'<select name="{name}">(.*?)</select>', text)
    assert found
    return re.findall(r'<option value="([^"]+)">', found[1])


def assert_inert(page: Page) -> None:
    assert page.tags <= set(OURS.split())
    assert {name for _, attrs in page.elements for name in attrs} <= set(ATTRIBUTES.split())
    assert [tag for tag, _ in page.elements if tag in {"script", "style"}] == ["style", "script"]
    assert not page.comments


def test_what_was_typed_is_text_and_all_of_it_is_there() -> None:
    page = read(plan_html(typed()))
    assert_inert(page)
    shown = " ".join(page.text.split())
    for text in HOSTILE:
        assert shown.count(" ".join(terminal(text).split())) >= 8


@given(st.lists(st.text(st.characters(), max_size=8) | st.sampled_from(HOSTILE), max_size=2))
def test_whatever_is_typed_adds_no_element(texts: list[str]) -> None:
    text = plan_html(typed(texts))
    page = read(text)
    assert_inert(page)
    assert len(rows(page)) == text.count("<tr class=") - text.count('<tr class="rule"')
    assert text.isascii()


def test_the_policy_lets_exactly_our_script_and_style_run() -> None:
    text = plan_html(whole_plan(everyday(1)))
    policy = next(a["content"] for tag, a in read(text).elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy
    assert text.index("Content-Security-Policy") < min(text.index("<style"), text.index("<script"))
    for tag in ("style", "script"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = plan_html(whole_plan(everyday()))
    assert not re.search(r"\b(src|href|action|srcset|style)=|url\(|@import|fetch|XMLHttp|innerHTML", text)


def test_every_change_has_a_row_that_the_filter_can_find() -> None:
    plan = whole_plan(everyday())
    text = plan_html(plan)
    page = read(text)
    assert len(rows(page)) == 12
    for name, attribute in (("ops", "data-ops"), ("teams", "data-teams"), ("rules", "data-rules")):
        offered = options(text, name)
        carried = {value for _, attrs in page.elements for value in (attrs.get(attribute) or "").split()}
        assert carried == set(offered)
        assert len(offered) == len(carried)
    assert [(row["data-ops"] or "").split()[0] for row in rows(page)][:2] == ["removes", "removes"]
    assert {op for row in rows(page) for op in (row["data-ops"] or "").split()} >= {
        c.op for c in plan.portals[0].changes
    }


def test_the_chart_says_its_numbers() -> None:
    page = read(plan_html(whole_plan(everyday(7))))
    assert "trusted domain city.com portals/partners.yaml:117 approved" in page.text
    assert "override portals/partners.yaml:501 loses" in page.text
    assert [attrs for tag, attrs in page.elements if tag == "rect" and attrs["class"] == "removes"]


def test_refusals_and_warnings_stand_before_the_changes() -> None:
    text = plan_html(whole_plan(refused(everyday())))
    order = [
        "refused</span>",
        "Refused: no changes",
        "--allow-removals 2",
        "<h3>Removals",
        "<h3>Warnings",
        "<caption>Developers approved",
        "<h3>Unchanged",
        "<form",
        "<caption>Changes",
    ]
    assert sorted(order, key=text.index) == order


def test_several_portals_share_one_page(plan_of_two: Plan) -> None:
    page = read(plan_html(plan_of_two))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids)) == 2
    assert {attrs["aria-labelledby"] for tag, attrs in page.elements if tag == "section"} == set(ids)


@pytest.fixture
def plan_of_two() -> Plan:
    return whole_plan(everyday(), replace(everyday(), name="staging"))


def test_what_is_taken_from_many_people_is_counted_before_the_table_and_listed_in_it() -> None:
    revoked = [override(f"p{number:02}@x.org", "revoked") for number in range(25)]
    live = snapshot(*(developer(each.developer) for each in revoked))
    page = read(plan_html(whole_plan(planned(portal(overrides=tuple(revoked)), live))))
    assert "5 more are at the top of the Changes table." in page.text
    assert len(rows(page)) == 25


def test_what_is_of_this_change_stands_first_and_can_be_chosen() -> None:
    text = plan_html(whole_plan(reviewed()))
    assert options(text, "ops")[2:4] == ["from-change", "from-pending"]
    shown = [(row["data-ops"] or "").split()[:2] for row in rows(read(text))]
    assert shown == [["removes", "from-pending"], ["grants", "from-change"], ["grants", "from-pending"]]


def test_every_control_has_a_label() -> None:
    text = plan_html(whole_plan(everyday()))
    assert text.count("<label") == len(re.findall(r"<(?:input|select)\b", text)) == 4
    assert len(re.findall(r"<label[^>]*>\w+ <(?:input|select)", text)) == 4


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3: of two `#rrggbb`."""

    def luminance(color: str) -> float:
        parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_can_be_read_on_every_ground(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", plan_html(whole_plan(everyday(0))), re.DOTALL)[scheme]
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for ink in ("ink", "quiet", "grants", "removes", "changes"):
        for ground in ("paper", "raised"):
            assert contrast(colors[ink], colors[ground]) >= 4.5
    for kind in ("grants", "removes", "changes"):
        assert contrast(colors[kind], colors[f"{kind}-soft"]) >= 4.5
        assert contrast(colors["ink"], colors[f"{kind}-soft"]) >= 4.5
        assert contrast(colors["quiet"], colors[f"{kind}-soft"]) >= 4.5
    for kind in ("grants", "removes"):
        assert contrast(colors[f"{kind}-bar"], colors["paper"]) >= 3, "WCAG 2.2, 1.4.11"


def test_the_chart_counts_people_once_and_no_requests_of_applications() -> None:
    why, who = (Reason("trusted_domains", "x.com", "x.yaml", 1),), Subject("ann@x.com", "ann")
    states = {"status": "pending"}, {"status": "approved"}
    changes = [
        change_of("1", "approve", "onboard", who, None, *states, why),
        change_of("2", "approve_request", "onboard", who, None, *states, why),
        change_of("3", "remove_member", "offboard", who, "reds", {"member": True}, {"member": False}, why),
        change_of("4", "remove_member", "offboard", who, "city", {"member": True}, {"member": False}, why),
    ]
    assert [(bar.approved, bar.lost) for bar in bars(changes)] == [(1, 1)]
