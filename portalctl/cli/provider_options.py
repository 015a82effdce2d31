"""Options for the provider of a new manifest, and for the keys of its `portal:` block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from portalctl.errors import BadUsageError
from portalctl.providers.definition import Provider
from portalctl.providers.registry import BUNDLED, bundled, find, unknown
from portalctl.words import quoted

PROVIDERS = tuple(BUNDLED)
REGIONS = tuple(
    dict.fromkeys(
        choice for known in bundled() for key in known.keys if key.name == "region" for choice in key.choices or ()
    )
)


def _provider(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and find(value) is None:
        raise click.BadParameter(". ".join(unknown(value)), ctx=ctx, param=param)
    return value


def _settings(ctx: click.Context, param: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    settings = {}
    for text in values:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise click.BadParameter(f"{quoted(text)} is not valid; expected NAME=VALUE", ctx=ctx, param=param)
        settings[name] = value
    return settings


provider_option = click.option(
    "--provider",
    metavar="PROVIDER",
    callback=_provider,
    help=f"With --live: {', '.join(PROVIDERS)}, or the provider of an installed plug-in.",
)


def provider_options(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --provider, --region and --set to a command, as `provider`, `region` and `settings`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        names = f"{', '.join(PROVIDERS)}, or the provider of an installed plug-in."
        options = (
            click.option("--provider", required=required, metavar="PROVIDER", callback=_provider, help=names),
            click.option("--region", type=click.Choice(REGIONS), help="The region, if the provider has regions."),
            click.option(
                "--set",
                "settings",
                multiple=True,
                callback=_settings,
                metavar="NAME=VALUE",
                help="Another key of the `portal:` block, for the provider of a plug-in. Repeatable.",
            ),
        )
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def has_key(provider: Provider, name: str) -> bool:
    """Return whether the `portal:` block of this provider may have a key."""
    return any(key.name == name for key in provider.keys)


def check_keys(provider: Provider, portal_id: str | None, keys: Iterable[tuple[str, str]]) -> None:
    """Check the values of a new `portal:` block. Raises BadUsageError with the name of the option."""
    for name, value in keys:
        option = "--region" if name == "region" else f"--set {name}"
        key = next((key for key in provider.keys if key.name == name), None)
        if key is None:
            known = ", ".join(key.name for key in provider.keys) or "none"
            raise BadUsageError(
                f"{option}: {provider.title} has no key {quoted(name)}",
                f"Leave it out. Keys of this provider: {known}.",
            )
        if key.choices is not None and value not in key.choices:
            raise BadUsageError(f"{option}: {quoted(value)} is not valid; expected one of {', '.join(key.choices)}")
    form = provider.id_form
    if form is not None and portal_id is not None and not form.fits(portal_id):
        raise BadUsageError(
            f"--portal-id: {quoted(portal_id)} is not a valid id of {provider.title}; expected {form.words}"
        )
