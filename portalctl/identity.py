"""Addresses and domains in normal form.

Every value here is a plain `str`, so that rules find developers by dictionary look-up:
* a *domain* is at least two A-labels in lower case: `example.com`, `xn--bcher-kva.example`;
* an *address* is an ASCII dot-atom in lower case, one `@`, and a domain: `ann+2@example.com`.

Two texts name the same domain or developer exactly when their normal forms are equal. A text without a normal form
(`None`) matches no rule that grants; `suspects` returns the names by which denials still match it. No function raises
on any `str`, and none takes more than linear time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise, takewhile
from pathlib import Path

import idna

_LONGEST_DOMAIN = 253
_LONGEST_LOCAL_PART = 64
_LONGEST_ADDRESS = 254
# One character of a name can be typed as up to four (decomposed); more than this cannot become a domain.
_LONGEST_TEXT = 4 * _LONGEST_DOMAIN
# How much of a malformed address `suspects` reads: bounded, so that strangers cannot make it slow.
_LONGEST_READ = 2 * _LONGEST_ADDRESS
_IDEOGRAPHIC_FULL_STOP = "\u3002"

_LABEL = r"(?!-)[a-zA-Z0-9-]{1,63}(?<!-)"
# The last label begins with a letter (RFC 1123, 2.1, wants it alphabetic), so it cannot be part of an IP address in
# any notation: neither 127.0.0.1 nor 127.0.0.0x1.
_ASCII_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?=[a-zA-Z]){_LABEL}")
# A label with hyphens in third and fourth place is an A-label or reserved (RFC 5890, 2.3.1): idna decides.
_PLAIN_DOMAIN = re.compile(rf"(?:(?!..--){_LABEL}\.)+(?!..--)(?=[a-zA-Z]){_LABEL}")

_ATEXT = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_ATOM = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")

# For `suspects`: a comment, and what stands between white space and the "specials" of RFC 5322, 3.2.3.
_COMMENT = re.compile(r"\([^()]*\)")
_WORD = re.compile(r'[^\s()<>\[\]:;,"\\]+')


def normal_domain(text: str) -> str | None:
    """Return the normal form of a domain, or None if the text is not strictly a domain.

    UTS 46 (non-transitional, STD3 rules) and then IDNA 2008 decide what a name is and how it is mapped, so
    `Bücher.Example`, `bücher。example` and `xn--bcher-kva.example` are one domain. None for: fewer than two
    labels; an empty label, so also a leading or trailing dot; a label over 63 or a name over 253 octets; an
    IP address; a last label that does not begin with a letter; white space, control and format characters,
    and all that UTS 46 would drop without a trace.
    """
    return _domain(text) if len(text) <= _LONGEST_TEXT else None


def normal_address(text: str) -> str | None:
    """Return the normal form of an address, or None if the text is not strictly an address.

    The local part is an ASCII dot-atom (RFC 5322, 3.2.3) of at most 64 characters, compared without ASCII
    case; the domain is as `normal_domain` has it; the whole has at most 254 characters. Quoted local parts,
    comments, surrounding white space and non-ASCII local parts are refused, never repaired.
    """
    local, _, host = text.partition("@")
    if len(local) > _LONGEST_LOCAL_PART or not _DOT_ATOM.fullmatch(local):
        return None
    domain = normal_domain(host)
    if domain is None or len(local) + 1 + len(domain) > _LONGEST_ADDRESS:
        return None
    return f"{local.lower()}@{domain}"


def domain_of(address: str) -> str:
    """Return the domain of a normal address, or of a name that `suspects` returned."""
    return address.rpartition("@")[2]


def enclosing(domain: str) -> Iterator[str]:
    """Yield the domain itself, then each parent by whole labels: `a.b.com`, `b.com`, `com`. Most specific first."""
    while domain:
        yield domain
        domain = domain.partition(".")[2]


def covers(rule_domain: str, domain: str, *, subdomains: bool) -> bool:
    """Return whether a rule for `rule_domain` matches `domain`; both in normal form."""
    return domain == rule_domain or (subdomains and domain.endswith(f".{rule_domain}"))


def untagged(address: str) -> str:
    """A normal address without its `+tag`: `ann+2@example.com` is `ann@example.com`.

    What begins with `+` has no tag. For denials only: a grant names one exact address.
    """
    local, _, domain = address.partition("@")
    base = local.partition("+")[0].rstrip(".")
    return f"{base}@{domain}" if base else address


def suspects(text: str) -> tuple[str, ...]:
    """Every name under which a denial is to be looked up for a live address, in a fixed order, each once.

    Never for grants. Each is `local@domain` with a normal domain, so one tuple answers both questions:

    * is this developer denied?   `any(name in denied_addresses for name in suspects(text))`
    * is the domain denied?    the same over `enclosing(domain_of(name))`

    Text that is an address has exactly its normal form and its `untagged` form. Other text is read as the most
    lenient mail system might: compatibility characters as what they stand for, invisible ones dropped,
    comments, quotes and brackets left out, and every `@` taken for the one that counts:

    * `"x@example.com"@evil.com` has `x@example.com` and `example.com@evil.com`;
    * ` <ann@example.com.>` has `ann@example.com`;
    * `mıke@example.com` has `@example.com`: where no local part can be read it is empty, and equals no rule's.

    This may deny a developer with a malformed address; it cannot deny one with a strict address.
    """
    address = normal_address(text)
    if address is not None:
        return tuple(dict.fromkeys((address, untagged(address))))
    names: dict[str, None] = {}
    for before, after in pairwise(_legible(text).split("@")):
        names.update(dict.fromkeys(_names(before, after)))
    return tuple(names)


def is_public_suffix(domain: str) -> bool:
    """Return whether this domain is a public suffix (`co.uk`, `github.io`):

    publicsuffix.org, both sections. The list comes with a package and has its age. A top-level domain counts, listed
    or not; so does a domain with a wildcard for its subdomains in the list
    (https://github.com/publicsuffix/list/wiki/Format)."""
    name = unicode_domain(domain)
    listed, parent = _public_suffixes(), name.partition(".")[2]
    if not parent:
        return bool(name)
    return f"!{name}" not in listed and not listed.isdisjoint((name, f"*.{name}", f"*.{parent}"))


def unicode_domain(domain: str) -> str:
    """Return a normal domain in readable letters: `bücher.example` for `xn--bcher-kva.example`."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


def is_freemail(domain: str) -> bool:
    """Return whether a normal domain is one of a few dozen well-known ones with free addresses.

    A guard against the obvious slip only. Thousands of such providers exist, throw-away ones come and go daily, and
    large ones also serve customers' own domains; False proves nothing."""
    return domain in _freemail_domains()


@lru_cache(maxsize=4096)  # many developers share few domains, and idna is a hundred times slower than a plain look-up
def _domain(text: str) -> str | None:
    if _PLAIN_DOMAIN.fullmatch(text):
        return text.lower() if len(text) <= _LONGEST_DOMAIN else None
    return _mapped_domain(text)


def _mapped_domain(text: str) -> str | None:
    if any(map(_vanishes, text)):
        return None
    try:
        mapped = idna.uts46_remap(text, std3_rules=True)
        domain = idna.encode(mapped)
        # A label typed as an A-label must be the one its own U-label leads to; older versions of idna pass others.
        if "xn--" in mapped and idna.encode(idna.decode(domain)) != domain:
            return None
    except UnicodeError:
        return None
    found = domain.decode("ascii")
    return found if _ASCII_DOMAIN.fullmatch(found) else None  # idna has checked its length


def _vanishes(char: str) -> bool:
    """Return whether a character is invisible, or would vanish in a mapped domain."""
    if char.isascii():
        return not char.isprintable()
    if unicodedata.category(char) in ("Cc", "Cf"):
        return True
    try:
        return not idna.uts46_remap(char, std3_rules=False)
    except UnicodeError:
        return False  # disallowed, so it does not vanish


def _legible(text: str) -> str:
    """Normalize a malformed address leniently:

    control characters separate words, invisible ones vanish. Very long text is cut to its end, where the e-mail would
    go."""
    end = text.rstrip()[-_LONGEST_READ:]
    unseen = {ord(char): " " if unicodedata.category(char) == "Cc" else None for char in end if _vanishes(char)}
    plain = unicodedata.normalize("NFKC", end.translate(unseen)).replace(_IDEOGRAPHIC_FULL_STOP, ".")
    return _COMMENT.sub("", plain)


def _names(before: str, after: str) -> Iterator[str]:
    """Return what the texts around one `@` may name: the last word before it, at the first word after it."""
    boxes, hosts = _WORD.findall(before), _WORD.findall(after)
    domain = _domain_at_end(hosts[0].strip(".")) if hosts else None
    if domain is None:
        return
    address = normal_address(f"{boxes[-1].strip('.')}@{domain}") if boxes else None
    if address is None:
        yield f"@{domain}"
    else:
        yield from (address, untagged(address))


def _domain_at_end(host: str) -> str | None:
    """Return the host, or the part after its last bad label: `example.com` in `no_label.example.com`."""
    labels = takewhile(lambda label: normal_domain(f"{label}.a"), reversed(host.split(".")))
    return normal_domain(host) or normal_domain(".".join(reversed(list(labels))))


@cache
def _public_suffixes() -> frozenset[str]:
    """Return the lines of the list, comments too: its own package does the same twenty times slower."""
    from publicsuffixlist import PSLFILE  # noqa: PLC0415 (only needed for trusted domains)

    return frozenset(Path(PSLFILE).read_text(encoding="utf-8").splitlines())


@cache
def _freemail_domains() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("freemail_domains.txt").read_text(encoding="utf-8").split())
