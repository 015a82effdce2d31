"""The branch of a Git repository as the source of the manifest: fast-forward only, the last good commit is kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from portalctl.controller.source import FollowedBranch, GitSource
from portalctl.errors import BadUsageError
from portalctl.git.mirror import GitCredential, Mirror, check_url

GOOD = """version: 1
portal: {name: partners, provider: konnect, id: 3f51fa25-310a-421d-bd1a-007f859021a3, region: eu}
trusted_domains: [city.example]
"""


class Accepted:
    """The accepted commit, as the database keeps it."""

    def __init__(self) -> None:
        self.commit: str | None = None

    def accepted(self) -> str | None:
        return self.commit

    def accept(self, commit: str, before: str | None) -> bool:
        if self.commit == before:
            self.commit = commit
        return self.commit == commit


class Repository:
    """A bare repository that others push to, and a clone of it."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.work = folder / "portals.git", folder / "work"
        self.url = f"file://{self.bare}"
        folder.mkdir()
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), at=folder)
        self.git("clone", "-q", str(self.bare), str(self.work), at=folder)
        self.git("checkout", "-q", "-b", "main")

    def git(self, *words: str, at: Path | None = None) -> str:
        who = {f"GIT_{role}_{key}": "x@y.example" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.bare), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(
            ["git", *words], cwd=at or self.work, env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def push(self, text: str = GOOD, name: str = "portals/partners.yaml", *options: str) -> str:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change", *options)
        self.git("push", "-q", "--force", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def object(self, kind: str, content: bytes) -> str:
        """Store an object, also one that git itself would never make."""
        file = self.bare.parent / "object"
        file.write_bytes(content)
        return self.git("hash-object", "-w", "--literally", "-t", kind, str(file))

    def tree(self, entries: list[tuple[str, str, str]]) -> str:
        parts = (f"{mode} {name}\0".encode() + bytes.fromhex(id_) for mode, name, id_ in entries)
        return self.object("tree", b"".join(parts))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "remote")


def source(
    repository: Repository,
    state: Path,
    accepted: Accepted,
    rewritten: str | None = None,
    signers: Path | None = None,
) -> GitSource:
    mirror = Mirror.at(state / "git", repository.url, "main")
    branch = FollowedBranch(mirror, "portals", state / "manifests", GitCredential, signers, rewritten)
    return GitSource(branch, accepted)


def test_a_branch_is_followed_and_named_as_in_the_repository(repository: Repository, tmp_path: Path) -> None:
    first = repository.push()
    accepted = Accepted()
    git = source(repository, tmp_path / "state", accepted)
    state = git.look()
    assert state.problem is None
    assert state.loaded is not None
    assert (state.loaded.commit, accepted.commit, state.changed) == (first, first, True)
    assert list(state.loaded.files) == ["portals/partners.yaml"]
    assert state.loaded.author == "x@y.example <x@y.example>"
    assert state.loaded.manifest.portals["partners"].trusted_domains[0].why.file == "portals/partners.yaml"
    assert not git.look().changed
    second = repository.push(GOOD.replace("city", "reds"))
    changed = git.look()
    assert changed.loaded is not None
    assert changed.loaded.commit == second
    assert [path.name for path in (tmp_path / "state" / "manifests").iterdir()] == [second]


def test_no_replica_goes_on_with_an_older_commit(repository: Repository, tmp_path: Path) -> None:
    repository.push()
    accepted = Accepted()
    one, other = (source(repository, tmp_path / name, accepted) for name in ("one", "other"))
    old = other.look().loaded
    assert old is not None
    assert other.is_newest(old)
    second = repository.push(GOOD.replace("city", "reds"))
    assert one.look().changed
    assert not other.is_newest(old)
    new = other.look().loaded
    assert new is not None
    assert (new.commit, other.is_newest(new)) == (second, True)


def test_a_commit_that_another_replica_accepts_meanwhile_is_not_undone(
    repository: Repository, tmp_path: Path
) -> None:
    repository.push()
    third: list[str] = []

    class Overtaken(Accepted):
        """Another replica accepts a newer commit between this one's look and its acceptance."""

        def accept(self, commit: str, before: str | None) -> bool:
            if not third:
                self.commit = commit
                third.append(repository.push(GOOD.replace("city", "reds")))
                self.commit = third[0]
            return super().accept(commit, before)

    accepted = Overtaken()
    state = source(repository, tmp_path / "state", accepted).look()
    assert state.loaded is not None
    assert (state.problem, state.loaded.commit, accepted.commit) == (None, third[0], third[0])


def test_the_state_folder_may_be_named_relatively(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    repository.push()
    assert source(repository, Path("state"), Accepted()).look().problem is None


def test_an_invalid_commit_keeps_the_last_good_one_also_after_a_restart(
    repository: Repository, tmp_path: Path
) -> None:
    first = repository.push()
    accepted = Accepted()
    git = source(repository, tmp_path / "state", accepted)
    git.look()
    broken = repository.push(GOOD + "trusted_groups: 7\n")
    for known in (git, source(repository, tmp_path / "state", accepted)):
        state = known.look()
        assert state.problem is not None
        assert f"commit {broken[:12]} is not used: portals/partners.yaml:4:17" in state.problem
        assert not state.untrusted
        assert state.loaded is not None
        assert state.loaded.commit == first == accepted.commit
    good = repository.push()
    assert git.look().problem is None
    assert accepted.commit == good


def test_a_rewritten_branch_stops_the_source_until_it_is_accepted(repository: Repository, tmp_path: Path) -> None:
    first = repository.push()
    accepted = Accepted()
    git = source(repository, tmp_path / "state", accepted)
    git.look()
    other = repository.push(GOOD.replace("city", "evil"), "portals/partners.yaml", "--amend")
    for known in (git, source(repository, tmp_path / "state", accepted)):
        state = known.look()
        assert state.untrusted
        assert state.problem is not None
        assert "was rewritten" in state.problem
        assert state.loaded is not None
        assert state.loaded.commit == first == accepted.commit
    following = source(repository, tmp_path / "state", accepted, other)
    assert not following.look().untrusted
    assert accepted.commit == other
    newer = repository.push()
    assert following.look().problem is None
    repository.git("push", "-q", "--force", "origin", f"{other}:main")
    for known in (following, source(repository, tmp_path / "state", accepted, other)):
        assert known.look().untrusted, "the option counts once, also where it is still on the command line"
        assert accepted.commit == newer


def test_an_unreachable_repository_keeps_the_last_good_commit(repository: Repository, tmp_path: Path) -> None:
    first = repository.push()
    accepted = Accepted()
    git = source(repository, tmp_path / "state", accepted)
    git.look()
    repository.bare.rename(tmp_path / "gone")
    state = git.look()
    assert state.problem is not None
    assert "cannot fetch branch main" in state.problem
    assert state.loaded is not None
    assert state.loaded.commit == first


def test_links_out_of_the_repository_and_hooks_have_no_effect(repository: Repository, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(GOOD.replace("partners", "stolen"))
    (repository.work / "portals").mkdir()
    (repository.work / "portals" / "link.yaml").symlink_to(secret)
    repository.push()
    state = source(repository, tmp_path / "state", Accepted()).look()
    assert state.loaded is None
    assert state.problem is not None
    assert "link.yaml" in state.problem


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example/x.git",
        "https://user:token@git.example/x.git",
        "ext::sh -c true",
        "--upload-pack=touch",
        "file://host/x",
        "",
    ],
)
def test_an_address_that_could_run_or_reveal_something_is_refused(url: str) -> None:
    with pytest.raises(BadUsageError):
        check_url(url)


@pytest.mark.parametrize("branch", ["--upload-pack=x", "a..b", "../x", "", "x.lock"])
def test_a_name_that_no_branch_has_is_refused(tmp_path: Path, branch: str) -> None:
    with pytest.raises(BadUsageError):
        Mirror.at(tmp_path / "git", "https://git.example/x.git", branch)


@pytest.mark.parametrize("target", ["{outside}", "{outside}/a.yaml", "../../../outside"])
def test_a_folder_of_the_manifest_that_leads_out_of_the_commit_is_refused(
    repository: Repository, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.yaml").write_text(GOOD.replace("partners", "stolen"))
    (repository.work / "portals").symlink_to(target.format(outside=outside))
    repository.push(name="other/partners.yaml")
    state = source(repository, tmp_path / "state", Accepted()).look()
    assert state.loaded is None
    assert state.problem is not None
    assert "--path 'portals' leads out of the commit" in state.problem


def test_a_folder_of_the_manifest_may_be_a_link_inside_the_commit(repository: Repository, tmp_path: Path) -> None:
    (repository.work / "portals").symlink_to("release/2")
    (repository.work / "release").mkdir()
    repository.push(name="release/2/partners.yaml")
    state = source(repository, tmp_path / "state", Accepted()).look()
    assert state.problem is None
    assert state.loaded is not None


@pytest.mark.parametrize("hidden", [False, True])
def test_a_tree_with_a_link_and_a_folder_of_one_name_writes_nothing_outside(
    repository: Repository, tmp_path: Path, hidden: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    repository.push()
    link = repository.object("blob", str(outside).encode())
    inner = repository.tree([("120000", "planted", link)])
    portals = repository.git("rev-parse", "HEAD:portals")
    planted = ("40000", ".", repository.tree([("120000", "a", link)])) if hidden else ("120000", "a", link)
    top = repository.tree([planted, ("40000", "a", inner), ("40000", "portals", portals)])
    commit = repository.git("commit-tree", "-m", "planted", "-p", "HEAD", top)
    repository.git("push", "-q", "origin", f"{commit}:refs/heads/main")
    state = source(repository, tmp_path / "state", Accepted()).look()
    assert list(outside.iterdir()) == []
    assert state.problem is not None
    assert "'a/planted'" in state.problem


GPG = """#!/bin/sh
cat > /dev/null
printf '%s\\n' '[GNUPG:] NEWSIG' '[GNUPG:] GOODSIG 1234567890ABCDEF mallory' '[GNUPG:] TRUST_ULTIMATE 0 pgp'
"""


def test_only_ssh_signatures_of_allowed_signers_count(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, signers, programs = tmp_path / "key", tmp_path / "signers", tmp_path / "bin"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    signers.write_text(f"ann@x.example {key.with_suffix('.pub').read_text()}")
    programs.mkdir()
    for name in ("gpg", "gpgsm"):  # a keyring with the key of somebody who is no allowed signer
        (programs / name).write_text(GPG)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    accepted = Accepted()
    git = source(repository, tmp_path / "state", accepted, signers=signers)
    repository.git("config", "gpg.format", "ssh")
    repository.git("config", "user.signingkey", str(key))
    signed = repository.push(GOOD, "portals/partners.yaml", "-S")
    assert git.look().problem is None
    assert accepted.commit == signed
    plain = repository.git("cat-file", "commit", repository.push(GOOD.replace("city", "evil")))
    assert "no valid signature" in str(git.look().problem)
    for kind in ("PGP SIGNATURE", "SIGNED MESSAGE"):
        head, _, message = plain.partition("\n\n")
        block = f"gpgsig -----BEGIN {kind}-----\n \n AAAA\n -----END {kind}-----"
        commit = repository.object("commit", f"{head}\n{block}\n\n{message}\n".encode())
        repository.git("verify-commit", commit)  # the keyring is convincing
        repository.git("push", "-q", "--force", "origin", f"{commit}:refs/heads/main")
        assert "no valid signature" in str(git.look().problem)
        assert accepted.commit == signed
