"""Groups of a real LDAP server decide about access, through the command line."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from portalctl.directories import ldap_server
from tests.conftest import Bench, Done, portalctl
from tests.directories import slapd
from tests.directories.slapd import ADMIN, BASE, SECRET, SLAPD, Slapd, dn_of, group, group_dn, person

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SLAPD is None, reason="slapd is not installed")]

RULES = f"""
directories:
  - {{name: corp, kind: ldap, base: "{BASE}"}}
trusted_groups:
  - {{directory: corp, group: partners}}
teams:
  - {{name: city, membership: exclusive, members_from: {{directory: corp, group: devs}}}}
"""
Env = dict[str, str]
NOTHING: Env = {}
PREFIX = "PORTALCTL_DIRECTORY_CORP"


@pytest.fixture
def corp(tmp_path: Path) -> Iterator[Slapd]:
    with slapd.serving(tmp_path / "slapd") as server:
        server.add(*(person(name, f"{name}@city.example") for name in ("ann", "bob", "eve")))
        server.add(
            group("leaf", [dn_of("eve")]),
            group("inner", [group_dn("leaf")]),
            group("partners", [dn_of("ann"), dn_of("bob"), group_dn("inner")]),
            group("devs", [dn_of("ann"), dn_of("bob")]),
        )
        yield server


@pytest.fixture
def city(bench: Bench) -> Bench:
    bench.people(pending=["ann@city.example", "eve@city.example"], approved=["bob@city.example", "dan@city.example"])
    bench.team("city", "bob@city.example")
    bench.manifest(RULES)
    return bench


def run(bench: Bench, server: Slapd, command: str, *words: str, **env: str) -> Done:
    place = {f"{PREFIX}_URL": server.url, f"{PREFIX}_USER": ADMIN, f"{PREFIX}_SECRET": SECRET}
    portal = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl(command, *words, "-f", "portals", env=portal | place | env)
    assert SECRET not in done.out + done.err
    return done


def planned(bench: Bench, server: Slapd, **env: str) -> list[str]:
    done = run(bench, server, "plan", "-o", "json", **env)
    assert done.code == 0, done.err
    return [change["id"] for change in done.json["portals"][0]["changes"]]


def failed(bench: Bench, server: Slapd, *texts: str, code: int = 1, env: Env = NOTHING) -> None:
    done = run(bench, server, "plan", **env)
    assert done.code == code, done.out + done.err
    assert done.err.startswith("error: directory corp")
    assert len(done.err.strip().splitlines()) > 1, "no remedy"
    for text in texts:
        assert text in done.err, done.err
    assert run(bench, server, "apply", "--yes", **env).code == code
    assert bench.writes == []


ALL = [
    "add_member:ann@city.example:city",
    "approve:ann@city.example",
    "approve:eve@city.example",
]


def test_groups_in_groups_count_with_the_way_to_them(city: Bench, corp: Slapd) -> None:
    corp.modify(
        f"dn: {group_dn('leaf')}\nchangetype: modify\nadd: member\nmember: {group_dn('partners')}\n"
    )  # a circle
    assert planned(city, corp) == ALL
    done = run(city, corp, "plan", "-o", "json")
    (why,) = done.json["portals"][0]["changes"][2]["why"]
    assert why["via"] == ["inner", "leaf"]
    assert len(why["group"]) == len(why["identity"]) == 36
    assert "dc=example" not in str(why)
    assert "through inner > leaf" in run(city, corp, "explain", "eve@city.example").out
    city.manifest(RULES.replace('base: "dc=example,dc=com"', 'base: "dc=example,dc=com", nested: false'))
    assert planned(city, corp) == ALL[:2]


@pytest.mark.parametrize(
    "name", ["PARTNERS", "cn=partners,ou=groups,dc=example,dc=com", "CN=Partners, OU=Groups,DC=example,dc=com"]
)
def test_a_group_goes_by_its_cn_or_dn(name: str, city: Bench, corp: Slapd) -> None:
    city.manifest(RULES.replace("group: partners", f'group: "{name}"'))
    assert planned(city, corp) == ALL


def test_a_misspelt_group_is_an_error_and_a_name_that_fits_two_as_well(city: Bench, corp: Slapd) -> None:
    city.manifest(RULES.replace("group: partners", "group: partnrs"))
    failed(city, corp, "group 'partnrs' not found")
    city.manifest(RULES.replace("group: partners", f'group: "cn=nobody,{BASE}"'))
    failed(city, corp, "not found")
    corp.add(
        (f"cn=partners,ou=people,{BASE}", {"objectClass": "groupOfNames", "cn": "partners", "member": dn_of("ann")})
    )
    city.manifest(RULES)
    failed(city, corp, "2 groups have the name 'partners'", "id:")


def test_a_group_that_was_renamed_or_deleted_is_an_error(city: Bench, corp: Slapd) -> None:
    corp.modify(f"dn: {group_dn('devs')}\nchangetype: modrdn\nnewrdn: cn=developers\ndeleteoldrdn: 1\n")
    failed(city, corp, "group 'devs' not found")
    city.manifest(RULES.replace("group: devs", "group: developers"))
    assert planned(city, corp) == ALL
    corp.modify(f"dn: cn=developers,ou=groups,{BASE}\nchangetype: delete\n")
    failed(city, corp, "group 'developers' not found")


def test_a_group_emptied_by_mistake_is_refused(city: Bench, corp: Slapd) -> None:
    corp.modify(f"dn: {group_dn('devs')}\nchangetype: modify\nreplace: member\nmember: {group_dn('devs')}\n")
    done = run(city, corp, "plan", "-o", "json")
    assert done.code == 3
    assert [one["code"] for one in done.json["portals"][0]["refusals"]] == ["group_small"]


def test_disabled_accounts_count_as_absent(city: Bench, corp: Slapd) -> None:
    corp.modify(
        f"dn: {dn_of('bob')}\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: TRUE\n\n"
        f"dn: {dn_of('ann')}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n\n"
        f"dn: {dn_of('eve')}\nchangetype: modify\nadd: userAccountControl\nuserAccountControl: 514\n",
        "-e",
        "relax",
    )
    corp.add(person("kim", "kim@city.example"))
    for name in ("partners", "devs"):
        corp.modify(f"dn: {group_dn(name)}\nchangetype: modify\nadd: member\nmember: {dn_of('kim')}\n")
    assert planned(city, corp) == ["remove_member:bob@city.example:city"]
    assert "disabled in corp/devs" in run(city, corp, "plan").out


def test_failed_passwords_of_a_stranger_revoke_nobody(city: Bench, corp: Slapd) -> None:
    lock = "add: pwdAccountLockedTime\npwdAccountLockedTime: 20260614120000Z\n"
    corp.modify(f"dn: {dn_of('bob')}\nchangetype: modify\n{lock}", "-e", "relax")
    assert planned(city, corp) == ALL


def test_several_addresses_and_proxy_addresses_count(city: Bench, corp: Slapd) -> None:
    corp.add(person("dan", proxyAddresses=["SMTP:daniel@city.example", "smtp:dan@city.example", "X500:/o=x"]))
    corp.modify(f"dn: {group_dn('devs')}\nchangetype: modify\nadd: member\nmember: {dn_of('dan')}\n")
    failed(city, corp, "1 identity without an address", "without_address: ignore")
    city.manifest(RULES.replace('base: "dc', 'email: [mail, proxyAddresses], base: "dc'))
    assert planned(city, corp) == [ALL[0], "add_member:dan@city.example:city", *ALL[1:]]
    city.manifest(RULES.replace('base: "dc', 'without_address: ignore, base: "dc'))
    assert planned(city, corp) == ALL


def test_a_member_that_is_gone_is_an_error_unless_ignored(city: Bench, corp: Slapd) -> None:
    corp.modify(f"dn: {group_dn('devs')}\nchangetype: modify\nadd: member\nmember: {dn_of('ghost')}\n")
    failed(city, corp, "1 member of group 'devs' cannot be read", "missing_members: ignore")
    city.manifest(RULES.replace('base: "dc', 'missing_members: ignore, base: "dc'))
    assert planned(city, corp) == ALL
    assert "1 member could not be read" in run(city, corp, "plan").out


def test_posix_and_unique_groups(city: Bench, corp: Slapd) -> None:
    corp.add(
        (group_dn("unix"), {"objectClass": "posixGroup", "cn": "unix", "gidNumber": "7", "memberUid": ["ann", "bob"]})
    )
    unique = {
        "objectClass": "groupOfUniqueNames",
        "cn": "unique",
        "uniqueMember": [dn_of("ann"), dn_of("bob").upper()],
    }
    corp.add((group_dn("unique"), unique))
    for name in ("unix", "unique"):
        city.manifest(RULES.replace("group: devs", f"group: {name}"))
        assert planned(city, corp) == ALL


@pytest.mark.parametrize("name", ["Übung (A*)", "a, b + c", 'say "hi" \\ bye', "x)(cn=*"])
def test_odd_names_of_groups_and_people_are_found(name: str, city: Bench, corp: Slapd) -> None:
    escaped = "".join(f"\\{char}" if char in '\\,+"<>;=' else char for char in name)
    odd = f"cn={escaped},ou=people,{BASE}"
    corp.add((odd, {"objectClass": "inetOrgPerson", "cn": name, "sn": "x", "mail": "dan@city.example"}))
    corp.add(
        (f"cn={escaped},ou=groups,{BASE}", {"objectClass": "groupOfNames", "cn": name, "member": [odd, dn_of("bob")]})
    )
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    city.manifest(RULES.replace("group: devs", f'group: "{quoted}"'))
    assert planned(city, corp) == ["add_member:dan@city.example:city", *ALL[1:]]


# --- what goes wrong on the way ---


def test_a_wrong_secret_is_tried_once(city: Bench, corp: Slapd) -> None:
    failed(city, corp, "LDAP 49", f"{PREFIX}_USER", f"{PREFIX}_SECRET", env={f"{PREFIX}_SECRET": "not-the-secret"})


def test_no_bind_without_a_secret(city: Bench, corp: Slapd) -> None:
    """LDAP takes a name without a password for nobody, and says that all is well (RFC 4513, 5.1.2)."""
    failed(city, corp, f"{PREFIX}_SECRET", code=64, env={f"{PREFIX}_SECRET": " "})


def test_nothing_listens(city: Bench, corp: Slapd) -> None:
    failed(city, corp, "can't reach", f"{PREFIX}_URL", env={f"{PREFIX}_URL": "ldap://127.0.0.1:1"})


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1", "ldap://", "ldap://host/dc=x", "ldaps://u:p@host", "ldap://host:x"]
)
def test_an_address_that_is_not_one(url: str, city: Bench, corp: Slapd) -> None:
    failed(city, corp, "is not an address such as ldaps://", code=64, env={f"{PREFIX}_URL": url})


def test_an_answer_that_is_not_ldap(city: Bench, corp: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_server, "BIND_SECONDS", 0.3)
    url = city.sim.url.replace("http://", "ldap://")  # which waits for the end of the line
    failed(city, corp, "no answer within 0.3 s", f"{PREFIX}_URL", env={f"{PREFIX}_URL": url})


@pytest.fixture
def large(tmp_path: Path) -> Any:
    """A group of 3,000 on a server with limits."""

    def start(limits: str, access: str = "") -> Any:
        return slapd.serving(tmp_path / "large", limits=limits, access=access)

    return start


def fill(server: Slapd, count: int) -> None:
    names = [f"u{number}" for number in range(count)]
    server.add(*(person(name, f"{name}@city.example") for name in names))
    server.add(group("devs", map(dn_of, names)), group("partners", map(dn_of, names)))


READER = f"cn=reader,{BASE}"
READ = f"""
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{READER}" read by * none
"""


def add_reader(server: Slapd) -> dict[str, str]:
    entry = {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": "reader", "userPassword": "r3ader"}
    server.add((READER, entry))
    return {f"{PREFIX}_USER": READER, f"{PREFIX}_SECRET": "r3ader"}


def test_three_thousand_members_with_or_without_member_of(city: Bench, large: Any) -> None:
    with large("") as server:
        fill(server, 3000)
        expected = ["remove_member:bob@city.example:city"]
        assert planned(city, server) == expected
        backward = f"dn: {group_dn('devs')}\nchangetype: modify\nreplace: description\ndescription: x\n"
        server.modify(backward)
    # `memberOf` is empty where entries came from a backup: the group's own entry is what counts.
    with slapd.serving(Path("without"), without_memberof=True) as server:
        fill(server, 1500)
        assert planned(city, server) == expected
        done = run(city, server, "plan", "-o", "json")
        notice = [one["message"] for one in done.json["portals"][0]["notices"] if one["code"] == "group_read"]
        assert "1,500 identities" in notice[0]


@pytest.mark.parametrize(
    "limits", ["sizelimit 100", "sizelimit size.prtotal=120", "timelimit 0\nsizelimit size.pr=50"]
)
def test_a_limit_of_the_server_is_never_a_shorter_list(limits: str, city: Bench, large: Any) -> None:
    """Either everybody is read, or nothing is written. `ldap3` takes a list that was cut off for a success."""
    with large(limits, READ) as server:
        env = add_reader(server)
        fill(server, 450)
        done = run(city, server, "plan", "-o", "json", **env)
        if done.code == 0:
            notices = done.json["portals"][0]["notices"]
            assert all("450 identities" in one["message"] for one in notices if one["code"] == "group_read")
        else:
            assert (done.code, "LDAP 4" in done.err or "LDAP 11" in done.err) == (1, True), done.err


def test_no_right_to_read_members_or_addresses(city: Bench, large: Any) -> None:
    hidden = "access to attrs={} by * none\n"
    with large("", hidden.format("mail") + READ) as server:
        env = add_reader(server)
        fill(server, 3)
        failed(city, server, "3 identities without an address", env=env)
    with slapd.serving(Path("hidden"), access=hidden.format("member") + READ) as server:
        env = add_reader(server)
        fill(server, 3)
        assert run(city, server, "plan", **env).code == 3  # looks empty
    with slapd.serving(
        Path("closed"), access='access to dn.subtree="ou=people,dc=example,dc=com" by * none\n' + READ
    ) as server:
        env = add_reader(server)
        fill(server, 3)
        failed(city, server, "3 members of group", "cannot be read", env=env)


# --- TLS ---


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[trustme.CA, str]:
    ca = trustme.CA()
    return ca, _tls(ca, tmp_path, "127.0.0.1")


def _tls(ca: trustme.CA, folder: Path, name: str) -> str:
    issued = ca.issue_cert(name)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(folder / "cert.pem", append=bool(number))
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return (
        f"TLSCertificateFile {folder}/cert.pem\nTLSCertificateKeyFile {folder}/key.pem\n"
        f"TLSCACertificateFile {folder}/ca.pem\n"
    )


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_tls_is_verified(scheme: str, city: Bench, tmp_path: Path) -> None:
    tls = _tls(trustme.CA(), tmp_path, "127.0.0.1")
    with slapd.serving(tmp_path / "tls", tls=tls, ldaps=True) as server:
        fill(server, 3)
        url = {f"{PREFIX}_URL": server.ldaps if scheme == "ldaps" else server.url}
        known = url | {f"{PREFIX}_CA_FILE": str(tmp_path / "ca.pem")}
        assert planned(city, server, **known) == ["remove_member:bob@city.example:city"]
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        other = url | {f"{PREFIX}_CA_FILE": str(tmp_path / "other.pem")}
        failed(city, server, "certificate", "can't be trusted", f"{PREFIX}_CA_FILE", env=other)
        if scheme == "ldaps":
            failed(city, server, "certificate", env=url)


def test_a_certificate_for_another_name_or_of_yesterday(city: Bench, tmp_path: Path) -> None:
    ca = trustme.CA()
    with slapd.serving(tmp_path / "tls", tls=_tls(ca, tmp_path, "ldap.example.com"), ldaps=True) as server:
        env = {f"{PREFIX}_URL": server.ldaps, f"{PREFIX}_CA_FILE": str(tmp_path / "ca.pem")}
        failed(city, server, "certificate", "127.0.0.1", env=env)


def test_a_server_without_tls_where_tls_is_asked_for(city: Bench, corp: Slapd, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    failed(city, corp, "StartTLS", env={f"{PREFIX}_CA_FILE": str(tmp_path / "ca.pem")})
    assert ssl.OPENSSL_VERSION
