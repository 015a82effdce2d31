"""The commands there are, and the group that finds them."""

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

# name → one line of help. The module of that name below portalctl.cli is imported only when the command is used; with
# an underscore behind it where Python keeps the name for itself.
COMMANDS = {
    "init": "Begin a repository: manifest, workflows, CODEOWNERS.",
    "validate": "Check manifest files.",
    "fmt": "Bring manifest files into their canonical form.",
    "schema": "Print the JSON Schema of manifest files, plans, reports or snapshots.",
    "plan": "Show what apply would do, and why.",
    "show": "Show a saved plan, report or snapshot in any form.",
    "apply": "Plan, show the plan, ask, and make it so.",
    "ci": "Tell GitHub or GitLab of a plan, of drift, or of an apply.",
    "snapshot": "Keep a reading of the portals, to plan from offline.",
    "drift": "Say where portal and files disagree, by kind.",
    "acknowledge": "Accept findings of drift.",
    "explain": "Say which rules speak of a person, domain or team, and what follows.",
    "import": "Write manifests that say what a portal is like now.",
    "ping": "Check servers, tokens and portal settings.",
    "list": "List what manifest files declare.",
    "report": "Tell auditors who has what, and why.",
    "docs": "Show the guides.",
    "completion": "Print the script that completes command lines.",
    "man": "Print the manual page.",
    "demo": "See the whole job done on a built-in portal.",
    "sim": "A portal on your own machine, to try things on.",
}


def environment_variables() -> Iterator[tuple[str, str]]:
    """Yield the names of environment variables, and what each is for; those of providers from their services."""
    from portalctl.providers.registry import bundled

    own = {}
    services = {service: known.title for known in reversed(bundled()) for service in known.services}
    for service, title in reversed(services.items()):
        own[f"PORTALCTL_<NAME>_{service.token}, …_{service.server}"] = f"{service.title} of the portal NAME alone"
        if service.any_token and service.any_server:
            yield f"{service.any_token}, {service.any_server}", f"{service.title} of {title}"
    yield from own.items()
    yield "…_TOKEN_FILE instead of …_TOKEN", "the path of a file that holds the token"
    yield "PORTALCTL_NOTIFY_URL, …_NOTIFY_URL_FILE", "webhook for a summary of plan, drift, apply"
    yield "NO_COLOR, FORCE_COLOR", "colours: never, always"


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed, so that `--version` and `--help` stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's)
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name  # as PEP 8 spells such names
        command = getattr(importlib.import_module(f"portalctl.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 (a mistake of ours otherwise)
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
        with formatter.section("Environment (what a manifest must not hold)"):
            formatter.write_dl(list(environment_variables()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(message=GENERATOR)
def portalctl() -> None:
    """Files in Git say who gets into a developer portal.

    `plan` shows what would change and why, `apply` makes it so, and `drift` says when portal and files disagree.

    \b
    Examples:
      portalctl demo               see it done, without an account
      portalctl init               begin a repository
      portalctl plan -f portals/   then look, and apply

    \b
    Exit codes:
      0    done, nothing wrong
      1    could not read or write
      2    a difference was found (plan --detailed-exitcode, drift, fmt --check)
      3    refused before any write
      4    applied in part
      64   wrong usage, or an unusable environment
      65   bad manifest or plan file
      130  interrupted
    """
    from portalctl.cli.process import check_working_folder

    check_working_folder()
