"""Masked addresses: nowhere in any form, the same person always the same, and never a plan to apply."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes import saved_plan
from portalctl.changes.operation import Subject
from portalctl.changes.plan import Notice, Plan, Refusal
from portalctl.changes.plan_document import to_json
from portalctl.errors import RefusedError
from portalctl.events import ChangeSettled, Sent
from portalctl.identity import normal_address
from portalctl.output.html.plan import plan_html
from portalctl.output.markdown.plan import plan_markdown
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask
from portalctl.output.text.plan import plan_text
from portalctl.output.text.style import Style
from tests.changes.build import whole_plan
from tests.conftest import Bench
from tests.output.plans import everyday, refused
from tests.plan_json import change_of

MASK = Mask(b"key")
FORMS: dict[str, Callable[[Plan], str]] = {
    "json": to_json,
    "text": lambda plan: plan_text(plan, Style(verbose=True)),
    "markdown": plan_markdown,
    "html": plan_html,
}
LOCAL = st.from_regex(r"[a-z0-9!$%*+=^_{|}~-][a-z0-9!$%&'*+/=?^_{|}~-]{0,9}(\.[a-z0-9]{1,3})?", fullmatch=True)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """With a person named in every kind of text there is."""
    base = refused(everyday())
    told = Notice("code", "warning", "no account with this address or id: Guest@Agency.example.", None)
    odd = Notice("code", "warning", "strange one@city.com: status 'x' is unknown", "strange one@city.com")
    guard = replace(base.guard, protected=("owner@example.com",))
    refusals = (*base.refusals, Refusal("protected", "strange one@city.com is protected", "strange one@city.com"))
    return whole_plan(replace(base, notices=(*base.notices, told, odd), guard=guard, refusals=refusals))


@pytest.mark.parametrize("form", FORMS)
def test_no_address_is_left_in_any_form(plan: Plan, form: str) -> None:
    shown = re.sub(r"'sha256-[^']+'", "", FORMS[form](masked(plan, MASK)))  # the page's policy holds any letters
    assert (
        re.findall(r"p00|p01|c00|strange|(?:peter|bob|wayne|throwaway|guest|owner|ann|no)@|x@c", shown.lower()) == []
    )
    left = re.findall(r"[\w.+-]+@[\w.-]+\w", shown)
    assert left
    assert [each for each in left if not re.fullmatch(r"dev-[0-9a-f]{8}@[\w.-]+", each)] == []


def test_a_person_has_one_mask_in_a_document(plan: Plan) -> None:
    portal = masked(plan, MASK).portals[0]
    bob = MASK("BOB@X.org")
    assert bob.endswith("@x.org")
    assert [change.id for change in portal.changes if change.developer and change.developer.id == MASK("bob")] == [
        f"remove_member:{bob}:gunners"
    ]
    assert [r for r in portal.refusals if r.developer == bob and r.message.startswith(f"{bob} is protected")]
    city = [change for change in portal.changes if change.developer and change.developer.id == MASK("c0")]
    assert {change.developer.email for change in city if change.developer} == {MASK("c00@city.com")}


def test_a_person_whose_address_is_none_is_masked_in_ids_too() -> None:
    who = Subject("odd one@x@mailinator.com", "odd")
    states = {"status": "pending"}, {"status": "rejected"}
    change = change_of(f"reject:{who.email}#odd", "reject", "offboard", who, None, *states, ())
    shown = masked(whole_plan(replace(everyday(0), changes=(change,))), MASK).portals[0].changes[0]
    assert shown.id == f"reject:{MASK('odd one@x@mailinator.com')}#{MASK('odd')}"
    assert shown.developer == Subject(MASK("odd one@x@mailinator.com"), MASK("odd"))


def test_a_person_to_be_invited_has_no_name_either() -> None:
    state: dict[str, str | bool | None] = {
        "status": "approved",
        "full_name": "Ann Oakley",
        "send_invitation_email": True,
    }
    who = Subject("ann@x.com", None)
    change = change_of("create_developer:ann@x.com", "create_developer", "onboard", who, None, None, state, ())
    shown = masked(whole_plan(replace(everyday(0), changes=(change,))), MASK)
    assert "Ann" not in to_json(shown)
    assert shown.portals[0].changes[0].after == state | {"full_name": MASK("Ann Oakley")}


def test_what_is_not_a_person_stays(plan: Plan) -> None:
    portal, shown = plan.portals[0], masked(plan, MASK).portals[0]
    assert [(c.op, c.team, c.before, c.after) for c in portal.changes] == [
        (c.op, c.team, c.before, c.after) for c in shown.changes
    ]
    assert [why.value for c in portal.changes for why in c.why if why.rule != "overrides"] == [
        why.value for c in shown.changes for why in c.why if why.rule != "overrides"
    ]
    assert (portal.summary, portal.server, portal.portal_id) == (shown.summary, shown.server, shown.portal_id)
    assert len({change.id for change in shown.changes}) == len(portal.changes)


def test_a_masked_plan_cannot_be_applied(plan: Plan) -> None:
    for mask in (MASK, Mask(b"key", lasting=False)):
        with pytest.raises(RefusedError, match="masked"):
            saved_plan.load(to_json(masked(plan, mask)).encode(), "plan.json")


@given(LOCAL, st.sampled_from(["{}", "ask {}.", "'{}'", "<{}>", "mailto:{}", "({}, x)", "{}; y", 'said "{}"!']))
def test_an_address_in_a_sentence_is_masked(local: str, sentence: str) -> None:
    address = f"{local}@example.org"
    assert normal_address(address)
    told = Notice("code", "info", sentence.format(address))
    base = everyday(0)
    mask = Mask(b"another key of the test")  # knows no address yet that this one could end in
    shown = masked(whole_plan(replace(base, notices=(told,))), mask).portals[0].notices[0].message
    assert shown == sentence.format(mask(address))


def test_an_event_names_nobody() -> None:
    sent = Sent("partners", "revoke:Ann@x.com", "Ann@x.com", "revoked")
    ann = MASK("ann@x.com")
    assert masked(sent, MASK) == Sent("partners", f"revoke:{ann}", ann, "revoked")
    told = ChangeSettled(
        "partners", "remove_member:odd one@x@y.com:a", "odd one@x@y.com", "left a", "failed", "of ann@x.com"
    )
    shown = masked(told, MASK)
    assert (shown.subject, shown.detail) == (MASK("odd one@x@y.com"), f"of {ann}")
    made = ChangeSettled("partners", "create_team:reds", "team reds", "created", "confirmed", "")
    assert masked(made, MASK) == made


def test_masks_depend_on_the_key() -> None:
    other = Mask(b"other")
    assert MASK("a@b.com") == Mask(b"key")("A@B.com") != other("a@b.com")
    assert len({MASK(f"p{number}@b.com") for number in range(2000)}) == 2000
    assert MASK("no address") == MASK("no address")
    assert "@" not in MASK("no address\ud800")


def test_the_command_line_masks_what_it_shows_and_not_what_it_saves(bench: Bench) -> None:
    bench.people(pending=["ann@club.example"], approved=["bob@x.org"])
    bench.manifest(
        "trusted_domains: [club.example]\noverrides: [{developer: bob@x.org, status: revoked, reason: left}]\n"
    )
    key = {"PORTALCTL_MASK_KEY": "s3cret" * 3}
    ann = Mask(b"s3cret" * 3)("ann@club.example")
    for form in ("text", "html"):
        done = bench.run("plan", "--mask-emails", "-o", form, "--out", "plan.json", **key)
        assert ann in done.out
        assert "ann@" not in done.out
        assert "bob@" not in done.out
    assert "ann@club.example" in (bench.folder.parent / "plan.json").read_text()
    first, second = (bench.run("plan", "--mask-emails", "-o", "json").json["portals"][0] for _ in range(2))
    assert first["changes"][0]["id"] != second["changes"][0]["id"]
