"""DNs, filters, addresses and disabled accounts of LDAP, with plain values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.directories.ldap_entries import Entry, identity, is_disabled, stable_id
from portalctl.directories.ldap_library import ldap3
from portalctl.directories.ldap_names import _parsed_key, dn_key, equals, first_rdn, unescaped

NOW = datetime(2026, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "spelling",
    [
        "uid=ann,ou=People,dc=example,dc=com",
        "UID=Ann, OU=people , DC=EXAMPLE,dc=com",
        r"uid=\61nn,ou=people,dc=example,dc=com",
    ],
)
def test_spellings_of_one_dn_have_one_key(spelling: str) -> None:
    assert dn_key(spelling) == dn_key("uid=ann,ou=people,dc=example,dc=com")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=Oakley\, Ann,dc=x", r"cn=oakley\2c ann,DC=X"),
        ("cn=a+uid=b,dc=x", "uid=b+cn=a,dc=x"),
        ("cn=Jos\N{LATIN SMALL LETTER E WITH ACUTE},dc=x", r"cn=Jos\c3\a9,dc=x"),
        ("cn=two  blanks,dc=x", "cn=two blanks,dc=x"),
    ],
)
def test_escapes_order_and_blanks_do_not_count(one: str, other: str) -> None:
    assert dn_key(one) == dn_key(other) is not None


def test_different_dns_have_different_keys() -> None:
    names = [
        r"cn=a\,dc=x,dc=y",
        "cn=a,dc=x,dc=y",
        r"cn=a\=b,dc=x",
        "cn=a,dc=b,dc=x",
        r"cn=a\+uid=b,dc=x",
        "cn=a+uid=b,dc=x",
    ]
    assert len({dn_key(name) for name in names}) == len(names)


@pytest.mark.parametrize("text", ["ann", "uid", "=x,dc=y", ",", "uid=ann,,dc=x"])
def test_what_is_no_dn_has_no_key(text: str) -> None:
    assert dn_key(text) is None


plain = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='\\"+#;<>,='), min_size=1
)


@given(st.lists(plain, min_size=1, max_size=4))
def test_the_short_way_yields_what_the_parser_yields(values: list[str]) -> None:
    dn = ",".join(f"cn={value}" for value in values)
    assert dn_key(dn) == _parsed_key(dn)


def test_the_first_rdn_is_without_escapes() -> None:
    assert first_rdn(r"cn=Oakley\, Ann+uid=ann,ou=people,dc=x") == [("cn", "Oakley, Ann"), ("uid", "ann")]
    assert unescaped(r"a\c3\a9\20b\\") == "a\N{LATIN SMALL LETTER E WITH ACUTE} b\\"


@given(st.text())
def test_no_value_escapes_from_its_filter(value: str) -> None:
    text = equals("cn", value)
    assert text.count("(") == text.count(")") == 1
    assert "*" not in text


def entry(**attributes: str | list[str]) -> Entry:
    values = {name: [value] if isinstance(value, str) else value for name, value in attributes.items()}
    return Entry("uid=ann,dc=x", {name.lower(): [one.encode() for one in value] for name, value in values.items()})


def filetime(moment: datetime) -> str:
    return str(int((moment - datetime(1601, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 10)


@pytest.mark.parametrize(
    ("attributes", "disabled"),
    [
        ({}, False),
        ({"userAccountControl": "512"}, False),
        ({"userAccountControl": "514"}, True),
        ({"userAccountControl": "66050"}, True),
        ({"accountExpires": "0"}, False),
        ({"accountExpires": "9223372036854775807"}, False),
        ({"accountExpires": filetime(NOW - timedelta(days=1))}, True),
        ({"accountExpires": filetime(NOW + timedelta(days=1))}, False),
        ({"accountExpires": "9223372036854775806"}, False),
        ({"lockoutTime": "133000000000000000"}, False),
        ({"nsAccountLock": "TRUE"}, True),
        ({"nsAccountLock": "false"}, False),
        ({"pwdAccountLockedTime": "000001010000Z"}, True),
        ({"pwdAccountLockedTime": "20260614120000Z"}, False),
    ],
)
def test_disabled_by_an_administrator_and_not_by_failed_passwords(attributes: dict[str, str], disabled: bool) -> None:
    assert is_disabled(entry(**attributes), NOW) is disabled


def test_addresses_come_from_several_attributes() -> None:
    person = entry(
        mail=["ann@a.example", "ann@b.example"],
        proxyAddresses=[
            "SMTP:ann@a.example",
            "smtp:old@a.example",
            "X500:/o=x",
            "sip:ann@a.example",
            "bare@x.example",
        ],
        entryUUID="17",
    )
    found = identity(person, ("mail", "proxyAddresses"), NOW, ("inner",))
    assert found.addresses == ("ann@a.example", "ann@b.example", "old@a.example")
    assert (found.id, found.via) == ("17", ("inner",))


def test_an_id_is_stable_and_never_a_dn() -> None:
    guid = Entry("cn=x,dc=y", {"objectguid": [bytes(range(16))]})
    assert stable_id(guid) == "03020100-0504-0706-0809-0a0b0c0d0e0f"
    bare, renamed = stable_id(Entry("cn=x,dc=y", {})), stable_id(Entry("CN=X, DC=Y", {}))
    assert bare == renamed
    assert "dc=y" not in bare
    assert bare.startswith("dn-")


def test_ldap3_is_there() -> None:
    assert ldap3.SUBTREE == "SUBTREE"
