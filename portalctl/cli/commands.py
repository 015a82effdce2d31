"""The list of commands, and the group that imports them on use."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from portalctl.cli.verbosity import with_verbosity
from portalctl.version import GENERATOR

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Name → one line of help. A module below portalctl.cli has the same name, with an underscore after a Python keyword,
# and is imported only when the command is used.
COMMANDS = {
    "init": "Set up a repository: manifest, workflows, CODEOWNERS.",
    "validate": "Check manifest files.",
    "test": "Check that the rules yield what is expected.",
    "fmt": "Format manifest files.",
    "schema": "Print the JSON Schema of manifests, plans, reports or other documents.",
    "plan": "Show what apply would change, and why.",
    "show": "Print a saved plan, report or other document in any form.",
    "apply": "Make the changes of a plan.",
    "ci": "Report a plan, drift or an apply on GitHub or GitLab.",
    "snapshot": "Save a snapshot of the portals, to plan offline.",
    "drift": "Report where portal and manifest differ.",
    "acknowledge": "Accept drift findings, for example until a day.",
    "explain": "Show which rules match a developer, domain or team.",
    "import": "Write a manifest from a live portal.",
    "ping": "Check server, token and portal settings.",
    "list": "List portals and directories of a manifest, or portals of a server.",
    "directory": "Read a group of a directory, or save it as a CSV list.",
    "report": "Report who has access, and why.",
    "docs": "Show the guides.",
    "completion": "Print a completion script for a shell.",
    "man": "Print the manual page.",
    "demo": "Show plan, apply and drift on simulated portals.",
    "run": "Run the controller: sign-ups between merges, and continuous drift.",
    "approve": "Approve changes that the controller holds.",
    "reject": "Reject changes that the controller holds.",
    "suspend": "Let the controller write nothing to a portal.",
    "resume": "Let the controller write to a portal again.",
    "reconcile": "Ask the controller for a run of a portal now.",
    "history": "Show the runs, changes and decisions of the controller.",
    "erase": "Replace an address in the controller's data by a mask.",
    "sim": "Run a simulated portal.",
}


def environment_variables() -> Iterator[tuple[str, str]]:
    """Yield the names of environment variables and their purposes; for providers, from their services."""
    from portalctl.providers.registry import bundled

    own: dict[str, list[str]] = {}
    services = {service: known.title for known in reversed(bundled()) for service in known.services}
    for service, title in reversed(services.items()):
        own.setdefault(f"PORTALCTL_<NAME>_{service.token}, …_{service.server}", []).append(service.title)
        if service.any_token and service.any_server:
            yield f"{service.any_token}, {service.any_server}", f"{service.title} of {title}"
    for names, titles in own.items():
        yield names, "the portal NAME only" if len(set(titles)) > 1 else f"{titles[0]} of the portal NAME only"
    yield "PORTALCTL_DIRECTORY_<NAME>_URL, …_USER, …_SECRET", "a directory (`portalctl list directories` lists all)"
    yield "…_TOKEN_FILE, …_SECRET_FILE", "the path of a file with the token or secret, instead of the value"
    yield "PORTALCTL_MASK_KEY", "key that makes the masks of --mask-emails the same in every run"
    yield "PORTALCTL_NOTIFY_URL, …_NOTIFY_URL_FILE", "webhook that receives a summary of each plan, drift and apply"
    yield "PORTALCTL_CONTROLLER_URL", "the controller of approve, suspend … and of apply, which takes its lease"
    yield "PORTALCTL_CONTROLLER_TOKEN, …_TOKEN_FILE", "token for it"
    yield "NO_COLOR, FORCE_COLOR", "never or always use colours"


class LazyGroup(click.Group):
    """A group that imports a command only when it is used, so that `--version` and `--help` stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's)
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name  # as PEP 8 spells such names
        command = getattr(importlib.import_module(f"portalctl.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 (each module has a command of its name)
        return with_verbosity(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name[:1].isalpha() and name not in COMMANDS and not ctx.resilient_parsing:
            from portalctl.cli.foreign_words import unknown_command

            ctx.fail(unknown_command(name, tuple(COMMANDS)))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's)
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Environment variables"):
            formatter.write_dl(list(environment_variables()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(message=GENERATOR)
def portalctl() -> None:
    """Keep access to developer portals in Git.

    `plan` shows what would change and why, `apply` makes the changes, and `drift` reports manual changes.

    \b
    Examples:
      portalctl demo     try it, without an account
      portalctl init     set up a repository
      portalctl plan     show what would change

    \b
    Exit codes:
      0    done; no difference
      1    error: could not read or write
      2    a difference was found (`plan --detailed-exitcode`, `drift`, `fmt --check`), or `test` failed
      3    refused before any write
      4    not everything was applied
      64   wrong usage, or an environment that cannot be used
      65   invalid manifest, list, plan or snapshot file
      130  interrupted
    """
    from portalctl.cli.process import check_working_folder

    check_working_folder()
