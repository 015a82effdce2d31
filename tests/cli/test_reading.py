"""A read that failed, or may have missed someone, must never look like an empty portal."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from tests.answering import answering, http
from tests.conftest import HEAD, PORTAL_ID, Bench, portalctl

RULES = """
trusted_domains:
  - domain: club.example
    teams: [reds]
teams:
  - name: reds
    membership: exclusive
"""
BenchMaker = Callable[..., Bench]
pytestmark = pytest.mark.usefixtures("quick")


def fill(bench: Bench, people: int = 25) -> None:
    """`people` approved of whom every second is in the team, and two waiting."""
    addresses = [f"p{number:03}@club.example" for number in range(people)]
    bench.people(approved=addresses, pending=["new1@club.example", "new2@club.example"])
    bench.team("reds", *addresses[::2])
    bench.manifest(RULES)


def plan(bench: Bench) -> tuple[int, int]:
    done = bench.run("plan", "-o", "json")
    assert done.code == 0, done.err
    (portal,) = done.json["portals"]
    assert portal["summary"]["removals"] == 0
    return portal["summary"]["approve"], portal["summary"]["add_member"]


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(page_size_max=7),
        Behaviour(page_size_max=1),
        Behaviour(page_size_max=7, page_size_over="refuse"),
        Behaviour(meta_floats=True),
        Behaviour(page_size_max=7, unsorted="shuffled"),
        Behaviour(description_unset="absent", member_active="absent", can_own_applications=False),
        Behaviour(description_unset="empty"),
        Behaviour(emails="folded"),
    ],
    ids=str,
)
def test_whatever_the_documents_leave_open_the_reading_is_complete(
    make_bench: BenchMaker, behaviour: Behaviour
) -> None:
    bench = make_bench(behaviour=behaviour)
    fill(bench)
    assert plan(bench) == (2, 14)


def test_more_than_two_pages_of_a_hundred(bench: Bench) -> None:
    fill(bench, people=333)
    assert plan(bench) == (2, 168)
    pages = [e for e in bench.sim.log if e.path.endswith(f"{PORTAL_ID}/developers")]
    assert len(pages) == 4
    assert len([e for e in bench.sim.log if e.path.endswith(f"teams/{bench.teams['reds']}/developers")]) == 2


def on_page(bench: Bench, number: int, act: Callable[[], object]) -> None:
    """Do something on the portal just before that page of its developers is first served."""
    bench.sim.once(
        lambda r: r.path.endswith(f"{PORTAL_ID}/developers") and ("page[number]", str(number)) in r.query, act
    )


def test_someone_who_signs_up_between_two_pages_is_read_too(make_bench: BenchMaker) -> None:
    bench = make_bench(behaviour=Behaviour(page_size_max=9))
    fill(bench)
    on_page(bench, 3, lambda: bench.people(pending=["late@club.example"]))
    assert plan(bench) == (3, 15)


def test_someone_deleted_between_two_pages_hides_nobody(make_bench: BenchMaker) -> None:
    bench = make_bench(behaviour=Behaviour(page_size_max=9))
    fill(bench)
    on_page(bench, 2, lambda: bench.sim.store.delete_developer(bench.emails["p001@club.example"]))
    assert plan(bench) == (2, 13)


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("empty", path="*/developers", query="page[number]=2"), "can't be read completely"),
        (Fault("lose-row", path="*/developers", query="page[number]=1"), "can't be read completely"),
        (Fault("empty", path="*/teams"), "can't be read completely"),
        (Fault("empty", path="*/teams/*/developers"), "can't be read completely"),
        (Fault("html", path="*/developers"), "an HTML page"),
        (Fault("truncate", path="*/developers"), "the connection was lost"),
        (Fault("drop-before", path="*/teams"), "the connection was lost"),
        (Fault("status", status=503, path="*/developers", query="page[number]=2"), "returned 503"),
        (Fault("status", status=403, path="*/teams"), "returned 403"),
        (Fault("status", status=500, path="*/authentication-settings"), "returned 500"),
    ],
    ids=lambda value: value.kind + value.path if isinstance(value, Fault) else "",
)
def test_an_incomplete_reading_ends_the_run_without_a_write(make_bench: BenchMaker, fault: Fault, said: str) -> None:
    bench = make_bench(behaviour=Behaviour(page_size_max=10), faults=[fault])
    fill(bench)
    done = bench.run("apply", "--yes")
    assert done.code == 1
    assert said in done.err
    assert done.out == ""
    assert bench.writes == []


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("empty", path="*/developers", query="page[number]=2", times=1),
        Fault("lose-row", path="*/developers", times=1),
        Fault("status", status=503, path="*/developers", times=2),
        Fault("truncate", path="*/developers", times=1),
        Fault("drop-after", path="*/teams", times=1),
        Fault("status", status=429, path="*/developers", times=1, retry_after=0, plain=True),
        Fault("slow", path="*", delay=0.05),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_passing_fault_changes_nothing(make_bench: BenchMaker, fault: Fault) -> None:
    bench = make_bench(behaviour=Behaviour(page_size_max=10), faults=[fault])
    fill(bench)
    assert plan(bench) == (2, 14)


def test_a_member_whom_the_list_of_developers_lacks_is_no_reason_to_remove_anyone(bench: Bench) -> None:
    """Who signs up and joins a team after the developers were read is found by reading them again."""
    fill(bench)

    def join() -> None:
        bench.people(approved=["quick@club.example"])
        bench.sim.store.add_member(bench.teams["reds"], bench.emails["quick@club.example"])

    bench.sim.once(lambda r: "/teams/" in r.path, join)
    assert plan(bench) == (2, 14)


def test_a_portal_is_found_by_its_title(bench: Bench) -> None:
    bench.people(pending=["a@club.example"])
    (bench.folder / "partners.yaml").write_text(
        "version: 1\nportal: {name: partners, provider: konnect, title: partners}\ntrusted_domains: [club.example]\n"
    )
    assert bench.run("plan", "-o", "json").json["portals"][0]["portal_id"] == PORTAL_ID


@pytest.mark.parametrize("key", ["title: Partner", "id: 00000000-0000-4000-8000-000000000000"])
def test_an_unknown_portal_is_answered_with_those_there_are(bench: Bench, key: str) -> None:
    (bench.folder / "partners.yaml").write_text(
        f"version: 1\nportal: {{name: partners, provider: konnect, {key}}}\ntrusted_domains: [club.example]\n"
    )
    done = bench.run("plan")
    assert done.code == 1
    assert f"portals there: partners ({PORTAL_ID})" in done.err


def test_a_wrong_token_is_told_with_the_variable_that_gave_it(bench: Bench) -> None:
    fill(bench)
    done = bench.run("plan", KONNECT_TOKEN="kpat_wrong_secret")
    assert done.code == 1
    assert "returned 401 to GET /v3/portals/" in done.err
    assert "KONNECT_TOKEN" in done.err
    assert "kong:trace:" in done.err
    assert "kpat_wrong_secret" not in done.out + done.err
    named = bench.run("plan", PORTALCTL_PARTNERS_TOKEN="kpat_wrong_secret")
    assert "PORTALCTL_PARTNERS_TOKEN" in named.err


def test_a_missing_right_is_named(bench: Bench) -> None:
    fill(bench)
    bench.sim.inject(Fault("status", status=403, path="*/teams"))
    done = bench.run("plan")
    assert done.code == 1
    assert "role Admin" in done.err


def test_a_token_is_never_sent_to_a_server_it_was_not_named_for(bench: Bench) -> None:
    bench.manifest(RULES)
    env = {"PORTALCTL_PARTNERS_SERVER": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl("plan", "-f", str(bench.folder), env=env)
    assert done.code == 64
    assert "PORTALCTL_PARTNERS_TOKEN" in done.err
    assert bench.sim.log == ()


@pytest.mark.wide(1)
@pytest.mark.parametrize("suffix", ["", "/", "/v3", "/v3/", "/v2"])
def test_a_version_path_on_the_server_is_dropped(bench: Bench, suffix: str) -> None:
    fill(bench)
    assert bench.run("plan", KONNECT_SERVER_URL=bench.sim.url + suffix).code == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://portal.example", "plain http"),
        ("ftp://127.0.0.1", "is not a valid address"),
        ("https://user:pw@portal.example", "is not a valid address"),
        ("portal.example", "is not a valid address"),
        ("http://[::1", "is not a valid address"),
    ],
)
def test_a_server_that_cannot_be_one_is_refused(bench: Bench, url: str, said: str) -> None:
    bench.manifest(RULES)
    done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 64
    assert said in done.err
    assert "KONNECT_SERVER_URL" in done.err
    assert "pw" not in done.err


def test_a_token_that_cannot_be_one_is_refused_and_not_shown(bench: Bench) -> None:
    bench.manifest(RULES)
    done = bench.run("plan", KONNECT_TOKEN="kpat_a\nkpat_b")
    assert done.code == 64
    assert "KONNECT_TOKEN" in done.err
    assert "kpat_a" not in done.err


def test_nobody_listening_is_one_clear_error(bench: Bench) -> None:
    bench.manifest(RULES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 1
    assert f"can't reach {url} (from KONNECT_SERVER_URL)" in done.err


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("302 Found", headers="Location: https://evil.example/\r\n"), "Redirects are not followed"),
        (http("200 OK", b"<html>Log in</html>"), "an HTML page"),
        (http("200 OK", b'{"id": '), "not the API's JSON"),
        (http("200 OK", b"[]"), "JSON that is not the API's"),
        (http("200 OK", b'{"id": 5, "name": "x"}'), "id: Input should be a valid string"),
        (http("200 OK", b"\xff\xfe"), "not the API's JSON"),
        (http("404 Not Found", b"nothing here"), "returned 404"),
        (b"SSH-2.0-OpenSSH\r\n", "the connection was lost"),
        (
            http("401 Unauthorized", b'{"detail": "\\u001b[2J::error::x kpat_sim"}'),
            r"\x1b[2J\x3a:error\x3a:x [token]",
        ),
    ],
    ids=str,
)
def test_something_else_than_the_api_is_one_clear_error(bench: Bench, answer: bytes, said: str) -> None:
    bench.manifest(RULES)
    with answering(answer) as url:
        done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 1
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert bench.sim.token not in done.err


def test_a_certificate_nobody_vouches_for(bench: Bench, tmp_path: Path) -> None:
    bench.manifest(RULES)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with answering(http("401 Unauthorized"), tls=context) as url:
        refused = bench.run("plan", KONNECT_SERVER_URL=url)
        with_ca = bench.run("plan", "--ca-file", str(trusted), KONNECT_SERVER_URL=url)
        blind = bench.run("plan", "--insecure-skip-tls-verify", KONNECT_SERVER_URL=url)
    assert refused.code == 1
    assert "can't be trusted" in refused.err
    assert "--ca-file" in refused.err
    assert "--insecure-skip-tls-verify" in refused.err
    assert "returned 401" in with_ca.err
    assert "returned 401" in blind.err
    assert "warning: certificates are not verified" in blind.err


@pytest.mark.slow
def test_tls_spoken_to_a_plain_server(bench: Bench) -> None:
    bench.manifest(RULES)
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        done = bench.run("plan", KONNECT_SERVER_URL=url.replace("http:", "https:"))
    assert done.code == 1
    assert "can't reach" in done.err
    assert "Check that the server uses https on this port." in done.err


def test_a_certificate_of_another_name(bench: Bench, tmp_path: Path) -> None:
    bench.manifest(RULES)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("portal.example").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with answering(http("401 Unauthorized"), tls=context) as url:
        done = bench.run("plan", "--ca-file", str(trusted), KONNECT_SERVER_URL=url)
    assert done.code == 1
    assert "Use the name in the certificate" in done.err
    assert "--insecure-skip-tls-verify" in done.err


def test_a_ca_file_that_is_none(bench: Bench, tmp_path: Path) -> None:
    bench.manifest(RULES)
    bogus = tmp_path / "ca.pem"
    bogus.write_text("no certificate")
    for path in (bogus, tmp_path / "absent.pem"):
        done = bench.run("plan", "--ca-file", str(path), KONNECT_SERVER_URL="https://127.0.0.1:9")
        assert done.code == 64
        assert "--ca-file" in done.err


def test_what_the_portal_does_by_itself_is_said(bench: Bench) -> None:
    fill(bench)
    bench.sim.store.set_portal(PORTAL_ID, auto_approve_developers=True, rbac_enabled=False)
    bench.sim.store.set_settings(PORTAL_ID, oidc_auth_enabled=True)
    codes = {n["code"] for n in bench.run("plan", "-o", "json").json["portals"][0]["notices"]}
    assert {"auto_approve_developers", "rbac_off", "single_sign_on"} <= codes


def test_head_is_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD)
    assert portalctl("validate", "-f", str(tmp_path)).code == 0
