"""The portal that is measured: people, teams, the files that speak of them, and the pages that show them.

`D` developers of `D / 500` companies. Each company has a trusted domain and a team, and its people are to be in the
teams of the next two companies: that makes `2 D` memberships. One in a hundred waits for approval, and is in two
other teams, so that a plan has three changes for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

PORTAL_ID = "3f51fa25-310a-421d-bd1a-007f859021a3"
PAGE = 100
PEOPLE_PER_TEAM = 500
WAITING = 100  # every so many-th
HEAD = f"version: 1\nportal:\n  name: partners\n  provider: konnect\n  id: {PORTAL_ID}\n"
_TIME = "2026-01-01T00:00:00.000Z"


def teams(developers: int) -> int:
    return max(5, developers // PEOPLE_PER_TEAM)


def changes(developers: int) -> int:
    """How many changes the plan has."""
    return 3 * len(range(0, developers, WAITING))


def email(number: int, developers: int) -> str:
    return f"Person.{number}@club{number % teams(developers)}.com"


def developer_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number * 2654435761 % 2**48:012x}"


def team_id(number: int) -> str:
    return f"{number:08x}-1111-4000-8000-{number:012x}"


def developer(number: int, developers: int) -> dict[str, Any]:
    """One row of the vendor's list."""
    return {
        "id": developer_id(number),
        "created_at": _TIME,
        "updated_at": _TIME,
        "email": email(number, developers),
        "full_name": f"Person {number}",
        "status": "approved" if number % WAITING else "pending",
    }


def members(team: int, developers: int) -> Iterator[int]:
    """The numbers of the people in a team."""
    count = teams(developers)
    for distance, waiting in ((1, False), (2, False), (3, True), (4, True)):
        company = (team - distance) % count
        yield from (n for n in range(company, developers, count) if (n % WAITING == 0) == waiting)


def manifest(developers: int) -> str:
    """The rules for all of them, short, as real ones are."""
    count = teams(developers)
    lines = [HEAD, "trusted_domains:\n"]
    lines += [
        f"  - {{domain: club{n}.com, teams: [team{(n + 1) % count}, team{(n + 2) % count}]}}\n" for n in range(count)
    ]
    lines += ["teams:\n", *(f"  - name: team{n}\n" for n in range(count))]
    return "".join(lines)


def lists(developers: int, *, teams: int, files: int = 1) -> list[str]:
    """The rules for people one by one, in so many teams, in so many files. One in ten has an end and a reason."""
    texts = [f"{HEAD}teams:\n"] + ["version: 1\nportal: partners\nteams:\n"] * (files - 1)
    for team in range(teams):
        people = range(team, developers, teams)
        lines = [f"  - name: team{team}\n    members:\n", *(_listed(n, developers) for n in people)]
        texts[team % files] += "".join(lines)
    return texts


def csv_list(developers: int) -> tuple[str, str]:
    """The same people in one team: its file, and the list that this names as `list.csv`."""
    rows = (f"{email(n, developers)},{'2099-03-31' if n % 10 == 0 else ''},{_reason(n)}\n" for n in range(developers))
    team = f"{HEAD}teams:\n  - name: team0\n    members_from: list.csv\n"
    return team, "developer,expires,reason\n" + "".join(rows)


def _reason(number: int) -> str:
    return "" if number % 10 else f"Integration {number}"


def _listed(number: int, developers: int) -> str:
    address = email(number, developers)
    if number % 10:
        return f"      - {address}\n"
    return f'      - {{developer: {address}, expires: 2099-03-31, reason: "{_reason(number)}"}}\n'


def pages(developers: int) -> Iterator[tuple[str, int, bytes]]:
    """Everything a plan reads of such a portal: the path below the portal, the page's number, the answer's body."""
    everybody = [developer(n, developers) for n in range(developers)]
    yield from _paged("developers", everybody)
    yield from _paged("teams", [{"id": team_id(n), "name": f"team{n}"} for n in range(teams(developers))])
    for team in range(teams(developers)):
        rows = [{**everybody[n], "active": True} for n in members(team, developers)]
        yield from _paged(f"teams/{team_id(team)}/developers", rows)


def _paged(path: str, rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> Iterator[tuple[str, int, bytes]]:
    for number, first in enumerate(range(0, max(1, len(rows)), PAGE), 1):
        page = {"number": number, "size": PAGE, "total": len(rows)}
        body = {"data": rows[first : first + PAGE], "meta": {"page": page}}
        yield path, number, json.dumps(body, separators=(",", ":")).encode()
