from __future__ import annotations

import re
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.errors import InputError
from portalctl.manifest.fmt.format import format_files
from portalctl.manifest.load import assemble
from portalctl.manifest.model import Manifest
from tests.manifest.examples import BROKEN, COMPLETE, ROOT, file


def formatted(text: str | bytes) -> str:
    """Its canonical form, which is its own canonical form."""
    (done,) = format_files([file(text)])
    (again,) = format_files([file(done.text)])
    assert not again.changed, f"not idempotent:\n{done.text}\n---\n{again.text}"
    return done.text


def head(rules: str) -> str:
    return formatted(ROOT + rules).split("title: Partners\n", 1)[1].lstrip("\n")


def test_all_of_it() -> None:
    text = """\
teams: [{"name": 'city', membership: additive, description: "Manchester City", members: []}]
portal:
    provider: konnect
    "name":   partners # the handle
    title: "Partners"
version: 0x1
overrides:
- reason: 'Left: the club'
  developer: "peter@arsenal.com"
  expires: "2027-03-31"
  teams:
  - city
  status: revoked
trusted_domains:
- {domain: arsenal.com}
- {domain: city.com, teams: ["city"]}
policy: {unmatched: {approved: keep, pending: keep}, reinstate: False}
"""
    assert (
        formatted(text.replace("0x1", "1"))
        == """\
version: 1
portal:
  name: partners  # the handle
  provider: konnect
  title: Partners

policy:
  unmatched: {pending: keep, approved: keep}
  reinstate: false

trusted_domains:
  - arsenal.com
  - domain: city.com
    teams: [city]

teams:
  - name: city
    description: Manchester City
    membership: additive
    members: []

overrides:
  - developer: peter@arsenal.com
    status: revoked
    teams: [city]
    reason: "Left: the club"
    expires: 2027-03-31
"""
    )


def test_a_fragment_by_itself() -> None:
    text = "portals: [b, a]\nversion: 1\nteams:\n- {members: [z@x.example, a@x.example], name: a}\n"
    assert formatted(text) == (
        "version: 1\nportals: [b, a]\n\nteams:\n  - name: a\n    members:\n      - a@x.example\n      - z@x.example\n"
    )


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("'x'", "x"),
        ('"x y"', "x y"),
        ("'no'", '"no"'),
        ("yes", '"yes"'),
        ("'12'", '"12"'),
        ("'1e3'", '"1e3"'),
        ("'12:30'", '"12:30"'),
        ("'null'", '"null"'),
        ("'2027-01-01'", "2027-01-01"),
        ("'a: b'", '"a: b"'),
        ("'a #b'", '"a #b"'),
        ("a#b", "a#b"),
        ("'# b'", '"# b"'),
        ("'a:'", '"a:"'),
        ("'- a'", '"- a"'),
        ("'@a'", '"@a"'),
        ("'a, b'", "a, b"),
        ("'it''s'", "it's"),
        ("'''s'", '"\'s"'),
        ("'\"a\" b'", "'\"a\" b'"),
        ("'*\\d'", "'*\\d'"),
        ("a\\b", "a\\b"),
        ('"a\\nb"', '"a\\nb"'),
        ('"a\\tb \\\\ \\"c\\""', '"a\\tb \\\\ \\"c\\""'),
        ('"\\u202ex"', '"\\u202ex"'),
        ("Bücher 📚", "Bücher 📚"),
        ("one\n      two", "one two"),
        ("|\n      one\n\n        two\n", "|\n      one\n\n        two"),
        (">-\n       one\n       two", ">-\n      one\n      two"),
        ("|2-\n        one", '"  one"'),
        ("|+\n        one\n", '"one\\n\\n"'),
    ],
)
def test_quotes_only_where_needed(written: str, canonical: str) -> None:
    rules = f"denied_domains:\n  - domain: x.example\n    reason: {written}\n"
    assert head(rules) == f"denied_domains:\n  - domain: x.example\n    reason: {canonical}\n"


def test_more_quotes_between_brackets() -> None:
    rules = "teams:\n  - name: 'a, b'\n  - name: '[c]'\n  - name: d:e\ntrusted_domains:\n  - domain: x.example\n"
    rules += "    teams: ['a, b', \"[c]\", 'd:e']\n"
    assert 'teams: ["a, b", "[c]", "d:e"]' in head(rules)


def test_lists_are_sorted_in_blocks_between_blank_lines() -> None:
    rules = """\
denied_domains:
- c.example  # of c
- {domain: B.example}
- a.example

- z.example
- y.example


# a heading, or is it of d?
- d.example
- b2.example

- g.example
- domain: f.example
  reason: several lines
"""
    assert (
        head(rules)
        == """\
denied_domains:
  - a.example
  - B.example
  - c.example  # of c

  - y.example
  - z.example

  # a heading, or is it of d?
  - d.example
  - b2.example

  - g.example
  - domain: f.example
    reason: several lines
"""
    )


def test_what_order_may_speak_of_is_not_sorted() -> None:
    rules = """\
teams:
  - name: z
  - name: a

overrides:
  - developer: z@x.example
    status: revoked
    teams: [z, a]
    reason: x
  - developer: a@x.example
    status: revoked
    reason: x
"""
    assert head(rules) == rules


def test_comments_move_with_what_they_speak_of() -> None:
    text = """\
# of the file

# of the file too
version: 1   # v
# of teams
teams:  # beside teams
- # of city
  # and more of city
  description: Manchester  # beside description
  # of name
  name: city
  # of members
  members: [ # beside members
    z@x.example, # of z
    # of y
    y@x.example
    # at the end of members
  ] # behind members
  # at the end of city

# of portal
portal: # beside portal

  # of title
  title: Partners
  name: >- # beside name
    partners
  provider: konnect # beside provider
 # at the end of portal
# at the end of the file
"""
    assert (
        formatted(text)
        == """\
# of the file

# of the file too
version: 1   # v

# of portal
portal:  # beside portal
  name: >-  # beside name
    partners
  provider: konnect  # beside provider
  # of title
  title: Partners
  # at the end of portal

# of teams
teams:  # beside teams
  # of city
  # and more of city
  # of name
  - name: city
    description: Manchester  # beside description
    # of members
    # beside members
    members:  # behind members
      - z@x.example  # of z
      # of y
      - y@x.example
      # at the end of members
    # at the end of city
# at the end of the file
"""
    )


def test_a_blank_line_between_the_keys_of_an_entry_divides_nothing_once_they_are_in_order() -> None:
    entry = "overrides:\n  - developer: a@x.com\n    reason: |\n      Left\n\n    # gone\n    status: revoked\n"
    canonical = "overrides:\n  - developer: a@x.com\n    # gone\n    status: revoked\n    reason: |\n      Left\n"
    assert head(entry) == canonical


def test_a_heading_below_a_list_stays_with_what_it_heads() -> None:
    rules = "denied_domains:\n- a.example\n# of teams\nteams:\n- name: city\n"
    assert head(rules) == "denied_domains:\n  - a.example\n\n# of teams\nteams:\n  - name: city\n"


def test_columns_of_comments_stay() -> None:
    text = (
        ROOT + "teams:\n- name: city           # one\n- name: city-two       # two\n- name: city-three     # three\n"
    )
    assert formatted(text).splitlines()[-3:] == [
        "  - name: city         # one",
        "  - name: city-two     # two",
        "  - name: city-three   # three",
    ]


def test_the_line_for_editors_stays_first() -> None:
    text = "# yaml-language-server: $schema=x.json\nportal: {title: x, provider: konnect, name: a}\nversion: 1\n"
    assert formatted(text).startswith("# yaml-language-server: $schema=x.json\nversion: 1\nportal:\n  name: a\n")


def test_anchors_and_aliases_stay() -> None:
    rules = "teams:\n- &c {name: &n city}\n- name: reds\n  description: *n\n"
    assert head(rules) == "teams:\n  - &c\n    name: &n city\n  - name: reds\n    description: *n\n"


def test_an_alias_is_never_put_before_its_anchor() -> None:
    rules = "protected: [&a z@x.example, b@x.example]\nteams: [{name: city, members: [*a]}]\n"
    assert head(rules) == (
        "protected: [&a z@x.example, b@x.example]\n\nteams:\n  - name: city\n    members:\n      - *a\n"
    )


def test_what_is_too_long_for_a_line_gets_several() -> None:
    names = [f"team-number-{number}" for number in range(9)]
    rules = f"teams: [{', '.join(f'{{name: {name}}}' for name in names)}]\n"
    rules += f"overrides: [{{developer: a@x.example, reason: x, teams: [{', '.join(names)}]}}]"
    assert "    teams:\n      - team-number-0\n" in head(rules)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_breaks_and_byte_order_marks(end: str) -> None:
    text = "\ufeff" + COMPLETE.replace("\n", end) + end * 3
    assert formatted(text.encode()) == formatted(COMPLETE)
    assert "\r" not in formatted(COMPLETE)


def test_a_block_text_at_the_very_end_means_the_same_with_a_line_break_after_it() -> None:
    rules = "teams:\n  - description: Manchester\n    name: |\n      city"
    assert head(rules) == "teams:\n  - name: |-\n      city\n    description: Manchester\n"


def test_document_markers_go() -> None:
    assert formatted(f"# a\n--- # b\n{ROOT}# c\n... # d\n# e\n").startswith("# a\n# b\nversion: 1\n")


@pytest.mark.parametrize("name", ["yaml-flow", "keys-unknown", "yaml-duplicate-keys", "types", "not-utf8", "empty"])
def test_a_broken_file_is_an_error(name: str) -> None:
    with pytest.raises(InputError) as caught:
        format_files([file(COMPLETE), file((BROKEN / f"{name}.yaml").read_bytes())])
    assert caught.value.findings


# A writer of YAML that makes every choice the language leaves it, comments in every place included.

WORD = st.text("abyz", min_size=1, max_size=4)
DOMAIN = WORD.map("{}.example".format)
ADDRESS = st.builds("{}@{}".format, WORD, DOMAIN)
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12),
    st.text("ab :#-,[]{}'\"\\|>&*!%@`?0.~ ", min_size=1, max_size=8),
    st.sampled_from(["no", "null", "12", "2027-01-01", "0x1f", "- a", "a: b", "x #y", "it's", '"q"']),
)
PROSE = TEXT.filter(lambda text: text.strip() != "")
LINES = st.lists(PROSE, min_size=1, max_size=3).map("\n".join)


def entry(name: str, names: st.SearchStrategy[str], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(names, st.fixed_dictionaries({name: names}, optional=more))


TEAMS = ("city", "a, b", "no")
MANY_TEAMS = st.lists(st.sampled_from(TEAMS), unique=True)
REASON = {"reason": st.one_of(PROSE, LINES)}
SECTIONS: dict[str, st.SearchStrategy[Any]] = {
    "policy": st.fixed_dictionaries(
        {},
        optional={
            "reinstate": st.booleans(),
            "limits": st.just({"removals": 20, "expires": "2027-01-01"}),
            "unmatched": st.just({"pending": "rejected"}),
        },
    ),
    "trusted_domains": st.lists(
        entry("domain", DOMAIN, teams=MANY_TEAMS, subdomains=st.booleans(), **REASON),
        max_size=3,
    ),
    "denied_domains": st.lists(entry("domain", DOMAIN, **REASON), max_size=4),
    "overrides": st.lists(
        st.fixed_dictionaries(
            {"developer": ADDRESS, "status": st.just("revoked"), **REASON},
            optional={"teams": MANY_TEAMS, "expires": st.just("2027-01-01")},
        ),
        max_size=3,
    ),
    "protected": st.lists(ADDRESS, max_size=4),
}


def by_name(value: Any, name: str) -> str:
    return str(value[name] if isinstance(value, dict) else value)


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """The data of a manifest that loads."""
    data: dict[str, Any] = {
        "version": 1,
        "portal": {
            "name": "partners",
            "provider": "konnect",
            "title": draw(st.sampled_from(["Partners", "12", "a: b"])),
        },
        "teams": [
            {"name": name, **draw(st.fixed_dictionaries({}, optional={"members": st.lists(MEMBER, max_size=4)}))}
            for name in TEAMS
        ],
        **draw(st.fixed_dictionaries({}, optional=SECTIONS)),
    }
    for section, name in (("trusted_domains", "domain"), ("denied_domains", "domain"), ("overrides", "developer")):
        entries = {by_name(item, name): item for item in data.get(section, [])}
        if section in data:
            data[section] = list(entries.values())
    denied = {by_name(item, "domain") for item in data.get("denied_domains", [])}
    if "trusted_domains" in data:
        data["trusted_domains"] = [
            domain for domain in data["trusted_domains"] if by_name(domain, "domain") not in denied
        ]
    if "protected" in data:
        data["protected"] = list(dict.fromkeys(data["protected"]))
    for team in data["teams"]:
        if "members" in team:
            team["members"] = list({by_name(member, "developer"): member for member in team["members"]}.values())
    return data


MEMBER = entry("developer", ADDRESS, expires=st.just("2027-01-01"), **REASON)


class Writer:
    """Writes data as YAML, in a way that is drawn."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.comments: list[str] = []
        self.anchors: dict[str, str] = {}
        self.numbers = count()

    def chance(self) -> bool:
        return self.random.randrange(4) == 0

    def shuffled(self, data: dict[str, Any]) -> list[tuple[str, Any]]:
        return self.random.sample(list(data.items()), len(data))

    def comment(self) -> str:
        self.comments.append(f"# {len(self.comments)}{self.random.choice(['', ' - x: y', ' |', ' &a', '#'])}")
        return self.comments[-1]

    def beside(self) -> str:
        return self.random.choice([" ", "     "]) + self.comment() if self.chance() else ""

    def between(self, indent: int) -> str:
        """Whole lines: blank, or comments, deeper or less deep than what is around them."""
        lines = ""
        while self.chance():
            depth = self.random.randint(0, indent + 2)
            lines += self.random.choice(["\n", "  \n"]) if self.chance() else f"{' ' * depth}{self.comment()}\n"
        return lines

    def anchor(self, value: object) -> str:
        """A new anchor, or none. A text that has one may be written as an alias from then on."""
        if self.random.randrange(12) != 0:
            return ""
        # A name may come back, and then stands for the later text; but not inside what has it.
        name = f"a{self.random.randrange(9)}" if isinstance(value, str) else f"b{next(self.numbers)}"
        self.anchors = {text: other for text, other in self.anchors.items() if other != name} | {repr(value): name}
        return f"&{name} "

    def scalar(self, value: Any, *, flow: bool = False) -> str:
        if repr(value) in self.anchors and self.chance():
            return f"*{self.anchors[repr(value)]} "
        return self.anchor(value) + self.written(value, flow=flow)

    def written(self, value: Any, *, flow: bool) -> str:
        if not isinstance(value, str):
            return str(value).lower()
        if "\n" not in value and self.chance():
            return "'" + value.replace("'", "''") + "'"
        words = ("no", "null", "true", "false")
        plain = re.fullmatch(r"[a-z][a-z.@-]*|\d{4}-\d\d-\d\d", value) and value not in words
        if plain and not (flow and self.chance()):
            return value
        escaped = "".join(
            c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value
        )
        return f'"{escaped}"'

    def flow(self, data: Any) -> str:
        """Between braces or brackets, comments and line breaks included; continued lines are well indented."""
        if isinstance(data, dict):
            inside = [f"{self.gap()}{key}: {self.flow(value)}{self.gap()}" for key, value in self.shuffled(data)]
            return self.anchor(data) + "{" + ",".join(inside) + self.gap() + "}"
        if isinstance(data, list):
            return "[" + ",".join(f"{self.gap()}{self.flow(item)}{self.gap()}" for item in data) + self.gap() + "]"
        return self.scalar(data, flow=True)

    def gap(self) -> str:
        if self.chance():
            return f" {self.comment()}\n{' ' * 20}"
        return self.random.choice(["", " ", f"\n\n{' ' * 20}"])

    def value(self, data: Any, indent: int) -> str:
        """What follows `key:` or `-`, from the blank to the end of the line."""
        if isinstance(data, str) and "\n" not in data.strip() and self.chance():
            return self.block_text(data, indent)
        if isinstance(data, dict | list) and data and not self.chance():
            step = self.random.randint(1, 3) if isinstance(data, dict) else self.random.randint(0, 3)
            anchor = f" {self.anchor(data)}".rstrip()
            return f"{anchor}{self.beside()}\n{self.between(indent)}{self.block(data, indent + step)}"
        text = self.flow(data) if isinstance(data, dict | list) else self.scalar(data)
        return f" {text}{self.beside()}\n"

    def block_text(self, data: str, indent: int) -> str:
        if not re.fullmatch(r"[!-~]( ?[!-~])*", data):
            return f" {self.scalar(data)}{self.beside()}\n"
        sign = self.random.choice(["|-", ">-"])
        pad = " " * (indent + self.random.randint(3, 6))  # deeper than a comment that follows
        return f" {sign}{self.beside()}\n{pad}{data}\n"

    def block(self, data: Any, indent: int) -> str:
        pad = " " * indent
        text = ""
        for item in data if isinstance(data, list) else self.shuffled(data):
            text += self.between(indent)
            if isinstance(data, dict):
                text += f"{pad}{item[0]}:{self.value(item[1], indent)}"
            elif isinstance(item, dict) and not self.chance():
                inner = self.block(item, indent + 2)
                first = inner.startswith(f"{pad}  ") and inner[indent + 2] not in " #"
                text += f"{pad}- {inner[indent + 2 :]}" if first else f"{pad}-{self.beside()}\n{inner}"
            else:
                text += f"{pad}-{self.value(item, indent)}"
        return text


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A manifest file, and every comment in it."""
    writer = Writer(Random(draw(st.integers(0, 2**32))))
    text = writer.between(0) + writer.block(draw(manifests()), 0) + writer.between(0)
    return text.removesuffix("\n") if draw(st.booleans()) else text, writer.comments


@given(files())
def test_any_manifest_however_written(given: tuple[str, list[str]]) -> None:
    text, comments = given
    after = formatted(text)
    assert sorted(re.findall(r"# \d+[^\n]*", after)) == sorted(comments)
    assert not re.search(r"[ \t]$|\n\n\n", after, re.MULTILINE)
    assert after.endswith("\n")
    assert not after.endswith("\n\n")
    assert said(assemble([file(after)])) == said(assemble([file(text)]))


def said(manifest: Manifest) -> object:
    """All that a manifest says, but for places, and order where that means nothing."""
    (portal,) = manifest.portals.values()
    return {
        "policy": _unplaced(portal.policy),
        "name": (portal.name, portal.title),
        "teams": [(team.name, team.description, _bag(team.members)) for team in portal.teams],
        "overrides": [_unplaced(override) for override in portal.overrides],
        "lists": [_bag(portal.trusted_domains), _bag(portal.denied_domains), _bag(portal.protected)],
    }


def _bag(rules: Any) -> list[str] | None:
    return None if rules is None else sorted(_unplaced(rule) for rule in rules)


def _unplaced(rule: object) -> str:
    return re.sub(r"file='[^']*', line=\d+", "-", repr(rule))
