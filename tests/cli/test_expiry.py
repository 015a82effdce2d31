"""What an unattended run may apply: the expiry of entries for one named developer, never the expiry of a domain."""

from __future__ import annotations

import pytest

from tests.cli.test_accounts import register
from tests.conftest import Bench

ANN = "ann@club.example"
LONG_AGO = "2020-01-31"
UNATTENDED = ("apply", "--yes", "--only", "structure,onboard,expire")
OVERRIDE = f"overrides: [{{developer: {ANN}, status: approved, teams: [reds], expires: {LONG_AGO}, reason: Pilot}}]\n"
DOMAIN = f"trusted_domains: [{{domain: club.example, teams: [reds], expires: {LONG_AGO}}}]\n"
SUBDOMAINS = DOMAIN.replace("club.example", "corp.example, subdomains: true")
TEAM = "teams: [{name: reds}]\n"
MEMBER = f"teams: [{{name: reds, members: [{{developer: {ANN}, expires: {LONG_AGO}}}]}}]\n"
END_REGISTRATIONS = "policy: {on_revoke: revoke_registrations}\n"


def classes(bench: Bench, command: str = "plan") -> dict[str, str]:
    changes = bench.run(command, "-o", "json").json["portals"][0]["changes"]
    return {change["op"]: change["class"] for change in changes}


def approved(bench: Bench, address: str = ANN) -> None:
    bench.people(approved=[address])
    bench.team("reds", address)
    register(bench, address)


@pytest.mark.wide(1)
@pytest.mark.parametrize(("rules", "address"), [(DOMAIN, ANN), (SUBDOMAINS, "ann@eu.corp.example")])
def test_the_expiry_of_a_domain_is_a_removal_like_any_other(bench: Bench, rules: str, address: str) -> None:
    approved(bench, address)
    bench.manifest(END_REGISTRATIONS + rules + TEAM)
    assert classes(bench) == {"revoke_registration": "offboard", "revoke": "offboard", "remove_member": "offboard"}
    done = bench.run(*UNATTENDED)
    assert done.code == 0
    assert bench.writes == []
    assert bench.status(address) == "approved"
    kinds = {finding["kind"] for finding in bench.run("drift", "-o", "json").json["portals"][0]["findings"]}
    assert kinds == {"expired"}
    assert bench.run("apply", "--yes").code == 0
    assert bench.status(address) == "revoked"


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (OVERRIDE + TEAM, {"revoke_registration": "expire", "revoke": "expire", "remove_member": "expire"}),
        (MEMBER, {"remove_member": "expire"}),
        ("teams: [{name: reds, members_from: reds.csv}]\n", {"remove_member": "expire"}),
    ],
    ids=["override", "member", "line of a list"],
)
def test_the_expiry_of_an_entry_for_one_developer_is_applied_unattended(
    bench: Bench, rules: str, expected: dict[str, str]
) -> None:
    approved(bench)
    (bench.folder / "reds.csv").write_text(f"developer,expires\n{ANN},{LONG_AGO}\n")
    bench.manifest(END_REGISTRATIONS + rules)
    assert classes(bench) == expected
    assert bench.run(*UNATTENDED).code == 0
    assert bench.members("reds") == set()


@pytest.mark.wide(1)
@pytest.mark.parametrize("rules", [OVERRIDE + TEAM, MEMBER], ids=["override", "member"])
def test_what_a_domain_gave_too_is_not_removed_unattended(bench: Bench, rules: str) -> None:
    """Whichever of the two expired last: the removal needs both, and one of them is the domain."""
    approved(bench)
    bench.manifest(END_REGISTRATIONS + DOMAIN + rules)
    assert set(classes(bench).values()) == {"offboard"}
    assert bench.run(*UNATTENDED).code == 0
    assert bench.writes == []
