"""What programs write into lists of members (`members_from`), and what is said of lists that cannot be read."""

from __future__ import annotations

import pytest

from tests.conftest import Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")

LIST = "portals/lists/reds.csv"
ROWS = "ann@club.example{0}Ann\nbob@club.example{0}Bob\n"


def exclusive(bench: Bench, column: str = "developer") -> None:
    bench.manifest(
        "teams: [{name: reds, membership: exclusive, "
        f"members_from: {{file: lists/reds.csv, column: '{column}'}}}}]\n"
    )
    bench.people(approved=["ann@club.example", "bob@club.example"])
    bench.team("reds", "ann@club.example", "bob@club.example")


def write(bench: Bench, content: str | bytes) -> None:
    path = bench.folder / "lists/reds.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("column", "content"),
    [
        ("developer", "sep=;\r\ndeveloper;name\r\n" + ROWS.format(";").replace("\n", "\r\n")),
        ("userPrincipalName", "version:v1.0\nuserPrincipalName,name\n" + ROWS.format(",")),
        ("Mail", '\ufeff#TYPE ADUser\r\n"Mail","name"\r\n"ann@club.example",""\r\n"bob@club.example",""\r\n'),
        ("E-Mail", "E-Mail|name\n" + ROWS.format("|")),
        ("developer", "sep=|\ndeveloper|name\n" + ROWS.format("|")),
        ("developer", "\ufeffdeveloper\tname\n" + ROWS.format("\t")),
        ("User name [userPrincipalName] Required",
         "version:v1.0,,,\nUser name [userPrincipalName] Required,Name [displayName] Required\n" + ROWS.format(",")),
        ("E-Mail", "Name, first;E-Mail\nX;ann@club.example\nY;bob@club.example\n"),
        ("developer", "# exported 2026-11-30\n\n;;\ndeveloper;name\n" + ROWS.format(";")),
        ("#mail", "#mail,name\n" + ROWS.format(",")),
        ("developer", '"sep=;"\n"developer";"name"\n' + ROWS.format(";")),
        ("developer", "#TYPE System.Object\n# second\ndeveloper\nann@club.example\nbob@club.example\n"),
    ],
)  # fmt: skip
def test_what_programs_write_before_the_names_is_skipped(bench: Bench, column: str, content: str) -> None:
    exclusive(bench, column)
    write(bench, content)
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_a_place_counts_the_lines_that_were_skipped(bench: Bench) -> None:
    exclusive(bench)
    write(bench, "sep=;\r\n\r\ndeveloper;name\r\nann@club.example;A\r\nbob;B\r\n")
    done = bench.run("validate")
    assert done.code == 65
    assert f"{LIST}:5:1: 'bob': expected an e-mail address" in done.err


@pytest.mark.wide(4)
@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("E-mail,Name\na@x.org,A\n", 1, ["which has 'E-mail', 'Name';", 'column: "E-mail"}']),
        ("userPrincipalName;displayName\na@x.org;A\n", 1, ["column: \"userPrincipalName\"}"]),
        ("Name,Team\nA,b\n", 1, ["which has 'Name', 'Team';", "column: NAME}"]),
        ("E-mail,Work mail\na@x.org,b@x.org\n", 1, ["which has 'E-mail', 'Work mail';", "column: NAME}"]),
        ("member|reason\na@x.org|x\n", 1, ["which has 'member', 'reason';"]),
        ("version:v1.0\nMember [memberObjectIdOrUpn] Required\na@x.org\n", 2,
         ["which has 'Member [memberObjectIdOrUpn] Required';"]),
        ("developer\uff1breason\na@x.org;x\n", 1, ["U+FF1B FULLWIDTH SEMICOLON", "type `;`"]),
        ("developer\u200b,reason\na@x.org,x\n", 1, ["U+200B ZERO WIDTH SPACE", "delete it"]),
        ("a@x.org\nb@x.org\n", 1, ["an address instead of column names", "begin with a line `developer`"]),
        (",".join(f"c{n}" for n in range(60)) + "\n", 1, ["'c11' and 48 more;"]),
        ("developer,Developer\na@x.org,a@x.org\n", 1, ["the column 'developer' is there more than once"]),
        ("developer,until\na@x.org,2026-01-01\n", 1, ["unknown column 'until'; did you mean 'expires'?"]),
        ("", 1, ["this file is empty"]),
        ("sep=;\n", 1, ["this file is empty"]),
        ("sep=;\ndeveloper\n", 2, ["no developer is in this list"]),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", 1, ["Git LFS", "git lfs pull"]),
        (b"PK\x03\x04\x14\x00\x06\x00", 1, ["a spreadsheet (.xlsx)", "save it as CSV"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 1, ["an old Excel workbook"]),
        (b"<!DOCTYPE html><html>", 1, ["an HTML page"]),
        (b"\n <html lang=en>", 1, ["an HTML page"]),
        ("developer\r\na@x.org\r\n".encode("utf-16"), 1, ["UTF-16 text; save the file as UTF-8"]),
        ("developer\r\na@x.org\r\n".encode("utf-16-le"), 1, ["UTF-16 text"]),
        (b"\x1f\x8b\x08\x00", 1, ["a gzip archive"]),
        (b"%PDF-1.7\n", 1, ["a PDF document"]),
        (b"developer\n\x00\x00\x00\x00", 1, ["a binary file"]),
        ("developer\nJos\u00e9\n".encode("cp1252"), 2, ["this is not UTF-8"]),
        ("developer\n<<<<<<< HEAD\na@x.org\n=======\nb@x.org\n>>>>>>> x\n", 2, ["unresolved merge conflict"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_is_named(bench: Bench, content: str | bytes, line: int, words: list[str]) -> None:
    exclusive(bench)
    write(bench, content)
    done = bench.run("plan")
    assert done.code == 65
    assert f"{LIST}:{line}:" in done.err
    assert [word for word in words if word not in done.err] == []
    assert len(bench.sim.log) == 0


ODD_NAMES = ["+ops@x.org", "-x@x.org", "=b@x.org", "'a@x.org", "''b@x.org", "'=c@x.org", "ann@x.org"]


def test_our_own_csv_is_read_as_it_was_written(bench: Bench) -> None:
    """Nobody leaves an exclusive team by way of `report access -o csv` and back."""
    bench.manifest("teams: [{name: reds, members: []}]\n")
    bench.people(approved=ODD_NAMES)
    bench.team("reds", *ODD_NAMES)
    listed = portalctl(
        "report",
        "access",
        "-f",
        "portals",
        "-o",
        "csv",
        env={"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token},
    )
    assert listed.code == 0, listed.err
    text = listed.out
    assert text.count("''") >= 3
    write(bench, text)
    bench.manifest("teams: [{name: reds, membership: exclusive, members_from: lists/reds.csv}]\n")
    done = bench.run("plan", "-o", "json")
    assert done.code == 0, done.err
    assert done.json["portals"][0]["changes"] == []


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("'a@x.org", "''a@x.org': a spreadsheet may have added the apostrophe before this address; delete it"),
        ("#a@x.org", "'#a@x.org': a list has no comments; delete this row"),
        ("Ann <a@x.org>", "'Ann <a@x.org>': expected an e-mail address"),
        ("a@x.org b@x.org", "'a@x.org b@x.org': expected an e-mail address"),
        ("mailto:a@x.org", "'mailto:a@x.org': expected an e-mail address"),
        ("'@x.org", "'@x.org': expected an e-mail address"),
        ('"=""a@x.org"""', "'=\"a@x.org\"': expected an e-mail address"),
        ("a@x.org\u00a0(Ann)", "character 8 is U+00A0 NO-BREAK SPACE; type a space"),
        ("a\u200b@x.org", "character 2 is U+200B ZERO WIDTH SPACE; delete it"),
        ("a\uff20x.org", "character 2 is U+FF20 FULLWIDTH COMMERCIAL AT; type `@`"),
        ("(2 rows)", "'(2 rows)': expected an e-mail address"),
        ("a@x.org,", "fields in this line: 2, in the first: 1"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_address_is_an_error_and_drops_nobody(bench: Bench, row: str, error: str) -> None:
    exclusive(bench)
    write(bench, f"developer\nann@club.example\n{row}\n")
    done = bench.run("apply", "--yes")
    assert done.code == 65
    assert f"{LIST}:3:1: " in done.err
    assert error in done.err
    assert bench.members("reds") == {"ann@club.example", "bob@club.example"}


def test_a_token_in_the_wrong_column_is_not_repeated(bench: Bench) -> None:
    exclusive(bench)
    write(bench, "developer\nkpat_0123456789abcdefghijKLMNOP\n")
    done = bench.run("validate")
    assert done.code == 65
    assert "a text of 31 characters: expected an e-mail address" in done.err
    assert "kpat_" not in done.err


def test_the_name_of_a_list_may_be_in_capitals(bench: Bench) -> None:
    exclusive(bench)
    bench.manifest("teams: [{name: reds, membership: exclusive, members_from: lists/REDS.CSV}]\n")
    write(bench, "")
    (bench.folder / "lists/reds.csv").rename(bench.folder / "lists/REDS.CSV")
    (bench.folder / "lists/REDS.CSV").write_text("developer\nann@club.example\nbob@club.example\n")
    assert bench.run("plan", "--detailed-exitcode").code == 0
