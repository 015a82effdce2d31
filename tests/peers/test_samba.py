"""Groups of a real Samba domain controller, which has Active Directory's rules, through the command line."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from portalctl.directories.ldap_library import ldap3
from tests.conftest import Bench, Done, portalctl
from tests.directories import samba
from tests.directories.samba import BASE, PLAIN, READER, SECRET, URL, Samba, contact, group, user, user_dn

FAULT = samba.fault()
pytestmark = [pytest.mark.peer, pytest.mark.skipif(FAULT is not None, reason=FAULT or "")]

PREFIX = "PORTALCTL_DIRECTORY_CORP"
MANY = 3_000
RULES = f"""
directories:
  - {{name: corp, kind: ldap, base: "{BASE}"}}
trusted_groups:
  - {{directory: corp, group: partners}}
teams:
  - {{name: city, membership: exclusive, members_from: {{directory: corp, group: devs}}}}
"""
ENTRIES = [
    *map(user, ("ann", "bob", "eve", "kim")),
    user("disabled", userAccountControl="514"),
    user("expired", accountExpires="116444736000000000"),  # 1970
    user("endless", accountExpires="9223372036854775807"),
    group("leaf", "eve", "disabled"),
    group("inner", "leaf", "kim"),
    group("partners", "ann", "bob", "inner"),
    group("devs", "ann", "bob", "disabled", "expired", "endless"),
    *(contact(f"c{number}") for number in range(MANY)),
    group("everybody", "ann", *(f"c{number}" for number in range(MANY))),
]


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samba]:
    with samba.serving(tmp_path_factory.mktemp("dc"), ENTRIES) as server:
        _add_circle()
        yield server


@contextmanager
def _ldap() -> Iterator[ldap3.Connection]:
    """The library itself, to prepare and to judge. It leaves its socket open."""
    server = ldap3.Server(URL, tls=ldap3.Tls(validate=ssl.CERT_NONE))
    connection = ldap3.Connection(server, r"EXAMPLE\Administrator", SECRET, auto_bind=True)
    with closing(connection.socket):
        yield connection


def _add_circle() -> None:
    with _ldap() as connection:
        change = {"member": [(ldap3.MODIFY_ADD, [user_dn("partners")])]}
        connection.modify(user_dn("leaf"), change)  # type: ignore[no-untyped-call]
        assert connection.result["description"] == "success", connection.result


def run(bench: Bench, server: Samba, *words: str, **env: str) -> Done:
    place = {f"{PREFIX}_URL": URL, f"{PREFIX}_USER": READER, f"{PREFIX}_SECRET": SECRET}
    portal = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    trust = {f"{PREFIX}_CA_FILE": str(server.ca)}
    done = portalctl(*words, "-f", "portals", env=portal | place | trust | env)
    assert SECRET not in done.out + done.err
    return done


def addresses(bench: Bench, server: Samba, name: str, **env: str) -> set[str]:
    done = run(bench, server, "directory", "read", "corp", name, "--csv", "list.csv", **env)
    assert done.code == 0, done.err
    return {line.partition(",")[0] for line in Path("list.csv").read_text().splitlines()[1:]}


def city(*names: str) -> set[str]:
    return {f"{name}@city.example" for name in names}


@pytest.fixture
def peopled(bench: Bench) -> Bench:
    bench.people(pending=sorted(city("ann", "eve")), approved=sorted(city("bob", "disabled", "expired", "endless")))
    bench.team("city", *city("bob", "disabled", "expired", "endless"))
    bench.manifest(RULES)
    return bench


@pytest.mark.parametrize("login", [READER, "reader@example.test", f"CN=reader,CN=Users,{BASE}"])
@pytest.mark.parametrize("url", [URL, PLAIN])
def test_disabled_and_expired_accounts_lose_access(url: str, login: str, peopled: Bench, corp: Samba) -> None:
    """With ldap:// by StartTLS; with each form of a name that Active Directory takes."""
    done = run(peopled, corp, "plan", "-o", "json", **{f"{PREFIX}_URL": url, f"{PREFIX}_USER": login})
    assert done.code == 0, done.err
    assert [change["id"] for change in done.json["portals"][0]["changes"]] == [
        "add_member:ann@city.example:city",
        "approve:ann@city.example",
        "approve:eve@city.example",
        "remove_member:disabled@city.example:city",
        "remove_member:expired@city.example:city",
    ]
    assert "disabled in corp/devs" in run(peopled, corp, "plan").out


@pytest.mark.parametrize("name", ["partners", "inner", "leaf", "devs"])
def test_groups_in_groups_are_those_of_the_chain_rule(name: str, peopled: Bench, corp: Samba) -> None:
    """LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS 3.1.1.3.4.4.3), evaluated by the server, is the judge."""
    with _ldap() as connection:
        chain = f"(memberOf:1.2.840.113556.1.4.1941:={user_dn(name)})"
        enabled = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))(!(accountExpires=116444736000000000))"
        connection.search(BASE, f"(&(objectClass=user){enabled}{chain})", attributes=["mail"])
        expected = {str(entry.mail) for entry in connection.entries}
    assert len(expected) >= 3
    assert addresses(peopled, corp, name) == expected
    assert "through inner > leaf" in run(peopled, corp, "explain", "eve@city.example").out


@pytest.mark.parametrize("name", [f"CN=devs,OU=people,{BASE}", f"cn=DEVS, ou=People,{BASE.lower()}", "DEVS"])
def test_a_group_goes_by_its_name_dn_or_guid(name: str, peopled: Bench, corp: Samba) -> None:
    assert addresses(peopled, corp, name) == city("ann", "bob", "endless")
    with _ldap() as connection:
        connection.search(user_dn("devs"), "(objectClass=*)", "BASE", attributes=["objectGUID"])
        guid = str(connection.entries[0].objectGUID).strip("{}")
    assert addresses(peopled, corp, f"id:{guid}") == city("ann", "bob", "endless")


def test_three_thousand_members_come_at_once_or_in_ranges(peopled: Bench, corp: Samba) -> None:
    """Active Directory returns 1,500 values at most; Samba returns ranges only where it is asked for them."""
    everybody = city("ann", *(f"c{number}" for number in range(MANY)))
    assert addresses(peopled, corp, "everybody") == everybody
    with samba.with_ranges(corp, 1_000) as (url, asked):
        place = {f"{PREFIX}_URL": url, f"{PREFIX}_CA_FILE": ""}
        assert addresses(peopled, corp, "everybody", **place) == everybody
        ranges = [name for name in asked if name.startswith("member;")]
        assert ranges == [f"member;range={first}-*" for first in (1_000, 2_000, 3_000)]
        assert addresses(peopled, corp, "devs", **place) == city("ann", "bob", "endless")


def test_a_bind_without_tls_and_a_wrong_secret_are_refused(peopled: Bench, corp: Samba) -> None:
    done = run(peopled, corp, "plan", **{f"{PREFIX}_URL": PLAIN, f"{PREFIX}_CA_FILE": ""})
    assert (done.code, "LDAP 8 strongerAuthRequired" in done.err) == (1, True), done.err
    assert "ldaps://" in done.err
    done = run(peopled, corp, "plan", **{f"{PREFIX}_SECRET": "wrong"})
    assert (done.code, "LDAP 49" in done.err) == (1, True), done.err
    assert peopled.writes == []
