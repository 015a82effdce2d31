"""Masked runs through the command line: no address in anything printed, whatever it is part of."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.output.masks import Mask
from tests.answering import answering, http
from tests.conftest import Bench, Done, portalctl

KEY = "sixteen bytes 16"
MASK = Mask(KEY.encode())
RULES = """
trusted_domains: [city.example]
teams: [{name: blue, membership: exclusive, members: [anna@city.example]}]
overrides: [{developer: bob@x.org, status: revoked, reason: "anna@city.example left; mailto:Bob@X.org"}]
"""


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["Anna@City.example"], approved=["bob@x.org", "carl@y.org"])
    bench.team("blue", "carl@y.org")
    bench.manifest(RULES)
    return bench


def masked(bench: Bench, command: str, *words: str, **env: str) -> Done:
    return bench.run(command, *words, "--mask-emails", **{"PORTALCTL_MASK_KEY": KEY} | env)


def names_nobody(text: str) -> bool:
    return not re.search(r"anna|bob|carl|\beve\b", text, re.IGNORECASE)


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("command", "forms"),
    [
        ("plan", ("text", "json", "markdown", "html", "gitlab")),
        ("drift", ("text", "json", "markdown")),
        ("validate", ("text", "json", "github", "gitlab")),
        ("ping", ("text", "json")),
    ],
)
def test_no_form_of_any_command_names_anyone(club: Bench, command: str, forms: tuple[str, ...]) -> None:
    for form in forms:
        done = masked(club, command, "-o", form)
        assert names_nobody(done.out + done.err), form
    assert not re.search(r"sha256:[0-9a-f]{64}", done.out + done.err)


@pytest.mark.slow
def test_explain_and_the_access_review_name_nobody(club: Bench) -> None:
    seen = {club.emails[address] for address in club.emails}
    for form in ("csv", "json", "html"):
        done = portalctl(
            "report", "access", "-f", "portals", "-o", form, "--mask-emails",
            env={"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token},
        )  # fmt: skip
        assert done.code == 0, done.err
        assert names_nobody(done.out + done.err)
        assert not [id_ for id_ in seen if id_ in done.out]
    for form in ("text", "json"):
        for subject in ("anna@city.example", "city.example", "blue", club.emails["bob@x.org"]):
            done = portalctl(
                "explain", subject, "-f", "portals", "-o", form, "--mask-emails",
                env={"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token},
            )  # fmt: skip
            assert done.code == 0, done.err
            assert names_nobody(done.out + done.err)
            assert not [id_ for id_ in seen if id_ in done.out]


def test_an_apply_names_nobody_on_any_stream_and_not_in_its_report(club: Bench) -> None:
    done = masked(club, "apply", "--yes", "--report", "report.json", "--verbose")
    assert done.code == 0, done.err
    report = Path("report.json").read_text()
    assert names_nobody(done.out + done.err + report)
    anna = MASK("anna@city.example")
    assert anna in done.out
    assert anna in report
    assert "anna@city.example" in Path(".portalctl/partners.jsonl").read_text().lower()


@pytest.mark.slow
def test_a_stale_plan_names_nobody(club: Bench) -> None:
    plan = masked(club, "plan", "--out", "plan.json")
    assert plan.code == 0
    assert "Anna@City.example" in Path("plan.json").read_text()
    club.sim.store.set_status(club.emails["Anna@City.example"], "rejected")
    done = portalctl(
        "apply", "plan.json", "--yes", "--mask-emails",
        env={"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token, "PORTALCTL_MASK_KEY": KEY},
    )  # fmt: skip
    assert done.code == 3
    assert MASK("anna@city.example") in done.err
    assert names_nobody(done.out + done.err)


DETAILS = (
    "developer anna@city.example is locked",
    "Anna@CITY.example",
    'user "anna@city.example" exists',
    '{"error": "developer \\"anna@city.example\\" exists"}',
    "anna\\u0040city.example",
    "see /v3/developers/anna%40city.example/teams?x=1",
    "see https://x.example/developers?email=anna%2540city.example",
    "<mailto:anna@city.example>",
    "anna+tag@city.example",
    "anna@bücher.example",
    "anna&#64;city.example",
    "anna\uff20city.example",
    "an\u200bna@city.example, anna\x1b[31m@city.example",
    'strange "anna smith"@city.example',
    "x" * 480 + " anna.smith@city.example",
    "x " * 245 + "anna.smith@city.example",
    "anna(comment)@city.example",
)


@pytest.mark.wide(5)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("detail", DETAILS)
def test_what_the_server_echoes_names_nobody(club: Bench, detail: str) -> None:
    body = json.dumps({"status": 400, "title": "Bad Request", "detail": detail}).encode()
    with answering(http("400 Bad Request", body)) as url:
        done = masked(club, "plan", KONNECT_SERVER_URL=url)
    assert done.code == 1
    assert "400" in done.err
    assert not re.search(r"anna|smith|\ban\b", done.err, re.IGNORECASE), done.err


def test_errors_of_the_manifest_name_nobody(club: Bench) -> None:
    club.manifest('trusted_domains: ["anna@city.example"]\noverrides: [{developer: "anna@@city", "eve@x.org": 1}]\n')
    for command in ("plan", "validate"):
        done = masked(club, command)
        assert done.code == 65
        assert names_nobody(done.err), done.err
    for form in ("json", "github", "gitlab"):
        assert names_nobody(masked(club, "validate", "-o", form).out)


def test_wrong_usage_names_nobody(club: Bench) -> None:
    for code, *words in (
        (65, "anna@city.example"),  # read as the path of a manifest
        (64, "--team", "anna@city.example"),
        (64, "--base", "anna@city.example"),
    ):
        done = masked(club, "plan", *map(str, words))
        assert done.code == code, done.err
        assert names_nobody(done.err), done.err


def test_file_names_are_masked_and_one_address_has_one_mask(club: Bench) -> None:
    club.manifest("overrides: [{developer: anna@city.example, status: revoked, reason: x}]\n")
    Path("portals/partners.yaml").rename("portals/anna@city.example.yaml")
    done = masked(club, "plan", "--out", "anna@city.example.json", "-o", "json")
    assert done.code == 0, done.err
    assert names_nobody(done.out + done.err)
    assert set(re.findall(r"dev-[0-9a-f]+@city.example", done.out)) == {MASK("anna@city.example")}


def test_a_masked_plan_carries_a_keyed_digest_that_apply_accepts(club: Bench) -> None:
    masked(club, "plan", "--out", "plan.json")
    digest = json.loads(Path("plan.json").read_text())["digest"]
    keyed = f"masked:{hmac.new(KEY.encode(), digest.encode(), hashlib.sha256).hexdigest()}"
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token, "PORTALCTL_MASK_KEY": KEY}
    for form in ("text", "json", "markdown", "html"):
        assert keyed in masked(club, "plan", "-o", form).out, form
    shown = masked(club, "plan", "-o", "json").json
    assert shown["digest"] == keyed
    assert shown["manifest"]["digest"].startswith("masked:")
    assert portalctl("ci", "gitlab", "plan.json", "--dotenv", "x.env", env=env).code == 0
    assert f"PORTALCTL_DIGEST={keyed}\n" in Path("x.env").read_text()

    def applied(expected: str, **changed: str) -> Done:
        return portalctl("apply", "plan.json", "--yes", "--expect-digest", expected, env=env | changed)

    wrong = applied(f"masked:{'0' * 64}")
    assert (wrong.code, club.writes) == (3, [])
    assert "PORTALCTL_MASK_KEY" in wrong.err
    assert applied(keyed, PORTALCTL_MASK_KEY="another key of 16 bytes").code == 3
    unset = applied(keyed, PORTALCTL_MASK_KEY="")
    assert (unset.code, club.writes) == (64, [])
    assert "PORTALCTL_MASK_KEY is not set" in unset.err
    Path("key").write_text(f"{KEY}\n")
    assert applied(keyed, PORTALCTL_MASK_KEY="", PORTALCTL_MASK_KEY_FILE="key").code == 0


@pytest.mark.slow
def test_without_a_key_a_masked_plan_has_no_digest(club: Bench) -> None:
    for form in ("text", "json", "markdown", "html"):
        done = club.run("plan", "--mask-emails", "-o", form)
        assert not re.search(r"sha256:[0-9a-f]{64}|masked:", done.out)
    assert club.run("plan", "--mask-emails", "-o", "json").json["digest"] is None
    club.run("plan", "--out", "plan.json")
    for written in ("json",):
        done = club.run("plan", "--mask-emails", "-o", written)
        Path("masked.json").write_text(done.out)
    refused = portalctl("apply", "masked.json", "--yes", env={"KONNECT_TOKEN": "x"})
    assert refused.code == 3
    assert "masked" in refused.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("key", ["zq", "15 bytes of key"])
def test_a_short_key_is_an_error_before_anything_is_read(club: Bench, key: str) -> None:
    for words in (("plan", "--mask-emails"), ("drift", "--mask-emails"), ("plan",)):
        done = club.run(*words, PORTALCTL_MASK_KEY=key, PORTALCTL_NOTIFY_URL="https://x.example")
        assert (done.code, done.out, club.reads) == (64, "", [])
        assert "PORTALCTL_MASK_KEY" in done.err
        assert key not in done.err.replace("bytes", "")
    Path("key").write_text(key)
    done = club.run("plan", "--mask-emails", PORTALCTL_MASK_KEY_FILE="key")
    assert done.code == 64
    assert "PORTALCTL_MASK_KEY_FILE" in done.err


AROUND = st.sampled_from(
    ["{}", "({})", "<{}>", "'{}'", '"{}"', "a {}, b", "to:{}.", "/x/{}", "?e={}&f=1", "\\n{}\\n"]
)


@given(st.from_regex(r"[a-z]{5,12}(\+[a-z]{3,5})?", fullmatch=True), st.sampled_from(["@", "%40", "\\u0040"]), AROUND)
def test_an_address_in_any_text_leaves_no_local_part(local: str, sign: str, around: str) -> None:
    text = around.format(f"{local}{sign}city.example")
    shown = MASK.text(text)
    assert local not in shown
    assert MASK(f"{local}@city.example") in shown
    assert MASK.text(shown) == shown
