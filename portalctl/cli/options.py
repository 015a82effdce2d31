"""Options that several commands share, and what they mean."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from portalctl.cli.completers import portal_names
from portalctl.cli.paths import file_option, file_options
from portalctl.words import did_you_mean


@dataclass(frozen=True, slots=True)
class Target:
    """The manifest, the selected portal, and how TLS is checked."""

    paths: tuple[Path, ...]
    portal_name: str | None
    ca_file: Path | None
    insecure: bool
    without: tuple[str, ...] = ()

    def command(self, name: str, more: Iterable[str] = ()) -> str:
        """The command line that does another step on the same files and portals; `more` are its further words."""
        words = ["portalctl", name, *(word for path in self.paths for word in ("-f", str(path)))]
        words += ["--portal", self.portal_name] if self.portal_name else []
        words += ["--ca-file", str(self.ca_file)] if self.ca_file else []
        words += ["--insecure-skip-tls-verify"] if self.insecure else []
        words += [word for name in self.without for word in ("--without-directory", name)]
        return shlex.join([*words, *more])


def tls_options(command: Callable[..., None]) -> Callable[..., None]:
    """Whom to trust on the way to a portal, given to the command as `ca_file` and `insecure`."""
    ca_file = click.option(
        "--ca-file", type=click.Path(path_type=Path, dir_okay=False), help="Certificates (PEM) to trust for TLS."
    )
    insecure = click.option(
        "--insecure-skip-tls-verify",
        "insecure",
        is_flag=True,
        help="Trust any certificate. Anyone in between can read the token.",
    )
    return ca_file(insecure(command))


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of commands that read portals; paths are also arguments. The command gets one `target`."""
    return file_options(_portal_options(command))


def target_options_only(command: Callable[..., None]) -> Callable[..., None]:
    """Add the same to a command with other arguments: paths are options only."""
    return file_option(_portal_options(command))


def _portal_options(command: Callable[..., None]) -> Callable[..., None]:
    @click.option(
        "--portal",
        "portal_name",
        metavar="NAME",
        shell_complete=portal_names,
        help="Only this portal of the manifest.",
    )
    @click.option(
        "--without-directory",
        "without",
        multiple=True,
        metavar="NAME",
        help="Do not read this directory: its groups grant nothing and remove nobody. Repeatable.",
    )
    @tls_options
    @wraps(command)
    def with_target(
        *,
        paths: tuple[Path, ...],
        portal_name: str | None,
        ca_file: Path | None,
        insecure: bool,
        without: tuple[str, ...],
        **others: object,
    ) -> None:
        command(target=Target(paths, portal_name, ca_file, insecure, without), **others)

    return with_target


def choices(words: tuple[str, ...]) -> Callable[..., frozenset[str] | None]:
    """A click callback: a comma list of known words → those words."""

    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> frozenset[str] | None:
        if value is None:
            return None
        chosen = frozenset(word.strip() for word in value.split(",") if word.strip())
        for word in sorted(chosen - set(words)):
            raise click.BadParameter(
                f"{word!r} is none of {', '.join(words)}{did_you_mean(word, words)}", ctx=ctx, param=param
            )
        if not chosen:
            raise click.BadParameter(f"names none of {', '.join(words)}", ctx=ctx, param=param)
        return chosen

    return read
