"""One portal has one root file, and no file gets more than was granted to it, whatever it contains and is called.

Each case is an attack by somebody who may edit one file, through the command line: exit 65, both places named, and
nothing sent to the portal where the files alone tell.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import portalctl as library
from portalctl.changes.plan_document import digest_of
from portalctl.changes.plan_document import to_json as plan_json
from portalctl.changes.saved_plan import read as read_plan
from portalctl.errors import InputError
from portalctl.http import Server
from portalctl.portals import snapshot_file
from portalctl.portals.snapshot_file import parse, to_json
from tests.conftest import HEAD, PORTAL_ID, Bench, Done, portalctl

pytestmark = pytest.mark.usefixtures("quick")

OTHER_ID = "00000000-0000-4000-8000-00000000000a"
GRANT = "delegate:\n  teams/city.yaml: {teams: [city]}\n"
RULES = f"protected: [owner@club.example]\nteams: [{{name: admins}}]\n{GRANT}"
TAKEOVER = """trusted_domains: [{domain: evil.example, teams: [admins]}]
teams: [{name: admins}]
overrides: [{developer: owner@club.example, status: revoked, reason: Mine now}]
"""


def root(keys: str, name: str = "city-team", provider: str = "konnect") -> str:
    return f"version: 1\nportal: {{name: {name}, provider: {provider}, {keys}}}\n"


@pytest.fixture
def club(bench: Bench) -> Bench:
    """A portal with a protected developer and an outsider who waits."""
    bench.people(approved=["owner@club.example", "ann@club.example"], pending=["eve@evil.example"])
    bench.team("admins", "owner@club.example")
    bench.manifest(RULES)
    Path("portals/teams").mkdir()
    return bench


def refused(done: Done, *said: str) -> None:
    assert done.code == 65, done.out + done.err
    for text in said:
        assert text in done.err


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("teams/city.yaml", root(f"id: {PORTAL_ID}"), "names this file in `delegate`"),
        ("teams/city.yaml", root("title: Partners"), "names this file in `delegate`"),
        ("teams/city.yaml", root(f"id: {OTHER_ID}"), "names this file in `delegate`"),
        ("teams/city.yaml", root(f"id: {PORTAL_ID}").replace("\n", "\r\n"), "names this file in `delegate`"),
        ("teams/City.YAML", root(f"id: {OTHER_ID}"), "names this file in `delegate`"),
        ("teams/evil.yaml", root(f"id: {OTHER_ID}"), "allows no root file in a subfolder"),
        ("teams/evil.YML", root(f"id: {OTHER_ID}"), "allows no root file in a subfolder"),
        ("teams/deep/er/evil.yml", root("title: x", provider="api7"), "allows no root file in a subfolder"),
        ("beside.yaml", root(f"id: {PORTAL_ID}"), "is the same portal as 'partners'"),
        ("beside.yaml", root(f"id: {PORTAL_ID.upper()}"), "is the same portal as 'partners'"),
        ("beside.yaml", root(f"id: {PORTAL_ID}, region: eu"), "is the same portal as 'partners'"),
        ("beside.yaml", root(f"id: {PORTAL_ID}", provider="konnect-v2"), "is the same portal as 'partners'"),
        ("beside.YML", root(f"id: {PORTAL_ID}"), "is the same portal as 'partners'"),
    ],
)
def test_a_file_can_not_make_itself_the_root_file_of_a_portal(club: Bench, file: str, text: str, said: str) -> None:
    path = Path("portals", file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + TAKEOVER, newline="")
    for command in (("validate",), ("apply", "--yes", "--portal", "partners")):
        refused(club.run(*command), said, f"portals/{file}:2:", "portals/partners.yaml:")
    assert club.sim.log == ()


@pytest.mark.wide(2)
@pytest.mark.parametrize("key", ["link.yaml", "./teams/city.yaml", "teams/../teams/city.yaml", "folder/city.yaml"])
def test_a_file_is_the_same_whatever_path_names_it(club: Bench, key: str) -> None:
    """A grant by any spelling is one for this file, and a root file that any spelling names is none."""
    Path("portals/link.yaml").symlink_to("teams/city.yaml")
    Path("portals/folder").symlink_to("teams")
    club.manifest(RULES.replace("teams/city.yaml", key))
    Path("portals/teams/city.yaml").write_text("version: 1\nportal: partners\nteams: [{name: city}]\n")
    assert club.run("validate").code == 0
    Path("portals/teams/city.yaml").write_text(root(f"id: {OTHER_ID}") + TAKEOVER)
    refused(club.run("plan"), "portals/partners.yaml:9 names this file in `delegate`")
    club.manifest(RULES + f"  {key.replace('./', './/')}: {{teams: [admins]}}\n")
    refused(club.run("plan"), "portals/partners.yaml:10:3: ", "the same file as 'teams/city.yaml' (line 9)")
    assert club.sim.log == ()


def test_a_file_that_is_replaced_by_a_link_gets_no_more(club: Bench) -> None:
    """The owner of one team's file points it at the root file, at another team's file, or out of the folder."""
    club.manifest(RULES + "  teams/admins.yaml: {teams: [admins]}\n")
    admins = Path("portals/teams/admins.yaml")
    admins.write_text("version: 1\nportal: partners\nteams: [{name: admins}]\n")
    city = Path("portals/teams/city.yaml")
    city.symlink_to("../partners.yaml")
    refused(club.run("plan"), "portals/partners.yaml:2:1: line 9 names this file in `delegate`")
    city.unlink()
    city.symlink_to("admins.yaml")
    refused(club.run("plan"), "'teams/admins.yaml': the same file as 'teams/city.yaml'")
    city.unlink()
    Path("outside.yaml").write_text(root(f"id: {OTHER_ID}"))
    city.symlink_to("../../outside.yaml")
    refused(club.run("plan"), "this link leads out of the folder")
    refused(
        portalctl("plan", "-f", "portals", "-f", "outside.yaml"), "outside.yaml:2:1: portals/partners.yaml:9 names"
    )
    assert club.sim.log == ()


def test_a_root_file_in_another_folder_is_compared_too(club: Bench) -> None:
    Path("more").mkdir()
    for keys in (f"id: {PORTAL_ID}", f"id: {PORTAL_ID.upper()}, region: eu"):
        Path("more/evil.yaml").write_text(root(keys) + TAKEOVER)
        refused(
            club.run("apply", "-f", "more", "--yes"), "more/evil.yaml:2:1: 'city-team' is the same portal as 'part"
        )
    club.manifest(RULES.replace("teams/city.yaml", "../more/evil.yaml"))
    Path("more/evil.yaml").write_text(root(f"id: {OTHER_ID}") + TAKEOVER)
    refused(club.run("apply", "-f", "more", "--yes"), "more/evil.yaml:2:1: portals/partners.yaml:9 names this file")
    assert club.sim.log == ()


def test_one_portal_s_grant_holds_for_the_root_file_of_another(club: Bench) -> None:
    """A file that portal A restricts is not the root file of portal B, which lies beside it or above it."""
    club.manifest(RULES.replace("teams/city.yaml", "beside.yaml"))
    Path("portals/beside.yaml").write_text(root(f"id: {OTHER_ID}", "staging"))
    refused(club.run("plan"), "portals/beside.yaml:2:1: portals/partners.yaml:9 names this file")


def test_a_root_file_in_a_subfolder_is_allowed_by_an_entry_of_its_own(club: Bench) -> None:
    second = club.sim.store.add_portal("second")
    Path("portals/teams/second.yaml").write_text(root(f"id: {second}", "second"))
    Path("portals/third.yaml").write_text(root("title: third", "third"))
    refused(club.run("validate"), "add `teams/second.yaml: {roots: true}` there")
    club.manifest(RULES + "  teams/second.yaml: {roots: true}\n")
    assert club.run("validate").code == 0
    club.manifest(RULES + "  teams/second.yaml: {roots: true, teams: [city]}\n")
    refused(club.run("validate"), "portals/partners.yaml:10:23: `roots` is allowed alone only")
    club.manifest(RULES + "  teams/second.yaml: {roots: true}\n")
    Path("portals/teams/second.yaml").write_text("version: 1\nportal: partners\nteams: [{name: city}]\n")
    refused(club.run("validate"), "'city': team not granted to this file (portals/partners.yaml:10 grants no team)")


NAMES = ("title: partners", "title: Partners")  # the portal's name and its display name
COMMANDS = (
    ("plan",),
    ("apply", "--yes"),
    ("drift",),
    ("explain", "ann@club.example"),
    ("report", "access"),
    ("snapshot", "--out", "s.json"),
    ("ping",),
)


@pytest.mark.wide(1)
@pytest.mark.parametrize("narrowed", [(), ("--portal", "partners"), ("--portal", "city-team")])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_id_and_a_title_of_one_portal_are_compared_before_anything_else(
    club: Bench, command: tuple[str, ...], narrowed: tuple[str, ...]
) -> None:
    command, words = (("report", "access"), ()) if command[0] == "report" else (command[:1], command[1:])
    for title in NAMES:
        Path("portals/beside.yaml").write_text(root(title) + TAKEOVER)
        club.sim.clear_log()
        env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
        done = portalctl(*command, *words, "-f", "portals", *narrowed, env=env)
        refused(done, f"both lead to the portal with the id {PORTAL_ID}")
        assert "portals/beside.yaml:2:1: 'city-team' is the same portal as 'partners' (portals/part" in done.err
        assert "portals/partners.yaml:2:1: 'partners' is the same portal as 'city-team' (portals/beside" in done.err
        assert club.writes == []
        if command != ("ping",):
            assert {path.partition("?")[0] for path in club.reads} <= {"GET ", "GET /v3/portals"}


def test_two_names_of_one_portal_are_one_portal(club: Bench) -> None:
    path = Path("portals/partners.yaml")
    path.write_text(path.read_text().replace(f"id: {PORTAL_ID}", NAMES[0]))
    Path("portals/beside.yaml").write_text(root(NAMES[1]) + TAKEOVER)
    assert club.run("validate").code == 0
    for narrowed in ((), ("--portal", "partners")):
        refused(club.run("apply", "--yes", *narrowed), "both lead to the portal")
    assert club.writes == []


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    "spelling", ["{}/", "{}/v3", "{}/v2/", "http://localhost:{port}", "http://LOCALHOST:{port}/"]
)
def test_a_server_is_the_same_whatever_spells_its_address(club: Bench, spelling: str) -> None:
    """The region of one file and the environment of the other lead to one server."""
    address = spelling.format(club.sim.url, port=club.sim.url.rpartition(":")[2])
    named = {"PORTALCTL_CITY_TEAM_SERVER": address, "PORTALCTL_CITY_TEAM_TOKEN": club.sim.token}
    Path("portals/beside.yaml").write_text(root("region: us, title: Partners") + TAKEOVER)
    refused(club.run("apply", "--yes", **named), "is the same portal as 'partners'")
    refused(club.run("apply", "--yes", "--portal", "partners", **named), "is the same portal as 'partners'")
    assert club.writes == []


def test_the_server_that_the_environment_names_counts_whatever_the_regions_are(club: Bench) -> None:
    path = Path("portals/partners.yaml")
    path.write_text(path.read_text().replace("provider: konnect", "provider: konnect\n  region: eu"))
    Path("portals/beside.yaml").write_text(root(f"region: us, id: {PORTAL_ID}") + TAKEOVER)
    assert club.run("validate").code == 0  # there, the files alone do not tell
    refused(club.run("apply", "--yes"), "is the same portal as 'partners'")
    assert club.sim.log == ()


@pytest.mark.slow
def test_portals_with_titles_that_are_two_stay_two(club: Bench) -> None:
    second = club.sim.store.add_portal("second", display_name="Second")
    club.sim.store.add_developer(second, "kim@x.com", status="pending")
    Path("portals/beside.yaml").write_text(root("title: Second", "second") + "trusted_domains: [x.com]\n")
    assert club.run("apply", "--yes").code == 0
    assert club.run("plan", "--portal", "second", "--detailed-exitcode").code == 0
    elsewhere = {"PORTALCTL_SECOND_SERVER": "https://portal.example", "PORTALCTL_SECOND_TOKEN": "x"}
    Path("portals/beside.yaml").write_text(root("title: Partners", "second"))
    assert club.run("plan", "--portal", "partners", **elsewhere).code == 0


@pytest.mark.slow
def test_a_classic_portal_may_have_the_title_of_another(club: Bench) -> None:
    """Classic portals and others are on two versions of the API, each with its own."""
    club.sim.store.add_portal("Partners", classic=True)
    Path("portals/beside.yaml").write_text(root("title: Partners", "classic", "konnect-v2"))
    for narrowed in ((), ("--portal", "partners"), ("--portal", "classic")):
        done = club.run("plan", *narrowed)
        assert done.code == 0, done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("narrowed", [(), ("--portal", "partners")])
def test_a_snapshot_tells_too(club: Bench, narrowed: tuple[str, ...]) -> None:
    assert club.run("snapshot", "--out", "s.json").code == 0
    for title in NAMES:
        Path("portals/beside.yaml").write_text(root(title) + TAKEOVER)
        for command in (("plan",), ("report", "access")):
            done = portalctl(*command, "-f", "portals", "--snapshot", "s.json", *narrowed)
            refused(done, "both lead to the portal")
    if not narrowed:
        refused(portalctl("validate", "-f", "portals", "--snapshot", "s.json"), "both lead to the portal")


def test_a_snapshot_that_can_not_tell_is_refused(club: Bench) -> None:
    """One that was taken before names were kept in it."""
    assert club.run("snapshot", "--out", "s.json").code == 0
    old = parse(Path("s.json").read_bytes(), "s.json")
    portals = tuple(replace(each, snapshot=replace(each.snapshot, portal_names=())) for each in old.portals)
    made = snapshot_file.saved_snapshot(portals, created_at=old.created_at, generator=old.generator)
    Path("s.json").write_text(to_json(made))
    plan = ("plan", "-f", "portals", "--snapshot", "s.json", "--portal", "partners")
    assert portalctl(*plan).code == 0
    Path("portals/beside.yaml").write_text(root("title: Anything") + TAKEOVER)
    done = portalctl(*plan)
    assert done.code == 3
    assert "the snapshot lacks the names of portal partners" in done.err


def test_the_library_compares_them_too(club: Bench) -> None:
    Path("portals/beside.yaml").write_text(root(NAMES[0]) + TAKEOVER)
    manifest = library.load("portals")
    server = Server(club.sim.url, club.sim.token)
    narrowed = replace(manifest, portals={"partners": manifest.portals["partners"]})
    for asked, servers in ((manifest, {"partners": server, "city-team": server}), (narrowed, {"partners": server})):
        for verb in (library.plan, library.snapshot):
            with pytest.raises(InputError) as caught:
                verb(asked, library.Run(servers))
            assert len(caught.value.findings) == 2
            assert "Nothing was written" in str(caught.value)
    assert club.writes == []


def test_a_saved_plan_is_not_applied_once_a_title_leads_to_its_portal(club: Bench) -> None:
    second = club.sim.store.add_portal("second", display_name="Second")
    Path("portals/beside.yaml").write_text(root("title: Second"))
    assert club.run("plan", "--portal", "partners", "--out", "plan.json").code == 0
    club.sim.store.set_portal(second, display_name="Gone")
    club.sim.store.set_portal(PORTAL_ID, display_name="Second")
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    refused(portalctl("apply", "plan.json", "-f", "portals", "--yes", env=env), "both lead to the portal")
    assert club.writes == []


def test_a_saved_plan_has_each_portal_once(club: Bench) -> None:
    """Two parts for one portal would each be counted against limits of its own."""
    assert club.run("plan", "--out", "plan.json").code == 0
    plan = read_plan(Path("plan.json").read_bytes(), "plan.json")
    twin = replace(plan.portals[0], name="twin", portal_id=plan.portals[0].portal_id.upper())
    both = replace(plan, portals=(plan.portals[0], twin))
    Path("plan.json").write_text(plan_json(replace(both, digest=digest_of(both))))
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    done = portalctl("apply", "plan.json", "--yes", env=env)
    assert done.code == 65
    assert "portals[1].portal_id: is the same portal as portals[0]" in done.err
    assert club.writes == []


def test_the_journal_says_which_portal_a_run_wrote_to(club: Bench) -> None:
    """By server and id: a handle may stand for another portal some day, in the same journal."""
    second = club.sim.store.add_portal("second")
    club.sim.store.add_developer(second, "kim@x.com", status="pending")
    rules = "trusted_domains: [evil.example, x.com]\n"
    for portal_id in (PORTAL_ID, second):
        Path("portals/partners.yaml").write_text(HEAD.replace(PORTAL_ID, portal_id) + rules)
        assert club.run("apply", "--yes").code == 0
    lines = [json.loads(line) for line in Path(".portalctl/partners.jsonl").read_text().splitlines()]
    begun = [line for line in lines if line["event"] == "begin"]
    assert [(line["portal"], line["server"], line["portal_id"]) for line in begun] == [
        ("partners", club.sim.url, PORTAL_ID),
        ("partners", club.sim.url, second),
    ]
    assert len({line["run"] for line in begun}) == 2


def test_a_message_quotes_what_is_refused_and_lists_what_is_granted(club: Bench) -> None:
    club.manifest(RULES + "  teams/fans.yaml: {teams: [a, b, c, d, e, f, g], overrides: true}\n")
    rules = "teams: [{name: City}]\ntrusted_domains: [evil.example]\ndenied_domains: [a.example]\n"
    Path("portals/teams/city.yaml").write_text("version: 1\nportal: partners\n" + rules)
    Path("portals/teams/fans.yaml").write_text("version: 1\nportal: partners\nteams: [{name: evil}]\n")
    done = club.run("validate")
    assert done.code == 65
    grants = "(portals/partners.yaml:9 grants"
    more = "(portals/partners.yaml:10 grants: a, b, c, d, e and 2 more)"
    assert done.err.splitlines()[:4] == [
        f"portals/teams/city.yaml:3:9: 'City': team not granted to this file; did you mean 'city'? {grants}: city)",
        f"portals/teams/city.yaml:4:19: 'evil.example': domain not granted to this file {grants} no domain)",
        f"portals/teams/city.yaml:5:1: `denied_domains`: not granted to this file {grants}: teams; "
        "it needs `all: true`)",
        f"portals/teams/fans.yaml:3:9: 'evil': team not granted to this file {more}",
    ]
