"""A reading in a file: whole again when it is read, refused where it does not cover, and never taken when damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from portalctl.errors import InputError, RefusedError
from portalctl.portals.models import (
    AccessRequest,
    Assignment,
    Developer,
    FormAnswer,
    FormField,
    Registration,
    Remark,
    Scope,
    Settings,
    SignUpForm,
    Snapshot,
    Team,
)
from portalctl.portals.snapshot_file import Declared, SavedPortal, SavedSnapshot, parse, saved_snapshot, to_json

HERE = Declared("partners", "konnect", "eu", "p-1", None)
READ = Snapshot(
    portal_id="p-1",
    server="https://eu.api.konghq.com",
    settings=Settings(False, True, None, False),
    scope=Scope(frozenset({"reds", "blues"}), requests=True, every_team=True),
    developers=(Developer("1", "ann@x.org", "approved", "Ann"), Developer("2", None, "odd")),
    teams=(Team("t-1", "reds"), Team("t-2", "blues", "Blue")),
    members={"t-1": frozenset({"1", "2"}), "t-2": frozenset()},
    observed_at="2026-06-15T08:00:00Z",
    remarks=(Remark("code", "message", "ann@x.org"),),
    roles={"t-1": (Assignment("a", "API Viewer", "api-1"),), "t-2": ()},
    apis={"Fixtures": ("api-1",)},
    requests=(AccessRequest("r", "1", "app", "App", "Fixtures"),),
)
HELD = Registration("reg", "2", "app", "App", "Fixtures", "approved")


def kept(*snapshots: Snapshot) -> SavedSnapshot:
    portals = tuple(
        SavedPortal(replace(HERE, name=f"p{number}" if number else "partners"), item, frozenset({"2"}), (HELD,))
        for number, item in enumerate(snapshots or (READ,))
    )
    return saved_snapshot(portals, created_at="2026-06-15T08:00:01Z", generator="portalctl 0.0")


def wrong(content: bytes) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(content, "s.json")
    return [str(finding) for finding in caught.value.findings]


def edited(**changes: Any) -> bytes:
    """The file with something else at `portals[0].snapshot`."""
    document = json.loads(to_json(kept()))
    document["portals"][0]["snapshot"].update(changes)
    return json.dumps(document).encode()


def test_it_is_whole_again() -> None:
    assert parse(to_json(kept()).encode(), "s.json") == kept()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
records = st.builds(Developer, texts, st.none() | texts, texts, texts, st.none() | texts)


@given(st.lists(records, max_size=3), st.dictionaries(texts, st.frozensets(texts, max_size=3), max_size=3))
def test_whatever_was_read_comes_back(developers: list[Developer], members: dict[str, frozenset[str]]) -> None:
    saved = kept(replace(READ, developers=tuple(developers), members=members))
    assert parse(to_json(saved).encode(), "s.json") == saved


def test_equal_readings_make_equal_files() -> None:
    other = replace(READ, members={"t-1": frozenset(["2", "1"]), "t-2": frozenset()})
    assert to_json(kept(other)) == to_json(kept())


def test_the_file_is_as_its_schema_says() -> None:
    schema = json.loads((Path(__file__).parents[2] / "schemas/snapshot.v1.schema.json").read_text())
    Draft202012Validator(schema).validate(json.loads(to_json(kept())))


@cache
def good() -> dict[str, Any]:
    return dict(json.loads(to_json(kept())))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "s.json:1:1: the JSON ends too early"),
        (b"version: 1", "s.json:1:1: not JSON"),
        (b'{"version": 1, "kind": "plan"}', "kind: should be 'snapshot'"),
        (b'{"version": 2, "kind": "snapshot"}', "version: should be 1"),
        (b"[" * 9999, "not a valid snapshot: it is nested too deeply"),
        (edited(developers=[]), "digest: does not match the contents"),
        (edited(observed_at=9), "portals[0].snapshot.observed_at: should be a valid string"),
        (edited(members={"t-1": ["1", "1"]}), "portals[0].snapshot.members.t-1: has something twice"),
    ],
)
def test_what_is_no_snapshot_or_an_edited_one_is_not_taken(content: bytes, message: str) -> None:
    assert any(message in item for item in wrong(content)), wrong(content)


@pytest.mark.parametrize("key", ["version", "kind", "digest", "created_at", "portals"])
def test_every_key_is_needed(key: str) -> None:
    document = {name: value for name, value in good().items() if name != key}
    assert any(f"{key}: is missing" in item for item in wrong(json.dumps(document).encode()))


def test_the_time_of_a_reading_is_one_also_under_a_digest_that_fits() -> None:
    saved = kept(replace(READ, observed_at="yesterday"))
    assert "portals[0].snapshot.observed_at: should be a date and time" in wrong(to_json(saved).encode())[0]


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        (Scope(), None),
        (Scope(frozenset({"reds", "not there"}), frozenset({"blues"}), frozenset({"Fixtures"}), requests=True), None),
        (Scope(every_team=True), None),
        (Scope(apis=frozenset({"Tickets"})), "not read: API Tickets"),
    ],
)
def test_a_wide_reading_covers_what_a_manifest_may_need(scope: Scope, missing: str | None) -> None:
    (saved,) = kept().portals
    if missing is None:
        assert saved.read(scope) == READ
    else:
        with pytest.raises(RefusedError) as caught:
            saved.read(scope)
        assert missing in caught.value.advice


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        (Scope(frozenset({"blues"})), "not read: members of team blues"),
        (Scope(roles=frozenset({"reds"})), "not read: roles of team reds"),
        (Scope(requests=True), "not read: requests for access"),
    ],
)
def test_what_was_not_read_is_refused_and_never_taken_for_nothing(scope: Scope, missing: str) -> None:
    narrow = replace(READ, scope=Scope(frozenset({"reds"})), members={"t-1": frozenset({"1"})}, roles={})
    (saved,) = kept(narrow).portals
    with pytest.raises(RefusedError) as caught:
        saved.read(scope)
    assert missing in caught.value.advice


def test_a_portal_is_found_only_as_it_was_declared() -> None:
    saved = kept(READ, READ)
    assert saved.of(HERE).snapshot == READ
    others = [
        {"name": "others"},
        {"provider": "konnect-v2"},
        {"region": "us"},
        {"id": "p-2"},
        {"id": None, "title": "P"},
    ]
    for other in others:
        with pytest.raises(RefusedError):
            saved.of(replace(HERE, **other))  # type: ignore[arg-type]


def test_registrations_are_those_of_the_people_asked_for() -> None:
    (saved,) = kept().portals
    assert saved.details(["2"]) == (HELD,)
    assert saved.details(["1"]) == ()


# As an earlier version wrote it, without forms and answers.
OLDER = (
    '{"version":1,"kind":"snapshot","generator":"portalctl 0.0","created_at":"2026-06-15T08:00:01Z","digest":"'
    'sha256:a8e4ce18985d1f59c3c4fcbb243593b375849ea6e4815bd7aa70f74bfb7b46e7","portals":[{"portal":{"name":"pa'
    'rtners","provider":"konnect","region":"eu","id":"p-1","title":null},"snapshot":{"portal_id":"p-1","server'
    '":"https://eu.api.konghq.com","settings":{"auto_approve_developers":false,"rbac_enabled":true,"single_sig'
    'n_on":null,"team_mapping":false},"scope":{"teams":["reds"],"roles":[],"apis":[],"requests":true,"every_te'
    'am":true},"developers":[{"id":"1","email":"ann@x.org","status":"pending","full_name":"Ann","created_at":n'
    'ull,"email_verified":null,"provider":null,"approvable":true}],"teams":[{"id":"t-1","name":"reds","descrip'
    'tion":null}],"members":{"t-1":["1"]},"observed_at":"2026-06-15T08:00:00Z","remarks":[],"roles":{},"apis":'
    '{},"requests":[{"id":"r","developer_id":"1","application_id":"app","application_name":"App","product":"Fi'
    'xtures","product_id":""}],"portal_names":[]},"registrations_of":["2"],"registrations":[{"id":"reg","devel'
    'oper_id":"2","application_id":"app","application_name":"App","api_name":"Fixtures","status":"approved","o'
    'wned_by_team":null}]}],"groups":[]}'
)


def test_a_snapshot_of_an_earlier_version_is_read_and_written_as_it_was() -> None:
    found = parse(OLDER.encode(), "old.json")
    assert to_json(found) == f"{OLDER}\n"
    with pytest.raises(RefusedError) as refused:
        found.portals[0].read(Scope(form=True))
    assert "the sign-up form" in str(refused.value.advice)


def test_answers_and_the_form_are_kept() -> None:
    answers = (FormAnswer("department", ("payments",), "Department", "select"),)
    form = SignUpForm((FormField("department", "select", "Department", ("payments", "core"), True),))
    asked = replace(
        READ,
        scope=replace(READ.scope, form=True),
        developers=(replace(READ.developers[0], answers=answers), READ.developers[1]),
        requests=(replace(READ.requests[0], answers=answers),),
        form=form,
    )
    snapshot = kept(asked)
    assert parse(to_json(snapshot).encode(), "s.json") == snapshot
    assert snapshot.portals[0].read(Scope(form=True)).form == form
    assert snapshot.digest != kept().digest
