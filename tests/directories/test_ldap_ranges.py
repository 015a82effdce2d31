"""Groups with members in ranges, as Active Directory sends them: complete, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from portalctl.directories.protocol import DirectoryError, Group
from tests.conftest import Bench, portalctl
from tests.directories.ldap_stand_in import BIND, PREFIX, SECRET, Answer, Request, connection, serving

MEMBERS = 6
GROUP = "cn=partners,dc=x"


def dn_of(number: int) -> str:
    return f"cn=u{number},dc=x"


def server(
    later: Sequence[tuple[str, range]] = (("member;range=2-*", range(2, MEMBERS)),),
    code: int = 0,
    first: str = "member;range=0-1",
) -> Answer:
    """The first two members, and then what each of `later` says of the rest. `code`: of the later answers."""
    left = list(later)

    def answer(request: Request) -> Iterable[bytes]:
        if request.kind == BIND or b"supportedCapabilities" in request.raw:
            return [request.done()]
        if b"member;range=" in request.raw:
            name, numbers = left.pop(0)
            yielded = [request.entry(GROUP, {name: list(map(dn_of, numbers))})] if name else []
            return [*yielded, request.done(code)]
        if b"uniqueMember" in request.raw:
            ranged = {"member": [], first: [dn_of(0), dn_of(1)]}
            return [request.entry(GROUP, ranged), request.done()]
        if b"memberURL" in request.raw:
            return [request.entry(GROUP, {"objectClass": ["group"], "cn": ["partners"]}), request.done()]
        return [*_people(request), request.done()]

    return answer


def _people(request: Request) -> Iterable[bytes]:
    for number in range(MEMBERS):
        if f"u{number}".encode() in request.raw:
            attributes = {"objectClass": ["user"], "mail": [f"u{number}@city.example"], "entryUUID": [f"id{number}"]}
            yield request.entry(dn_of(number), attributes)


def read(answer: Answer) -> Group:
    with serving(answer) as found:
        made = connection(found.url)
        with made.kind.connect(made) as directory:
            return directory.read("partners")


@pytest.mark.parametrize(
    "later",
    [
        [("member;range=2-*", range(2, MEMBERS))],
        [("member;range=2-3", range(2, 4)), ("member;range=4-*", range(4, MEMBERS))],
        [("Member;Range=2-*", range(2, MEMBERS))],
    ],
)
def test_every_range_counts(later: list[tuple[str, range]]) -> None:
    assert [one.id for one in read(server(later)).identities] == [f"id{number}" for number in range(MEMBERS)]


@pytest.mark.parametrize("code", [1, 3, 4, 11, 51, 52, 53])
def test_a_range_that_is_refused_is_an_error(code: int) -> None:
    """`ldap3` would end the list there, as a success."""
    with pytest.raises(DirectoryError, match=f"LDAP {code} ") as caught:
        read(server(code=code))
    assert caught.value.advice


@pytest.mark.parametrize(
    ("later", "text"),
    [
        ([("", range(0))], "was deleted while it was read"),
        ([("member;range=2-*", range(0))], "do not join up"),
        ([("description", range(1))], "do not join up"),
        ([("member;range=3-*", range(3, MEMBERS))], "do not join up"),
        ([("member;range=0-*", range(MEMBERS))], "do not join up"),
        ([("member;range=2-3", range(2, 3)), ("member;range=4-*", range(4, 6))], "do not join up"),
        ([(f"member;range=2-{'9' * 5000}", range(2, 4))], "do not join up"),
    ],
)
def test_ranges_that_do_not_join_up_are_an_error(later: list[tuple[str, range]], text: str) -> None:
    with pytest.raises(DirectoryError, match=text) as caught:
        read(server(later))
    assert caught.value.advice


@pytest.mark.parametrize(
    "first",
    [f"member;range=0-{'9' * 5_000}", "member;range=0-", "member;range=1-2", "member;x-part", "Member;Range=*"],
)
def test_a_first_range_that_is_none_is_an_error_and_no_empty_group(first: str) -> None:
    with pytest.raises(DirectoryError, match="do not join up"):
        read(server(first=first))


RULES = """
directories:
  - {name: corp, kind: ldap, base: "dc=x"}
teams:
  - {name: city, membership: exclusive, members_from: {directory: corp, group: partners}}
"""


@pytest.mark.parametrize("code", [0, 51])
def test_a_group_cut_short_removes_nobody(code: int, bench: Bench) -> None:
    names = [f"u{number}@city.example" for number in range(MEMBERS)]
    bench.people(approved=names)
    bench.team("city", *names)
    bench.manifest(RULES)
    with serving(server(code=code)) as found:
        env = {
            "KONNECT_SERVER_URL": bench.sim.url,
            "KONNECT_TOKEN": bench.sim.token,
            f"{PREFIX}_URL": found.url,
            f"{PREFIX}_USER": "cn=reader",
            f"{PREFIX}_SECRET": SECRET,
        }
        done = portalctl("plan", "-o", "json", "-f", "portals", env=env)
    if code:
        assert (done.code, "LDAP 51" in done.err) == (1, True), done.out
    else:
        assert (done.code, done.json["portals"][0]["changes"]) == (0, []), done.err
