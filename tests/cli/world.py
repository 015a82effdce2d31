"""A small world in which rules collide: random manifests, people and faults, and what must hold whatever they are."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import event
from hypothesis import strategies as st

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID, WRITES, Bench, Done, portalctl

Manifest = dict[str, Any]
People = dict[str, tuple[str, tuple[str, ...]]]  # status and teams by address, in the order of registration
Request = tuple[str, str, str]  # method, path below the portal, body as "key value"

PEOPLE = ("ann@a.example", "Ann@A.example", "bob@a.example", "bob+x@a.example", "eve@b.example", "dan@c.example")
NAMED = ("ann@a.example", "bob@a.example", "eve@b.example")
STATUSES = ("pending", "approved", "revoked", "rejected")
NEW = "new"  # a team that is not on the portal yet
TEAMS = ("red", "green", NEW)
TODAY = datetime.now(UTC).date()
STATUS_AFTER = {"approve": "approved", "reject": "rejected", "revoke": "revoked", "reopen": "pending"}

some_teams = st.lists(st.sampled_from(TEAMS), unique=True)
some_end = st.sampled_from([str(TODAY - timedelta(days=3)), str(TODAY + timedelta(days=3))])
members = st.one_of(
    st.sampled_from(NAMED),
    st.fixed_dictionaries({"developer": st.sampled_from(NAMED), "expires": some_end}),
)
team_rules = st.fixed_dictionaries(
    {"membership": st.sampled_from(["additive", "exclusive"])},
    optional={
        "members": st.lists(members, unique_by=lambda each: each["developer"] if isinstance(each, dict) else each),
        "description": st.sampled_from(["old", "text"]),
    },
)
override_rules = st.one_of(
    st.fixed_dictionaries(
        {"status": st.sampled_from(STATUSES), "reason": st.just("r")},
        optional={"teams": some_teams, "reinstate": st.booleans(), "expires": some_end},
    ),
    st.just({"status": "absent", "reason": "r"}),
)
trust = st.fixed_dictionaries({"teams": some_teams}, optional={"expires": some_end})


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """What is trusted, denied, listed and overridden, of a small world in which rules collide."""
    kinds = {domain: draw(st.sampled_from(["trusted", "denied", "neither"])) for domain in ("a.example", "b.example")}
    return {
        "policy": {
            "unmatched": {
                "pending": draw(st.sampled_from(["keep", "rejected"])),
                "approved": draw(st.sampled_from(["keep", "revoked"])),
            },
            "reinstate": draw(st.booleans()),
            "on_revoke": draw(st.sampled_from(["report", "revoke_registrations"])),
            "allow_delete": True,
        },
        "trusted_domains": [{"domain": domain, **draw(trust)} for domain, kind in kinds.items() if kind == "trusted"],
        "denied_domains": [{"domain": domain} for domain, kind in kinds.items() if kind == "denied"],
        "teams": [{"name": name, **draw(team_rules)} for name in TEAMS],
        "overrides": [
            {"developer": who, **draw(override_rules)} for who in draw(st.lists(st.sampled_from(NAMED), unique=True))
        ],
    }


people = st.dictionaries(
    st.sampled_from(PEOPLE),
    st.tuples(st.sampled_from(STATUSES), st.sampled_from([(), ("red",), ("red", "green")])),
    min_size=2,
)
faults = st.builds(
    Fault,
    st.sampled_from(["status", "drop-before", "drop-after", "truncate", "html", "empty", "lose-row"]),
    method=st.sampled_from(["*", "GET", *sorted(WRITES - {"PUT"})]),
    path=st.sampled_from(["*", "*/developers*", "*/teams", "*/teams/*"]),
    after=st.integers(0, 4),
    times=st.sampled_from([1, 2, 4, 8, None]),
    status=st.sampled_from([400, 403, 429, 500, 503]),
    plain=st.booleans(),
)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    folder.mkdir(exist_ok=True)
    head = {"version": 1, "portal": {"name": "partners", "provider": "konnect", "id": PORTAL_ID}}
    (folder / "partners.yaml").write_text(json.dumps(head | manifest))


def put(bench: Bench, who: str, status: str, teams: tuple[str, ...]) -> None:
    number = PEOPLE.index(who)
    id_ = f"00000000-0000-4000-8000-{number:012}"
    bench.emails[who] = bench.sim.store.add_developer(PORTAL_ID, who, status=status, id=id_)
    for team in teams:
        bench.sim.store.add_member(bench.teams[team], id_)
    if number % 2 == 0:
        app = bench.sim.store.add_application(PORTAL_ID, f"App {number}", id_, id=id_.replace("-8", "-a"))
        bench.sim.store.add_registration(app, id=id_.replace("-8", "-b"))


@contextlib.contextmanager
def portal(folder: Path, live: People, behaviour: Behaviour | None = None) -> Iterator[Bench]:
    seed = {"portals": [{"id": PORTAL_ID, "name": "partners", "display_name": "Partners"}]}
    with Simulator(seed=seed, behaviour=behaviour) as sim:
        bench = Bench(sim, folder)
        for number, name in enumerate(("red", "green")):
            id_ = f"00000000-0000-4000-9000-{number:012}"
            bench.teams[name] = sim.store.add_team(PORTAL_ID, name, description="old", id=id_)
        for who, (status, teams) in live.items():
            put(bench, who, status, teams)
        yield bench


def run(bench: Bench, command: str, *words: str) -> Done:
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    return portalctl(command, *words, env=env)


def files(bench: Bench) -> tuple[str, ...]:
    """The manifest, without the brake, which has tests of its own."""
    return "-f", str(bench.folder), "--allow-removals", "100", "--allow-delete"


def apply(bench: Bench, *words: str) -> Done:
    journal = str(bench.folder.parent / "journal.jsonl")
    return run(bench, "apply", *words, "--yes", "--confirm-timeout", "0.2", "--journal", journal)


def request_for(bench: Bench, change: dict[str, Any]) -> Request:
    """The one request that makes this change. A team's id is the one it has now."""
    teams = {team["name"]: team["id"] for team in bench.sim.store.teams(PORTAL_ID)}
    op, before, after = change["op"], change["before"] or {}, change["after"] or {}
    who, team = (change["developer"] or {}).get("id", ""), teams.get(change["team"], "")
    body = " ".join(f"{key} {value}" for key, value in sorted(after.items()))
    registration = f"/applications/{before.get('application_id')}/registrations/{before.get('registration_id')}"
    requests: dict[str, Request] = {
        "create_team": ("POST", "/teams", body),
        "update_team": ("PATCH", f"/teams/{team}", body),
        "add_member": ("POST", f"/teams/{team}/developers", f"id {who}"),
        "remove_member": ("DELETE", f"/teams/{team}/developers/{who}", ""),
        "revoke_registration": ("PATCH", registration, body),
        "delete_developer": ("DELETE", f"/developers/{who}", ""),
    }
    return requests.get(op) or ("PATCH", f"/developers/{who}", body)


def sent(bench: Bench, *, with_effect: bool = False) -> Counter[Request]:
    prefix = f"/v3/portals/{PORTAL_ID}"
    return Counter(
        (
            each.method,
            each.path.removeprefix(prefix),
            " ".join(f"{key} {value}" for key, value in sorted((each.body or {}).items())),
        )
        for each in bench.sim.log
        if each.method in WRITES and not (with_effect and each.fault in {"status", "drop-before"})
    )


def live(bench: Bench, change: dict[str, Any]) -> bool:
    """Whether a change is as wanted on the portal."""
    store, op = bench.sim.store, str(change["op"])
    teams = {team["name"]: team for team in store.teams(PORTAL_ID)}
    if op in {"create_team", "update_team"}:
        team = teams.get(change["team"], {})
        return all(team.get(key) == value for key, value in change["after"].items())
    if op == "revoke_registration":
        rows = store.registrations(PORTAL_ID)
        return all(row["status"] == "revoked" for row in rows if row["id"] == change["before"]["registration_id"])
    if op == "delete_developer":
        return all(row["id"] != change["developer"]["id"] for row in store.developers(PORTAL_ID))
    if op in STATUS_AFTER:
        return bench.status(str(change["developer"]["email"])) == STATUS_AFTER[op]
    inside = {each["id"] for each in store.members(teams[change["team"]]["id"])} if change["team"] in teams else set()
    member: bool = change["developer"]["id"] in inside
    return member is (op == "add_member")


def judge(bench: Bench, planned: list[dict[str, Any]], done: Done, report: Path) -> None:
    """Nothing but the plan was sent, and what was said of it is so."""
    assert sent(bench).keys() <= {request_for(bench, change) for change in planned}
    event(f"exit {done.code}")
    assert done.code in {0, 1, 3, 4}, done.err
    if done.code in {1, 3}:
        assert sent(bench) == {}, done.err
        return
    (told,) = json.loads(report.read_text())["portals"] if planned else ({"changes": []},)
    results = {change["id"]: change["result"] for change in told["changes"]}
    assert results.keys() == {change["id"] for change in planned}
    assert done.code == (4 if set(results.values()) - {"confirmed"} else 0)
    for change in planned:
        assert live(bench, change) or results[change["id"]] != "confirmed", change["id"]
        assert not live(bench, change) or results[change["id"]] != "failed", change["id"]


def in_peace(bench: Bench) -> None:
    """Once nothing goes wrong any more, one run does all that is left, and no more."""
    bench.sim.clear_faults()
    planned = run(bench, "plan", *files(bench), "-o", "json").json["portals"][0]["changes"]
    bench.sim.clear_log()
    done = apply(bench, *files(bench))
    assert done.code == 0, done.out + done.err
    assert sent(bench) == Counter(request_for(bench, change) for change in planned)
    bench.sim.clear_log()
    again = apply(bench, *files(bench))
    assert (again.code, sent(bench)) == (0, {}), again.out


def meddle(bench: Bench, who: str) -> None:
    """An admin rejects someone, or someone signs up."""
    if who in bench.emails:
        bench.sim.store.set_status(bench.emails[who], "rejected")
    else:
        put(bench, who, "pending", ())


def without_place(portal: dict[str, Any]) -> Any:
    """A plan's portal, but for files and lines, and what belongs to one portal or one moment."""
    reasons = [sorted((why["rule"], why["value"]) for why in change["why"]) for change in portal["changes"]]
    changes = [{key: value for key, value in change.items() if key != "why"} for change in portal["changes"]]
    notices = sorted((each["code"], each["developer"] or "", each["message"]) for each in portal["notices"])
    return changes, reasons, notices, portal["summary"], portal["refusals"]


def planned_portal(bench: Bench) -> dict[str, Any]:
    done = run(bench, "plan", *files(bench), "-o", "json")
    assert done.code == 0, done.err
    portal: dict[str, Any] = done.json["portals"][0]
    return portal


def losses(portal: dict[str, Any]) -> set[tuple[str, str]]:
    removals = {"reject", "revoke", "reopen", "remove_member", "revoke_registration", "delete_developer"}
    return {(change["op"], change["id"]) for change in portal["changes"] if change["op"] in removals}
