from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from portalctl.errors import Finding, InputError, Position
from portalctl.manifest.load import assemble
from tests.manifest.examples import COMPLETE, ROOT, file

PIECES = [
    *(
        "&a ",
        "*a",
        "!!str ",
        "? ",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "|\n",
        ">",
        "<<: ",
        ", ",
    ),
    *(
        "...\n",
        "---\n",
        "#",
        "@",
        "`",
        "%YAML 1.1\n",
        "~",
        "\\ud800",
        "\\x00",
        "\x00",
        "é",
        "😀",
        "\u2028",
        "\r",
        "1e999",
    ),
    *(
        "version: 1\n",
        "portal: ",
        "portals: [a]\n",
        "name: partners",
        "provider: konnect",
        "title: x",
        "teams:\n",
        "members:",
    ),
    *(
        "trusted_domains:\n",
        "domain: x.example",
        "overrides:\n",
        "developer: a@b.example",
        "status: revoked",
        "reason: x",
    ),
    *("delegate: {a.yaml: {}}\n", "policy: {}\n", "protected: [a@b.example]\n"),
]


@given(st.one_of(st.text(), st.binary(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_no_text_makes_anything_but_an_input_error(text: str | bytes) -> None:
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    with suppress(InputError):
        assemble([file(content)])


@given(st.data())
def test_nor_does_a_manifest_with_something_wrong_in_it(data: st.DataObject) -> None:
    text = COMPLETE
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    findings: tuple[Finding, ...] = ()
    try:
        assemble([file(text)])
    except InputError as error:
        findings = error.findings or (Finding(Position("nothing found", 0, 0), ""),)
    lines = text.count("\n") + text.count("\r") + 1
    assert [finding for finding in findings if not (1 <= finding.at.line <= lines and finding.at.column >= 1)] == []


WORD = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
DOMAIN = WORD.map(lambda word: f"{word}.example")
ADDRESS = st.builds("{}@{}".format, WORD, DOMAIN)


@given(
    st.lists(DOMAIN, unique=True, max_size=6),
    st.dictionaries(WORD, st.lists(ADDRESS, unique=True, max_size=5), max_size=5),
    st.lists(ADDRESS, unique=True, max_size=5),
    st.booleans(),
)
def test_every_entry_is_kept_with_its_line(
    domains: list[str], teams: dict[str, list[str]], people: list[str], long: bool
) -> None:
    lines = ROOT.splitlines()
    expected: set[tuple[str, str, int]] = set()

    def entry(rule: str, value: str, text: str) -> None:
        lines.append(text)
        expected.add((rule, value, len(lines)))

    for section, rules in (("trusted_domains", domains), ("teams", list(teams)), ("overrides", people)):
        if rules:
            lines.append(f"{section}:")
        for rule in rules:
            if section == "trusted_domains":
                entry(section, rule, f"  - {{domain: {rule}, subdomains: true}}" if long else f"  - {rule}")
            elif section == "overrides":
                entry(section, rule, f"  - developer: {rule}")
                lines += ["    status: pending", "    reason: why"]
            else:
                entry(section, rule, f"  - name: '{rule}'")
                lines.append("    members:" if teams[rule] else "    members: []")
                for member in teams[rule]:
                    entry("members", member, f"      - {{developer: {member}}}" if long else f"      - {member}")

    portal = assemble([file("\n".join(lines))]).portals["partners"]
    whys = [rule.why for rule in portal.trusted_domains]
    whys += [rule.why for rule in portal.overrides]
    whys += [team.why for team in portal.teams]
    whys += [member.why for team in portal.teams for member in team.members or ()]
    assert {(why.rule, why.value, why.at.line) for why in whys if why.at} == expected
