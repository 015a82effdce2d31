from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.cli.test_output_files import files_of_at_most
from tests.conftest import HEAD, portalctl

pytestmark = pytest.mark.slow

UGLY = HEAD + "teams:\n- name: 'city'   # ours\n"
NICE = HEAD + "\nteams:\n  - name: city   # ours\n"


@pytest.fixture
def portals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:  # noqa: ARG001
    """A folder with a file that is as it should be, and one that is not."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "portals"
    folder.mkdir()
    (folder / "nice.yaml").write_text(NICE)
    (folder / "ugly.yaml").write_text(UGLY)
    return folder


def test_it_writes_what_changes_and_names_it(portals: Path) -> None:
    (portals / "ugly.yaml").chmod(0o640)
    before = (portals / "nice.yaml").stat()
    done = portalctl("fmt")
    assert (done.code, done.out, done.err) == (0, "portals/ugly.yaml\n", "")
    assert (portals / "ugly.yaml").read_text() == NICE
    assert stat.S_IMODE((portals / "ugly.yaml").stat().st_mode) == 0o640
    after = (portals / "nice.yaml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # not written at all
    assert sorted(path.name for path in portals.iterdir()) == ["nice.yaml", "ugly.yaml"]
    assert portalctl("fmt", "-f", "portals", "--check").out == ""


def test_check_writes_nothing_and_tells_by_its_exit_code(portals: Path) -> None:
    done = portalctl("fmt", "--check")
    assert (done.code, done.out) == (2, "portals/ugly.yaml\n")
    assert done.err == "1 file is not in canonical form; to format, run `portalctl fmt` without --check\n"
    assert (portals / "ugly.yaml").read_text() == UGLY
    assert portalctl("fmt", "--check", "-f", "portals/nice.yaml").code == 0


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--check",), 2)])
def test_diff_writes_nothing(portals: Path, words: tuple[str, ...], code: int) -> None:
    done = portalctl("fmt", "--diff", *words)
    assert done.code == code
    assert done.out == (
        "--- a/portals/ugly.yaml\n+++ b/portals/ugly.yaml\n@@ -3,5 +3,6 @@\n   name: partners\n   provider: konnect\n"
        f"   id: {HEAD.split('id: ')[1]}+\n teams:\n-- name: 'city'   # ours\n+  - name: city   # ours\n"
    )
    assert (portals / "ugly.yaml").read_text() == UGLY


def windows(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_canonical_file_may_end_its_lines_in_crlf_and_have_a_byte_order_mark(portals: Path, mark: bytes) -> None:
    (portals / "ugly.yaml").write_bytes(mark + windows(NICE))
    for words in (("--check",), ("--diff",), ("--check", "--diff"), ()):
        done = portalctl("fmt", *words)
        assert (done.code, done.out, done.err) == (0, "", "")
    assert (portals / "ugly.yaml").read_bytes() == mark + windows(NICE)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_keeps_its_line_ends_and_its_byte_order_mark(portals: Path, mark: bytes) -> None:
    (portals / "ugly.yaml").write_bytes(mark + windows(UGLY))
    plain = portalctl("fmt", "--diff").out
    assert "\r" not in plain
    assert [line for line in plain.splitlines() if line.startswith(("-", "+"))][2:] == [
        "+",
        "-- name: 'city'   # ours",
        "+  - name: city   # ours",
    ]
    assert portalctl("fmt").out == "portals/ugly.yaml\n"
    assert (portals / "ugly.yaml").read_bytes() == mark + windows(NICE)
    assert portalctl("fmt", "--check").code == 0


@pytest.mark.parametrize(("most", "few", "shown"), [("\r\n", "\n", "\\n"), ("\n", "\r\n", "\\r\\n")])
def test_of_mixed_line_ends_those_of_most_lines_stay(portals: Path, most: str, few: str, shown: str) -> None:
    first, rest = NICE.split("\n", 1)
    (portals / "ugly.yaml").write_bytes((first + few + rest.replace("\n", most)).encode())
    done = portalctl("fmt", "--check", "--diff")
    assert done.code == 2
    assert f"@@\n-version: 1{shown}\n+version: 1\n portal:\n" in done.out
    assert done.out.count("\n-") == 1
    assert portalctl("fmt").code == 0
    assert (portals / "ugly.yaml").read_bytes() == NICE.replace("\n", most).encode()


def test_a_diff_shows_a_missing_line_end(portals: Path) -> None:
    (portals / "ugly.yaml").write_bytes(NICE.rstrip("\n").encode())
    diff = portalctl("fmt", "--diff").out
    assert "-  - name: city   # ours\n\\ No newline at end of file\n" in diff
    assert diff.count("\n-") == 1


@pytest.mark.parametrize("words", [(), ("--check",), ("--diff",)])
def test_a_broken_file_changes_nothing(portals: Path, words: tuple[str, ...]) -> None:
    (portals / "zbroken.yaml").write_text(HEAD + "teams: [\n")
    (portals / "unknown.yaml").write_text("version: 1\nportal: partners\nteems: []\n")
    done = portalctl("fmt", *words)
    assert (done.code, done.out) == (65, "")
    assert "portals/unknown.yaml:3:1: unknown key 'teems'; did you mean 'teams'?" in done.err
    assert "portals/zbroken.yaml:" in done.err
    assert (portals / "ugly.yaml").read_text() == UGLY


def test_a_file_that_cannot_be_written_is_an_error_and_stays_as_it_was(portals: Path) -> None:
    with files_of_at_most(len(HEAD)):
        done = portalctl("fmt")
    assert (done.code, done.out) == (1, "")
    assert "error: cannot write portals/" in done.err
    assert (portals / "ugly.yaml").read_text() == UGLY
    assert sorted(path.name for path in portals.iterdir()) == ["nice.yaml", "ugly.yaml"]


def test_a_link_stays_a_link(portals: Path) -> None:
    (portals / "link.yaml").symlink_to("ugly.yaml")
    assert portalctl("fmt", "-f", "portals/link.yaml").out == "portals/link.yaml\n"
    assert (portals / "link.yaml").is_symlink()
    assert (portals / "ugly.yaml").read_text() == NICE


def test_no_file_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert portalctl("fmt").code == 64
    assert portalctl("fmt", "-f", "none.yaml").code == 65


def test_the_examples_are_in_canonical_form() -> None:
    examples = Path(__file__).parents[2] / "examples"
    folders = [word for folder in ("quickstart", "api7") for word in ("-f", str(examples / folder))]
    assert portalctl("fmt", *folders, "--check").code == 0


def test_the_hooks_for_pre_commit_are_commands(portals: Path) -> None:
    hooks = YAML(typ="safe").load(Path(__file__).parents[2] / ".pre-commit-hooks.yaml")
    assert [hook["id"] for hook in hooks] == ["portalctl-validate", "portalctl-test", "portalctl-fmt"]
    (portals / "nice.yaml").unlink()
    (portals / "access.test.yaml").write_text(
        "version: 1\nexpectations:\n  - {domain: nowhere.example, is: unmatched}\n"
    )
    for hook in hooks:
        name, *words = hook["entry"].split()
        assert name == "portalctl"
        assert portalctl(*words).code == 0
        assert re.match(hook["files"], "portals/teams/city.yaml")
        assert re.match(hook["files"], "portal.yml")


def test_the_hook_that_formats_gets_the_names_of_the_changed_files(portals: Path) -> None:
    hooks = YAML(typ="safe").load(Path(__file__).parents[2] / ".pre-commit-hooks.yaml")
    *together, fmt = hooks
    assert not any(hook["pass_filenames"] for hook in together)  # a fragment is not valid without its root file
    assert fmt.get("pass_filenames", True)
    assert portalctl(*fmt["entry"].split()[1:], str(portals / "nice.yaml")).code == 0
