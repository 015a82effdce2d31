"""Masks: stable short stand-ins for addresses, developer ids and digests, in values and in free text.

`Mask.text` accepts text of any origin: messages of a portal, lines of a manifest, file names, URLs. It finds
addresses in every spelling that a reader could decode. In doubt, it masks.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from portalctl.changes.plan_document import masked_digest
from portalctl.identity import normal_address, normal_domain
from portalctl.words import LONGEST_WORD

# The at sign: plain, as a Unicode compatibility character, and as escaped in URLs, JSON, terminals and HTML.
_ENTITY = r"&\#0*64;|&\#[xX]0*40;|&commat;"
_AT = re.compile(rf"@|[\uff20\ufe6b]|%(?:25)*40|\\+u(?:0040|ff20|fe6b)|\\+x40|{_ENTITY}")
# Characters that enclose or separate addresses in a sentence. Entities and terminal escapes contain some of them, so
# they are matched first.
_EDGE = r"""\s"(),:;<>\[\]`“”„‘’‚«»‹›"""
_TOKEN = re.compile(rf"(?:{_ENTITY}|(?:\x1b|\\x1b)\[|[^{_EDGE}])+")
# A local part that contains such characters: quoted, possibly with escaped quotes, or with a comment.
_QUOTED = re.compile(rf"""\\*"[^"\n]{{1,128}}"@[^{_EDGE}]+""")
_COMMENTED = re.compile(rf"""[^\s"@()]*\([^()\n]{{0,128}}\)[^\s"@()]{{0,64}}@[^{_EDGE}]+""")
_COMMENT_END = re.compile(r"""\)[^\s"@()]{0,64}@""")
# Characters around an address in a token: quotes, escaped line breaks, the end of a sentence, the mark of a cut.
_BEFORE = re.compile(r"(?:\\+[nrt]|')*")
_BREAKS = (r"\n", r"\r", r"\t")
_SIGNS = "@\uff20\ufe6b;"  # a semicolon ends an entity
_URL = re.compile(r"\.{0,2}/|[?&]")  # the start of a path or a query
_URL_PARTS = re.compile(r"([/?&=#])")
_NO_NAME = re.compile(r"[^\w.+-]")  # before a known address within a longer token
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_MASKED = re.compile(r"(?<![\w.+%-])(dev-[0-9a-f]{8,16}(?:@[a-z0-9-]+(?:\.[a-z0-9-]+)*)?)")
_DIGEST = re.compile(r"(?<!masked:)(?<![0-9a-f])(?:sha256:)?([0-9a-f]{64})(?![0-9a-f])")
_ID = re.compile(r"\w[\w-]{5,}")
_ID_IN_PATH = re.compile(r"(?<=/developers/)(?=[\w-]*\d)[\w-]{8,}(?![\w%@-]|\.\w)")

_LONGEST_CACHED = 200  # characters: longer texts recur less often than rules, and are not cached
_MOST_CACHED = 10_000
_MOST_PLACES = 20  # positions in one token that are compared with known addresses
_MOST_UNUSUAL = 200  # names that no pattern finds, stored for later texts
_NO_DIGEST = "a digest that is not shown"


def is_mask(name: str) -> bool:
    """Return whether a name has the form of a mask."""
    return _MASKED.fullmatch(name) is not None


class Mask:
    """A function from an address or a developer id to its mask, the same in all outputs that share a key.

    The mask of an address is `dev-`, eight hexadecimal digits and the domain; that of anything else, `dev-` and
    sixteen digits. All spellings of one address have one mask. Without the key, it is not possible to test whether a
    mask belongs to an address (HMAC-SHA256).

    A name that was masked once is recognised in later texts. `lasting`: the key belongs to the user, so digests are
    shown in a keyed form that `apply --expect-digest` accepts; without such a key they are not shown.
    """

    def __init__(self, key: bytes, *, lasting: bool = True) -> None:
        self._key = key
        self._lasting = lasting
        self._masks: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._made: set[str] = set()
        self._addresses: set[str] = set()
        self._ids: dict[str, str] = {}
        self._unusual: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return the mask of an address, valid or not, or of a developer id."""
        known = self._masks.get(name)
        if known is not None:
            return known
        address = normal_address(name)
        code = hmac.new(self._key, (address or name).encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
        if "@" in name:
            domain = normal_domain(name.rpartition("@")[2])
            mask = f"dev-{code[:8]}@{domain}" if domain else f"dev-{code[:8]}"
        else:
            mask = f"dev-{code[:16]}"
        self._remember(name, address, mask)
        return mask

    def digest(self, digest: str | None) -> str | None:
        """Return the keyed form of a digest, useless for testing addresses; None without a lasting key."""
        return masked_digest(self._key, digest) if self._lasting and digest is not None else None

    def text(self, text: str) -> str:
        """Return a text with masks for all addresses, known developer ids and digests. Masks in it do not change."""
        if len(text) > _LONGEST_CACHED:
            return self._masked(text)
        masked = self._texts.get(text)
        if masked is None:
            masked = self._masked(text)
            if len(self._texts) >= _MOST_CACHED:
                self._texts = {}
            self._texts[text] = masked
        return masked

    def _masked(self, text: str) -> str:
        text = _DIGEST.sub(lambda found: self.digest(f"sha256:{found[1]}") or _NO_DIGEST, text)
        return "".join(
            part if number % 2 and self._is_own_mask(part) else self._searched(part)
            for number, part in enumerate(_MASKED.split(text))
        )

    def _remember(self, name: str, address: str | None, mask: str) -> None:
        self._masks[name] = mask
        self._texts = {}  # they may contain the new name
        self._made.add(mask)
        if address is not None:
            self._addresses.add(address)
        elif _ID.fullmatch(name) and re.search(r"[\d-]", name):
            self._ids[name] = mask
        elif re.search(r"[\s@]", name) and len(self._unusual) < _MOST_UNUSUAL:
            self._unusual[name] = mask

    def _is_own_mask(self, found: str) -> bool:
        """Return whether this is a mask of this instance, possibly followed by a file name extension."""
        while found not in self._made and "." in found and len(found) <= LONGEST_WORD:
            found = found.rpartition(".")[0]
        return found in self._made

    def _searched(self, text: str) -> str:
        for name, mask in tuple(self._unusual.items()):
            if name in text:
                text = mask.join(re.split(rf"(?<!\w){re.escape(name)}(?!\w)", text))
        text = _ID_IN_PATH.sub(lambda found: self._ids.get(found[0]) or self(found[0]), text)
        if self._ids:
            text = _ID.sub(lambda found: self._ids.get(found[0], found[0]), text)
        if not _AT.search(text):
            return text
        text = _QUOTED.sub(lambda found: self._token(found[0]), text)
        if _COMMENT_END.search(text):
            text = _COMMENTED.sub(lambda found: self._token(found[0]), text)
        return _TOKEN.sub(lambda found: self._token(found[0]), text)

    def _token(self, token: str) -> str:
        """Return a word with its address masked; the characters around the address stay."""
        begin = _BEFORE.match(token)
        start, end = begin.end() if begin else 0, _end(token)
        word = token[start:end]
        sign = _AT.search(word)
        if sign is None:
            return token
        parts = _URL_PARTS.split(word) if _URL.match(word) or sign[0].startswith("%") else [word]
        if any(_AT.match(part) for part in parts[2::2]):  # not a URL: `/G=Ann/S=Oakley/@gateway.example`
            parts = [word]
        return token[:start] + "".join(map(self._part, parts)) + token[end:]

    def _part(self, text: str) -> str:
        """Return a part with its address masked; a domain without a local part, such as `@city.example`, stays."""
        sign = _AT.search(text)
        if sign is None or text in self._made or (sign.start() == 0 and not _AT.search(text, sign.end())):
            return text
        address = _AT.sub("@", _unquoted(text) if sign[0].startswith("%") else text)
        for start, end in _places(address):
            if normal_address(address[start:end]) in self._addresses:
                return address[:start] + self(address[start:end]) + address[end:]
        return self(address)


def _end(token: str) -> int:
    """Return the end of a token without punctuation and escaped line breaks after the address."""
    end = len(token)
    while end:
        if token.endswith(_BREAKS, 0, end):
            end -= 2
        elif token[end - 1].isalnum() or token[end - 1] in _SIGNS:
            break
        else:
            end -= 1
    return end


def _unquoted(text: str) -> str:
    """Return a part of a URL, decoded up to three times."""
    for _ in range(3):
        text = unquote(text)
    return text


def _places(address: str) -> Iterator[tuple[int, int]]:
    """Yield possible starts and ends of an address in a text, longest first; their number is bounded."""
    at = address.rfind("@")
    host = _HOST.match(address, at + 1)
    if host is None or len(address) > LONGEST_WORD:
        return
    starts = [0, *(found.end() for found in _NO_NAME.finditer(address, 0, at))]
    ends = [host.end(), *(at + 1 + found.start() for found in re.finditer(r"\.", host[0]))]
    yield from islice(((start, end) for start in starts for end in sorted(ends, reverse=True)), _MOST_PLACES**2)
