"""CSV text → the entries of a member list (`members_from`), and the place of each.

The first line names the columns, by the keys that a member has in YAML. Other columns are ignored, so that an export
of a directory or of a spreadsheet can be used as it is. `csv_head` finds that line and what separates fields: `,`,
`;`, tab or `|`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from io import StringIO
from typing import Final

from pydantic import TypeAdapter, ValidationError

from portalctl.csv_guard import unguard
from portalctl.errors import Finding, Position
from portalctl.manifest import csv_head, file_text
from portalctl.manifest.files import File
from portalctl.manifest.model import Member, MemberFile
from portalctl.manifest.validation_messages import RENAMED, message
from portalctl.manifest.value_display import shown_value
from portalctl.manifest.yaml_source import Spot
from portalctl.words import quoted

_COLUMNS: Final = Member.keys()
_ADDRESS: Final = "developer"
_OTHERS: Final = tuple(key for key in _COLUMNS if key != _ADDRESS)
_GUARDED: Final = "expires"  # where a slip in its name is not reported, access has no end
_ALIKE: Final = 0.75  # of difflib: `exires` is meant for it, `experience` is not
# The beginnings of a cell that are hardly part of the address, and what to do about them.
_AMBIGUOUS: Final = {
    "'": "a spreadsheet may have added the apostrophe before this address; delete it",
    "#": "a list has no comments; delete this row",
}
_SWITCHES: Final = ("invite", "send_invitation_email")
_SWITCHED: Final[dict[str, str | bool]] = {"true": True, "false": False}  # sheets write TRUE


@dataclass(frozen=True, slots=True)
class MemberList:
    """The members in one list, and the place of each: the beginning of its line."""

    file: str
    members: Sequence[Member] = ()
    marks: Sequence[Spot] = ()


@dataclass(frozen=True, slots=True)
class _Columns:
    """The indexes of the columns that are read, and the number of columns."""

    address: int
    others: tuple[tuple[str, int], ...]
    count: int


@dataclass(slots=True)
class _CsvReader:
    file: str
    findings: list[Finding] = field(default_factory=list)

    def find(self, line: int, text: str) -> None:
        self.findings.append(Finding(Position(self.file, line, 1), text))


def read(file: File, wanted: MemberFile) -> tuple[MemberList, list[Finding]]:
    """Return the members in a CSV file, and its errors.

    With errors, the remaining members only serve to find more.
    """
    text, findings = file_text.plain_text(file.shown, file.content)
    reading = _CsvReader(file.shown, findings)
    if findings:
        return MemberList(file.shown), findings
    lines = _lines(reading, text, wanted)
    line, cells = next(lines, (1, []))
    columns = _columns(reading, line, csv_head.names_of(cells), wanted)
    if columns is None:
        return MemberList(file.shown), reading.findings
    rows = [(line, values) for line, cells in lines if (values := _entry(reading, line, cells, columns))]
    if not rows and not reading.findings:
        reading.find(line, "no developer is in this list; for a team without members write `members: []` instead")
    return _member_list(reading, rows), reading.findings


def _lines(reading: _CsvReader, text: str, wanted: MemberFile) -> Iterator[tuple[int, list[str]]]:
    """Yield the column names and then each row that is not empty, with the line it begins in."""
    head = csv_head.find_head(text, wanted.column)
    rest = StringIO(text[head.offset :], newline="")
    records = csv.reader(rest, delimiter=head.delimiter, skipinitialspace=True, strict=True)
    begin = head.skipped + 1
    try:
        for cells in records:
            if cells:
                yield begin, cells
            begin = head.skipped + records.line_num + 1
    except csv.Error as error:
        problem = 'the quotes of this line can\'t be read; inside quotes, write "" for a quote'
        if "limit" in str(error):  # more likely an unclosed quote than such a long text
            problem = f"a field of this line has more than {csv.field_size_limit():,} characters"
        reading.find(begin, f"{problem}. The rest of the file was not read")


def _columns(reading: _CsvReader, line: int, names: list[str], wanted: MemberFile) -> _Columns | None:
    """Return the columns by the keys they stand for; None where the addresses are not found."""
    column = wanted.column.casefold()
    # Where another column has the addresses, one named `developer` is ignored.
    keys = [_ADDRESS if name == column else name if name != _ADDRESS else "" for name in map(str.casefold, names)]
    there = [key for key in keys if key in _COLUMNS]
    if not names and not reading.findings:
        text = "this file is empty; begin with the names of the columns, such as `developer,expires,reason`"
        reading.find(line, text)
    elif names and _ADDRESS not in there:
        reading.find(line, csv_head.without_column(names, wanted))
    elif twice := [name for name, key in zip(names, keys, strict=True) if key in there and keys.count(key) > 1]:
        reading.find(line, f"the column {quoted(twice[0])} is there more than once; rename or remove the others")
    for name in names if _GUARDED not in there else ():
        if _may_mean_expires(name):
            reading.find(line, f"unknown column {quoted(name)}; did you mean {quoted(_GUARDED)}?")
    if _ADDRESS not in there:
        return None
    others = tuple((key, index) for index, key in enumerate(keys) if key in _OTHERS)
    return _Columns(keys.index(_ADDRESS), others, len(keys))


def _may_mean_expires(name: str) -> bool:
    """Return whether a column such as `expiry`, `Expiration date` or `until` is meant for `expires`."""
    slip = name.casefold()
    near = get_close_matches(slip, [_GUARDED], cutoff=_ALIKE)
    return slip.startswith("expir") or _GUARDED in RENAMED.get(slip, ()) or bool(near)


def _entry(reading: _CsvReader, line: int, cells: list[str], columns: _Columns) -> str | dict[str, str | bool] | None:
    """Return a row as in YAML: an address, or a mapping; None where it is empty or wrong."""
    is_whole = len(cells) == columns.count
    cell = cells[columns.address].strip() if is_whole else ""
    address = unguard(cell)
    if address == cell and cell[:1] in _AMBIGUOUS:
        reading.find(line, f"{shown_value(cell)}: {_AMBIGUOUS[cell[0]]}, or write the address under `members`")
        return None
    if not address:
        if any(map(str.strip, cells)):
            counts = f"fields in this line: {len(cells)}, in the first: {columns.count}"
            width = f"{counts}; empty ones are written too, and one with a separator in it needs quotes"
            reading.find(line, "no address in this line" if is_whole else width)
        return None
    values: dict[str, str | bool] = {}
    for key, index in columns.others:
        if text := unguard(cells[index].strip()):
            values[key] = _SWITCHED.get(text.lower(), text) if key in _SWITCHES else text
    return _without_idle({_ADDRESS: address, **values}) if values else address


def _without_idle(values: dict[str, str | bool]) -> dict[str, str | bool]:
    """Drop the invitation keys of developers who are not invited: a column has a value in every line."""
    if values.get("invite", False) is False:
        values.pop("full_name", None)
        if values.get("send_invitation_email") is False:
            del values["send_invitation_email"]
    return values


def _member_list(reading: _CsvReader, rows: Sequence[tuple[int, str | dict[str, str | bool]]]) -> MemberList:
    """Return the rows as members. If one has an invalid value, only rows that are a single address are kept."""
    mappings = [(line, row) for line, row in rows if isinstance(row, dict)]
    try:
        long = iter(_many().validate_python([row for _, row in mappings]))
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            index, key = int(problem["loc"][0]), str(problem["loc"][1])
            reading.find(mappings[index][0], f"column {quoted(key)}: {message(problem, Member, (key,))}")
        rows, long = [(line, row) for line, row in rows if isinstance(row, str)], iter(())
    members = [Member(row) if isinstance(row, str) else next(long) for _, row in rows]
    return MemberList(reading.file, members, [Spot(line - 1, 0) for line, _ in rows])


@cache
def _many() -> TypeAdapter[list[Member]]:
    return TypeAdapter(list[Member])
