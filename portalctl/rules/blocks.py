"""The reasons for which an account is granted nothing."""

from __future__ import annotations

from collections.abc import Mapping

from portalctl.rules.resolve import Block

# By block: the code of the notice, and why no rule grants anything to the account.
BLOCKED: Mapping[Block, tuple[str, str]] = {
    "ambiguous": ("ambiguous_address", "another account with this address is pending or approved"),
    "returned": ("withheld", "another account with this address is revoked"),
    "superseded": ("withheld", "another account has this address, so this rejected one does not count"),
    "shared": ("withheld", "another account has this address, so this one is not reinstated"),
    "malformed": ("malformed_address", "not a well-formed address; no rule can grant this registration anything"),
    "pin": (
        "pin_mismatch",
        "not the account that the override's `id` names, so no rule grants it anything; correct the `id`, or remove "
        "the override once the other account is revoked or rejected",
    ),
    "unverified": ("unverified_address", "the address is not verified, so the trusted domain grants nothing"),
    "over_maximum": ("over_maximum", "the domain has more developers than its `maximum`, so it makes no new grants"),
    "untied": (
        "untied_registration",
        "no approval request provably belongs to this registration, so it is neither accepted nor rejected; decide "
        "on it in the Dashboard",
    ),
}
SHARING = frozenset({"ambiguous", "returned", "shared"})  # blocks that an override with an `id` lifts
