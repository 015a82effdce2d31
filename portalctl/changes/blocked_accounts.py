"""Notices about accounts with blocked or withheld grants."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from portalctl.changes.plan import Notice
from portalctl.manifest.fmt.layout import scalar_text
from portalctl.portals.models import Developer
from portalctl.rules.blocks import BLOCKED, SHARING
from portalctl.rules.resolve import Decision
from portalctl.rules.shared_addresses import by_address, other_accounts

MOST_NAMED = 5  # accounts of one address that a notice names


class Accounts:
    """Finds the accounts that share an address, on first use."""

    def __init__(self, developers: Iterable[Developer]) -> None:
        self._developers = developers

    @cached_property
    def _shared(self) -> Mapping[str, Sequence[Developer]]:
        return by_address((developer, developer.address) for developer in self._developers)

    def of(self, address: str | None) -> Sequence[Developer]:
        """Return all accounts of an address; none where at most one account has it."""
        return self._shared.get(address or "", ())


def withheld_notice(developer: Developer, decision: Decision, accounts: Accounts) -> Notice:
    """Return why a revoked or rejected developer stays so, although the rules would approve them."""
    if decision.blocked is not None:
        return _with_pin(developer, decision, accounts)
    why = decision.why[0]
    text = f"stays {developer.status}: {developer.status} on the portal, and reinstate is off; "
    text += "the rules would approve" if decision.verdict == "approved" else f"the rules would set {decision.verdict}"
    return Notice("withheld", "info", text, developer.name, why.file, why.line)


def blocked_notice(developer: Developer, decision: Decision, accounts: Accounts) -> Notice:
    """Return why no rule grants anything to an account. `decision.blocked` is set."""
    if decision.blocked in SHARING:
        return _with_pin(developer, decision, accounts)
    code, text = BLOCKED[decision.blocked or "ambiguous"]
    return Notice(code, "warning", text, developer.name)


def _with_pin(developer: Developer, decision: Decision, accounts: Accounts) -> Notice:
    """Return the notice with the other accounts of the address, and with the line that decides for this one.

    With many accounts neither: strangers can sign up with ever more spellings of one address.
    """
    code, because = BLOCKED[decision.blocked or "ambiguous"]
    address = developer.address or ""
    shared = accounts.of(address)
    if len(shared) > MOST_NAMED:
        listed = f"list all {len(shared):,}: portalctl explain {shlex.quote(address)}"
        return Notice(code, "warning", f"{because}, so no rule grants it anything; {listed}", developer.name)
    others = other_accounts(developer, shared)
    text = f"{because} ({others}), so no rule grants it anything; if this is the right account,"
    pin = f"id: {_scalar(developer.id)}"
    override = decision.complete or decision.why[0]
    if override.rule == "overrides" and override.file is not None:
        text = f"{text} add `{pin}` to its override"
        return Notice(code, "warning", text, developer.name, override.file, override.line)
    line = f'- {{developer: {_scalar(address)}, {pin}, {_grant(developer, decision)}, reason: "…"}}'
    return Notice(code, "warning", f"{text} add to `overrides`: {line}", developer.name)


def _grant(developer: Developer, decision: Decision) -> str:
    """Return the keys of an override that grants what the rules would grant without the block, and no more."""
    if decision.why[0].rule == "members" and developer.status != "approved":
        return f"teams: [{', '.join(map(_scalar, sorted(decision.teams)))}]"
    return "status: approved" + (", reinstate: true" if decision.blocked == "shared" else "")


def _scalar(text: str) -> str:
    return scalar_text(text, between=True)
