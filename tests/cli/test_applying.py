"""Nothing is called done that was not seen, and nothing is done twice, whatever the portal and the network do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from portalctl.http.retry import RetryPolicy
from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.message import Request
from tests.conftest import PORTAL_ID, Bench

pytestmark = pytest.mark.usefixtures("quick")
BenchMaker = Callable[..., Bench]

RULES = """
trusted_domains:
  - domain: club.example
    teams: [reds]
teams:
  - name: reds
overrides:
  - developer: leaver@club.example
    status: revoked
    reason: "Left"
"""


def fill(bench: Bench) -> Bench:
    bench.people(pending=["a@club.example", "b@club.example"], approved=["leaver@club.example"])
    bench.manifest(RULES)
    return bench


def writes_to(bench: Bench, address: str) -> list[str]:
    return [write for write in bench.writes if write.endswith(bench.emails[address])]


def assert_all_done(bench: Bench) -> None:
    assert bench.status("a@club.example") == bench.status("b@club.example") == "approved"
    assert bench.status("leaver@club.example") == "revoked"
    assert bench.members("reds") == {"a@club.example", "b@club.example"}
    bench.sim.clear_faults()
    plan = bench.run("plan", "--detailed-exitcode")
    assert plan.code == 0, plan.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", retry_after=1),
        Fault("status", retry_after=2, retry_date=True),  # a date counts whole seconds
        Fault("status", retry_after=1, retry_ms=True),
    ],
    ids=["seconds", "date", "milliseconds"],
)
def test_throttled_writes_wait_as_long_as_asked_and_say_so(bench: Bench, fault: Fault) -> None:
    fill(bench).sim.inject(replace(fault, method="PATCH", status=429, times=2, plain=True))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    seconds = fault.retry_after
    assert f"waiting {seconds} s: the portal requested it (429, Retry-After {seconds})" in done.err
    assert len(bench.sim.store.mails()) == 3
    assert_all_done(bench)


@pytest.mark.slow
@pytest.mark.parametrize("window", [False, True])
def test_a_limited_portal_refuses_few_of_an_apply_s_requests(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, window: bool
) -> None:
    """Some 200 a second, 50 of them saved up, or 500 at a time, with the pauses that users have."""
    monkeypatch.setattr("portalctl.http.client.DEFAULT_POLICY", RetryPolicy())
    bench.people(pending=[f"p{number}@club.example" for number in range(1500)])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sim.inject(
        Fault("rate", requests=500, seconds=3, window=True)
        if window
        else Fault("rate", requests=50, seconds=0.25, retry_after=1)
    )
    assert bench.run("apply", "--yes").code == 0
    statuses = [exchange.status for exchange in bench.sim.log]
    assert statuses.count(429) <= 0.02 * len(statuses)
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_a_wait_longer_than_three_minutes_is_not_slept_through(bench: Bench) -> None:
    leaver = fill(bench).emails["leaver@club.example"]
    bench.sim.inject(Fault("status", method="PATCH", path=f"*/{leaver}", status=429, retry_after=181))
    done = bench.run("apply", "--yes")
    assert done.code == 4
    assert "Failed (1): 429 Too Many Requests\n  ✗ leaver@club.example  not revoked" in done.told
    assert "(it asks to wait 181 s; at most 180 s are waited)" in done.out
    assert len(writes_to(bench, "leaver@club.example")) == 1


def test_where_no_grant_worked_nothing_is_taken_away(bench: Bench) -> None:
    fill(bench).sim.inject(Fault("status", method="PATCH", status=403))
    done = bench.run("apply", "--yes")
    assert done.code == 4
    assert "every grant of the plan failed: removals do not start\n  ✗ leaver@club.example  not revoked" in done.told
    assert writes_to(bench, "leaver@club.example") == []
    assert bench.status("leaver@club.example") == "approved"
    bench.sim.clear_faults()
    assert bench.run("apply", "--yes").code == 0
    assert_all_done(bench)


def test_one_person_whose_approval_fails_holds_back_nobody_s_removal(bench: Bench) -> None:
    bench.people(pending=["stranger@club.example"], approved=["leaver@club.example"])
    bench.manifest(RULES.replace("teams: [reds]", ""))
    stranger = bench.emails["stranger@club.example"]
    bench.sim.inject(Fault("status", method="PATCH", path=f"*/{stranger}", status=400))
    assert bench.run("apply", "--yes").code == 4
    assert bench.status("leaver@club.example") == "revoked"


def test_a_grant_whose_answer_was_lost_but_is_seen_counts_as_one_that_worked(bench: Bench) -> None:
    bench.people(pending=["a@club.example"], approved=["leaver@club.example"])
    bench.manifest(RULES.replace("teams: [reds]", ""))
    bench.sim.inject(Fault("drop-after", method="PATCH", times=1))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out
    assert bench.status("leaver@club.example") == "revoked"


@pytest.mark.wide(1)
@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_after_a_lost_answer_the_portal_is_looked_at_before_anything_is_repeated(
    bench: Bench, kind: str, method: str
) -> None:
    path = "*/developers*"
    fill(bench).sim.inject(Fault(kind, method=method, path=path, times=1))  # type: ignore[arg-type]  # parametrised
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    sent = [write for write in bench.writes if write.startswith(method) and "developers" in write]
    needed = 3 if method == "PATCH" else 2
    assert len(sent) == needed + (kind == "drop-before")
    assert len(bench.sim.store.mails()) == 3
    assert_all_done(bench)


@pytest.mark.slow
def test_a_page_of_html_is_no_portal_s_yes(bench: Bench) -> None:
    """A log-in page of something in between: nothing reached the portal, though the answer is 200."""
    fill(bench).sim.inject(Fault("status", method="P*", path="*/developers*", status=200, body="html", times=2))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    assert len(bench.writes) == 6 + 2
    assert_all_done(bench)


@pytest.mark.slow
def test_a_conflict_that_left_nobody_in_the_team_is_told_as_what_it_was(bench: Bench) -> None:
    fill(bench).sim.inject(Fault("status", method="POST", path="*/teams/*/developers", status=409))
    done = bench.run("apply", "--yes", "--confirm-timeout", "0")
    assert done.code == 4
    assert "Unknown (2): 409 Conflict, not seen within 0 s" in done.told
    assert "? a@club.example  unknown whether joined reds (sent " in done.told
    assert "Not everything was applied: 2 confirmed, 2 skipped, 2 unknown." in done.out


@pytest.mark.slow
def test_a_lost_answer_to_a_team_creation_never_makes_two(bench: Bench) -> None:
    fill(bench).sim.inject(Fault("drop-after", method="POST", path="*/teams", times=1))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    assert bench.writes.count("POST /teams") == 1
    assert_all_done(bench)


@pytest.mark.slow
def test_a_team_whose_creation_was_not_answered_is_waited_for(make_bench: BenchMaker) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.4)))
    bench.sim.inject(Fault("drop-after", method="POST", path="*/teams", times=1))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    assert bench.writes.count("POST /teams") == 1


def test_once_the_token_is_refused_nothing_more_is_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.execution.executor.IN_FLIGHT", 1)
    fill(bench)

    def hook(request: Request) -> None:
        if request.method == "PATCH":
            bench.sim.inject(Fault("status", status=401))

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes")
    assert done.code == 4
    assert [write.split()[0] for write in bench.writes] == ["POST", "POST", "POST", "PATCH"]
    assert "Skipped (2): the portal no longer accepts the token" in done.out
    assert "✓ team reds  created" in done.told  # the look after the creations came before
    assert bench.reads[-1] == "GET /teams", "one look, and no more"


@pytest.mark.slow
def test_a_team_that_could_not_be_created_leaves_its_members_out_and_the_rest_goes_on(bench: Bench) -> None:
    fill(bench).sim.inject(Fault("status", method="POST", path="*/teams", status=400))
    done = bench.run("apply", "--yes")
    assert done.code == 4
    assert "Failed (1): 400 Bad Request\n  ✗ team reds  not created" in done.told
    assert "Skipped (2): team reds could not be created" in done.out
    assert (
        "Skipped (2): the developer did not join team reds: developers are not approved without their teams"
        in done.out
    )
    assert bench.status("leaver@club.example") == "revoked"
    assert "Not everything was applied: 1 confirmed, 1 failed, 4 skipped." in done.out
    bench.sim.clear_faults()
    assert bench.run("apply", "--yes").code == 0
    assert_all_done(bench)


def test_one_person_failing_stops_neither_the_others_nor_the_rest(bench: Bench) -> None:
    who = fill(bench).emails["a@club.example"]
    bench.sim.inject(Fault("status", method="PATCH", path=f"*/{who}", status=400))
    done = bench.run("apply", "--yes")
    assert done.code == 4
    assert "the portal returned 400 to PATCH /v3/portals/" in done.told
    assert "kong:trace:" in done.out
    assert bench.status("b@club.example") == "approved"
    assert bench.members("reds") == {"a@club.example", "b@club.example"}
    assert bench.status("leaver@club.example") == "revoked"
    assert "then run the same command again; changes already made are kept." in done.out


def test_a_reinstated_developer_joins_their_team_before_the_approval(bench: Bench) -> None:
    bench.people(revoked=["back@club.example"])
    bench.manifest(RULES + "policy: {reinstate: true}\n")
    assert bench.run("apply", "--yes").code == 0
    assert [write.split()[0] for write in bench.writes] == ["POST", "POST", "PATCH"]


def test_a_server_error_that_stays_is_unknown_and_never_called_done(bench: Bench) -> None:
    who = fill(bench).emails["leaver@club.example"]
    bench.sim.inject(Fault("status", method="PATCH", path=f"*/{who}", status=503))
    done = bench.run("apply", "--yes", "--confirm-timeout", "0.2")
    assert done.code == 4
    assert "? leaver@club.example  unknown whether revoked (sent " in done.told
    assert "Not everything was applied: 5 confirmed, 1 unknown." in done.out


@pytest.mark.slow
def test_writes_that_show_late_are_waited_for(make_bench: BenchMaker) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.4)))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out
    assert len(bench.writes) == 6


@pytest.mark.slow
def test_what_was_done_is_not_done_again_because_it_shows_late(
    make_bench: BenchMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to an approval is lost, and for a while the portal shows what was before it."""
    monkeypatch.setattr("portalctl.execution.sender.LAG", 5.0)
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.4)))
    person = bench.emails["a@club.example"]
    bench.sim.inject(Fault("drop-after", method="PATCH", path=f"*/{person}", times=1))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out
    assert writes_to(bench, "a@club.example") == [f"PATCH /developers/{person}"]


@pytest.mark.slow
@pytest.mark.parametrize("existed", [False, True])
def test_a_team_made_a_moment_ago_may_not_be_there_yet(bench: Bench, *, existed: bool) -> None:
    fill(bench)
    if existed:
        bench.team("reds")
    bench.sim.inject(Fault("status", status=404, method="POST", path="*/teams/*/developers", times=3))
    done = bench.run("apply", "--yes")
    assert done.code == (4 if existed else 0), done.out
    assert len(bench.members("reds")) == (0 if existed else 2)


@pytest.mark.slow
def test_writes_that_do_not_show_in_time_are_unknown(make_bench: BenchMaker) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=60)))
    done = bench.run("apply", "--yes", "--confirm-timeout", "0.3")
    assert done.code == 4
    assert "not seen within 0.3 s" in done.out
    assert "Not everything was applied: 0 confirmed, 6 unknown." in done.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(duplicate_member="201", remove_non_member="204"),
        Behaviour(description_unset="absent"),
        Behaviour(page_size_max=1),
        Behaviour(meta_floats=True),
    ],
    ids=["lenient", "absent", "small pages", "floats"],
)
def test_whatever_the_documents_leave_open_the_end_is_the_same(make_bench: BenchMaker, behaviour: Behaviour) -> None:
    bench = fill(make_bench(behaviour=behaviour))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    assert len(bench.writes) == 6
    assert_all_done(bench)


def test_someone_changed_between_plan_and_write_stops_all(bench: Bench) -> None:
    """The plan reads the list of developers; the look before writing comes with an e-mail filter."""
    fill(bench)
    leaver = bench.emails["leaver@club.example"]

    def hook(request: object) -> None:
        if "filter" in str(getattr(request, "target", "")):
            bench.sim.store.set_status(leaver, "rejected")

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes")
    assert done.code == 3
    assert "stale" in done.err
    assert "leaver@club.example: planned from status approved, but it is now status rejected" in done.err
    assert bench.writes == []


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("status", "told"),
    [
        (
            "revoked",
            "Skipped (1): this developer was changed elsewhere since the plan: the account is now revoked",
        ),
        ("approved", "(1 already so)"),
    ],
)
def test_someone_changed_while_an_apply_goes_on_for_long_is_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: str, told: str
) -> None:
    """Between two looks, here with each write, an admin decides on b."""
    monkeypatch.setattr("portalctl.execution.executor.IN_FLIGHT", 1)
    monkeypatch.setattr("portalctl.execution.recheck.FRESH", -1.0)
    monkeypatch.setattr("portalctl.execution.recheck.PATIENT", -1.0)
    who = fill(bench).emails["b@club.example"]

    def hook(request: Request) -> None:
        if request.method == "PATCH" and bench.status("b@club.example") == "pending":
            bench.sim.store.set_status(who, status)

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes")
    assert told in done.told
    assert bench.status("b@club.example") == status
    assert f"PATCH /developers/{who}" not in bench.writes
    assert bench.members("reds") == {"a@club.example", "b@club.example"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("b@club.example", "rejected", "Skipped (1): this developer was changed elsewhere"),
        ("leaver@club.example", "revoked", "(1 already so)"),
        ("b@club.example", "approved", "(1 already so)"),
        ("leaver@club.example", "pending", "Skipped (1): this developer was changed elsewhere"),
    ],
)
def test_someone_changed_while_a_write_had_to_wait_is_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, address: str, status: str, told: str
) -> None:
    """Its turn comes a second after the look before it, and an admin was quicker."""
    monkeypatch.setattr("portalctl.execution.recheck.FRESH", 0.5)
    person = fill(bench).emails[address]
    path = f"*/developers/{person}"
    bench.sim.inject(Fault("status", status=429, retry_after=1, method="PATCH", path=path, times=1))
    bench.sim.once(
        lambda r: r.method == "PATCH" and r.path.endswith(person),
        lambda: bench.sim.store.set_status(person, status),
    )
    done = bench.run("apply", "--yes")
    assert told in done.told + done.out
    assert bench.status(address) == status
    assert len(writes_to(bench, address)) == 1, "what was refused is not sent again"


@pytest.mark.slow
def test_a_newcomer_between_plan_and_write_does_not_matter(bench: Bench) -> None:
    fill(bench)
    newcomers = iter(["new@club.example"])

    def hook(request: object) -> None:
        if "filter" in str(getattr(request, "target", "")):
            for address in newcomers:
                bench.people(pending=[address])

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes")
    assert done.code == 0
    assert bench.status("new@club.example") == "pending"


@pytest.mark.slow
def test_what_was_done_by_someone_else_meanwhile_counts_as_done(bench: Bench) -> None:
    fill(bench)

    def hook(request: object) -> None:
        if "filter" in str(getattr(request, "target", "")):
            bench.sim.store.set_status(bench.emails["a@club.example"], "approved")

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes")
    assert done.code == 0
    assert "Applied: 6 changes confirmed (1 already so)." in done.out
    assert writes_to(bench, "a@club.example") == []


@pytest.mark.slow
def test_the_look_before_and_after_is_by_batches(bench: Bench) -> None:
    bench.people(pending=[f"p{number:03}@club.example" for number in range(90)])
    bench.manifest(RULES)
    bench.run("apply", "--yes")
    assert len(bench.writes) == 181
    filtered = [e for e in bench.sim.log if "filter" in str(e.query)]
    assert len(filtered) == 4
    assert len(bench.reads) <= 6 + 1 + 2 * (2 + 1 + 1)  # one before the team is made


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("rules", "words", "code"),
    [
        ("protected: [leaver@club.example]\n", [], "protected"),
        ("policy: {limits: {removals: 0}}\n", [], "removals"),
        ("", ["--allow-removals", "0"], "removals"),
    ],
)
def test_a_refused_plan_is_shown_and_nothing_is_written(
    bench: Bench, rules: str, words: list[str], code: str
) -> None:
    fill(bench).manifest(RULES + rules)
    plan = bench.run("plan", "-o", "json", *words)
    assert plan.code == 3
    assert [refusal["code"] for refusal in plan.json["portals"][0]["refusals"]] == [code]
    done = bench.run("apply", "--yes", *words)
    assert done.code == 3
    assert "Refused: no changes will be made to partners." in done.out
    assert "leaver@club.example" in done.out
    assert bench.writes == []


def test_a_raised_limit_lets_the_removal_through(bench: Bench) -> None:
    fill(bench).manifest(RULES + "policy: {limits: {removals: 0}}\n")
    assert bench.run("apply", "--yes", "--allow-removals", "1").code == 0
    assert bench.status("leaver@club.example") == "revoked"


@pytest.mark.slow
def test_teams_that_the_identity_provider_owns_are_not_written(bench: Bench) -> None:
    fill(bench)
    bench.sim.store.add_identity_provider(PORTAL_ID)
    bench.sim.store.set_settings(PORTAL_ID, idp_mapping_enabled=True)
    done = bench.run("apply", "--yes")
    assert done.code == 3
    assert "membership: idp" in done.out
    assert bench.writes == []
    bench.manifest(RULES.replace("- name: reds", "- name: reds\n    synced: false"))
    assert bench.run("apply", "--yes").code == 0
    assert_all_done(bench)
