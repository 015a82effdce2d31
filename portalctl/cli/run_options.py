"""The options of `portalctl run`, and the controller that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from portalctl.cli.paths import file_option
from portalctl.errors import BadUsageError
from portalctl.words import did_you_mean, quoted

MODES: Final = ("observe", "onboard", "full")
STATE: Final = Path(".portalctl")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is on the command line, as it is written there."""

    paths: tuple[Path, ...]
    git: str | None
    branch: str
    path: str
    signers: Path | None
    accept_rewritten: str | None
    modes: tuple[str, ...]
    listen: str
    state: Path
    database: str | None
    poll: float
    interval: float
    once: bool
    tokens: Path | None
    trusted_proxies: tuple[str, ...]
    user_header: str | None
    certificate: Path | None
    key: Path | None
    public_url: str | None
    ca_file: Path | None


_OPTIONS: Final = (
    file_option,
    click.option(
        "--git", metavar="URL", help="Follow a branch of this repository (https, ssh, file) instead of files."
    ),
    click.option("--branch", metavar="NAME", default="main", show_default=True, help="The branch of --git."),
    click.option("--path", metavar="DIR", default=".", help="The folder of the manifest in --git."),
    click.option(
        "--allowed-signers",
        "signers",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="Accept only commits that an SSH key in this file (see ssh-keygen) has signed.",
    ),
    click.option(
        "--accept-rewritten",
        metavar="COMMIT",
        help="Accept this commit of --git although it does not follow the last accepted one.",
    ),
    click.option(
        "--mode",
        "modes",
        multiple=True,
        metavar="[NAME=]MODE",
        help="What may be written: observe (nothing), onboard (approvals, memberships, expiry), full (also removals, "
        "each held until it is approved). NAME= is for one portal.  [default: observe]",
    ),
    click.option(
        "--listen", metavar="HOST:PORT", default="127.0.0.1:8350", show_default=True, help="Where the API listens."
    ),
    click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        default=STATE,
        show_default=True,
        help="Folder of the database and of the clone of --git.",
    ),
    click.option(
        "--database",
        metavar="URL",
        help="sqlite:///PATH or postgresql://HOST/NAME; PORTALCTL_DATABASE takes one with a password.  "
        "[default: controller.db below --state]",
    ),
    click.option(
        "--poll",
        type=click.FloatRange(min=1),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="How often to look for new sign-ups, by one request for each portal.",
    ),
    click.option(
        "--interval",
        type=click.FloatRange(min=5),
        default=600.0,
        show_default=True,
        metavar="SECONDS",
        help="How often to read each portal completely.",
    ),
    click.option("--once", is_flag=True, help="Run each portal once, and end with the exit code of apply."),
    click.option(
        "--tokens",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Who may use the API: lines that `portalctl run token` makes.",
    ),
    click.option(
        "--trusted-proxy",
        "trusted_proxies",
        multiple=True,
        metavar="ADDRESS",
        help="A proxy that users come through; it sends PORTALCTL_PROXY_SECRET in X-Portalctl-Proxy.",
    ),
    click.option("--user-header", metavar="NAME", help="The header in which the trusted proxy names its user."),
    click.option(
        "--tls-certificate",
        "certificate",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Certificate chain of the API (PEM).",
    ),
    click.option(
        "--tls-key",
        "key",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Private key of the certificate (PEM).",
    ),
    click.option("--public-url", metavar="URL", help="The address that users open, where others can connect."),
    click.option(
        "--ca-file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="Further certificate authorities to trust for portals (PEM).",
    ),
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command one `options` with everything on the command line."""

    @wraps(command)
    def with_options(*arguments: Any, **values: Any) -> None:  # noqa: ANN401 (click's own)
        names = RunOptions.__dataclass_fields__
        options = RunOptions(**{name: values.pop(name) for name in names})
        command(*arguments, options=options, **values)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def parse_modes(words: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return the mode of all portals, and those of single ones by name. Raises BadUsageError."""
    default, by_name = "observe", dict[str, str]()
    for word in words:
        name, equals, mode = word.rpartition("=")
        if mode not in MODES or (equals and not name):
            raise BadUsageError(
                f"--mode {quoted(word)} is not a valid mode; expected {', '.join(MODES)}{did_you_mean(mode, MODES)}",
                "Write MODE for all portals, or NAME=MODE for one.",
            )
        if equals:
            by_name[name] = mode
        else:
            default = mode
    return default, by_name
