"""Options that several commands share."""

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
        """Return the command line of another command with the same options; `more` are further arguments."""
        words = ["portalctl", name, *(word for path in self.paths for word in ("-f", str(path)))]
        words += ["--portal", self.portal_name] if self.portal_name else []
        words += ["--ca-file", str(self.ca_file)] if self.ca_file else []
        words += ["--insecure-skip-tls-verify"] if self.insecure else []
        words += [word for name in self.without for word in ("--without-directory", name)]
        return shlex.join([*words, *more])


def tls_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for TLS, passed to the command as `ca_file` and `insecure`."""
    ca_file = click.option(
        "--ca-file", type=click.Path(path_type=Path, dir_okay=False), help="Certificates (PEM) to trust for TLS."
    )
    insecure = click.option(
        "--insecure-skip-tls-verify",
        "insecure",
        is_flag=True,
        help="Accept any certificate. Attackers on the network can then read the token.",
    )
    return ca_file(insecure(command))


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of commands that read portals, passed as `target`; paths are also arguments."""
    return file_options(_portal_options(command))


def target_options_only(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `target_options` to a command with other arguments: paths are options only."""
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
        help="Do not read this directory: its groups cause no grants and no removals. Repeatable.",
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
    """Return a click callback that reads a comma-separated list of these words."""

    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> frozenset[str] | None:
        if value is None:
            return None
        chosen = frozenset(word.strip() for word in value.split(",") if word.strip())
        for word in sorted(chosen - set(words)):
            raise click.BadParameter(
                f"{word!r} is not valid; expected {', '.join(words)}{did_you_mean(word, words)}", ctx=ctx, param=param
            )
        if not chosen:
            raise click.BadParameter(f"the list is empty; expected {', '.join(words)}", ctx=ctx, param=param)
        return chosen

    return read
