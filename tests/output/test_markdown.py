"""A plan as Markdown: what GitHub's own renderer makes of it, and that it fits whatever the plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.operation import Subject
from portalctl.changes.operations import Change
from portalctl.changes.plan import BaseComparison, Notice, Plan, Refusal, UnruledGrant
from portalctl.changes.states import Status
from portalctl.output.escaping import markdown, markdown_words, terminal
from portalctl.output.html.plan import plan_html
from portalctl.output.markdown.plan import plan_markdown
from portalctl.reason import Reason
from tests.changes.build import whole_plan
from tests.conftest import Bench
from tests.output.hostile import HOSTILE
from tests.output.plans import everyday, refused, typed
from tests.output.reading import Page, rendered
from tests.plan_json import change_of, op_class_of

OURS = {
    "h2", "h3", "p", "strong", "code", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "details", "summary",
    "sub",
}  # fmt: skip
# What GitHub or GitLab makes a link, a mention or a sign of in a page's text.
ACTIVE = re.compile(r"[@#~%$&<>\[\]`*]|!\w|://|\bwww\.\w|\b[0-9a-f]{7,40}\b|\bGH-\d|:\w+:")
TYPED = st.sampled_from([*HOSTILE, "`" * 100, "a" + "`" * 45 + "<b>"]) | st.lists(
    st.sampled_from([*"`|\\<>[]()!*_~#@:&;$ \n-", "&#124;", "www.", "http://x.y", "x@y.z", "a", "1."])
    | st.text(st.characters(), max_size=3),
    max_size=8,
).map("".join)


def assert_inert(page: Page) -> None:
    assert page.tags <= OURS
    assert not page.comments
    assert all(not attrs for _, attrs in page.elements)
    assert [text for text in page.loose if ACTIVE.search(re.sub("⚠|`{40,}", "", text))] == []


@given(TYPED)
def test_a_piece_is_code_and_the_same_text(text: str) -> None:
    page = rendered(f"x {markdown(text)} y")
    assert page.tags <= {"p", "code"}
    assert page.text == f"x {terminal(text)} y\n"
    assert {char for loose in page.loose for char in re.sub("`{40,}", "", loose)} <= set("x |y\n")


@given(TYPED, TYPED)
def test_a_piece_stays_in_its_cell(text: str, other: str) -> None:
    page = rendered(f"| a | b |\n| --- | --- |\n| {markdown(text)} | {markdown(other)} |\n")
    assert [tag for tag, _ in page.elements].count("td") == 2
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert page.text.split() == ["a", "b", *terminal(text).split(), *terminal(other).split()]


@given(TYPED)
def test_a_sentence_is_inert_and_says_the_same(text: str) -> None:
    for before, after in (("", ""), ("- ", ""), ("said: ", "."), ("| a |\n| --- |\n| ", " |")):
        page = rendered(f"{before}{markdown_words(text)}{after}\n")
        assert page.tags <= {"p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
        assert [loose for loose in page.loose if ACTIVE.search(re.sub("`{40,}", "", loose))] == []
        assert " ".join(terminal(text).split()) in " ".join(page.text.split())


def test_plain_sentences_stay_plain() -> None:
    said = '3 sign-ups, and (1,234) others; nobody\'s: "done".'
    assert markdown_words(said) == said
    assert markdown_words("Left the club, HR-4711") == "Left the club, `HR-4711`"


def test_everything_that_was_typed_is_inert_in_the_whole_document() -> None:
    page = rendered(plan_markdown(typed(), most=10_000_000))
    assert_inert(page)
    shown = " ".join(page.text.split())
    for text in HOSTILE:
        assert shown.count(" ".join(terminal(text)[:15].split())) >= 8


def test_what_matters_most_comes_first_and_is_never_collapsed() -> None:
    text = plan_markdown(whole_plan(refused(everyday())))
    order = ["## Portal access", "### Refused", "### Removals", "### ⚠ Warnings", "<details>", "<summary>Grants"]
    assert sorted(order, key=text.index) == order


def test_every_row_is_below_its_rule_and_its_place() -> None:
    text = plan_markdown(whole_plan(everyday()))
    blocks = [block.split("\n") for block in text.split("\n\n") if re.match(r"`portals/.*\n- ", block)]
    assert sum(len(rows) for _, *rows in blocks) == 12
    assert all(re.match(r"`portals/partners\.yaml:\d+` \w", rule) for rule, *_ in blocks)


def counted(text: str) -> int:
    """Rows that are there, and rows that are said to be missing."""
    rows = sum(
        bool(re.match(r"- (team )?`[^`]*`: (pending|approved|joins|leaves|new|created|description)", line))
        for line in text.splitlines()
    )
    said = re.findall(r"\*\*([\d,]+) more\*\* (?:grants|removals|other changes|developers and teams)", text)
    return rows + sum(int(number.replace(",", "")) for number in said)


def shrunk(plan: Plan, most: int) -> str:
    text = plan_markdown(plan, most=most)
    assert len(text.encode()) <= most
    return text


@pytest.mark.slow
@pytest.mark.parametrize("most", [4_000, *(pytest.param(most, marks=pytest.mark.slow) for most in (20_000, 60_000))])
def test_a_large_plan_fits_and_counts_what_is_missing(most: int) -> None:
    text = shrunk(whole_plan(everyday(500)), most)
    assert counted(text) == 1_000 + 6
    assert "`peter@arsenal.com`" in text
    assert "`bob@x.org`" in text
    assert len(text.encode()) > most - 1_000
    assert_inert(rendered(text))


@pytest.mark.slow
def test_grants_fall_out_before_warnings_and_removals_last() -> None:
    plan = typed([f"w{number:03}" for number in range(100)])
    small, large = shrunk(plan, 10_000), shrunk(plan, 37_000)
    assert "### Removals\n\n- approved → revoked: `w000`, `w001`" in small
    assert "`w099`" in small
    assert counted(large) == 300
    assert large.count("→ revoked") == 100
    assert "more** grants" in large


def test_a_long_row_is_shortened_and_crowds_out_no_other() -> None:
    text = shrunk(typed(["x" * 7_000, "small"]), 60_000)
    assert "- `small`: approved → revoked" in text
    assert re.search(r"- `x+…`: approved → revoked", text)
    assert "more** removals" not in text


WORST = {
    "invisible": "\u200b",
    "pipes": "|",
    "backticks": "`",
    "marks": "e\u0301\u0302\u0303",
    "emoji": "\U0001f469\u200d\U0001f4bb",
    "ideographs": "漢",
    "tags": "\U000e0041",
    "quotes": '"<&',
}


@pytest.mark.wide(2)
@pytest.mark.parametrize("sign", WORST)
def test_three_team_names_of_250_characters_hide_nobody(sign: str) -> None:
    name = (WORST[sign] * 250)[:249]
    why = (
        Reason("overrides", "x", f"{name}.yaml", 3, name * 4),
        Reason("trusted_domains", name, f"{name}.yaml", 3, name),
    )
    anna = Subject("anna@city.example", "anna")
    leaves = tuple(
        change_of(
            f"r:{n}", "remove_member", "offboard", anna, f"{name}{n}", {"member": True}, {"member": False}, why * 5
        )
        for n in range(3)
    )
    text = plan_markdown(whole_plan(replace(everyday(0), changes=leaves)))
    page = rendered(text)
    assert_inert(page)
    assert "anna@city.example" in page.text
    assert "more** removals" not in text
    assert len(text.encode()) < 6_000


def removed(count: int, who: str = "dev{:05}@city.example", reason: str = "left") -> Plan:
    changes = tuple(
        change_of(
            f"revoke:{number}", "revoke", "offboard", Subject(who.format(number), f"id-{number}"), None,
            {"status": "approved"}, {"status": "revoked"},
            (Reason("overrides", "x", "portals/p.yaml", number, reason),),
        )
        for number in range(count)
    )  # fmt: skip
    return whole_plan(replace(everyday(400), changes=(*everyday(400).changes, *changes)))


@pytest.mark.slow
def test_a_thousand_removals_are_all_named() -> None:
    text = shrunk(removed(1_000), 60_000)
    assert all(f"`dev{number:05}@city.example`" in text for number in range(1_000))
    assert_inert(rendered(text))


@pytest.mark.slow
@pytest.mark.parametrize("count", [3_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_of_more_removals_than_fit_the_rest_is_counted_exactly(count: int) -> None:
    text = shrunk(removed(count), 60_000)
    named = {number for number in range(count) if f"`dev{number:05}@city.example`" in text}
    (said,) = re.findall(r"\*\*([\d,]+) more\*\* developers and teams with removals\. `portalctl plan", text)
    others = 2 - sum(f"`{who}`" in text for who in ("peter@arsenal.com", "bob@x.org"))
    assert named == set(range(len(named)))
    assert len(named) + int(said.replace(",", "")) == count + others
    assert text.index("### Removals") < min(text.index("more** grants"), text.index("more** other changes"))


@given(st.lists(TYPED, min_size=1, max_size=30, unique=True), TYPED, st.integers(4_000, 60_000))
def test_who_loses_something_is_named_or_counted(people: list[str], reason: str, most: int) -> None:
    people = [f"{number} {text}" for number, text in enumerate(people)]
    changes = tuple(
        change_of(
            f"revoke:{number}", "revoke", "offboard", Subject(who, f"id-{number}"), None,
            {"status": "approved"}, {"status": "revoked"}, (Reason("overrides", who, f"{who}.yaml", 1, reason * 20),),
        )
        for number, who in enumerate(people)
    )  # fmt: skip
    text = shrunk(whole_plan(replace(everyday(3), changes=(*everyday(3).changes, *changes))), most)
    missing = [who for who in (*people, "peter@arsenal.com", "bob@x.org") if markdown(who, most=400) not in text]
    said = re.findall(r"\*\*([\d,]+) more\*\* developers and teams with removals", text)
    assert sum(int(count.replace(",", "")) for count in said) == len(missing)
    assert_inert(rendered(text))


@given(TYPED.map(lambda text: text * 20), st.integers(20, 200))
def test_shortened_text_is_within_its_limit_and_inert(text: str, most: int) -> None:
    for safe in (markdown, markdown_words):
        shown = safe(text, most)
        assert len(shown.encode()) <= most
        assert shown == safe(text) or shown.rstrip("`) ").endswith("…")
        page = rendered(f"x {shown} y")
        assert page.tags <= {"p", "code"}


def test_portals_that_lose_something_are_shown_before_others() -> None:
    quiet = replace(everyday(1), changes=(), summary={**everyday(1).summary, "removals": 0})
    named = [replace(quiet, name=f"portal-{number}") for number in range(60)]
    text = shrunk(whole_plan(*named, replace(everyday(1), name="zebra")), 8_000)
    assert "`zebra`" in text
    assert text.count("## Portal access") + int(re.findall(r"\*\*(\d+) more\*\* portals", text)[0]) == 61


@given(st.lists(TYPED, max_size=4), st.sampled_from([4_000, 8_000]))
def test_any_plan_fits(texts: list[str], most: int) -> None:
    plan = typed(texts)
    portals = [replace(plan.portals[0], name=text or "x", server=f"https://{len(text)}") for text in texts]
    whole = replace(plan, portals=tuple(portals), generator="g" * 3000)
    assert_inert(rendered(shrunk(whole, most)))


SECTIONS = {  # how a section that lost rows says so, most important first
    "removes": "developers and teams with removals",
    "refusals": "refusals",
    "unruled": "developers without a rule",
    "prevented": "prevented changes",
    "warnings": "warnings",
    "grants": "grants",
    "notes": "notes",
}
SIZES = st.fixed_dictionaries({name: st.sampled_from([0, 1, 30]) for name in SECTIONS})


def of_sizes(count: dict[str, int], length: int) -> Plan:
    """So many of each; every text in it has `length` characters and tells its section and number."""

    def texts(name: str) -> list[str]:
        return [f"{name}-{number:05}-{'x' * length}" for number in range(count[name])]

    def changes(name: str, op: str, before: Status, after: Status) -> tuple[Change, ...]:
        states = {"status": before}, {"status": after}
        return tuple(
            change_of(
                text,
                op,
                op_class_of(op),
                Subject(text, text),
                None,
                *states,
                (Reason("overrides", text, "f", 1, text),),
            )
            for text in texts(name)
        )

    why = (Reason("trusted_domains", "x.org", "f.yaml", 1),)
    base = BaseComparison(
        changes("prevented", "approve", "pending", "approved"),
        tuple(UnruledGrant(Subject(text, text), None, why) for text in texts("unruled")),
    )
    notices = [Notice("code", "warning", text) for text in texts("warnings")]
    notices += [Notice("code", "info", text) for text in texts("notes")]
    nothing = {"mails": 0, "removals": 0, "unmanaged": 0, "awaited": 0}
    takes, gives = (
        changes("removes", "revoke", "approved", "revoked"),
        changes("grants", "approve", "pending", "approved"),
    )
    refusals = tuple(Refusal("removals", text) for text in texts("refusals"))
    given = replace(
        everyday(0), changes=takes + gives, refusals=refusals, notices=tuple(notices), summary=nothing, base=base
    )
    return whole_plan(given)


def assert_counted(count: dict[str, int], length: int, most: int) -> None:
    text = shrunk(of_sizes(count, length), most)
    shown = {name: len(set(re.findall(rf"{name}-(\d{{5}})-", text))) for name in SECTIONS}
    missing = {what: int(n.replace(",", "")) for n, what in re.findall(r"\*\*([\d,]+) more\*\* ([a-z ]+)[.\n]", text)}
    said = {name: missing.get(words, 0) for name, words in SECTIONS.items()}
    assert {name: shown[name] + said[name] for name in SECTIONS} == count
    if length < most // 40:  # else the removals take a compact form
        whole = list(takewhile(lambda name: shown[name] == count[name], SECTIONS))
        assert not any(shown[name] for name in list(SECTIONS)[len(whole) + 1 :]), "rows fall out from the end"


@given(SIZES, st.sampled_from([0, 60]), st.sampled_from([4_000, 20_000]))
def test_any_numbers_fit_and_what_is_missing_is_counted_exactly(
    count: dict[str, int], length: int, most: int
) -> None:
    assert_counted(count, length, most)


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 200, 5_000, 70_000])
def test_thousands_of_everything_fit(length: int) -> None:
    number = 3_000 if length < 5_000 else 15
    assert_counted(dict.fromkeys(SECTIONS, number), length, 60_000)


def test_nothing_to_do_is_short() -> None:
    base = everyday(0)
    text = plan_markdown(whole_plan(replace(base, changes=(), notices=(), summary={**base.summary, "removals": 0})))
    assert ": nothing to do\n" in text
    assert "###" not in text


@pytest.mark.parametrize("form", [plan_html, lambda plan: plan_markdown(plan, most=10_000_000)])
def test_a_document_in_a_log_starts_no_workflow_command(form: Callable[[Plan], str]) -> None:
    shown = form(typed([*HOSTILE[::5], "::error::x", "##[error]x", "##vso[task]", "#", "[x]", ":", ":error::x"]))
    assert not re.search(r"^\s*::|##(\[|vso)", shown, re.MULTILINE)
    assert all(sign == "\n" or sign.isprintable() for sign in shown)


def test_the_command_line_shows_a_refused_plan_and_refuses(bench: Bench) -> None:
    bench.people(pending=["ann@club.example"], approved=["bob@x.org"])
    bench.manifest(
        "trusted_domains: [club.example]\nprotected: [bob@x.org]\n"
        "overrides: [{developer: bob@x.org, status: revoked, reason: left}]\n"
    )
    done = bench.run("plan", "-o", "markdown")
    assert done.code == 3
    assert done.out.startswith("## Portal access · `partners`: refused\n")
    assert "- ✗ `bob@x.org` is protected" in done.out
