"""Signed requests through a real socket: forged, replayed, malformed and repeated ones do nothing but count."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portalctl.controller.models import Registered, SignUp
from portalctl.controller.webhooks import check_secrets
from portalctl.errors import BadUsageError
from tests.controller.api_world import (
    ENV,
    OLD_SECRET,
    OTHER_SECRET,
    REGISTRATION_SECRET,
    SECRET,
    World,
    api,
    signed,
    view,
)
from tests.controller.test_api import UNAUTHORIZED

pytestmark = pytest.mark.slow  # starts servers

EVENTS = "/v1/portals/partners/events"
GITHUB = ENV["PORTALCTL_GITHUB_WEBHOOK_SECRET"]
GITLAB = ENV["PORTALCTL_GITLAB_WEBHOOK_TOKEN"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with api(tmp_path) as found:
        yield found


def test_an_event_wakes_its_portal_and_its_address_is_a_hint(world: World) -> None:
    for body in ({}, b"", {"type": "developer.registered", "data": {"email": "Ann@Example.com", "more": [1]}}):
        got = world.event(body)
        assert (got.status, got.json) == (202, {"status": "accepted"})
    assert world.hub.woken == [
        ("partners", "event"),
        ("partners", "event"),
        ("partners", "event"),
    ]
    assert world.counts == {("events", "ok"): 3}


def test_each_secret_counts_while_it_is_rotated(world: World) -> None:
    assert world.event(secret=OLD_SECRET).status == 202
    both = signed(b"{}", secret=OTHER_SECRET, id="a")
    good = signed(b"{}", secret=OLD_SECRET, id="a")
    both["webhook-signature"] = f"v1a,abc {both['webhook-signature']} {good['webhook-signature']}"
    assert world.send("POST", EVENTS, b"{}", **both).status == 202
    world.env["PORTALCTL_WEBHOOK_SECRET"] = OTHER_SECRET  # read at each use
    assert (world.event().status, world.event(secret=OTHER_SECRET).status) == (401, 202)


def test_a_portal_with_a_secret_of_its_own_takes_no_other(world: World) -> None:
    world.env["PORTALCTL_PARTNERS_WEBHOOK_SECRET"] = OTHER_SECRET
    assert (world.event().status, world.event(secret=OTHER_SECRET).status) == (401, 202)


def test_a_secret_may_be_in_a_file(world: World, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{OTHER_SECRET}\n")
    del world.env["PORTALCTL_WEBHOOK_SECRET"]
    world.env["PORTALCTL_WEBHOOK_SECRET_FILE"] = str(file)
    assert (world.event().status, world.event(secret=OTHER_SECRET).status) == (401, 202)
    file.write_text(f"{SECRET}\n")
    assert (world.event().status, world.event(secret=OTHER_SECRET).status) == (202, 401)
    file.unlink()
    assert world.event().status == 401


def forged() -> Iterator[dict[str, str]]:
    """Yield headers with one fault each, for the body {}."""
    good = signed(b"{}", id="good")
    moment = good["webhook-timestamp"]
    yield {}
    for name in good:
        yield {key: value for key, value in good.items() if key != name}
        yield good | {name: ""}
    yield signed(b'{"type": "x"}', id="good")
    yield signed(b"{}", secret=OTHER_SECRET)
    yield signed(b"{}", secret=REGISTRATION_SECRET)
    yield signed(b"{}", age=310)
    yield signed(b"{}", age=-330)
    yield good | {"webhook-id": "other"}
    yield good | {"webhook-id": "good."}
    yield good | {"webhook-timestamp": str(int(moment) + 1)}
    for time_ in ("nan", "inf", "-1", "1e400", f"{moment}.5", f" {moment}x", "9" * 40, "\u0663"):
        yield good | {"webhook-timestamp": time_.encode().decode("latin-1")}
    signature = good["webhook-signature"]
    for wrong in ("v1", "v1,", ",", "v1,!!!!", "v1,äää", signature[:-3], "v2" + signature[2:], signature[3:]):
        yield good | {"webhook-signature": wrong}
    yield good | {"webhook-signature": " ".join(["v1," + "A" * 43 + "="] * 10 + [signature])}


def test_every_forged_event_is_the_same_401_and_does_nothing(world: World) -> None:
    cases = list(forged())
    assert len(cases) > 25
    for headers in cases:
        got = world.send("POST", EVENTS, b"{}", **headers)
        assert (got.status, got.json) == (401, UNAUTHORIZED), headers
    assert (world.hub.woken, world.counts) == ([], {("events", "unauthorized"): len(cases)})
    assert world.event(id="good").status == 202  # no forged one used up its id


def test_unknown_portals_unset_secrets_and_wrong_signatures_look_alike(world: World) -> None:
    forgery = {"secret": OTHER_SECRET}
    unknown = world.event(path="/v1/portals/nowhere/events", **forgery)
    wrong = world.event(**forgery)
    del world.env["PORTALCTL_WEBHOOK_SECRET"]
    unset = world.event()
    world.env["PORTALCTL_WEBHOOK_SECRET"] = "whsec_dG9vIHNob3J0"
    short = world.event(secret="whsec_dG9vIHNob3J0")
    registration = world.register(path="/v1/portals/nowhere/registrations")
    for got in (unknown, wrong, unset, short, registration):
        assert (got.status, got.json) == (401, UNAUTHORIZED)
        assert got.headers.keys() == unknown.headers.keys()
    assert world.hub.woken == []


def test_a_secret_that_cannot_be_used_is_reported_and_not_shown(world: World) -> None:
    world.env["PORTALCTL_WEBHOOK_SECRET"] = "whsec_dG9vIHNob3J0"
    for _ in range(3):
        assert world.event().status == 401
    ((level, event, facts),) = world.log.lines
    assert (level, event) == ("warning", "secrets")
    assert "PORTALCTL_WEBHOOK_SECRET: the webhook secret is too short" in str(facts["error"])
    assert "dG9v" not in str(facts)


def test_a_variable_is_looked_up_for_portals_of_the_manifest_only(world: World) -> None:
    world.env["PORTALCTL_NOWHERE_WEBHOOK_SECRET"] = OTHER_SECRET
    world.env["PORTALCTL_NOWHERE_REGISTRATION_SECRET"] = OTHER_SECRET
    assert world.event(path="/v1/portals/nowhere/events", secret=OTHER_SECRET).status == 401
    assert world.register(path="/v1/portals/nowhere/registrations", secret=OTHER_SECRET).status == 401
    assert world.event(path="/v1/portals/nowhere/events").status == 404  # signed with the shared secret


def test_a_portal_named_github_does_not_take_the_secret_of_githubs_hooks(world: World) -> None:
    world.hub.views["github"] = view("github")
    world.env["PORTALCTL_GITHUB_WEBHOOK_SECRET"] = OTHER_SECRET
    assert world.event(path="/v1/portals/github/events", secret=OTHER_SECRET).status == 401
    assert world.event(path="/v1/portals/github/events").status == 202


def test_a_replayed_event_does_nothing(world: World) -> None:
    headers = signed(b"{}", id="once")
    answers = [world.send("POST", EVENTS, b"{}", **headers) for _ in range(3)]
    again = world.event({"type": "other"}, id="once")
    assert {(got.status, got.body) for got in (*answers, again)} == {(202, b'{"status":"accepted"}')}
    assert len(world.hub.woken) == 1
    assert world.counts == {("events", "ok"): 1, ("events", "repeated"): 3}


def test_the_same_event_at_once_wakes_once(world: World) -> None:
    headers = signed(b"{}", id="once")
    threads = [threading.Thread(target=world.send, args=("POST", EVENTS, b"{}"), kwargs=headers) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.hub.woken) == 1


WRONG_BODIES = [
    b"{",
    b"[]",
    b'"x"',
    b"null",
    b"\xff\xfe",
    b'{"type": 5}',
    b'{"data": []}',
    b'{"data": {"email": 5}}',
    b'{"data": {"email": "no address"}}',
    b'{"data": {"email": "ann@example.com\\u0000"}}',
    b'{"data": {"email": "' + b"a" * 400 + b'@example.com"}}',
    b'{"type": NaN}',
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"[" * 30_000,
]


def test_a_signed_body_that_is_not_valid_does_nothing(world: World) -> None:
    for number, body in enumerate(WRONG_BODIES):
        got = world.event(body, id=f"once-{number}")
        assert got.status == (401 if body == b"\xff\xfe" else 400), body[:40]
        assert len(world.hub.woken) == number
        assert b"ann@" not in got.body
        assert world.event({}, id=f"once-{number}").status == 202  # its id is not used up
        assert len(world.hub.woken) == number + 1


def test_what_is_signed_twice_or_split_is_not_valid(world: World) -> None:
    good = signed(b"{}")
    for name in good:
        connection = world.connect()
        connection.putrequest("POST", EVENTS)
        for key, value in good.items():
            connection.putheader(key, value)
        connection.putheader(name, good[name])
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"{}")
        assert connection.getresponse().status == 401
        connection.close()
    assert world.hub.woken == []


def github(body: bytes, secret: str = GITHUB, event: str = "push") -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": event}


def test_pushes_of_github_and_gitlab_read_the_source_again(world: World) -> None:
    assert world.send("POST", "/hooks/github", b'{"after": "1"}', **github(b'{"after": "1"}')).status == 202
    gitlab = {"X-Gitlab-Token": GITLAB, "X-Gitlab-Event": "Push Hook"}
    assert world.send("POST", "/hooks/gitlab", b'{"after": "1"}', **gitlab).status == 202
    assert world.hub.pushes == 2
    assert world.send("POST", "/hooks/github", b'{"after": "1"}', **github(b'{"after": "1"}')).status == 202
    assert world.send("POST", "/hooks/gitlab", b'{"after": "1"}', **gitlab).status == 202
    assert world.hub.pushes == 2  # replayed
    ping = github(b'{"zen": "x"}', event="ping")
    assert world.send("POST", "/hooks/github", b'{"zen": "x"}', **ping).status == 202
    assert world.send("POST", "/hooks/gitlab", b"{}", **(gitlab | {"X-Gitlab-Event": "Note Hook"})).status == 202
    assert world.hub.pushes == 2
    assert world.counts == {("push", "ok"): 2, ("push", "repeated"): 2, ("push", "ignored"): 2}


def test_forged_pushes_do_nothing(world: World) -> None:
    body = b'{"after": "2"}'
    good = github(body)["X-Hub-Signature-256"]
    for signature in ("", "sha256=", good[7:], good[:-1], good.upper(), f"{good} ", f"sha1={good[7:]}", "sha256=ä"):
        got = world.send(
            "POST", "/hooks/github", body, **{"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}
        )
        assert got.status in ({202} if signature == f"{good} " else {401}), signature  # blanks at the end are HTTP's
    assert world.send("POST", "/hooks/github", body + b" ", **github(body)).status == 401
    assert world.send("POST", "/hooks/github", body).status == 401
    for token in ("", GITLAB[:-1], f"{GITLAB}x", GITLAB.upper(), "ä"):
        got = world.send("POST", "/hooks/gitlab", body, **{"X-Gitlab-Token": token, "X-Gitlab-Event": "Push Hook"})
        assert got.status == 401
    assert world.hub.pushes == 1
    for variable in ("PORTALCTL_GITHUB_WEBHOOK_SECRET", "PORTALCTL_GITLAB_WEBHOOK_TOKEN"):
        del world.env[variable]
    assert world.send("POST", "/hooks/github", b"{}", **github(b"{}", "")).status == 401
    assert world.send("POST", "/hooks/gitlab", b"{}", **{"X-Gitlab-Token": ""}).status == 401


OUTCOMES = [("approved", 201), ("already", 200), ("pending", 202), ("denied", 403)]


@pytest.mark.parametrize(("outcome", "status"), OUTCOMES)
def test_a_registration_has_the_status_of_its_outcome_and_repeats_it(outcome: Any, status: int, world: World) -> None:
    world.hub.outcome = lambda _: Registered(outcome, ("city", "reds"))
    first = world.register(id="one")
    world.hub.outcome = lambda _: Registered("unavailable")
    again = [world.register(id="one"), world.register({"email": "eve@example.com", "full_name": "Eve"}, id="one")]
    word = "approved" if outcome == "already" else outcome
    assert (first.status, first.json) == (status, {"status": word, "teams": ["city", "reds"]})
    assert [(got.status, got.body) for got in again] == [(first.status, first.body)] * 2
    assert world.hub.sign_ups == [SignUp("ann@example.com", "Ann Oakley", True)]
    assert world.counts["registrations", "repeated"] == 2


def test_a_registration_that_could_not_be_done_can_be_repeated(world: World) -> None:
    world.hub.outcome = lambda _: Registered("unavailable", detail="secret detail")
    got = world.register(id="one")
    assert (got.status, b"secret" in got.body) == (503, False)
    assert int(got.headers["retry-after"]) > 0
    world.hub.outcome = lambda _: Registered("unsupported")
    assert world.register(id="one").status == 501
    world.hub.outcome = lambda _: Registered("approved")
    assert world.register(id="one").status == 201
    assert len(world.hub.sign_ups) == 3


def test_the_same_registration_at_once_registers_once(world: World) -> None:
    entered, go = threading.Event(), threading.Event()

    def wait(_: SignUp) -> Registered:
        entered.set()
        assert go.wait(10)
        return Registered("approved")

    world.hub.outcome = wait
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(world.register(id="one").status))
    thread.start()
    assert entered.wait(10)
    assert world.register(id="one").status == 409
    assert world.send("GET", "/healthz").status == 200
    go.set()
    thread.join()
    assert (first, world.register(id="one").status, len(world.hub.sign_ups)) == ([201], 201, 1)


def test_slow_registrations_keep_nothing_else_waiting(world: World) -> None:
    go = threading.Event()

    def wait(_: SignUp) -> Registered:
        go.wait(20)
        return Registered("approved")

    world.hub.outcome = wait
    threads = [threading.Thread(target=world.register) for _ in range(40)]
    for thread in threads:
        thread.start()
    try:
        while len(world.hub.sign_ups) < 16:
            time.sleep(0.01)
        begun = time.monotonic()
        assert world.send("GET", "/healthz").status == 200
        assert world.event().status == 202
        assert time.monotonic() - begun < 5
    finally:
        go.set()
        for thread in threads:
            thread.join()


def test_sixty_registrations_a_minute_and_portal(world: World) -> None:
    statuses = [world.register().status for _ in range(62)]
    assert statuses == [201] * 60 + [429] * 2
    assert len(world.hub.sign_ups) == 60
    assert world.event().status == 202


WRONG_REGISTRATIONS: list[Any] = [
    {},
    {"email": "ann@example.com"},
    {"full_name": "Ann"},
    {"email": "ann", "full_name": "Ann"},
    {"email": "ann@example.com", "full_name": " "},
    {"email": "ann@example.com", "full_name": "Ann\r\nBcc: eve@evil.example"},
    {"email": "ann@example.com", "full_name": "x" * 201},
    {"email": "ann@example.com", "full_name": "Ann", "email_verified": "true"},
    {"email": "ann@example.com", "full_name": "Ann", "email_verified": 1},
    {"email": ["ann@example.com"], "full_name": "Ann"},
    [],
    b"",
]


def test_a_registration_that_is_not_valid_registers_nobody(world: World) -> None:
    for body in WRONG_REGISTRATIONS:
        got = world.register(body)
        assert got.status == 400
        assert b"example.com" not in got.body
        assert world.hub.sign_ups == []


def test_an_address_is_unverified_unless_it_is_said_to_be(world: World) -> None:
    world.register({"email": "ann@example.com", "full_name": "Ann"})
    assert world.hub.sign_ups == [SignUp("ann@example.com", "Ann", False)]


def test_registrations_need_a_secret_of_their_own(world: World) -> None:
    assert world.register(secret=SECRET).status == 401  # that of events
    world.env["PORTALCTL_PARTNERS_REGISTRATION_SECRET"] = SECRET
    assert world.register(secret=SECRET).status == 401  # the same as that of events
    del world.env["PORTALCTL_PARTNERS_REGISTRATION_SECRET"]
    assert world.register().status == 501
    assert world.hub.sign_ups == []


def test_secrets_are_checked_at_the_start() -> None:
    check_secrets({})
    check_secrets(ENV)
    event, hook = "PORTALCTL_WEBHOOK_SECRET", "PORTALCTL_GITHUB_WEBHOOK_SECRET"
    mine, other = "PORTALCTL_PARTNERS_REGISTRATION_SECRET", "PORTALCTL_CLUB_API7_REGISTRATION_SECRET"
    short = "whsec_" + base64.b64encode(b"x" * 23).decode()
    long = "whsec_" + base64.b64encode(b"x" * 65).decode()
    wrong: list[tuple[dict[str, str], str]] = [
        ({event: short}, f"{event}: the webhook secret is too short"),
        ({event: f"{SECRET} {short}"}, f"{event}: the webhook secret is too short"),
        ({event: long}, f"{event}: the webhook secret is too long"),
        ({event: SECRET.removeprefix("whsec_")}, f"{event}: not a valid webhook secret"),
        ({event: "whsec_äöü"}, f"{event}: not a valid webhook secret"),
        (
            {"PORTALCTL_PARTNERS_WEBHOOK_SECRET": short},
            "PORTALCTL_PARTNERS_WEBHOOK_SECRET: the webhook secret is too",
        ),
        ({mine: short}, f"{mine}: the webhook secret is too short"),
        ({hook: "short"}, f"{hook}: the secret is too short"),
        ({"PORTALCTL_GITLAB_WEBHOOK_TOKEN": "short"}, "PORTALCTL_GITLAB_WEBHOOK_TOKEN: the secret is too short"),
        ({event: SECRET, mine: SECRET}, f"{mine} and {event} have the same secret"),
        ({event: f"{OTHER_SECRET} {SECRET}", mine: SECRET}, f"{mine} and {event} have the same secret"),
        ({mine: SECRET, other: SECRET}, "have the same secret"),
        ({hook: SECRET, mine: SECRET}, f"{mine} and {hook} have the same secret"),
        ({"PORTALCTL_PROXY_SECRET": SECRET, mine: SECRET}, f"{mine} and PORTALCTL_PROXY_SECRET have the same secret"),
        ({event: SECRET, f"{event}_FILE": "/x"}, f"{event} and {event}_FILE are both set"),
    ]
    for env, message in wrong:
        with pytest.raises(BadUsageError, match=message) as caught:
            check_secrets(env)
        assert SECRET[8:] not in json.dumps([caught.value.message, *caught.value.advice])
