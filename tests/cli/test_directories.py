"""Groups of directories decide about access, through the command line: a role granted, removed, a directory down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WRITES, Bench, Done, portalctl
from tests.directories.stand_in import Reply, Request, StandIn, serving

SECRET = "s3cret-of-hr"
RULES = """
directories:
  - {name: hr, kind: http, list: employees, email: mail, id: id, active: active}
trusted_groups:
  - {directory: hr, group: partners, reason: "Role PARTNER"}
teams:
  - {name: city, membership: exclusive, members_from: {directory: hr, group: city-devs}}
"""


class Hr:
    """Groups as lists of names; `-` before a name: disabled."""

    def __init__(self) -> None:
        self.groups: dict[str, list[str]] = {}
        self.reply: Reply | None = None

    def __call__(self, request: Request) -> Reply:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        if self.reply is not None:
            return self.reply
        group = self.groups.get(request.path.removeprefix("/api/"))
        if group is None:
            return Reply({"detail": "no such list"}, 404)
        rows = [
            {"id": name.strip("-"), "mail": f"{name.strip('-')}@city.example", "active": not name.startswith("-")}
            for name in group
        ]
        return Reply({"employees": rows})


@pytest.fixture
def hr() -> Hr:
    return Hr()


@pytest.fixture
def server(hr: Hr) -> Iterator[StandIn]:
    with serving(hr) as found:
        yield found


@pytest.fixture
def city(bench: Bench, hr: Hr) -> Bench:
    hr.groups = {"partners": ["ann", "bob", "eve"], "city-devs": ["ann", "bob"]}
    bench.people(pending=["ann@city.example"], approved=["bob@city.example", "dan@city.example", "eve@city.example"])
    bench.team("city", "bob@city.example")
    bench.manifest(RULES)
    return bench


def run(bench: Bench, server: StandIn, command: str, *words: str, **env: str) -> Done:
    place = {"PORTALCTL_DIRECTORY_HR_URL": f"{server.url}/api/", "PORTALCTL_DIRECTORY_HR_SECRET": SECRET}
    portal = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl(command, *words, "-f", "portals", env=portal | place | env)
    assert SECRET not in done.out + done.err
    return done


def planned(bench: Bench, server: StandIn, *words: str) -> dict[str, Any]:
    done = run(bench, server, "plan", "-o", "json", *words)
    assert done.code == 0, done.err
    portal: dict[str, Any] = done.json["portals"][0]
    return portal


def ids(portal: dict[str, Any]) -> list[str]:
    return [change["id"] for change in portal["changes"]]


def apply(bench: Bench, server: StandIn, *words: str) -> Done:
    return run(bench, server, "apply", "--yes", "--confirm-timeout", "0.2", *words)


@pytest.mark.usefixtures("quick")
def test_a_role_granted_then_removed_and_a_person_disabled(city: Bench, server: StandIn, hr: Hr) -> None:
    assert ids(planned(city, server)) == ["add_member:ann@city.example:city", "approve:ann@city.example"]
    assert apply(city, server).code == 0
    assert (city.status("ann@city.example"), city.members("city")) == (
        "approved",
        {"ann@city.example", "bob@city.example"},
    )
    assert ids(planned(city, server)) == []

    hr.groups = {"partners": ["ann", "eve"], "city-devs": ["ann", "-bob"]}  # bob: role removed, and disabled
    portal = planned(city, server)
    assert ids(portal) == ["remove_member:bob@city.example:city"]
    (why,) = portal["changes"][0]["why"]
    assert (why["rule"], why["value"], why["reason"]) == ("members", "hr/city-devs", "disabled in hr/city-devs")
    assert (why["directory"], why["group"], why["line"]) == ("hr", "city-devs", 12)
    assert "identity" not in why
    assert portal["summary"]["removals"] == 1
    drift = run(city, server, "drift", "-o", "json")
    found = {(one["kind"], one["developer"]) for one in drift.json["portals"][0]["findings"]}
    assert found == {
        ("unexpected_grant", "bob@city.example"),
        ("unruled_grant", "bob@city.example"),
        ("unruled_grant", "dan@city.example"),
    }
    told = run(city, server, "explain", "bob@city.example").out
    assert "disabled in hr/city-devs" in told
    assert apply(city, server).code == 0
    assert city.members("city") == {"ann@city.example"}


def test_the_plan_shows_group_identity_and_time_of_reading(city: Bench, server: StandIn) -> None:
    done = run(city, server, "plan", "-o", "json")
    portal = done.json["portals"][0]
    why = portal["changes"][1]["why"][0]
    assert {key: why[key] for key in ("rule", "value", "reason", "directory", "group", "group_name", "identity")} == {
        "rule": "trusted_groups",
        "value": "hr/partners",
        "reason": "Role PARTNER",
        "directory": "hr",
        "group": "partners",
        "group_name": "partners",
        "identity": "ann",
    }
    assert why["observed_at"] < done.json["valid_until"]
    notices = [one["message"] for one in portal["notices"] if one["code"] == "group_read"]
    assert len(notices) == 2
    assert notices[0].startswith("group hr/city-devs: 2 identities, read 20")
    assert "trusted group hr/partners" in run(city, server, "plan").out


def test_a_plan_says_no_more_after_the_group_was_read_again(city: Bench, server: StandIn) -> None:
    """When a group was read is not covered by the digest, its members are."""
    first, second = (run(city, server, "plan", "-o", "json").json for _ in range(2))
    assert first["portals"][0]["changes"][0].keys() == second["portals"][0]["changes"][0].keys()


FAULTS = {
    "no permission": Reply({"detail": "token lacks hr.read"}, 403),
    "wrong secret": Reply({"detail": f"{SECRET} is not valid"}, 401),
    "a redirect": Reply({}, 302, {"Location": "https://elsewhere.example/"}),
    "a page": Reply(b"<html>Log in</html>", 200, {"Content-Type": "text/html"}),
    "no JSON": Reply(b"{", 200),
    "null": Reply({"employees": None}),
    "texts": Reply({"employees": ["ann@city.example"]}),
    "another key": Reply({"people": []}),
    "no address": Reply({"employees": [{"id": "1", "active": True}]}),
    "null address": Reply({"employees": [{"id": "1", "mail": None, "active": True}]}),
    "not active or inactive": Reply({"employees": [{"id": "1", "mail": "a@b.example", "active": "perhaps"}]}),
    "broken down": Reply({"detail": "busy"}, 500),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.wide(4)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_ends_with_one_line_that_names_directory_and_call(
    fault: str, city: Bench, server: StandIn, hr: Hr
) -> None:
    hr.reply = FAULTS[fault]
    for command in (["plan"], ["apply", "--yes"], ["drift"], ["explain", "ann@city.example"]):
        done = run(city, server, *command)
        assert done.code == 1, done.out
        first, *advice = [line for line in done.err.strip().splitlines() if "repeated" not in line]
        assert first.startswith("error: directory hr")
        assert advice, "no remedy"
    assert city.writes == []


def test_a_group_that_is_not_there_is_not_an_empty_one(city: Bench, server: StandIn, hr: Hr) -> None:
    del hr.groups["city-devs"]
    done = run(city, server, "plan")
    assert done.code == 1
    assert "directory hr: group 'city-devs' not found" in done.err


def test_a_group_emptied_by_mistake_refuses_the_portal(city: Bench, server: StandIn, hr: Hr) -> None:
    hr.groups["city-devs"] = []
    done = run(city, server, "plan", "-o", "json")
    assert done.code == 3
    (refusal,) = done.json["portals"][0]["refusals"]
    assert refusal["code"] == "group_small"
    assert "hr/city-devs is empty" in refusal["message"]
    assert apply(city, server).code == 3
    for command in (["drift"], ["explain", "ann@city.example"], ["report", "access"]):
        assert run(city, server, *command).code == 1
    assert city.writes == []
    city.manifest(RULES.replace("group: city-devs", "group: city-devs, allow_empty: true"))
    assert ids(planned(city, server)) == ["approve:ann@city.example", "remove_member:bob@city.example:city"]


def test_removals_by_a_group_count_towards_the_limits(city: Bench, server: StandIn, hr: Hr) -> None:
    names = [f"u{number}" for number in range(20)]
    city.people(approved=[f"{name}@city.example" for name in names])
    for name in names:
        city.sim.store.add_member(city.teams["city"], city.emails[f"{name}@city.example"])
    hr.groups["city-devs"] = ["bob"]
    done = run(city, server, "plan", "-o", "json")
    assert done.code == 3
    assert {one["code"] for one in done.json["portals"][0]["refusals"]} >= {"removals", "team_percent"}


@pytest.mark.usefixtures("quick")
def test_without_the_directory_everything_else_is_done(city: Bench, server: StandIn, hr: Hr) -> None:
    city.people(pending=["p@fine.example"])
    city.manifest(RULES + "trusted_domains: [fine.example]\n")
    hr.reply = Reply({}, 503)
    assert run(city, server, "plan").code == 1
    assert run(city, server, "plan", "--without-directory", "hr").code == 0
    done = apply(city, server, "--without-directory", "hr")
    assert done.code == 4, done.out + done.err
    assert "hr" in done.err
    assert city.status("p@fine.example") == "approved"
    assert city.status("ann@city.example") == "pending"
    assert city.members("city") == {"bob@city.example"}


def test_an_unknown_directory_cannot_be_left_out(city: Bench, server: StandIn) -> None:
    done = run(city, server, "plan", "--without-directory", "hrr")
    assert (done.code, "did you mean 'hr'?" in done.err) == (64, True)


@pytest.mark.parametrize("variable", ["URL", "SECRET"])
def test_a_variable_that_is_not_set_is_named(variable: str, city: Bench, server: StandIn) -> None:
    name = f"PORTALCTL_DIRECTORY_HR_{variable}"
    done = run(city, server, "plan", **{name: ""})
    assert (done.code, name in done.err) == (64, True)


@pytest.mark.parametrize(
    "url", ["http://directory.example", "ftp://127.0.0.1", "https://user:pw@directory.example", "https://x y"]
)
def test_the_secret_is_sent_in_the_clear_to_this_machine_only(url: str, city: Bench, server: StandIn) -> None:
    done = run(city, server, "plan", PORTALCTL_DIRECTORY_HR_URL=url)
    assert done.code == 64
    assert "PORTALCTL_DIRECTORY_HR_URL" in done.err


def test_the_secret_may_be_in_a_file(city: Bench, server: StandIn, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    named = {"PORTALCTL_DIRECTORY_HR_SECRET": "", "PORTALCTL_DIRECTORY_HR_SECRET_FILE": str(tmp_path / "secret")}
    assert run(city, server, "plan", **named).code == 0


def test_a_snapshot_has_the_groups_and_no_stranger(city: Bench, server: StandIn, hr: Hr) -> None:
    hr.groups["partners"].append("stranger")
    live = ids(planned(city, server))
    assert run(city, server, "snapshot", "--out", "s.json").code == 0
    text = Path("s.json").read_text()
    assert "stranger" not in text
    assert json.loads(text)["groups"][1]["counts"]["active"] == 4
    asked = len(server.log)
    saved = portalctl("plan", "-f", "portals", "--snapshot", "s.json", "-o", "json")
    assert ([change["id"] for change in saved.json["portals"][0]["changes"]], len(server.log)) == (live, asked)


def test_a_group_that_the_snapshot_lacks_is_told_with_the_command(city: Bench, server: StandIn) -> None:
    assert run(city, server, "snapshot", "--out", "s.json").code == 0
    city.manifest(RULES.replace("group: partners", "group: all-staff"))
    done = portalctl("plan", "-f", "portals", "--snapshot", "s.json")
    assert done.code == 65
    assert "partners.yaml:10:5: 'hr/all-staff': group not in the snapshot" in done.err
    assert "portalctl snapshot --group hr/all-staff --out FILE" in done.err


@pytest.mark.usefixtures("city")
def test_validate_needs_no_directory() -> None:
    done = portalctl("validate", "-f", "portals")
    assert done.code == 0
    assert "1 directory, 1 trusted group" in done.out


def test_a_masked_plan_shows_no_identity(city: Bench, server: StandIn) -> None:
    done = run(city, server, "plan", "-o", "json", "--mask-emails")
    assert done.code == 0, done.err
    assert '"ann"' not in done.out
    assert "ann@city.example" not in done.out


def test_each_group_is_read_once_for_all_rules(city: Bench, server: StandIn) -> None:
    city.manifest(RULES + "  - {name: town, members_from: {directory: hr, group: partners}}\n")
    planned(city, server)
    assert sorted(server.calls) == ["GET /api/city-devs", "GET /api/partners"]
    assert not {request.method for request in server.log} & WRITES


# --- commands about directories ---


def test_list_names_groups_and_variables_and_connects_to_nothing(city: Bench, server: StandIn) -> None:
    done = portalctl("list", "directories", "-f", "portals", "-o", "json")
    assert done.json["directories"] == [
        {
            "name": "hr",
            "kind": "http",
            "preview": False,
            "groups": ["partners", "city-devs"],
            "portals": ["partners"],
            "variables": ["PORTALCTL_DIRECTORY_HR_URL", "PORTALCTL_DIRECTORY_HR_SECRET"],
        }
    ]
    assert "group city-devs" in portalctl("list", "directories", "-f", "portals").out
    assert (server.log, city.reads) == ([], [])


def test_ping_reads_each_group(city: Bench, server: StandIn, hr: Hr) -> None:
    done = run(city, server, "ping", "-o", "json")
    assert done.code == 0, done.out
    (directory,) = done.json["directories"]
    assert [(check["code"], check["result"]) for check in directory["checks"]] == [
        ("server", "ok"),
        ("group", "ok"),
        ("group", "ok"),
    ]
    assert "3 identities" in done.out
    hr.groups["city-devs"] = []
    del hr.groups["partners"]
    done = run(city, server, "ping")
    assert done.code == 1
    assert "group 'partners' not found" in done.out
    assert "hr/city-devs is empty" in done.out
    assert city.writes == []


def test_a_group_is_kept_as_a_list_that_members_from_reads(city: Bench, server: StandIn, hr: Hr) -> None:
    Path("portals/lists").mkdir()
    hr.groups["city-devs"] = ["bob", "-eve", "ann"]
    words = ("directory", "read", "hr", "city-devs")
    done = run(city, server, *words, "--csv", "portals/lists/devs.csv")
    assert done.code == 0, done.err
    assert Path("portals/lists/devs.csv").read_text() == (
        "developer,id,name,group\nann@city.example,ann,,hr/city-devs\nbob@city.example,bob,,hr/city-devs\n"
    )
    listed = RULES.replace("{directory: hr, group: city-devs}", "lists/devs.csv")
    city.manifest(listed)
    assert ids(planned(city, server)) == ["add_member:ann@city.example:city", "approve:ann@city.example"]
    assert "ann@city.example" in run(city, server, *words).out


def test_an_expression_that_could_fill_the_memory_is_refused(city: Bench, server: StandIn) -> None:
    """Each step would double the answer."""
    city.manifest(RULES.replace("list: employees", 'list: "[@]|' + "|".join(["[@,@][]"] * 60) + '"'))
    done = run(city, server, "plan")
    assert done.code == 64
    assert done.err.startswith("error: directory hr: `list: [@]|[@,@][]|")
    assert "has 121 entries in `[a, b]` and `{a: b}`, more than 16" in done.err
    assert "Write a JMESPath expression of at most 1,000 characters" in done.err
    assert (server.log, city.writes) == ([], [])


HOSTILE = {
    "id": "7\n::error::boom\u202e\x1b[31m",
    "mail": "ann@city.example",
    "active": True,
}


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "list.csv"])
def test_a_list_shows_nothing_that_a_terminal_or_runner_obeys(
    name: str, city: Bench, server: StandIn, hr: Hr
) -> None:
    second = {"id": "=1+1", "mail": "bob@city.example", "active": True}
    third = {"id": "##[group]", "mail": "eve@city.example", "active": True}
    hr.reply = Reply({"employees": [HOSTILE, second, third]})
    done = run(city, server, "directory", "read", "hr", "city-devs", "--csv", name)
    assert done.code == 0, done.err
    text = Path(name).read_text() if name == "list.csv" else done.out
    assert done.err.splitlines()[-1] == f"{name}: 3 addresses"
    assert all(char == "\n" or " " <= char <= "~" for char in text)
    assert "::" not in text
    assert "##" not in text
    lines = text.splitlines()
    assert lines[0] == "developer,id,name,group"
    assert lines[1].startswith(r"ann@city.example,7\x0a\x3a:error\x3a:boom\u202e\x1b[31m,,")
    assert lines[2] == "bob@city.example,'=1+1,,hr/city-devs"
    assert len(lines) == 4


def test_no_list_is_written_from_a_group_that_may_be_wrong(city: Bench, server: StandIn, hr: Hr) -> None:
    Path("old.csv").write_text("developer\nann@city.example\n")
    hr.groups["city-devs"] = []
    done = run(city, server, "directory", "read", "hr", "city-devs", "--csv", "old.csv")
    assert (done.code, Path("old.csv").read_text()) == (3, "developer\nann@city.example\n")
    done = run(city, server, "directory", "read", "hr", "nobody", "--csv", "old.csv")
    assert (done.code, Path("old.csv").read_text()) == (1, "developer\nann@city.example\n")
    done = run(city, server, "directory", "read", "hrr", "city-devs")
    assert (done.code, "did you mean 'hr'?" in done.err) == (64, True)


def test_a_snapshot_keeps_a_group_that_no_rule_names_yet(city: Bench, server: StandIn, hr: Hr) -> None:
    hr.groups["all-staff"] = ["ann"]
    assert run(city, server, "snapshot", "--out", "s.json", "--group", "hr/all-staff").code == 0
    city.manifest(RULES.replace("group: partners", "group: all-staff"))
    assert portalctl("plan", "-f", "portals", "--snapshot", "s.json").code == 0
    for text, code in (("all-staff", 64), ("hrr/x", 64), ("hr/nobody", 1)):
        assert run(city, server, "snapshot", "--out", "t.json", "--group", text).code == code
    assert not Path("t.json").exists()


def test_a_group_named_by_a_claimable_name_is_a_finding(city: Bench) -> None:
    city.manifest("directories: [{name: sso, kind: entra}]\ntrusted_groups: [{directory: sso, group: Partners}]\n")
    assert "PC014" in portalctl("validate", "-f", "portals").err
    city.manifest('directories: [{name: sso, kind: entra}]\ntrusted_groups: [{directory: sso, group: "id:x"}]\n')
    assert "PC014" not in portalctl("validate", "-f", "portals").err


@pytest.mark.usefixtures("quick")
def test_a_saved_plan_is_stale_when_a_developer_left_the_group(city: Bench, server: StandIn, hr: Hr) -> None:
    def saved() -> None:
        assert run(city, server, "plan", "--out", "plan.json").code == 0

    def applied(**env: str) -> Done:
        return run(city, server, "apply", "plan.json", "--yes", "--confirm-timeout", "0.2", **env)

    saved()
    hr.groups["partners"] = ["bob", "eve"]
    done = applied()
    assert (done.code, city.writes) == (3, [])
    assert "ann@city.example is not in hr/partners now" in done.err
    hr.groups |= {"partners": ["ann", "bob", "eve"], "city-devs": ["ann"]}
    saved()
    hr.groups["city-devs"] = ["ann", "bob"]
    assert "bob@city.example is in hr/city-devs now" in applied().err
    assert city.writes == []
    hr.groups["city-devs"] = ["ann"]
    assert applied(PORTALCTL_DIRECTORY_HR_SECRET="").code == 0  # not read again: the plan holds for a day
    assert city.members("city") == {"ann@city.example"}


def test_a_change_of_groups_is_compared_with_its_base(city: Bench, server: StandIn, hr: Hr) -> None:
    Path("before").mkdir()
    Path("before/partners.yaml").write_text(Path("portals/partners.yaml").read_text())
    hr.groups["others"] = ["eve"]
    city.manifest(RULES.replace("group: partners", "group: others"))
    done = run(city, server, "plan", "--base", "before", "-o", "json")
    assert done.code == 0, done.err
    portal = done.json["portals"][0]
    assert ids(portal) == []
    assert {one["id"] for one in portal["base"]["prevented"]} == {
        "add_member:ann@city.example:city",
        "approve:ann@city.example",
    }
    assert [one["developer"]["email"] for one in portal["base"]["unruled"]] == ["bob@city.example"]
    del hr.groups["partners"]  # the base's group is gone: what it gave is not known, and is no reason to fail
    assert run(city, server, "plan", "--base", "before").code == 0


def test_a_fragment_may_name_only_groups_it_was_granted(city: Bench, server: StandIn) -> None:
    Path("portals/town.yaml").write_text(
        "version: 1\nportal: partners\nteams: [{name: town, members_from: {directory: hr, group: city-devs}}]\n"
    )
    done = run(city, server, "plan")
    assert done.code == 65
    assert "portals/town.yaml:3" in done.err
    assert "'hr/city-devs': group not granted to this file" in done.err
    city.manifest(RULES + "delegate: {town.yaml: {teams: [town], groups: [hr/city-devs]}}\n")
    assert run(city, server, "plan").code == 0


def test_the_access_report_names_the_group(city: Bench, server: StandIn) -> None:
    done = run(city, server, "report", "access", "-o", "json")
    assert done.code == 0, done.err
    assert "hr/city-devs" in done.out
    assert "hr/partners" in done.out


def test_import_proposes_the_groups_that_have_nearly_all_members_of_a_team(
    city: Bench, server: StandIn, hr: Hr
) -> None:
    hr.groups["city-devs"] = ["bob", "dan", "nobody-with-an-account", "-eve"]
    hr.groups["half"] = ["ann"]
    city.team("pair", "bob@city.example", "dan@city.example")
    groups = [word for name in ("city-devs", "half") for word in ("--group", f"hr/{name}")]
    assert run(city, server, "snapshot", "--out", "s.json", *groups).code == 0
    place = {"KONNECT_SERVER_URL": city.sim.url, "KONNECT_TOKEN": city.sim.token}
    words = ("import", "--portal", "partners", "--provider", "konnect", "--title", "Partners")
    done = portalctl(*words, "--groups-from", "s.json", "--out", "new.yaml", env=place)
    assert done.code == 0, done.err
    text = Path("new.yaml").read_text()
    assert "    # Group hr/city-devs has 1 of 1 member, and 1 other developer. To follow it" in text  # team city
    assert "    # Group hr/city-devs has 2 of 2 members, and 0 other developers. To follow it" in text  # team pair
    assert text.count("    # members_from: {directory: hr, group: city-devs}") == 2
    assert "half" not in text
    assert portalctl("validate", "new.yaml").code == 0
    assert portalctl("fmt", "--check", "new.yaml").code == 0
    assert portalctl(*words, "--groups-from", "new.yaml", env=place).code == 65


def test_a_review_lists_a_changed_group_of_a_team(city: Bench, server: StandIn) -> None:
    shutil.copytree("portals", "before")
    city.manifest(RULES.replace("group: city-devs", "group: city-devs, minimum: 2"))
    done = run(city, server, "plan", "--base", "before", "-o", "json")
    (changed,) = done.json["portals"][0]["base"]["rules"]
    assert (changed["action"], changed["team"], changed["why"]["value"]) == ("changed", "city", "hr/city-devs")
    assert (changed["before"], changed["after"]) == ({}, {"minimum": "2"})
    city.manifest(RULES.replace("group: city-devs", "group: partners"))
    done = run(city, server, "plan", "--base", "before", "-o", "json")
    actions = {(one["action"], one["why"]["value"]) for one in done.json["portals"][0]["base"]["rules"]}
    assert actions == {("added", "hr/partners"), ("removed", "hr/city-devs")}
