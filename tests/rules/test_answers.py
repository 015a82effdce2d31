"""What rules that map answers yield, with plain values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.difference import Difference
from portalctl.errors import InputError, PortalError, Position
from portalctl.manifest.answer_rules import TeamsBy
from portalctl.manifest.model import PortalManifest
from portalctl.portals.konnect.forms import LONGEST_VALUE, MOST_ANSWERS, parse_answers
from portalctl.portals.models import Developer, FormAnswer, FormField, SignUpForm, Snapshot
from portalctl.reason import Reason
from portalctl.rules.answers import check_form
from portalctl.rules.resolve import Decision, resolve
from portalctl.rules.rulebook import Rulebook
from tests.changes.build import FILE, TODAY, YESTERDAY, developer, member, override, portal, snapshot, team, trusted
from tests.rules.test_groups import changes, compared, groups, manifest, reading, trusted_group

ANN, BOB, EVE = "ann@city.example", "bob@city.example", "eve@evil.example"
DEPARTMENT = FormField("department", "select", "Department", ("payments", "core", "sales"))
FORM = SignUpForm((DEPARTMENT, FormField("company", "text", "Company")))


def by(otherwise: tuple[str, ...] = (), field: str = "department", **teams: tuple[str, ...]) -> TeamsBy:
    places = {option: Position(FILE, 11, 30 + number) for number, option in enumerate(teams)}
    at = Reason.of("teams_by", field, Position(FILE, 11, 20))
    return TeamsBy(field, dict(teams), otherwise, at, places)


def answered(address: str, *values: str, status: str = "pending", kind: str | None = "select") -> Developer:
    answers = (FormAnswer("department", values, "Department", kind),) if values else ()
    return replace(developer(address, status), answers=answers)


def declared(*names: str, **more: Any) -> tuple[Any, ...]:
    return tuple(team(name, self_service=True, **more) for name in names)


MAPPING = by(payments=("pay",), core=("core", "all"))
CITY = portal(trusted_domains=(trusted("city.example", teams_by=MAPPING),), teams=declared("pay", "core", "all"))
LIVE: dict[str, Any] = {"pay": [], "core": [], "all": []}


def found(rules: PortalManifest, live: Snapshot) -> Difference:
    return compared(rules, live, groups())


def decided(rules: PortalManifest, *developers: Developer) -> dict[str, Decision]:
    return {one.id: decision for one, decision in resolve(Rulebook.of(rules, TODAY), developers)}


def test_an_answer_leads_to_its_teams_with_its_reason() -> None:
    difference = found(CITY, snapshot(answered(ANN, "payments"), answered(BOB, "core"), teams=LIVE))
    assert changes(difference) == [
        f"add_member:{ANN}:pay",
        f"add_member:{BOB}:all",
        f"add_member:{BOB}:core",
        f"approve:{ANN}",
        f"approve:{BOB}",
    ]
    joins, approval = difference.changes[0], difference.changes[3]
    [why] = joins.why
    assert (why.rule, why.value, why.line, why.field, why.answer) == (
        "trusted_domains",
        "city.example",
        10,
        "department",
        "payments",
    )
    assert (approval.why[0].field, approval.why[0].answer) == (None, None)


@pytest.mark.parametrize(
    ("values", "kind", "teams"),
    [
        ((), None, set()),
        (("sales",), "select", set()),
        (("Payments",), "select", set()),
        (("payments", "core"), "select", {"pay", "core", "all"}),
        (("payments",), None, {"pay"}),
        (("payments",), "text", set()),
    ],
)
def test_which_answers_count(values: tuple[str, ...], kind: str | None, teams: set[str]) -> None:
    decision = decided(CITY, answered(ANN, *values, kind=kind))[f"id-{ANN}"]
    assert (decision.verdict, set(decision.teams)) == ("approved", teams)


def test_every_other_answer_leads_to_the_teams_for_otherwise() -> None:
    rules = replace(
        CITY, trusted_domains=(trusted("city.example", "all", teams_by=by(("core",), payments=("pay",))),)
    )
    for values, teams in (((), {"all", "core"}), (("sales",), {"all", "core"}), (("payments",), {"all", "pay"})):
        decision = decided(rules, answered(ANN, *values))[f"id-{ANN}"]
        assert set(decision.teams) == teams
    assert decided(rules, answered(ANN))[f"id-{ANN}"].teams["core"][0].answer is None


def test_an_answer_of_a_developer_whom_no_rule_trusts_has_no_effect() -> None:
    difference = found(CITY, snapshot(answered(EVE, "payments"), teams=LIVE))
    assert difference.changes == []


@pytest.mark.parametrize(("membership", "expected"), [("additive", []), ("exclusive", [f"remove_member:{ANN}:pay"])])
def test_an_answer_that_leads_elsewhere(membership: Any, expected: list[str]) -> None:
    rules = replace(CITY, teams=declared("pay", "core", "all", membership=membership))
    live = snapshot(answered(ANN, "sales", status="approved"), teams=LIVE | {"pay": [ANN]})
    difference = found(rules, live)
    assert changes(difference) == expected
    assert [change.why[0].rule for change in difference.changes] == ["teams"] * len(expected)


def test_other_rules_keep_a_member_whatever_was_answered() -> None:
    listed = team("pay", [member(ANN)], "exclusive", self_service=True)
    rules = replace(CITY, teams=(listed, *declared("core", "all")))
    assert (
        changes(found(rules, snapshot(answered(ANN, "sales", status="approved"), teams=LIVE | {"pay": [ANN]}))) == []
    )


def test_an_entry_that_has_ended_takes_its_teams_by_answer_along() -> None:
    ended = trusted("city.example", teams_by=MAPPING, expires=YESTERDAY)
    live = snapshot(answered(ANN, "payments", status="approved"), teams=LIVE | {"pay": [ANN], "core": [ANN]})
    rules = replace(CITY, trusted_domains=(ended,))
    assert set(changes(found(rules, live))) == {f"remove_member:{ANN}:pay", f"revoke:{ANN}"}


def test_the_teams_of_an_override_are_complete_and_a_denial_holds() -> None:
    complete = replace(CITY, overrides=(override(ANN, teams=["core"]),))
    assert set(decided(complete, answered(ANN, "payments"))[f"id-{ANN}"].teams) == {"core"}
    denied = replace(CITY, overrides=(override(ANN, "revoked"),))
    decision = decided(denied, answered(ANN, "payments"))[f"id-{ANN}"]
    assert (decision.verdict, decision.teams) == ("revoked", {})


def test_developers_of_one_domain_with_different_answers_have_their_own_decisions() -> None:
    people = [answered(f"p{number}@city.example", value) for number, value in enumerate(("payments", "core") * 3)]
    teams = [set(decision.teams) for decision in decided(CITY, *people).values()]
    assert teams == [{"pay"}, {"core", "all"}] * 3


def test_members_of_a_group_get_the_teams_of_their_answer() -> None:
    rules = manifest(
        trusted_groups=(trusted_group("partners", "all", teams_by=by(payments=("pay",))),),
        teams=declared("pay", "all"),
    )
    live = snapshot(answered(ANN, "payments"), answered(BOB, "core"), answered(EVE, "payments"), teams=LIVE)
    difference = compared(rules, live, groups(reading(ANN, BOB)))
    assert changes(difference) == [
        f"add_member:{ANN}:all",
        f"add_member:{ANN}:pay",
        f"add_member:{BOB}:all",
        f"approve:{ANN}",
        f"approve:{BOB}",
    ]
    [why] = next(change for change in difference.changes if change.team == "pay").why
    assert (why.value, why.field, why.answer, why.identity) == ("corp/partners", "department", "payments", f"i-{ANN}")


def test_a_group_that_was_not_read_removes_nobody_from_teams_by_answer() -> None:
    rules = manifest(
        trusted_groups=(trusted_group(teams_by=by(payments=("pay",))),), teams=declared("pay", membership="exclusive")
    )
    live = snapshot(answered(ANN, "core", status="approved"), teams={"pay": [ANN]})
    assert changes(compared(rules, live, groups())) == []
    assert changes(compared(rules, live, groups(reading(ANN)))) == [f"remove_member:{ANN}:pay"]


# --- the form ---


def wrong(mapping: TeamsBy, form: SignUpForm = FORM) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_form(portal(trusted_domains=(trusted("city.example", teams_by=mapping),)), form)
    return [str(finding) for finding in caught.value.findings]


def test_a_form_with_the_choices_is_right() -> None:
    check_form(CITY, FORM)
    check_form(portal(), SignUpForm(unread="403"))


def test_what_a_form_does_not_have() -> None:
    assert wrong(by(payment=("pay",), core=("core",))) == [
        f"{FILE}:11:30: 'payment': not an option of field 'department'; did you mean 'payments'?"
    ]
    [unlike] = wrong(by(x=("pay",)))
    assert unlike.endswith("not an option of field 'department'; its options: 'payments', 'core', 'sales'")
    [free] = wrong(by(field="company", payments=("pay",)))
    assert free.startswith(f"{FILE}:11:20: 'company': its answer is free text (type 'text')")
    [typed] = wrong(by(field="departmnt", payments=("pay",)))
    assert typed.endswith("has no field of this name; did you mean 'department'?")
    [label] = wrong(by(field="Company", payments=("pay",)))
    assert label.endswith("did you mean 'company'?")
    [none] = wrong(MAPPING, SignUpForm())
    assert "no published sign-up form of its own" in none


def test_a_form_that_could_not_be_read() -> None:
    with pytest.raises(PortalError, match="403") as caught:
        check_form(CITY, SignUpForm(unread="the portal returned 403"))
    assert f"{FILE}:11:20" in " ".join(caught.value.advice)


# --- what strangers can type ---

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_any_answer_is_read_and_bounded(data: object) -> None:
    answers = parse_answers(data)
    assert len(answers) <= MOST_ANSWERS
    assert all(one.field and one.values and len(one.values) <= MOST_ANSWERS for one in answers)


def test_answers_of_every_shape_are_the_same() -> None:
    described = {"department": {"value": "core", "label": "Department", "type": "select"}}
    rows = [{"name": "department", "label": "Department", "type": "select", "value": "core"}]
    assert (
        parse_answers(described)
        == parse_answers(rows)
        == (FormAnswer("department", ("core",), "Department", "select"),)
    )
    assert parse_answers({"department": "core"}) == (FormAnswer("department", ("core",)),)
    plain = parse_answers({"many": ["a", 2, None, {"x": 1}], "age": 3.0, "ok": True, "empty": "", "none": None})
    assert plain == (FormAnswer("many", ("a", "2")), FormAnswer("age", ("3",)), FormAnswer("ok", ("true",)))
    assert parse_answers(None) == parse_answers({}) == parse_answers("x") == parse_answers([1, "x"]) == ()


def test_long_answers_are_cut_and_then_no_option() -> None:
    many = parse_answers({f"f{number}": "x" * 5_000 for number in range(500)})
    assert len(many) == MOST_ANSWERS
    assert {len(one.values[0]) for one in many} == {LONGEST_VALUE + 1}


words = st.sampled_from(["payments", "core", "sales", "pay", "staff", "", "PAYMENTS"]) | st.text(max_size=8)
some_answers = st.lists(
    st.builds(
        FormAnswer,
        st.sampled_from(["department", "company", "teams"]),
        st.lists(words, min_size=1, max_size=3).map(tuple),
        st.none() | words,
        st.sampled_from([None, "select", "text"]),
    ),
    max_size=3,
).map(tuple)
statuses = st.sampled_from(["pending", "approved", "revoked", "rejected"])
addresses = st.sampled_from([ANN, BOB, "ann+x@city.example", EVE, "dan@town.example"])
some_people = st.dictionaries(addresses, st.tuples(statuses, some_answers, st.booleans()), min_size=1)
some_rules = st.builds(
    lambda otherwise, membership, expires, listed: portal(
        trusted_domains=(
            trusted(
                "city.example", "all", teams_by=by(otherwise, payments=("pay",), core=("core",)), expires=expires
            ),
            trusted("town.example"),
        ),
        teams=(
            *declared("pay", "core", membership=membership),
            team("all", membership=membership),
            team("staff", [member(one) for one in listed], membership),
        ),
    ),
    st.sampled_from([(), ("core",)]),
    st.sampled_from(["additive", "exclusive"]),
    st.sampled_from([None, YESTERDAY]),
    st.lists(addresses, unique=True, max_size=2),
)
SELF_SERVICE = {"pay", "core"}


def live_of(people: dict[str, tuple[str, tuple[FormAnswer, ...], bool]], *, without: str | None = None) -> Snapshot:
    """`without`: a developer who answered nothing."""
    accounts = [
        replace(developer(name, status), answers=() if name == without else answers)
        for name, (status, answers, _) in people.items()
    ]
    inside = [name for name, (_, _, member_) in people.items() if member_]
    return snapshot(*accounts, teams=dict.fromkeys(("pay", "core", "all", "staff"), inside))


@given(some_rules, some_people)
def test_an_answer_reaches_nothing_but_self_service_teams(rules: PortalManifest, people: Any) -> None:
    """Whatever a developer answers: only their own memberships in self-service teams can depend on it."""
    for who in people:
        with_answer = {change.id for change in found(rules, live_of(people)).changes}
        without = {change.id for change in found(rules, live_of(people, without=who)).changes}
        for change in with_answer ^ without:
            op, _, rest = change.partition(":")
            name, _, team_name = rest.rpartition(":")
            assert op in {"add_member", "remove_member"}
            assert name == who
            assert team_name in SELF_SERVICE


@given(some_rules, some_people)
def test_an_answer_decides_no_status(rules: PortalManifest, people: Any) -> None:
    for one, decision in resolve(Rulebook.of(rules, TODAY), live_of(people).developers):
        [(_, plain)] = resolve(Rulebook.of(rules, TODAY), [replace(one, answers=())])
        assert (decision.verdict, decision.why, decision.lapsed) == (plain.verdict, plain.why, plain.lapsed)
        assert set(decision.teams) <= set(plain.teams) | SELF_SERVICE
