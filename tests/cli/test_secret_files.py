"""Secrets from files: each secret variable NAME also has the form NAME_FILE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from portalctl.environment import MAX_SECRET_BYTES
from portalctl.simulator.api7.server import Api7Simulator
from tests.conftest import Bench, Done, portalctl

RULES = "trusted_domains: [arsenal.com]\n"


def plan(bench: Bench, **env: str) -> Done:
    return portalctl("plan", "-f", "portals", env={"KONNECT_SERVER_URL": bench.sim.url, **env})


@pytest.fixture
def token_file(bench: Bench, tmp_path: Path) -> Path:
    bench.manifest(RULES)
    path = tmp_path / "token"
    path.write_text(f"{bench.sim.token}\n")
    return path


@pytest.mark.wide(2)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", ["KONNECT_TOKEN_FILE", "PORTALCTL_PARTNERS_TOKEN_FILE"])
def test_a_token_is_read_from_a_file(bench: Bench, token_file: Path, name: str, end: str) -> None:
    token_file.write_bytes(f"{bench.sim.token}{end}".encode())
    assert plan(bench, **{name: str(token_file)}).code == 0


def test_a_byte_order_mark_is_dropped(bench: Bench, token_file: Path) -> None:
    token_file.write_text(bench.sim.token, encoding="utf-8-sig")
    assert plan(bench, KONNECT_TOKEN_FILE=str(token_file)).code == 0


def test_a_link_is_followed_as_kubernetes_mounts_secrets(bench: Bench, token_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(token_file)
    assert plan(bench, KONNECT_TOKEN_FILE=str(tmp_path / "link")).code == 0


def test_a_rotated_file_is_read_again(bench: Bench, token_file: Path) -> None:
    token_file.write_text("kpat_old")
    assert plan(bench, KONNECT_TOKEN_FILE=str(token_file)).code == 1
    token_file.write_text(bench.sim.token)
    assert plan(bench, KONNECT_TOKEN_FILE=str(token_file)).code == 0


def test_a_blank_variable_counts_as_unset(bench: Bench, token_file: Path) -> None:
    """A workflow that passes a secret which is not there sets an empty variable."""
    assert plan(bench, KONNECT_TOKEN="", KONNECT_TOKEN_FILE=str(token_file)).code == 0
    assert plan(bench, KONNECT_TOKEN=bench.sim.token, KONNECT_TOKEN_FILE=" ").code == 0


def test_both_forms_are_an_error(bench: Bench, token_file: Path) -> None:
    done = plan(bench, KONNECT_TOKEN="kpat_secret", KONNECT_TOKEN_FILE=str(token_file))
    assert done.code == 64
    assert done.err == "error: KONNECT_TOKEN and KONNECT_TOKEN_FILE are both set\n  Unset one of them.\n"


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b" \n", "is empty"),
        (b"kpat_\xff", "is not UTF-8 text"),
        ("kpat_secret".encode("utf-16"), "is not UTF-8 text"),
        (b"kpat_secret\0", "is not a text file"),
        (b"kpat_secret" * MAX_SECRET_BYTES, "is larger than 64 KiB"),
    ],
)
def test_an_unusable_file_is_named_without_its_content(
    bench: Bench, token_file: Path, content: bytes, fault: str
) -> None:
    token_file.write_bytes(content)
    done = plan(bench, KONNECT_TOKEN_FILE=str(token_file))
    assert done.code == 64
    assert done.err.startswith(f"error: KONNECT_TOKEN_FILE: {str(token_file)!r} {fault}\n")
    assert "kpat" not in done.err
    assert not bench.sim.log


@pytest.mark.usefixtures("token_file")
def test_a_path_that_leads_nowhere_is_not_shown(bench: Bench) -> None:
    """The token itself may have been set by mistake."""
    done = plan(bench, KONNECT_TOKEN_FILE="kpat_secret")
    assert done.code == 64
    assert done.err.startswith("error: KONNECT_TOKEN_FILE: there is no file at this path")
    assert "kpat" not in done.err


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null", "."])
@pytest.mark.usefixtures("token_file")
def test_only_a_regular_file_is_read(bench: Bench, place: str) -> None:
    done = plan(bench, KONNECT_TOKEN_FILE=place)
    assert done.code == 64
    assert f"KONNECT_TOKEN_FILE: {place!r} is not a regular file" in done.err


@pytest.mark.usefixtures("token_file")
def test_a_pipe_is_not_waited_for(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert plan(bench, KONNECT_TOKEN_FILE=str(tmp_path / "pipe")).code == 64


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(bench: Bench, token_file: Path) -> None:
    token_file.chmod(0)
    done = plan(bench, KONNECT_TOKEN_FILE=str(token_file))
    assert done.code == 64
    assert "KONNECT_TOKEN_FILE: cannot read this file: Permission denied" in done.err


def test_a_refused_token_is_reported_with_the_variable_of_its_file(bench: Bench, token_file: Path) -> None:
    token_file.write_text("kpat_wrong")
    done = plan(bench, KONNECT_TOKEN_FILE=str(token_file))
    assert done.code == 1
    assert "KONNECT_TOKEN_FILE" in done.err
    assert "kpat_wrong" not in done.err


def test_a_named_server_gets_only_its_named_token_also_from_files(bench: Bench, token_file: Path) -> None:
    done = plan(bench, PORTALCTL_PARTNERS_SERVER=bench.sim.url, KONNECT_TOKEN_FILE=str(token_file))
    assert done.code == 64
    assert "PORTALCTL_PARTNERS_SERVER is set, so no other token is used" in done.err
    assert not bench.sim.log


API7 = """version: 1
portal: {name: fans, provider: api7, id: portal-1}
overrides:
  - {developer: acme-dev, status: approved, reason: "Machine account"}
"""


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["API7_PORTAL", "PORTALCTL_FANS_BACKEND"])
def test_api7_has_files_for_both_tokens(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "fans.yaml").write_text(API7)
    with Api7Simulator() as sim:
        sim.store.add_portal("portal-1", "Partners")
        (tmp_path / "dashboard").write_text(f"{sim.token}\n")
        (tmp_path / "backend").write_text(f"{sim.portal_token}\n")
        env = {
            "API7_SERVER": sim.url,
            "API7_TOKEN_FILE": str(tmp_path / "dashboard"),
            f"{prefix}_SERVER": sim.portal_url,
            f"{prefix}_TOKEN_FILE": str(tmp_path / "backend"),
        }
        apply = ("apply", "-f", str(tmp_path), "--yes", "--journal", str(tmp_path / "journal"))
        done = portalctl(*apply, env=env)
        assert done.code == 0, done.err
        done = portalctl(*apply, env={**env, f"{prefix}_TOKEN_FILE": "nowhere"})
        assert done.code == 64
        assert f"{prefix}_TOKEN_FILE: there is no file at this path" in done.err


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "name", ["git", "controller", "webhook", "github-webhook", "gitlab-webhook", "notify", "mask", "directory-corp"]
)
def test_reserved_names_are_no_portal_names(bench: Bench, name: str) -> None:
    bench.manifest(RULES)
    path = bench.folder / "partners.yaml"
    path.write_text(path.read_text().replace("name: partners", f"name: {name}"))
    done = plan(bench, KONNECT_TOKEN=bench.sim.token)
    assert done.code == 65
    assert "reserved for portalctl's own environment variables" in done.err
    assert not bench.sim.log
