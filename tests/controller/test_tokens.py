"""Tokens: made by the command, checked by the file that lists their hashes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from portalctl.controller import token_file
from portalctl.controller.token_file import TokenFile, read_tokens
from portalctl.controller.tokens import TokenLine, is_token_of, new_token
from portalctl.errors import BadUsageError
from tests.conftest import portalctl


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, mode: int = 0o600) -> Path:
    path = Path("tokens")
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_token_goes_to_standard_output_and_its_line_to_standard_error() -> None:
    done = portalctl("run", "token", "ann", "approver")
    token = done.out.strip()
    assert (done.code, token[:5], len(token)) == (0, "pctl_", 70)
    name, role, digest = done.err.split()
    assert (name, role, digest[:7]) == ("ann", "approver", "scrypt:")
    assert token not in done.err
    assert token[27:] not in done.err  # nothing of the secret part
    held = TokenFile(write(done.err))
    line = held.holder(token)
    assert line is not None
    assert (line.name, line.role) == ("ann", "approver")


def test_the_line_is_appended_to_a_private_file() -> None:
    first = portalctl("run", "token", "ann", "approver", "--tokens", "tokens")
    second = portalctl("run", "token", "form", "registrar", "--tokens", "tokens")
    assert (first.code, first.err, second.code, second.err) == (0, "", 0, "")
    path = Path("tokens")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line.split()[:2] for line in path.read_text().splitlines()] == [
        ["ann", "approver"],
        ["form", "registrar"],
    ]
    held = TokenFile(path)
    assert held.holder(first.out.strip()) == read_tokens(path)[0]
    assert held.holder(second.out.strip()) == read_tokens(path)[1]


def test_a_line_without_an_end_is_completed_before_the_next() -> None:
    write("# users\n" + new_token("ann", "viewer")[1])
    assert portalctl("run", "token", "bob", "viewer", "--tokens", "tokens").code == 0
    assert [line.name for line in read_tokens(Path("tokens"))] == ["ann", "bob"]


def test_a_name_keeps_its_role_and_may_have_two_tokens_while_they_are_rotated() -> None:
    assert portalctl("run", "token", "ann", "viewer", "--tokens", "tokens").code == 0
    assert portalctl("run", "token", "ann", "viewer", "--tokens", "tokens").code == 0
    done = portalctl("run", "token", "ann", "approver", "--tokens", "tokens")
    assert (done.code, done.out) == (64, "")
    assert "'ann' has the role viewer in tokens" in done.err
    assert len(Path("tokens").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["", "ann lee", "ann\nroot", "#ann", "ann\x1b[2J", "änn", "x" * 255])
def test_a_name_that_a_line_cannot_hold_makes_no_token(name: str) -> None:
    done = portalctl("run", "token", name, "viewer", "--tokens", "tokens")
    assert (done.code, done.out, Path("tokens").exists()) == (64, "", False)
    assert "is not a valid name" in done.err
    assert "\x1b[2J" not in done.err


def test_a_role_that_does_not_exist_is_wrong_usage() -> None:
    done = portalctl("run", "token", "ann", "admin")
    assert (done.code, done.out) == (64, "")


def test_nothing_is_appended_to_a_broken_file_or_a_device() -> None:
    write("ann viewer nonsense\n")
    broken = portalctl("run", "token", "bob", "viewer", "--tokens", "tokens")
    device = portalctl("run", "token", "bob", "viewer", "--tokens", "/dev/null")
    assert (broken.code, broken.out, device.code, device.out) == (64, "", 64, "")
    assert "tokens:1:1: the third word is neither a hash of `portalctl run token` nor proxy" in broken.err
    assert "is not a regular file" in device.err
    assert Path("tokens").read_text() == "ann viewer nonsense\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no tokens"),
        ("# only a comment\n\n", "no tokens"),
        ("ann viewer\n", "tokens:1:1: has 2 words; expected NAME ROLE HASH"),
        (
            "ann viewr scrypt:x:y\n",
            "'viewr' is not a valid role; expected viewer, operator, approver, registrar; did",
        ),
        ("ann viewer scrypt:AAAA:AAAA\n", "neither a hash"),
        ("ann viewer md5:AAAA:AAAA\n", "neither a hash"),
        (f"ann viewer {new_token('a', 'viewer')[0]}\n", "has a token; expected its hash"),
        ("ann viewer proxy\nann approver proxy\n", "tokens:2:1: 'ann' has the role viewer above, and approver here"),
        ("änn viewer proxy\n", "is not a valid name"),
        ("ann viewer proxy\0\n", "neither a hash"),
        (f"{new_token('ann', 'viewer')[1][:-2]}\n", "neither a hash"),
    ],
    ids=lambda value: value[:12] if "pctl" not in value and "scrypt" not in value else "secret",
)
def test_a_broken_file_is_an_error_at_its_place_that_shows_no_secret(text: str, message: str) -> None:
    with pytest.raises(BadUsageError) as caught:
        TokenFile(write(text))
    shown = "\n".join([caught.value.message, *caught.value.advice])
    assert message in shown
    assert "pctl_" not in shown


def test_the_file_is_regular_private_to_write_and_outside_the_manifest(folder: Path) -> None:
    line = new_token("ann", "viewer")[1]
    for mode in (0o602, 0o620, 0o666):
        with pytest.raises(BadUsageError, match="can be written by other users"):
            TokenFile(write(line, mode))
    path = write(line, 0o644)
    for place in (folder, Path(), path):
        with pytest.raises(BadUsageError, match="is in the manifest"):
            TokenFile(path, [place])
    inside = folder / "portals"
    inside.mkdir()
    (inside / "link").symlink_to(path.resolve())
    assert TokenFile(inside / "link", [inside]).problem is None  # what it leads to is outside
    path.rename(inside / "tokens")
    (folder / "link").symlink_to(inside / "tokens")
    with pytest.raises(BadUsageError, match="is in the manifest"):
        TokenFile(folder / "link", [inside])
    with pytest.raises(BadUsageError, match="is not a regular file"):
        TokenFile(folder)
    with pytest.raises(BadUsageError, match="cannot be read: No such file"):
        TokenFile(folder / "nowhere")
    os.mkfifo("pipe")
    with pytest.raises(BadUsageError, match="is not a regular file"):
        TokenFile(Path("pipe"))


def test_a_change_counts_at_once_and_a_broken_file_keeps_the_last_good_lines() -> None:
    first, line = new_token("ann", "viewer")
    second, other = new_token("bob", "operator")
    reported: list[str] = []
    held = TokenFile(write(line), report=lambda error: reported.append(error.message))
    assert held.holder(first) is not None
    assert held.holder(second) is None
    write(f"{other}\n")
    assert held.holder(first) is None  # although it was accepted before
    assert held.holder(second) is not None
    for broken in ("", "bob operator\n", "bob operator \0"):
        write(broken)
        assert held.holder(second) is not None
        assert held.holder(first) is None
        assert held.problem is not None
    Path("tokens").unlink()
    assert held.holder(second) is not None
    assert held.problem is not None
    other_hash = other[:-3] + ("A" if other[-3] != "A" else "B") + other[-2:]
    write(f"{other_hash}\n")
    assert held.holder(second) is None  # the same salt with another hash
    write(f"{other}\n")
    write(f"{line}\n", 0o666)
    assert held.holder(first) is None
    write(f"{line}\n")
    assert held.problem is None
    assert held.holder(first) is not None
    assert held.holder(second) is None
    assert len(reported) == 5  # each fault once, however often tokens were checked
    assert "--tokens tokens cannot be read: No such file or directory" in reported


def test_a_wrong_token_costs_no_hash_and_a_right_one_costs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    token, line = new_token("ann", "viewer")
    others = [new_token(f"user-{number}", "viewer")[1] for number in range(3)]
    held = TokenFile(write("\n".join([*others, line])))
    hashed: list[str] = []

    def counted(line: TokenLine, text: str) -> bool:
        hashed.append(text)
        return is_token_of(line, text)

    monkeypatch.setattr(token_file, "is_token_of", counted)
    for wrong in ("", "pctl_", "pctl_" + "A" * 65, token[5:], f"{token} ", token.upper(), f"{token}A", "ä" * 70):
        assert held.holder(wrong) is None
    assert hashed == []
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for _ in range(3):
        assert held.holder(token) is not None
    assert held.holder(changed) is None
    assert hashed == [token, changed]


def test_a_proxy_user_has_no_token() -> None:
    held = TokenFile(write("ann@example.com approver proxy\n"))
    user = held.user("ann@example.com")
    assert user is not None
    assert (user.role, held.user("ANN@example.com"), held.holder("proxy")) == ("approver", None, None)
