"""What an address and a domain are, on what people and strangers type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from publicsuffixlist import PSLFILE, PublicSuffixList

from portalctl.identity import (
    covers,
    domain_of,
    enclosing,
    is_freemail,
    is_public_suffix,
    normal_address,
    normal_domain,
    suspects,
    untagged,
)

# What people type, valid by construction.
LABEL = st.lists(st.text("abcXYZ019", min_size=1, max_size=4), min_size=1, max_size=2).map("-".join)
TYPED_LABEL = LABEL | st.sampled_from(
    ["bücher", "BÜCHER", "XN--BCHER-KVA", "Straße", "ｅｘａｍｐｌｅ", "例え", "\u212a"]
)
LAST_LABEL = st.sampled_from(["com", "Example", "x1"])
ASCII_HOST = st.builds("{}.{}".format, st.lists(LABEL, min_size=1, max_size=3).map(".".join), LAST_LABEL)
HOST = st.builds("{}.{}".format, st.lists(TYPED_LABEL, min_size=1, max_size=3).map(".".join), LAST_LABEL)
LOCAL_PART = st.lists(st.text("abYZ09+!#$%&'*/=?^_`{|}~-", min_size=1, max_size=4), min_size=1, max_size=3).map(
    ".".join
)
ASCII_ADDRESS = st.builds("{}@{}".format, LOCAL_PART, ASCII_HOST)
TYPED_ADDRESS = st.builds("{}@{}".format, LOCAL_PART, HOST)
DOMAIN = HOST.map(normal_domain).map(str)
ADDRESS = TYPED_ADDRESS.map(normal_address).map(str)
# Letters, digits and hyphens in any order, often no domain.
LDH = st.lists(st.text("abcxyzABCXYZ019-", min_size=1, max_size=8), min_size=1, max_size=4).map(".".join)
# Any text, surrogates too, and often what addresses are made of.
PIECE = st.sampled_from(
    [
        "@",
        ".",
        "+",
        "ann",
        "example.com",
        "xn--bcher-kva.de",
        "bücher.de",
        "\u3002",
        '"',
        "(c)",
        "\x00",
        " ",
        "\u200b",
    ]
)
ANY = st.lists(PIECE | st.text(st.characters(), max_size=3), max_size=8).map("".join)


# --- domains


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("example.com", "example.com"),
        ("Example.COM", "example.com"),
        ("a-b--c.example", "a-b--c.example"),
        ("1.example", "1.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),  # non-transitional: not strasse
        ("\u212aelvin.example", "kelvin.example"),  # UTS 46 maps KELVIN SIGN to k
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("example\u3002com", "example.com"),
        ("example\uff0ecom", "example.com"),
        ("example\uff61com", "example.com"),
        ("ex\u0430mple.com", "xn--exmple-4nf.com"),  # Cyrillic: another domain
        ("m\u0131ke.com", "xn--mke-jua.com"),  # dotless i: another domain
        ("\u0130.com", "xn--i-9bb.com"),  # i and a combining dot: another domain than i.com
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        (".".join(["a" * 62] * 4)[:-1] + "." + "b" * 2, ".".join(["a" * 62] * 4)[:-1] + ".bb"),
    ],
)
def test_domains(text: str, normal: str) -> None:
    assert normal_domain(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "com",
        "example.com.",
        ".example.com",
        "example..com",
        "bücher.example.",
        "bücher..example",
        "bücher",
        " example.com",
        "example.com ",
        "exa mple.com",
        "example.com\n",
        "example.com\x00",
        "exam\tple.com",
        "exam\x85ple.com",
        "exam\u200bple.com",
        "exam\u00adple.com",
        "exam\u200dple.com",
        "exam\ufeffple.com",
        "exam\u034fple.com",
        "exam\ufe0fple.com",
        "exam\u3164ple.com",
        "\u202eexample.com",
        "example\xa0.com",
        "example\u3000.com",
        "a" * 64 + ".com",
        "ü" * 63 + ".com",
        ".".join(["a" * 62] * 4) + ".com",
        "127.0.0.1",
        "127.0.0.0x1",
        "[127.0.0.1]",
        "[::1]",
        "١٢٧.٠.٠.١",
        "example.123",
        "-example.com",
        "example-.com",
        "ab--cd.com",
        "ex_ample.com",
        "exa!mple.com",
        "example.com/",
        "example.com:80",
        "user@example.com",
        "xn--.com",
        "xn--a.com",
        "xn--abc-.com",
        "xn--99999999999.com",
        "xn---bbk.com",  # another spelling of xn--bbk
        "xn--bücher.com",
        "xn--Example-4nf\u200b.com",
        "\ud800.com",
        "🙂.com",  # mapped by UTS 46, refused by IDNA 2008
        "\u2024com",
    ],
)
def test_not_domains(text: str) -> None:
    assert normal_domain(text) is None


@given(LDH | ASCII_HOST)
@example("a-b--c.com")
@example("xn--a.com")
def test_plain_domains_are_as_idna_has_them(text: str) -> None:
    try:
        known = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        known = ""
    strict = known if "." in known and known.rpartition(".")[2][0].isalpha() else None
    assert normal_domain(text) == strict


@given(HOST)
def test_domain_form_is_stable(text: str) -> None:
    domain = normal_domain(text)
    assert domain is not None
    assert normal_domain(domain) == domain
    assert normal_domain(domain.upper()) == domain
    assert domain.isascii()
    assert domain == domain.lower()


@given(st.lists(st.text("abäöüßéłжя李", min_size=1, max_size=6), min_size=2, max_size=3).map(".".join))
def test_names_and_their_ascii_form_are_one_domain(text: str) -> None:
    domain = normal_domain(text)
    assert domain is not None
    assert idna.decode(domain) == text
    assert normal_domain(text.upper().replace("SS", "ß")) == domain


def test_enclosing_goes_up_by_labels() -> None:
    assert list(enclosing("a.b.com")) == ["a.b.com", "b.com", "com"]


@pytest.mark.parametrize(
    ("domain", "exact", "below"),
    [
        ("example.com", True, True),
        ("sub.example.com", False, True),
        ("a.sub.example.com", False, True),
        ("evil-example.com", False, False),
        ("evilexample.com", False, False),
        ("example.com.evil.com", False, False),
        ("com", False, False),
        ("example.org", False, False),
    ],
)
def test_what_a_rule_for_example_com_covers(domain: str, exact: bool, below: bool) -> None:
    assert covers("example.com", domain, subdomains=False) is exact
    assert covers("example.com", domain, subdomains=True) is below


@given(DOMAIN, DOMAIN, st.text("ab-", max_size=3))
def test_covering_never_crosses_a_label(rule: str, other: str, prefix: str) -> None:
    for domain in (other, f"{prefix}{rule}", f"{prefix}.{rule}", f"{other}.{rule}"):
        labels, wanted = domain.split("."), rule.split(".")
        below = labels[-len(wanted) :] == wanted
        assert covers(rule, domain, subdomains=True) is below
        assert covers(rule, domain, subdomains=False) is (labels == wanted)
        assert (rule in enclosing(domain)) is below


# --- addresses


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee+2@Example.COM", "ann.lee+2@example.com"),
        ("o'brien!#$%&*/=?^_`{|}~-@x.com", "o'brien!#$%&*/=?^_`{|}~-@x.com"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@ex\u0430mple.com", "ann@xn--exmple-4nf.com"),
        ("ann@\u212aelvin.example", "ann@kelvin.example"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_addresses(text: str, normal: str) -> None:
    assert normal_address(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@example.com",
        "ann@com",
        '"x@example.com"@evil.com',
        '"ann"@example.com',
        "a@evil.com@example.com",
        "ann@@example.com",
        "m\u0131ke@example.com",
        "\u212aate@example.com",
        "\u0130an@example.com",
        "änn@example.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..nn@example.com",
        "ann(c)@example.com",
        "ann@(c)example.com",
        "ann@example.com.",
        "ann@[127.0.0.1]",
        "ann@[IPv6:::1]",
        "ann@127.0.0.1",
        " ann@example.com",
        "ann@example.com ",
        "ann @example.com",
        "ann@example.com\n",
        "ann\n@example.com",
        "ann\x00@example.com",
        "an\u200bn@example.com",
        "ann\uff20example.com",
        "Ann <ann@example.com>",
        "ann@example.com,bob@example.com",
        "\ud800@example.com",
        "a" * 65 + "@example.com",
        "a" * 64 + "@" + ".".join(["b" * 62] * 3) + ".com",
    ],
)
def test_not_addresses(text: str) -> None:
    assert normal_address(text) is None


@given(TYPED_ADDRESS)
def test_folding_is_stable_and_equal_texts_stay_equal(text: str) -> None:
    address = normal_address(text)
    assert address is not None
    assert normal_address(address) == address
    local, _, host = text.partition("@")
    assert normal_address(f"{local.swapcase()}@{host}") == address
    assert address.partition("@")[0] == local.lower()
    assert domain_of(address) == normal_domain(host)


@given(ASCII_ADDRESS, ASCII_ADDRESS)
@example("A@b.com", "a@B.com")
def test_only_case_can_differ_between_equal_ascii_addresses(one: str, other: str) -> None:
    assert (normal_address(one) == normal_address(other)) is (one.lower() == other.lower())
    assert normal_address(one) == normal_address(one.swapcase())


@given(ANY)
def test_only_what_parses_has_a_form(text: str) -> None:
    address = normal_address(text)
    if address is not None:
        local, _, host = text.partition("@")
        assert address == f"{local.lower()}@{normal_domain(host)}"
        assert local.isascii()


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("ann+2@x.com", "ann@x.com"),
        ("ann+2+3@x.com", "ann@x.com"),
        ("ann+@x.com", "ann@x.com"),
        ("ann.+2@x.com", "ann@x.com"),
        ("ann@x.com", "ann@x.com"),
        ("+2@x.com", "+2@x.com"),
    ],
)
def test_untagged(address: str, plain: str) -> None:
    assert untagged(address) == plain


@given(ADDRESS)
def test_untagged_gives_an_address(address: str) -> None:
    plain = untagged(address)
    assert normal_address(plain) == plain
    assert untagged(plain) == plain


# --- suspects


@given(ADDRESS)
def test_an_address_is_suspected_as_itself_only(address: str) -> None:
    assert suspects(address) == suspects(address.upper())
    assert set(suspects(address)) == {address, untagged(address)}
    assert suspects(address)[0] == address


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"x@example.com"@evil.com', ("x@example.com", "example.com@evil.com")),
        ("a@evil.com@example.com", ("a@evil.com", "evil.com@example.com")),
        ("m\u0131ke@example.com", ("@example.com",)),
        (" Ann+2@Example.com\r\n", ("ann+2@example.com", "ann@example.com")),
        ("Ann Lee <ann@example.com.>", ("ann@example.com",)),
        ('"ann"@example.com', ("ann@example.com",)),
        ("ann(c)@(d)example.com", ("ann@example.com",)),
        (".ann.@.example.com.", ("ann@example.com",)),
        ("ann@example.com\x00evil.com", ("ann@example.com",)),
        ("an\u200bn@exam\u00adple.com\ufeff", ("ann@example.com",)),
        ("ＡＮＮ＠example．com", ("ann@example.com",)),
        ("ann @ example\uff61com", ("ann@example.com",)),
        ("ann@stra\u00dfe.de ", ("ann@xn--strae-oqa.de",)),
        ("ann@no_label.example.com", ("ann@example.com",)),
        ("ann@🙂.example.com", ("ann@example.com",)),
        ("ann@no_label\u3002example.com", ("ann@example.com",)),
        ("ann@evil/example.com", ()),
        ("ann@evil_example.com", ()),
        ("a" * 65 + "@example.com", ("@example.com",)),
        ("ann@example.com" + " " * 1000, ("ann@example.com",)),
        ("ann@[127.0.0.1]", ()),
        ("example.com", ()),
        ("", ()),
        ("@", ()),
    ],
)
def test_what_is_no_address_is_suspected(text: str, names: tuple[str, ...]) -> None:
    assert normal_address(text) is None
    assert suspects(text) == names


@given(ANY)
def test_suspects_can_be_looked_up(text: str) -> None:
    names = suspects(text)
    assert len(set(names)) == len(names)
    for name in names:
        assert name.startswith("@") or normal_address(name) == name
        assert normal_domain(domain_of(name)) == domain_of(name)


@given(ADDRESS, st.sampled_from([" {}", "{}\n", "<{}>", "{}.", "\u200b{}", "x@y@{}", "Ann {}", "{}\x00"]))
def test_a_denial_bites_through_dressing(address: str, dress: str) -> None:
    text = dress.format(address)
    assert normal_address(text) is None
    assert address in suspects(text)


# --- lists


@pytest.mark.parametrize("domain", ["com", "co.uk", "github.io", "xn--p1ai", "foo.ck", "internal"])
def test_public_suffixes(domain: str) -> None:
    assert is_public_suffix(domain)


@pytest.mark.parametrize(
    "domain", ["example.com", "example.co.uk", "www.ck", "corp.internal", "", "a..b", "\ud800.com"]
)
def test_not_public_suffixes(domain: str) -> None:
    assert not is_public_suffix(domain)


@pytest.mark.slow
def test_the_package_of_the_list_of_public_suffixes_judges_likewise() -> None:
    judge = PublicSuffixList()
    lines = Path(PSLFILE).read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("//")]
    special = [rule for rule in rules if rule[0] in "!*" or not rule.isascii()]
    for rule in {*special, *rules[::20]}:
        domain = str(normal_domain(rule.lstrip("!*.")) or rule.lstrip("!*."))
        for name in (domain, domain.partition(".")[2], f"a.{domain}", f"b.a.{domain}"):
            assert is_public_suffix(name) == judge.is_public(name), name


def test_freemail() -> None:
    assert is_freemail("gmail.com")
    assert is_freemail("yahoo.co.uk")
    assert not is_freemail("example.com")
    assert not is_freemail("mail.gmail.com")


def test_the_list_of_public_suffixes_is_loaded_late() -> None:
    code = "import sys, portalctl.identity; sys.exit('publicsuffixlist' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- never raises, never slow


@given(ANY)
def test_nothing_raises(text: str) -> None:
    normal_domain(text)
    normal_address(text)
    suspects(text)
    untagged(text)
    domain_of(text)
    list(enclosing(text))
    covers(text, text, subdomains=True)
    is_public_suffix(text)
    is_freemail(text)


@pytest.mark.parametrize(
    "part", ["a", "@", ".", "a.", "-", "(", "+", " ", "\x00", "\u200b", "\u0301", "\ufdfa", "\ud800", "@é.b", "é_."]
)
@pytest.mark.slow
def test_a_megabyte_of_anything_is_no_address(part: str) -> None:
    text = part * (1_000_000 // len(part))
    assert normal_domain(text) is None
    for address in (text, f"a@{text}", f"{text}@example.com"):
        assert normal_address(address) is None
        suspects(address)
