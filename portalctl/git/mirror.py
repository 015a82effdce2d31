"""A branch of another repository, fetched into a bare one of ours, and its files without a checkout.

Only a fast-forward is accepted. Git reads no configuration of the user, uses no helper and follows no redirect; the
token is in its environment, never on a command line or on disk.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from urllib.parse import urlsplit

from portalctl.errors import BadUsageError
from portalctl.git.checkout import lay_out
from portalctl.git.program import Git, GitError, GitFailedError, find_program
from portalctl.git.repository import Repository
from portalctl.words import shortened

FETCH_SECONDS: Final = 120.0
_SSH_PLACE: Final = re.compile(r"[\w.-]+@[\w.-]+:[^\s:].*")
_PASSED_ON: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
_MOST_FILES: Final = 100_000
_MOST_OF_AUTHOR: Final = 200  # characters


class RewrittenError(GitError):
    """The branch no longer has the accepted commit: its history was rewritten."""


@dataclass(frozen=True, slots=True)
class GitCredential:
    """What opens the repository: a token for https, or a private key for ssh with the file of the known hosts."""

    token: str | None = None
    key: Path | None = None
    known_hosts: Path | None = None


def check_url(url: str) -> str:
    """Return the protocol of a repository's address. Raises BadUsageError for one that cannot be used safely."""
    if _SSH_PLACE.fullmatch(url):
        return "ssh"
    parts = urlsplit(url)
    if parts.password or (parts.scheme == "https" and parts.username):
        raise BadUsageError("--git: the address holds a credential", "Set PORTALCTL_GIT_TOKEN instead.")
    if parts.scheme in {"https", "ssh"} and parts.hostname:
        return parts.scheme
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return "file"
    raise BadUsageError(f"--git {url!r}: not an address that can be used", "Use https://, ssh:// or file:///PATH.")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A bare repository in `folder` that follows one `branch` of the repository at `url`."""

    folder: Path
    url: str
    branch: str
    git: Git

    @classmethod
    def at(cls, folder: Path, url: str, branch: str) -> Mirror:
        """Open or create the repository. Raises GitError, or BadUsageError for an unusable address or branch."""
        check_url(url)
        if not re.fullmatch(r"[\w][\w./-]*", branch) or ".." in branch or branch.endswith((".lock", "/")):
            raise BadUsageError(f"--branch {branch!r}: not the name of a branch", "Name it as git does: main.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()  # git is started in it
        mirror = cls(folder, url, branch, find_program(folder))
        if not (folder / "HEAD").exists():
            mirror.git.run("init", "--quiet", "--bare", "--template=", ".", env={}, folder=folder)
        return mirror

    def fetch(self, credential: GitCredential, accepted: str | None) -> str:
        """Fetch the branch, and return the id of its newest commit.

        Raises RewrittenError where that does not follow the `accepted` one, and GitError for any other failure.
        """
        refs = f"+refs/heads/{self.branch}:refs/portalctl/branch"
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc")
        try:
            self._run(*words, "--", self.url, refs, env=self._access(credential), seconds=FETCH_SECONDS)
        except GitFailedError as error:
            raise GitError(
                f"cannot fetch branch {self.branch}: {_without(error.reason, credential.token) or 'git failed'}",
                "Check --git, --branch, and PORTALCTL_GIT_TOKEN or PORTALCTL_GIT_KEY_FILE.",
            ) from None
        commit = self._run("rev-parse", "--verify", "refs/portalctl/branch^{commit}").decode().strip()
        if accepted is not None and accepted != commit and not self.follows(accepted, commit):
            raise RewrittenError(
                f"branch {self.branch} was rewritten: {commit[:12]} does not follow the accepted commit "
                f"{accepted[:12]}",
                f"Check who pushed it. To accept the new history: portalctl run --accept-rewritten {commit}, once.",
            )
        return commit

    def verify(self, commit: str, signers: Path) -> None:
        """Check a commit's SSH signature against a file of allowed signers (ssh-keygen(1)). Raises GitError.

        The commit decides how git checks it. OpenPGP and X.509 would use the keys and authorities that this user has,
        none of which is an allowed signer (git-config(1), gpg.<format>.program).
        """
        others = ("-c", "gpg.openpgp.program=false", "-c", "gpg.x509.program=false")
        settings = (*others, "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}")
        try:
            self._run(*settings, "verify-commit", commit)
        except GitFailedError as error:
            raise GitError(
                f"commit {commit[:12]} has no valid signature of an allowed signer: {error.reason or 'none'}",
                f"Sign it with a key that {signers} names.",
            ) from None

    def lay_out(self, commit: str, root: Path) -> None:
        """Write the files of a commit below `root`, whole or not at all. Nothing happens where it is there already.

        Raises GitError.
        """
        if root.is_dir():
            return
        root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=".new-", dir=root.parent))
        try:
            repository = Repository(self.folder, self.folder, self.folder, self.git)
            with repository.objects(commit) as objects:
                blobs = objects.files(commit, ())
                if len(blobs) > _MOST_FILES:
                    raise GitError(f"commit {commit[:12]} has more than {_MOST_FILES:,} files")
                lay_out(made, objects, blobs)
            made.rename(root)
        except OSError as error:
            raise GitError(f"cannot write the files of commit {commit[:12]}: {error.strerror}") from error
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def has(self, commit: str) -> bool:
        """Return whether the commit was fetched."""
        try:
            self._run("cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailedError:
            return False
        return True

    def author(self, commit: str) -> str:
        """Return the author of a fetched commit as the commit has it: `Name <address>`. Raises GitError."""
        words = ("show", "--no-patch", "--no-show-signature", "--encoding=UTF-8", "--format=%an <%ae>")
        text = self._run(*words, f"{commit}^{{commit}}").decode(errors="replace").strip()
        return shortened(text, _MOST_OF_AUTHOR)

    def follows(self, old: str, new: str) -> bool:
        """Return whether a fetched commit has another one in its history, or is it."""
        try:
            self._run("merge-base", "--is-ancestor", old, new)
        except GitFailedError:
            return False
        return True

    def _run(self, *words: str, env: Mapping[str, str] | None = None, seconds: float = FETCH_SECONDS) -> bytes:
        return self.git.run(
            *words, env={"GIT_DIR": str(self.folder), **(env or {})}, folder=self.folder, seconds=seconds
        )

    def _access(self, credential: GitCredential) -> dict[str, str]:
        """Return the variables with which git may reach this one repository."""
        protocol = check_url(self.url)
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if bundle := os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE"):
            passed["GIT_SSL_CAINFO"] = bundle
        settings = {"http.followRedirects": "false", "credential.helper": "", "http.lowSpeedLimit": "1000"}
        settings["http.lowSpeedTime"] = "30"  # without a time the limit has no effect (git-config(1))
        if protocol == "https" and credential.token:
            basic = base64.b64encode(f"x-access-token:{credential.token}".encode()).decode()
            settings[f"http.{self.url}.extraHeader"] = f"Authorization: Basic {basic}"
        if protocol == "ssh":
            passed["GIT_SSH_COMMAND"] = _ssh(credential)
        numbered = {f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(settings)}
        values = {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(settings.values())}
        return {
            **passed,
            **numbered,
            **values,
            "GIT_CONFIG_COUNT": str(len(settings)),
            "GIT_ALLOW_PROTOCOL": protocol,
        }


def _ssh(credential: GitCredential) -> str:
    """Return ssh's command line: our key and known hosts only, no agent, no prompt, no configuration."""
    if credential.key is None or credential.known_hosts is None:
        raise BadUsageError(
            "--git: an ssh address needs a key and the keys of its host",
            "Set PORTALCTL_GIT_KEY_FILE and PORTALCTL_GIT_KNOWN_HOSTS to the paths of these files.",
        )
    options = {
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _quoted(credential.known_hosts),
    }
    words = " ".join(f"-o {name}={value}" for name, value in options.items())
    return f"ssh -F /dev/null -i {_quoted(credential.key)} {words}"


def _quoted(path: Path) -> str:
    """Return a path for git's shell. Raises BadUsageError for one that would need escapes."""
    if not re.fullmatch(r"[\w./+-]+", str(path)):
        raise BadUsageError(f"{str(path)!r}: a path for ssh has letters, digits and ./_+- only", "Move the file.")
    return str(path)


def _without(text: str, token: str | None) -> str:
    """Return a message of git without the token, should it ever be in one."""
    return text.replace(token, "…") if token else text
