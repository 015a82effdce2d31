"""Ways to have git run a command of somebody else's, each with a plain git command that walks into it.

What a trap runs writes its environment to a file. `SECRET` is in the environment of every command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

SECRET = "kpat_canary"
WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ann Lee"), ("EMAIL", "ann@arsenal.com"))
}
FORGER = {name: value.replace("Ann Lee", "Forged").replace("ann@", "forged@") for name, value in WHO.items()}
PARTS = ("HEAD", "config", "objects", "refs", "info")  # of a bare repository, plain files that anyone can commit


@dataclass(slots=True)
class Ground:
    """A checkout with a committed manifest in `portals`, and `script`, which writes its environment to `fired`."""

    folder: Path
    outside: Path
    env: dict[str, str] = field(default_factory=dict)  # what the trap adds to the environment of the command

    @property
    def script(self) -> str:
        return str(self.outside / "trap")

    @property
    def fired(self) -> Path:
        return self.outside / "fired"

    def prepare(self) -> None:
        script = Path(self.script)
        script.write_text(f'#!/bin/sh\nenv >> {self.fired}\n[ -f "$1" ] && cat "$1"\n')
        script.chmod(0o755)
        self.git("init", "-q", "-b", "main")
        self.git("commit", "-q", "--allow-empty", "-m", "Nothing")
        self.git("add", ".")
        self.git("commit", "-qm", "Rules")

    def git(self, *words: str, check: bool = True, env: Mapping[str, str] | None = None, folder: str = ".") -> str:
        """Plain git, as a user without any care would run it."""
        given = {
            **os.environ,
            **WHO,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "KONNECT_TOKEN": SECRET,
            **self.env,
            **(env or {}),
        }
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder / folder,
            env=given,
            capture_output=True,
            text=True,
            check=check,
            timeout=20,
        )
        return done.stdout

    def config(self, *words: str) -> None:
        self.git("config", *words)

    def attribute(self, text: str) -> None:
        (self.folder / ".gitattributes").write_text(f"* {text}\n")

    def change(self) -> None:
        """A change of the work tree, without which git compares nothing."""
        file = self.folder / "portals" / "partners.yaml"
        file.write_text(file.read_text() + "# changed\n")

    def plant(self, folder: Path) -> None:
        """The files of a bare repository whose history is forged and whose configuration runs the trap."""
        made = self.outside / "planted"
        for words in (["init", "-q", "-b", "main", str(made)], ["-C", str(made), "config", "core.bare", "false"]):
            subprocess.run(["git", *words], check=True)
        shutil.copytree(self.folder / "portals", made, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
        self.git("add", ".", folder=str(made))
        self.git("commit", "-qm", "Forged", folder=str(made), env=FORGER)
        self.git("config", "diff.x.textconv", self.script, folder=str(made))
        self.git("config", "core.fsmonitor", self.script, folder=str(made))
        (made / ".git" / "info" / "attributes").write_text("* diff=x\n")
        folder.mkdir(exist_ok=True)
        for part in PARTS:
            place = made / ".git" / part
            copy = shutil.copytree if place.is_dir() else shutil.copy
            copy(place, folder / part)
        self.git("config", "--file", str(folder / "config"), "core.worktree", str(self.folder / "portals"))


Plant = Callable[[Ground], None]
Control = Callable[[Ground], object]


@dataclass(frozen=True, slots=True)
class Trap:
    """`plant` sets it; `control` walks into it with plain git."""

    plant: Plant
    control: Control


def runs(*words: str, folder: str = ".") -> Control:
    return lambda ground: ground.git(*words, check=False, folder=folder)


def configured(*settings: tuple[str, str], attribute: str = "", change: bool = False) -> Plant:
    """Settings in the repository's own configuration. `{}` stands for the trap."""

    def plant(ground: Ground) -> None:
        for name, value in settings:
            ground.config(name, value.format(ground.script))
        if attribute:
            ground.attribute(attribute)
        if change:
            ground.change()

    return plant


def environment(**variables: str) -> Plant:
    """Variables of the command's own environment. `{}` stands for the trap."""

    def plant(ground: Ground) -> None:
        ground.change()
        ground.env.update({name: value.format(ground.script) for name, value in variables.items()})

    return plant


def bare_in_portals(ground: Ground) -> None:
    ground.plant(ground.folder / "portals")


def git_in_portals(ground: Ground) -> None:
    ground.plant(ground.folder / "portals" / ".git")


def hooks(ground: Ground) -> None:
    folder = ground.folder / "hooks"
    folder.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        shutil.copy(ground.script, folder / name)
    ground.config("core.hooksPath", str(folder))


def included(ground: Ground) -> None:
    (ground.folder / "settings").write_text(f"[core]\n\tfsmonitor = {ground.script}\n")
    ground.config("include.path", "../settings")


def partial_clone(*settings: tuple[str, str]) -> Plant:
    """The manifest and the first commit are missing, so that git fetches them from the configured remote."""

    def plant(ground: Ground) -> None:
        for missing in ground.git("rev-parse", "HEAD:portals/partners.yaml", "HEAD~1").split():
            (ground.folder / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
        promise = [("remote.origin.promisor", "true"), ("remote.origin.partialCloneFilter", "blob:none")]
        fetch = ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        form = [("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin"), fetch]
        configured(*form, *promise, *settings)(ground)

    return plant


def git_file(ground: Ground) -> None:
    """`.git` becomes a file that names a repository whose configuration runs the trap."""
    ground.plant(ground.outside / "elsewhere")
    shutil.rmtree(ground.folder / ".git")
    (ground.folder / ".git").write_text(f"gitdir: {ground.outside / 'elsewhere'}\n")


def git_file_inside(ground: Ground) -> None:
    ground.plant(ground.folder / "portals")
    shutil.rmtree(ground.folder / ".git")
    (ground.folder / ".git").write_text("gitdir: portals\n")


def git_program(path: str) -> Plant:
    def plant(ground: Ground) -> None:
        (ground.folder / "bin").mkdir()
        for name in ("git", "bin/git"):
            shutil.copy(ground.script, ground.folder / name)
        ground.env["PATH"] = path.format(ground.folder) + os.pathsep + os.environ["PATH"]

    return plant


def git_dir_variable(ground: Ground) -> None:
    ground.plant(ground.outside / "elsewhere")
    ground.env["GIT_DIR"] = str(ground.outside / "elsewhere")


def ssh_variables(ground: Ground) -> None:
    partial_clone(("remote.origin.url", "ssh://git@host.example/x"))(ground)
    ground.env.update(GIT_SSH=ground.script, GIT_SSH_COMMAND=ground.script)


def program_found(ground: Ground) -> None:
    """As a shell does it. Python's own search takes the folder of the parent's PATH."""
    subprocess.run(
        "git </dev/null",
        shell=True,
        cwd=ground.folder,
        env={**os.environ, "KONNECT_TOKEN": SECRET, **ground.env},
        capture_output=True,
        check=False,
    )


def home(ground: Ground) -> None:
    folder = ground.folder / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text(f"[core]\n\tfsmonitor = {ground.script}\n")
    ground.env.update(HOME=str(folder), XDG_CONFIG_HOME=str(folder))


def home_found(ground: Ground) -> None:
    subprocess.run(
        ["git", "status"],
        cwd=ground.folder,
        env={"PATH": os.environ["PATH"], "KONNECT_TOKEN": SECRET, **ground.env},
        capture_output=True,
        check=False,
    )


def paged(ground: Ground) -> None:
    """On a terminal, since git asks for one."""
    env = {**os.environ, "KONNECT_TOKEN": SECRET, "TERM": "xterm", **ground.env}
    pexpect.run("git log", cwd=str(ground.folder), env=env, timeout=10)


BLAME = runs("blame", "portals/partners.yaml")
PLANTED_BLAME = runs("blame", "partners.yaml", folder="portals")
MISSING = runs("cat-file", "-p", "HEAD:portals/partners.yaml")

TRAPS: Mapping[str, Trap] = {
    "a bare repository in portals": Trap(bare_in_portals, PLANTED_BLAME),
    "clean filter": Trap(configured(("filter.x.clean", "{}"), attribute="filter=x", change=True), BLAME),
    "ext protocol": Trap(partial_clone(("remote.origin.url", "ext::{}"), ("protocol.ext.allow", "always")), MISSING),
    "a git in the working folder, empty PATH entry": Trap(git_program(""), program_found),
    "a .git folder in portals": Trap(git_in_portals, PLANTED_BLAME),
    "textconv": Trap(configured(("diff.x.textconv", "{}"), attribute="diff=x"), BLAME),
    "textconv of changed files": Trap(configured(("diff.x.textconv", "{}"), attribute="diff=x", change=True), BLAME),
    "filter process": Trap(configured(("filter.x.process", "{}"), attribute="filter=x", change=True), BLAME),
    "smudge filter": Trap(
        configured(("filter.x.smudge", "{}"), ("filter.x.required", "true"), attribute="filter=x", change=True),
        runs("checkout", "--", "."),
    ),
    "fsmonitor": Trap(configured(("core.fsmonitor", "{}")), BLAME),
    "included settings": Trap(included, BLAME),
    "hooks": Trap(hooks, runs("checkout", "-q", "main")),
    "external diff": Trap(configured(("diff.external", "{}"), change=True), runs("diff")),
    "diff driver": Trap(configured(("diff.x.command", "{}"), attribute="diff=x", change=True), runs("diff")),
    "pager": Trap(configured(("core.pager", "{}")), paged),
    "alias": Trap(configured(("alias.rev-parse", "!{}"), ("alias.trap", "!{}")), runs("trap")),
    "ssh command": Trap(
        partial_clone(("remote.origin.url", "ssh://git@host.example/x"), ("core.sshCommand", "{}")), MISSING
    ),
    "upload pack": Trap(partial_clone(("remote.origin.url", "."), ("remote.origin.uploadpack", "{}")), MISSING),
    "git proxy": Trap(partial_clone(("remote.origin.url", "git://host.example/x"), ("core.gitProxy", "{}")), MISSING),
    "a .git file that leads elsewhere": Trap(git_file, BLAME),
    "a .git file that leads into portals": Trap(git_file_inside, PLANTED_BLAME),
    "GIT_DIR": Trap(
        git_dir_variable,
        PLANTED_BLAME,
    ),
    "GIT_CONFIG_COUNT": Trap(
        environment(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.fsmonitor", GIT_CONFIG_VALUE_0="{}"), BLAME
    ),
    "GIT_CONFIG_PARAMETERS": Trap(environment(GIT_CONFIG_PARAMETERS="'core.fsmonitor={}'"), BLAME),
    "GIT_EXTERNAL_DIFF": Trap(environment(GIT_EXTERNAL_DIFF="{}"), runs("diff")),
    "GIT_SSH": Trap(
        ssh_variables,
        MISSING,
    ),
    "GIT_TRACE": Trap(
        lambda ground: ground.env.update(GIT_TRACE=str(ground.fired), GIT_TRACE_SETUP=str(ground.fired)),
        runs("show", f"HEAD:{SECRET}"),
    ),
    "GIT_PAGER": Trap(environment(GIT_PAGER="{}"), paged),
    "a git in the working folder, PATH with a dot": Trap(git_program("."), program_found),
    "a git in the checkout, relative PATH": Trap(git_program("bin"), program_found),
    "a git in the checkout, absolute PATH": Trap(git_program("{}/bin"), program_found),
    "settings of a home in the checkout": Trap(home, home_found),
}
