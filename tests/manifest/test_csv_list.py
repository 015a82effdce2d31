"""Lists of members in CSV files: `members_from`."""

from __future__ import annotations

import csv
import io
from datetime import date
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.errors import InputError, Position
from portalctl.manifest.load import assemble, load
from portalctl.manifest.model import Manifest, Member
from portalctl.reason import Reason
from tests.manifest.examples import ROOT, file

TEAM = ROOT + "teams: [{name: city, membership: exclusive, members_from: city.csv}]\n"


def loaded(lists: str | bytes, rules: str = TEAM) -> Manifest:
    return assemble([file(rules)], lists=lambda _, path: file(lists, path))


def members(lists: str | bytes, rules: str = TEAM) -> tuple[Member, ...]:
    (team,) = loaded(lists, rules).portals["partners"].teams
    return team.members or ()


def told(lists: str | bytes, rules: str = TEAM) -> list[str]:
    with pytest.raises(InputError) as caught:
        loaded(lists, rules)
    return [str(finding) for finding in caught.value.findings]


EMPTY = "this file is empty; begin with the names of the columns, such as `developer,expires,reason`"
NOBODY = "no developer is in this list; for a team without members write `members: []` instead"
REST = "The rest of the file was not read"
QUOTES = f'the quotes of this line can\'t be read; inside quotes, write "" for a quote. {REST}'
LONG = f"a field of this line has more than 131,072 characters. {REST}"
WIDTH = "empty ones are written too, and one with a separator in it needs quotes"
TWICE = "the column 'reason' is there more than once; rename or remove the others"
NO_COLUMN = "no column 'developer' in the first line, which has"
NO_HEADER = f"{NO_COLUMN} an address instead of column names; begin with a line `developer`"
MAIL = "`send_invitation_email` has an effect only with `invite: true`"
PATH = "expected the path of a file that ends in .csv, relative to this file's folder, with `/`"
IDP = "the identity provider owns this team (line 3); leave `members_from` out"


def by(column: str) -> str:
    return TEAM.replace("city.csv", f"{{file: city.csv, column: '{column}'}}")


def test_a_line_is_an_entry_with_its_place() -> None:
    found = members(
        "developer,expires,reason,invite,full_name,send_invitation_email\n"
        "Zoe@Club.example,,,,,\n"
        'ann@club.example,2027-03-31,"Guest, for a year",,,\n'
        "bob@club.example,,,true,Bob,TRUE\n"
    )
    ann, bob, zoe = (f"{name}@club.example" for name in ("ann", "bob", "zoe"))
    assert found == (
        Member(
            ann,
            Reason.of("members", ann, Position("city.csv", 3, 1), "Guest, for a year"),
            date(2027, 3, 31),
        ),
        Member(
            bob,
            Reason.of("members", bob, Position("city.csv", 4, 1)),
            None,
            invite=True,
            full_name="Bob",
            send_invitation_email=True,
        ),
        Member(zoe, Reason.of("members", zoe, Position("city.csv", 2, 1))),
    )


def test_the_list_is_a_file_of_the_manifest() -> None:
    one, other = loaded("developer\na@club.example\n"), loaded("developer\nb@club.example\n")
    assert one.files == one.portals["partners"].files == ("city.csv", "portal.yaml")
    assert one.digest != other.digest


def test_it_adds_to_the_members_that_are_written() -> None:
    rules = TEAM.replace("members_from", "members: [ann@club.example], members_from")
    assert [member.developer for member in members("developer\nbob@club.example\n", rules)] == [
        "ann@club.example",
        "bob@club.example",
    ]
    assert told("developer\nann@club.example\n", rules) == ["city.csv:2:1: this repeats portal.yaml:3"]


@pytest.mark.parametrize(
    "text",
    [
        "developer\na@club.example\nb@club.example",
        "developer\r\na@club.example\r\nb@club.example\r\n",
        "\ufeffdeveloper\na@club.example\n\n\nb@club.example\n\n",
        " developer ,name\n a@club.example ,A\n,\n  ,  \nb@club.example,B\n",
        "name;developer\nA, B;a@club.example\nB;b@club.example\n",
        "name\tdeveloper\nA; B\ta@club.example\nB\tb@club.example\n",
        '"name, or so";"developer"\n"A\n""B""";"a@club.example"\nB;b@club.example\n',
        "name,region,developer\nA,north,a@club.example\nB,south,b@club.example\n",
        "\tdeveloper\n0\ta@club.example\n1\tb@club.example\n",
        'Size 5";DEVELOPER\nA;a@club.example\n   \nB;b@club.example\n',
        'developer, "notes, if any"\na@club.example, "x, y"\nb@club.example, ""\n',
        "developer,home,Season,Full Name\na@club.example,C:\\ud800\\U12345678,s,A\nb@club.example,,,\n",
        "developer,full_name,invite,send_invitation_email\na@club.example,A,FALSE,FALSE\nb@club.example,B,,\n",
    ],
)
def test_what_programs_write_is_read(text: str) -> None:
    assert [member.developer for member in members(text)] == ["a@club.example", "b@club.example"]


def test_an_entry_s_place_is_where_its_line_begins() -> None:
    found = members('developer,notes\r\na@club.example,"one\r\ntwo"\r\n\r\nb@club.example,\r\n')
    assert [finding.why.at for finding in found] == [Position("city.csv", 2, 1), Position("city.csv", 5, 1)]


def test_another_column_may_have_the_addresses() -> None:
    text = "developer,E-Mail,expires\nAnn's laptop,ann@club.example,2027-01-01\n"
    (ann,) = members(text, by("E-Mail"))
    assert (ann.developer, ann.expires) == ("ann@club.example", date(2027, 1, 1))


@pytest.mark.wide(10)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"1:1: {EMPTY}"),
        ("\n\n", f"1:1: {EMPTY}"),
        ("developer\n", f"1:1: {NOBODY}"),
        ("developer,x\n,\n", f"1:1: {NOBODY}"),
        ("a@club.example\n", f"1:1: {NO_HEADER}"),
        ("developers\na@club.example\n",
         f"1:1: {NO_COLUMN} 'developers'; write members_from: {{file: city.csv, column: \"developers\"}}"),
        ("developer,reason,Reason\na@club.example,,\n", f"1:1: {TWICE}"),
        ("developer,expiry\na@club.example,\n", "1:1: unknown column 'expiry'; did you mean 'expires'?"),
        ("developer,Expires\na@club.example,soon\n", "2:1: column 'expires': 'soon': expected a date: YYYY-MM-DD"),
        ("developer,Expiration day\na@b.de,\n", "1:1: unknown column 'Expiration day'; did you mean 'expires'?"),
        ("x" * 3_000_000, f"1:1: {LONG}"),
        (
            "developer\na@club\n",
            "2:1: 'a@club': expected an e-mail address, as in ann@example.com; "
            "the domain 'club' has no dot; write it in full, as in example.com",
        ),
        ("developer,name\n,Ann\n", "2:1: no address in this line"),
        ("developer,n\na@b.example\n", f"2:1: fields in this line: 1, in the first: 2; {WIDTH}"),
        ("developer,expires\na@club.example,31.3.2027\n",
            "2:1: column 'expires': '31.3.2027': expected a date: YYYY-MM-DD; did you mean '2027-03-31'?",
        ),
        ("developer,expires\na@b.ex,2027-02-30\n", "2:1: column 'expires': '2027-02-30': not a day of the calendar"),
        ("developer,invite\na@b.example,yes\n", "2:1: column 'invite': expected true or false, found text ('yes')"),
        ("developer,send_invitation_email\na@b.example,TRUE\n", f"2:1: {MAIL}"),
        ("developer,EXPIRED\na@club.example,\n", "1:1: unknown column 'EXPIRED'; did you mean 'expires'?"),
        ("developer@a.example\nann@b.example\n", f"1:1: {NO_HEADER}"),
        ('"x" y,developer\na@b.example\n', f"1:1: {QUOTES}"),
        (f"developer,n\na@b.example,{'x' * 140_000}\n", f"2:1: {LONG}"),
        ("developer\na@club.example\n".encode("utf-16-be"), "1:1: this is UTF-16 text; save the file as UTF-8"),
        ("developer\n".encode("utf-16"), "1:1: this is UTF-16 text; save the file as UTF-8"),
        ('developer\na@club.example\n"b@club.example\n', f"3:1: {QUOTES}"),
        ('developer\n"b" c\n', f"2:1: {QUOTES}"),
        ("developer\na@club.example\nA@club.example\n", "3:1: this repeats line 2"),
        ("developer,reason\na@b.example,x\na@b.example,y\n", "3:1: this repeats line 2"),
        ("developer,expires\na@b.de,\na@b.de,2027-01-01\n", "2:1: this contradicts line 3 about the same person"),
        (b"developer\n\xff\n", "2:1: this is not UTF-8 (byte 11 of the file); save the file as UTF-8"),
        ("developer\na\u202e@club.example\n", "2:2: U+202E RIGHT-TO-LEFT OVERRIDE is not allowed here; delete it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_line(text: str | bytes, expected: str) -> None:
    assert told(text)[0] == f"city.csv:{expected}"


def test_every_error_comes_at_once() -> None:
    found = told(
        "developer,expires,reason\nno-address,,\na@club.example,soon,\nb@club.example\n,,x\nc@club.example,never,\n"
    )
    assert [finding.partition(": ")[0] for finding in found] == [f"city.csv:{line}:1" for line in (2, 3, 4, 5, 6)]


def test_a_wrong_column_hides_no_wrong_line() -> None:
    found = told("developer,expiry\nno-address,\na@club.example\n")
    assert [finding.partition(": ")[0] for finding in found] == [f"city.csv:{line}:1" for line in (1, 2, 3)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (TEAM.replace("city.csv", "city.yaml"), f"3:59: 'city.yaml': {PATH}"),
        (TEAM.replace("city.csv", "/etc/city.csv"), f"3:59: '/etc/city.csv': {PATH}"),
        (TEAM.replace("city.csv", "{column: x}"), "3:59: the key 'file' is missing here"),
        (TEAM.replace("city.csv", "{file: a.csv, colum: x}"), "3:73: unknown key 'colum'; did you mean 'column'?"),
        (TEAM.replace("city.csv", "[a.csv]"), "3:59: expected text or a mapping, found a list"),
        (TEAM.replace("exclusive", "idp"), f"3:39: {IDP}"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_key_is_told_too(rules: str, expected: str) -> None:
    assert told("developer\na@club.example\n", rules) == [f"portal.yaml:{expected}"]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8)
DAY = st.dates(date(2026, 1, 1))
WORD = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@pytest.mark.slow
@given(
    people=st.lists(st.tuples(WORD, TEXT, st.none() | DAY), min_size=1, unique_by=itemgetter(0)),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_a_list_says_what_the_same_members_say_in_yaml(
    people: list[tuple[str, str, date | None]], separator: str, end: str, quoting: int
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["notes", "developer", "expires"])
    writer.writerows([note, f"{word}@club.example", day or ""] for word, note, day in people)
    lines = [
        f"- {word}@club.example" if day is None else f"- {{developer: {word}@club.example, expires: {day}}}"
        for word, _, day in people
    ]
    yaml = ROOT + "teams:\n- name: city\n  membership: exclusive\n  members:\n" + "".join(f"  {x}\n" for x in lines)
    (team,) = assemble([file(yaml)]).portals["partners"].teams

    def said(members: tuple[Member, ...]) -> list[tuple[str, date | None]]:
        return [(member.developer, member.expires) for member in members]

    assert said(members(written.getvalue())) == said(team.members or ())


@pytest.fixture
def portals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "portals"
    for name, text in {
        "partners.yaml": ROOT,
        "teams/city.yaml": "version: 1\nportal: partners\nteams: [{name: city, members_from: ../lists/city.csv}]\n",
        "lists/city.csv": "developer\nann@club.example\n",
        "lists/unused.csv": "nobody reads this",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_its_path_goes_from_the_file_that_names_it(portals: Path) -> None:
    manifest = load([Path("portals")])
    assert manifest.files == ("portals/lists/city.csv", "portals/partners.yaml", "portals/teams/city.yaml")
    (ann,) = manifest.portals["partners"].teams[0].members or ()
    assert ann.why.at == Position("portals/lists/city.csv", 2, 1)
    assert load([portals]).digest == manifest.digest


def refused(*paths: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load([Path(path) for path in paths])
    return [str(finding) for finding in caught.value.findings]


@pytest.mark.usefixtures("portals")
def test_what_lies_outside_is_not_read() -> None:
    outside = (
        "portals/teams/city.yaml:3:36: this list is outside the folder that the manifest is read from; give -f a "
        "folder that holds both"
    )
    Path("other").mkdir()
    Path("portals/partners.yaml").rename("other/partners.yaml")
    assert refused("other", "portals/teams/city.yaml") == [outside]
    Path("city.csv").write_text("developer\nann@club.example\n")
    Path("portals/lists/city.csv").unlink()
    Path("portals/lists/city.csv").symlink_to("../../city.csv")
    assert refused("portals", "other") == [outside]


@pytest.mark.parametrize(
    "paths",
    [
        ("portals/partners.yaml", "portals/teams/city.yaml"),
        ("portals", "portals/teams"),
        ("portals/teams", "portals"),
        ("portals", "portals/teams/city.yaml"),
        ("portals", "."),
    ],
)
@pytest.mark.usefixtures("portals")
def test_one_folder_that_holds_both_is_enough(paths: tuple[str, ...]) -> None:
    assert "portals/lists/city.csv" in load([Path(path) for path in paths]).files


@pytest.mark.usefixtures("portals")
def test_a_file_met_by_a_link_too_names_its_lists_from_where_it_is() -> None:
    Path("portals/a.yaml").symlink_to("teams/city.yaml")
    assert "portals/lists/city.csv" in load([Path("portals")]).files


NAMED = "portals/teams/city.yaml:3:36: "


@pytest.mark.usefixtures("portals")
def test_a_list_that_is_not_there_is_an_error_where_it_is_named() -> None:
    Path("portals/lists/city.csv").unlink()
    assert refused("portals") == [NAMED + "there is no file 'portals/lists/city.csv'"]
    Path("portals/lists/city.csv").symlink_to("city.csv")  # round in a circle
    assert refused("portals") == [NAMED + "there is no file 'portals/lists/city.csv'"]
    Path("portals/lists/city.csv").unlink()
    Path("portals/lists/city.csv").mkdir()
    assert refused("portals") == [NAMED + "'portals/lists/city.csv' is not a file"]


def test_a_name_that_no_file_can_have_is_an_error_too(portals: Path) -> None:
    team = portals / "teams/city.yaml"
    team.write_text(team.read_text().replace("../lists/city", "a" * 300))
    (told,) = refused("portals")
    assert told.startswith(f"{NAMED[:-4]}36: 'portals/teams/aaaaa")
    assert told.endswith("…' can't be read: File name too long")


def test_a_list_that_is_too_large_is_an_error_with_its_name(portals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.manifest.files.MOST_BYTES", 1024)
    (portals / "lists/city.csv").write_text("developer\n" + "x" * 1024)
    assert refused("portals") == [NAMED + "'portals/lists/city.csv': too large: a manifest file has at most 0 MiB"]


def test_several_teams_and_portals_may_share_one(portals: Path) -> None:
    (portals / "teams/both.yaml").write_text(
        "version: 1\nportals: [partners, staging]\n"
        "teams: [{name: x, members_from: ../lists/city.csv}, {name: y, members_from: ../lists/city.csv}]\n"
    )
    (portals / "staging.yaml").write_text(ROOT.replace("partners", "staging").replace("Partners", "Staging"))
    manifest = load([Path("portals")])
    assert manifest.files.count("portals/lists/city.csv") == 1
    for name in ("partners", "staging"):
        teams = {team.name: team for team in manifest.portals[name].teams}
        assert [len(teams[item].members or ()) for item in "xy"] == [1, 1]
        assert manifest.portals[name].files.count("portals/lists/city.csv") == 1
