"""Preflight: teams whose members an identity provider decides, by either of Konnect's two APIs, are not changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portalctl.http import Answer, Client, Server
from portalctl.portals.konnect.team_mapping import is_konnect_region, is_missing_api, listed_providers
from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench

pytestmark = pytest.mark.usefixtures("quick")

BenchMaker = Callable[..., Bench]
ANN = "ann@club.example"
RULES = f"teams:\n  - name: reds\n    members: [{ANN}]\n"
SETTINGS, PROVIDERS = "*/authentication-settings", "*/identity-providers"


def fill(bench: Bench) -> Bench:
    bench.people(approved=[ANN])
    bench.team("reds")
    bench.manifest(RULES)
    return bench


def mapped(bench: Bench, *, enabled: bool = True, team: str = "reds") -> str:
    """An identity provider with one mapping."""
    provider = bench.sim.store.add_identity_provider(PORTAL_ID, enabled=enabled)
    if team not in bench.teams:
        bench.team(team)
    bench.sim.store.add_mapping(provider, bench.teams[team], "Engineers")
    return provider


def codes(bench: Bench, what: str = "refusals") -> list[str]:
    done = bench.run("plan", "-o", "json")
    return [found["code"] for found in done.json["portals"][0][what]]


@pytest.mark.wide(1)
@pytest.mark.parametrize("team", ["reds", "another"])
def test_a_mapping_of_an_identity_provider_refuses_changes_to_every_team(bench: Bench, team: str) -> None:
    fill(bench)
    mapped(bench, team=team)
    done = bench.run("apply", "--yes")
    assert (done.code, bench.writes) == (3, [])
    assert "team reds: the identity provider decides its members" in done.out
    assert codes(bench) == ["idp_owned_team"]
    bench.manifest(RULES + "    synced: false\n")
    assert bench.run("apply", "--yes").code == 0
    assert bench.members("reds") == {ANN}


def test_the_second_identity_provider_counts_too(bench: Bench) -> None:
    fill(bench).sim.store.add_identity_provider(PORTAL_ID)
    mapped(bench)
    assert bench.run("apply", "--yes").code == 3


@pytest.mark.slow
def test_an_identity_provider_that_is_off_or_has_no_mapping_decides_nothing(bench: Bench) -> None:
    fill(bench).sim.store.add_identity_provider(PORTAL_ID)
    mapped(bench, enabled=False)
    assert codes(bench) == []
    assert bench.run("apply", "--yes").code == 0


@pytest.mark.slow
def test_settings_the_server_does_not_have_do_not_hide_a_mapping(make_bench: BenchMaker) -> None:
    bench = fill(make_bench(faults=[Fault("status", status=404, path=SETTINGS)]))
    assert codes(bench) == []
    assert "team_mapping_unknown" in codes(bench, "notices")
    mapped(bench)
    assert codes(bench) == ["idp_owned_team"]


@pytest.mark.slow
@pytest.mark.parametrize("classic", [False, True])
def test_mappings_of_the_older_api_count_where_its_switch_is_not_known(make_bench: BenchMaker, classic: bool) -> None:
    bench = fill(make_bench(classic=classic, faults=[Fault("status", status=404, path=SETTINGS)]))
    bench.sim.store.add_identity_provider(PORTAL_ID)
    assert codes(bench) == []
    bench.sim.store.set_groups(PORTAL_ID, bench.teams["reds"], ["Engineers"])
    assert codes(bench) == ["idp_owned_team"]


@pytest.mark.slow
def test_a_server_without_the_newer_api_goes_by_the_switch(make_bench: BenchMaker) -> None:
    faults = [Fault("status", status=404, path=PROVIDERS)]
    bench = fill(make_bench(faults=faults))
    mapped(bench)
    assert (codes(bench), codes(bench, "notices")) == ([], [])


@pytest.mark.wide(2)
@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize("path", [PROVIDERS, "*/identity-providers/*/team-group-mappings"])
def test_what_cannot_be_read_ends_the_run(make_bench: BenchMaker, path: str, status: int) -> None:
    bench = fill(make_bench(faults=[Fault("status", status=status, path=path)]))
    mapped(bench)
    done = bench.run("apply", "--yes")
    assert (done.code, bench.writes) == (1, [])
    assert f"{status} to GET" in done.err
    assert "identity-providers" in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (f'"/v3/x?page%5Bafter%5D={"x" * 200_000}"', "not a valid address: URL too long"),
        ('"/v3/x?page%5Bafter%5D=Y3Vyc29y"', "400"),
        ('"http://[?page%5Bafter%5D=x#y"', "400"),
        ('"/v3/x"', "without `page[after]`"),
        ('"http://["', "without `page[after]`"),
        ("7", "is not the API's"),
    ],
)
def test_a_wrong_link_to_the_next_page_ends_the_run(make_bench: BenchMaker, value: str, problem: str) -> None:
    path = "*/identity-providers/*/team-group-mappings"
    bench = fill(make_bench(faults=[Fault("set", path=path, field="meta.page.next", value=value)]))
    bench.sim.store.add_identity_provider(PORTAL_ID)
    done = bench.run("apply", "--yes")
    assert (done.code, bench.writes) == (1, [])
    assert problem in done.err


def test_a_list_of_empty_pages_that_repeats_itself_ends(make_bench: BenchMaker) -> None:
    path = "*/identity-providers/*/team-group-mappings"
    link = '"https://evil.example/x?page%5Bafter%5D=cm93IDE"'  # row 1
    bench = fill(make_bench(faults=[Fault("set", path=path, field="meta.page.next", value=link)]))
    bench.sim.store.add_identity_provider(PORTAL_ID)
    done = bench.run("apply", "--yes")
    assert (done.code, bench.writes) == (1, [])
    assert "the list does not end" in done.err
    assert len(bench.reads) < 20


def test_a_mapping_behind_an_empty_page_is_found(make_bench: BenchMaker) -> None:
    path = "*/identity-providers/*/team-group-mappings"
    one_by_one = Behaviour(page_size_max=1)
    bench = fill(
        make_bench(faults=[Fault("set", path=path, field="data", value="[]", times=1)], behaviour=one_by_one)
    )
    provider = mapped(bench)
    bench.sim.store.add_mapping(provider, bench.teams["reds"], "Designers")
    assert codes(bench) == ["idp_owned_team"]


def settings_found(bench: Bench) -> list[tuple[str, str, str]]:
    """Return the settings that drift reports: team, live, wanted."""
    done = bench.run("drift", "-o", "json")
    found = [item for item in done.json["portals"][0]["findings"] if item["kind"] == "setting"]
    assert done.code == (2 if done.json["portals"][0]["findings"] else 0), done.err
    return [(item["team"], item["live"], item["wanted"]) for item in found]


def test_the_refusal_names_the_mapped_groups(make_bench: BenchMaker) -> None:
    bench = fill(make_bench(behaviour=Behaviour(page_size_max=1)))
    provider = mapped(bench)
    assert "(team mapping is on, mapped to it: group Engineers (oidc))" in bench.run("plan", COLUMNS="400").out
    for group in ("A", "B", "C"):
        bench.sim.store.add_mapping(provider, bench.teams["reds"], group)
    assert "groups A (oidc), B (oidc), C (oidc), 1 more)" in bench.run("plan", COLUMNS="400").out
    bench.team("blues")
    bench.manifest(RULES + f"  - name: blues\n    members: [{ANN}]\n")
    assert (
        "team blues: the identity provider decides its members on this portal (team mapping is on, no group is "
        in (bench.run("plan", COLUMNS="400").out)
    )


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (RULES, "members by rules"),
        (RULES + "    synced: false\n", "members by rules"),
        ("teams: [{name: reds, synced: false}]\n", "members by rules"),
        ("teams: [{name: reds}]\ntrusted_domains: [{domain: x.example, teams: [reds]}]\n", "members by rules"),
        ("teams: [{name: reds}]\n", None),
        ("teams: [{name: reds, membership: idp}]\n", None),
        (RULES + "    synced: true\n", None),
        ("teams: [{name: blues}]\n", "not declared"),
    ],
)
def test_drift_reports_a_mapping_against_the_manifest(bench: Bench, rules: str, wanted: str | None) -> None:
    fill(bench).manifest(rules)
    bench.team("blues")
    mapped(bench)
    mapped(bench, enabled=False)
    found = [item for item in settings_found(bench) if item[0] == "reds"]
    assert found == ([("reds", "mapped to group Engineers (oidc)", wanted)] if wanted is not None else [])


def test_a_mapping_of_a_team_said_not_to_be_synced_warns(bench: Bench) -> None:
    fill(bench).manifest(RULES + "    synced: false\n")
    mapped(bench)
    done = bench.run("plan", "-o", "json")
    (notice,) = [item for item in done.json["portals"][0]["notices"] if item["code"] == "mapped_team"]
    assert (done.code, notice["line"]) == (0, 7)
    assert "declared `synced: false`, but is mapped to group Engineers (oidc)" in notice["message"]


@pytest.mark.parametrize("switch", [True, False])
def test_mappings_of_the_older_api_are_drift_while_their_switch_is_on(bench: Bench, *, switch: bool) -> None:
    fill(bench).sim.store.add_identity_provider(PORTAL_ID)
    bench.sim.store.set_groups(PORTAL_ID, bench.teams["reds"], ["Engineers"])
    bench.sim.store.set_settings(PORTAL_ID, idp_mapping_enabled=switch)
    assert settings_found(bench) == ([("reds", "mapped to group Engineers", "members by rules")] if switch else [])


def test_what_an_identity_provider_calls_its_groups_stays_inert(bench: Bench) -> None:
    fill(bench)
    bench.sim.store.add_mapping(mapped(bench), bench.teams["reds"], "\x1b[31m::error::" + "x" * 200)
    done = bench.run("drift")
    assert "\x1b" not in done.out
    assert "x" * 101 not in done.out


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://eu.api.konghq.com", True),
        ("https://US.API.KongHQ.com:443/", True),
        ("https://global.api.konghq.com.", True),
        ("https://api.konghq.com.evil.example", False),
        ("https://eu.api.konghq.example", False),
        ("https://xapi.konghq.com", False),
        ("http://127.0.0.1:8080", False),
    ],
)
def test_a_missing_path_is_a_failed_read_on_konnects_own_servers(url: str, region: bool) -> None:
    assert is_konnect_region(url) is region
    answers: dict[int, Any] = {status: is_missing_api(status, url) for status in (200, 400, 401, 403, 404, 405, 500)}
    missing = {status for status, is_missing in answers.items() if is_missing}
    assert missing == (set() if region else {404, 405})


@pytest.mark.parametrize(
    "body", [b'[{"id": "idp-1"}]', b'{"data": [{"id": "idp-1"}], "meta": {"page": {"total": 1}}}']
)
def test_identity_providers_are_read_from_an_array_and_from_an_object_like_other_lists(body: bytes) -> None:
    client = Client(Server("http://127.0.0.1", "token"))
    providers = listed_providers(client, Answer("GET /", 200, body, None, ""))
    assert [provider.id for provider in providers] == ["idp-1"]
