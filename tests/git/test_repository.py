"""Which repository counts, what of it is read, and within which bounds."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from portalctl.git import program
from portalctl.git.blame import Known, origins
from portalctl.git.checkout import checkout
from portalctl.git.program import GitError
from portalctl.git.repository import find_repository
from tests.git.traps import SECRET, WHO, Ground

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

ANN = "Ann Lee <ann@arsenal.com>"


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """A checkout with `portals/partners.yaml` of two lines in its second commit."""
    ground = Ground(tmp_path / "checkout", tmp_path)
    (ground.folder / "portals").mkdir(parents=True)
    (ground.folder / "portals" / "partners.yaml").write_bytes(b"one\ntwo\n")
    ground.prepare()
    monkeypatch.chdir(ground.folder)
    return ground


def known(file: str = "portals/partners.yaml") -> list[int]:
    """The lines that have an author."""
    found = origins([file])
    assert found.problem is None
    assert {origin.author for origin in found.lines.values()} <= {ANN}
    return sorted(line for _, line in found.lines)


def base(ref: str = "HEAD") -> bytes:
    with checkout(ref, [Path("portals")]) as found:
        return (found.inside(Path("portals")) / "partners.yaml").read_bytes()


def test_from_a_folder_below(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("portals")
    assert known("partners.yaml") == [1, 2]
    assert known(str(ground.folder / "portals" / "partners.yaml")) == [1, 2]


def test_a_linked_work_tree_and_a_submodule_are_repositories(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.git("worktree", "add", "-q", "../linked", "HEAD")
    ground.git("-c", "protocol.file.allow=always", "clone", "-q", ".", "../above")
    above = Ground(ground.outside / "above", ground.outside)
    allowed = ("-c", "protocol.file.allow=always")
    above.git(*allowed, "submodule", "--quiet", "add", str(ground.folder), "sub")
    for folder in (ground.outside / "linked", above.folder / "sub"):
        assert (folder / ".git").is_file()
        monkeypatch.chdir(folder)
        assert known() == [1, 2]
        assert base() == b"one\ntwo\n"


def test_a_repository_of_sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground(tmp_path, tmp_path)
    (tmp_path / "portals").mkdir()
    (tmp_path / "portals" / "partners.yaml").write_text("one\n")
    ground.git("init", "-q", "--object-format=sha256")
    ground.git("add", ".")
    ground.git("commit", "-qm", "Rules")
    monkeypatch.chdir(tmp_path)
    assert known() == [1]
    assert base() == b"one\n"


def test_changed_lines_and_other_line_ends(ground: Ground) -> None:
    file = Path("portals/partners.yaml")
    file.write_bytes(b"one\r\ntwo\r\n")
    assert known() == [1, 2]
    file.write_bytes(b"new\none\ntwo\n")
    assert known() == [2, 3]
    file.write_bytes(b"")
    assert known() == []
    ground.git("checkout", "-q", ".")
    ground.git("rm", "-q", "--cached", "portals/partners.yaml")
    assert known() == [1, 2], "the index does not count"


def test_links_lead_to_the_file_that_is_read(ground: Ground) -> None:
    Path("portals/link.yaml").symlink_to("partners.yaml")
    assert known("portals/link.yaml") == [1, 2]
    outside = ground.outside / "outside.yaml"
    outside.write_text("one\n")
    Path("portals/out.yaml").symlink_to(outside)
    assert known("portals/out.yaml") == []
    ground.git("add", ".")
    ground.git("commit", "-qm", "Links")
    assert known("portals/link.yaml") == [1, 2]


def test_no_repository_no_commit_and_a_bare_one_are_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("one\n")
    ground = Ground(tmp_path, tmp_path)
    assert origins(["a.yaml"]) == Known({})
    ground.git("init", "-q", "--bare", ".")
    assert find_repository() is None
    ground.git("init", "-q", "below")
    monkeypatch.chdir("below")
    assert origins(["../a.yaml", "b.yaml"]) == Known({})


@pytest.mark.parametrize(
    "content", ["gitdir: nowhere\n", "gitdir: \n", "something\n", "gitdir: portals\n", "gitdir: a\0b"]
)
def test_a_git_file_that_leads_nowhere_is_an_error(ground: Ground, content: str) -> None:
    ground.git("status")
    Path(".git").rename(ground.outside / "away")
    Path(".git").write_text(content)
    with pytest.raises(GitError, match="does not lead to a Git repository"):
        base()
    assert "does not lead to a Git repository" in str(origins(["portals/partners.yaml"]).problem)


def test_a_pipe_is_not_opened(ground: Ground) -> None:
    Path(".git").rename(ground.outside / "away")
    os.mkfifo(".git")
    assert origins(["portals/partners.yaml"]) == Known({})


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
def test_whose_the_repository_may_be(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout of another user is read, as in containers; a .git that another user put into a folder is not."""

    def give(folder: Path, user: int) -> None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)

    give(ground.folder, 12345)
    assert ground.git("status", check=False) == "", "git itself asks for safe.directory"
    assert known() == [1, 2]
    os.chown(ground.folder, 23456, 23456)
    with pytest.raises(GitError, match="belongs to user 12345"):
        base()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert base() == b"one\ntwo\n"


def test_git_gets_no_token_and_none_of_the_callers_variables(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The git that the user installed is what is started, with an environment of our own."""
    installed = program.find_program(ground.folder).program
    tools = ground.outside / "tools"
    tools.mkdir()
    (tools / "git").write_text(f'#!/bin/sh\nenv >> {ground.fired}\nexec {installed} "$@"\n')
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", str(ground.folder), str(tools), os.environ["PATH"]]))
    for name in (
        "KONNECT_TOKEN",
        "PORTALCTL_X_TOKEN",
        "GITHUB_TOKEN",
        "GIT_ASKPASS",
        "GIT_DIR",
        "HOME",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.setenv(name, SECRET)
    assert known() == [1, 2]
    assert base() == b"one\ntwo\n"
    seen = ground.fired.read_text()
    assert SECRET not in seen
    names = {line.partition("=")[0] for line in seen.splitlines()}
    assert not names & {"HOME", "GITHUB_TOKEN", "GIT_ASKPASS", *WHO}
    paths = {line for line in seen.splitlines() if line.startswith("PATH=")}
    assert all(Path(entry).is_absolute() for path in paths for entry in path.removeprefix("PATH=").split(os.pathsep))
    assert not any(str(ground.folder) in path for path in paths)


def test_time_and_size_are_bounded(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_BYTES", 5)
    with pytest.raises(GitError, match="printed more than"):
        base()
    monkeypatch.undo()
    monkeypatch.chdir(ground.folder)
    slow = ground.outside / "slow"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 30\n")
    (slow / "git").chmod(stat.S_IRWXU)
    repository = find_repository()
    assert repository is not None
    git = program.Git(str(slow / "git"), os.environ["PATH"])
    with pytest.raises(GitError, match=r"took longer than 0 s"):
        git.run("status", env={}, folder=ground.folder, seconds=0.2)


def test_what_git_says_of_a_broken_repository_is_told(ground: Ground) -> None:
    (ground.folder / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError) as caught:
        base()
    assert "bad config line 1" in caught.value.advice[-1]
    assert "bad config line 1" in str(origins(["portals/partners.yaml"]).problem)


@pytest.mark.slow
def test_hundreds_of_files(ground: Ground) -> None:
    for number in range(300):
        (ground.folder / "portals" / f"{number}.yaml").write_text(f"number: {number}\n")
    ground.git("add", ".")
    ground.git("commit", "-qm", "Many")
    found = origins([f"portals/{number}.yaml" for number in range(300)])
    assert (len(found.lines), found.problem) == (300, None)
