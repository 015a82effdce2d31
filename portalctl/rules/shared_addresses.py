"""Accounts that share one address:

which of them a rule for that address may grant something to. Pure. No one can prove which account is the developer's,
and strangers may sign up with another spelling of an address. So a rejected account does not count; a revoked one
counts as the developer, who has signed up again; and of several that are pending or approved none is granted
anything, until an override names one by its `id`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from portalctl.portals.models import OUT, Developer

# ambiguous: another account is pending or approved. returned: another account is revoked. superseded: this account is
# rejected, and another one counts. shared: this account is revoked or rejected, and another one prevents its
# reinstatement.
Sharing = Literal["ambiguous", "returned", "superseded", "shared"]


def by_address(developers: Iterable[tuple[Developer, str | None]]) -> dict[str, list[Developer]]:
    """Return the accounts of each address that more than one account has, in the given order.

    Args:
        developers: each with its address in normal form, None where it has none.
    """
    first: dict[str, Developer] = {}
    shared: dict[str, list[Developer]] = {}
    for developer, address in developers:
        if address is not None and first.setdefault(address, developer) is not developer:
            shared.setdefault(address, [first[address]]).append(developer)
    return shared


def sharing(developer: Developer, accounts: Sequence[Developer]) -> Sharing | None:
    """Return how the other `accounts` of an address block one of them; None: they do not."""
    others = [account for account in accounts if account.id != developer.id]
    counting = [account for account in others if account.status != "rejected"]
    if developer.status == "rejected" and counting:
        return "superseded"
    if developer.status in OUT:
        return "shared" if counting or (others and developer.status == "rejected") else None
    if any(account.status not in OUT for account in counting):
        return "ambiguous"
    return "returned" if counting else None


def other_accounts(developer: Developer, accounts: Sequence[Developer], most: int = 3) -> str:
    """Return the other accounts of an address, for a message:

    ids and statuses of the first ones, and the number of others.
    """
    others = sorted(f"{account.id} ({account.status})" for account in accounts if account.id != developer.id)
    more = [f"{len(others) - most:,} more"] if len(others) > most else []
    return ", ".join([*others[:most], *more])
