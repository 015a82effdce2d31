"""Signed requests: the secrets in the environment, and whether a request is signed with one of them.

Events and registrations are signed as Standard Webhooks has it
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md); the package
`standardwebhooks` checks signature and time. GitHub signs the body alone
(https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries), and GitLab sends its token
(https://docs.gitlab.com/user/project/integrations/webhooks/).

The environment and the files that it names are read at each use, so that a secret can be rotated while the controller
runs. A secret that is missing or unusable then matches nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from standardwebhooks import Webhook, WebhookVerificationError

from portalctl.controller.listening import PROXY_SECRET
from portalctl.environment import has_secret, secret
from portalctl.errors import BadUsageError

SHARED: Final = "PORTALCTL_WEBHOOK_SECRET"
GITHUB: Final = "PORTALCTL_GITHUB_WEBHOOK_SECRET"
GITLAB: Final = "PORTALCTL_GITLAB_WEBHOOK_TOKEN"
MIN_BYTES: Final = 24  # of a secret of Standard Webhooks, by its specification
MAX_BYTES: Final = 64
MIN_CHARACTERS: Final = 8  # of the secrets of GitHub and GitLab, which an administrator may choose
MAX_SIGNATURES: Final = 10  # of one request
_PREFIX: Final = "whsec_"
_REGISTRATION: Final = "_REGISTRATION_SECRET"
_VARIABLE: Final = re.compile(rf"PORTALCTL_(?:[A-Z0-9_]+_)?WEBHOOK_SECRET|PORTALCTL_[A-Z0-9_]+{_REGISTRATION}")
_ID: Final = re.compile(r"[!-~]{1,128}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")
_CREATE: Final = 'Create one, for example with: echo "whsec_$(openssl rand -base64 32)"'
Headers = Mapping[str, Sequence[str]]


def event_variable(portal: str, env: Mapping[str, str]) -> str:
    """Return the variable with the secret of a portal's events: its own where that is set, else the shared one.

    The own variable of a portal named `github` would be that of GitHub's secret, so it has none.
    """
    own = f"PORTALCTL_{_upper(portal)}_WEBHOOK_SECRET"
    return own if own != GITHUB and has_secret(env, own) else SHARED


def registration_variable(portal: str) -> str:
    """Return the variable with the secret of a portal's registrations."""
    return f"PORTALCTL_{_upper(portal)}{_REGISTRATION}"


def takes_registrations(portal: str, env: Mapping[str, str]) -> bool:
    """Return whether a portal has a secret for registrations."""
    return has_secret(env, registration_variable(portal))


def check_secrets(env: Mapping[str, str]) -> None:
    """Check every secret of signed requests that is set. Raises BadUsageError, which never shows one."""
    for variable in _signing_variables(env):
        _keys(env, variable)
    for variable in (GITHUB, GITLAB):
        _shared_secret(env, variable)
    for variable in _signing_variables(env):
        if variable.endswith(_REGISTRATION):
            _check_own(env, variable)


def _signing_variables(env: Mapping[str, str]) -> list[str]:
    """Return the variables with secrets of Standard Webhooks that are set."""
    names = {name.removesuffix("_FILE") for name, value in env.items() if value.strip()}
    return sorted(name for name in names - {GITHUB} if _VARIABLE.fullmatch(name))


def _check_own(env: Mapping[str, str], variable: str) -> None:
    """Check that a variable shares no secret with another one: else senders of events could create accounts.

    Raises BadUsageError.
    """
    own = set(_keys(env, variable))
    for other in (*_signing_variables(env), GITHUB, GITLAB, PROXY_SECRET):
        if other != variable and own & _comparable(env, other):
            raise BadUsageError(f"{variable} and {other} have the same secret", f"Change {variable}. {_CREATE}")


def _comparable(env: Mapping[str, str], variable: str) -> set[bytes]:
    """Return the secrets of a variable as keys, without those that are not valid."""
    try:
        found = secret(env, variable)
    except BadUsageError:
        return set()
    keys = set()
    for word in found.value.split() if found is not None else ():
        with suppress(BadUsageError):
            keys.add(_key(variable, word))
    return keys


def signed_id(env: Mapping[str, str], variable: str, headers: Headers, body: bytes) -> str | None:
    """Return the id of a request that is signed with a secret of a variable, now; None for anything else."""
    found = {name: headers.get(f"webhook-{name}", ()) for name in ("id", "timestamp", "signature")}
    if any(len(values) != 1 for values in found.values()):
        return None
    id_, time, signatures = (values[0] for values in found.values())
    usable = [part for part in signatures.split(" ")[:MAX_SIGNATURES] if _is_signature(part)]
    if not usable or not _ID.fullmatch(id_) or not _TIMESTAMP.fullmatch(time):
        return None
    sent = {"webhook-id": id_, "webhook-timestamp": time, "webhook-signature": " ".join(usable)}
    try:
        keys = _keys(env, variable)
        text = body.decode()
    except (BadUsageError, UnicodeDecodeError):
        return None
    return id_ if any(_is_signed(key, text, sent) for key in keys) else None


def registration_id(env: Mapping[str, str], portal: str, headers: Headers, body: bytes) -> str | None:
    """Return the id of a signed registration; None for anything else, also where its secret is another's too."""
    variable = registration_variable(portal)
    try:
        _check_own(env, variable)
    except BadUsageError:
        return None
    return signed_id(env, variable, headers, body)


def is_from_github(env: Mapping[str, str], headers: Headers, body: bytes) -> bool:
    """Return whether GitHub signed the body with our secret."""
    signatures = headers.get("x-hub-signature-256", ())
    expected = _hook_secret(env, GITHUB)
    if expected is None or len(signatures) != 1:
        return False
    digest = hmac.new(expected.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signatures[0].encode("latin-1"), f"sha256={digest}".encode())


def is_from_gitlab(env: Mapping[str, str], headers: Headers) -> bool:
    """Return whether GitLab sent our token."""
    tokens = headers.get("x-gitlab-token", ())
    expected = _hook_secret(env, GITLAB)
    return (
        expected is not None
        and len(tokens) == 1
        and hmac.compare_digest(tokens[0].encode("latin-1"), expected.encode())
    )


def _is_signature(part: str) -> bool:
    """Return whether this is a signature by HMAC-SHA256, which the package can decode."""
    return _SIGNATURE.fullmatch(part) is not None


def _is_signed(key: bytes, text: str, headers: dict[str, str]) -> bool:
    try:
        Webhook(key).verify(text, headers, json_parse=False)
    except (WebhookVerificationError, binascii.Error):
        return False
    return True


def _keys(env: Mapping[str, str], variable: str) -> list[bytes]:
    """Return the secrets of a variable, several while they are rotated; none where it is not set.

    Raises BadUsageError where one is not a valid secret.
    """
    found = secret(env, variable)
    return [_key(found.source, word) for word in found.value.split()] if found is not None else []


def _key(source: str, word: str) -> bytes:
    try:
        key = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not word.startswith(_PREFIX) or not key:
        raise BadUsageError(f"{source}: not a valid webhook secret; expected {_PREFIX} and base64", _CREATE)
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        length = "short" if len(key) < MIN_BYTES else "long"
        raise BadUsageError(
            f"{source}: the webhook secret is too {length}; expected {MIN_BYTES} to {MAX_BYTES} bytes", _CREATE
        )
    return key


def _shared_secret(env: Mapping[str, str], variable: str) -> str | None:
    """Return a secret that is compared as it is; None where it is not set. Raises BadUsageError for a short one."""
    found = secret(env, variable)
    if found is None:
        return None
    value = found.value.strip()
    if len(value) < MIN_CHARACTERS:
        raise BadUsageError(
            f"{found.source}: the secret is too short; expected at least {MIN_CHARACTERS} characters",
            "Create one, for example with: openssl rand -hex 32",
        )
    return value


def _hook_secret(env: Mapping[str, str], variable: str) -> str | None:
    try:
        return _shared_secret(env, variable)
    except BadUsageError:
        return None


def _upper(portal: str) -> str:
    return portal.upper().replace("-", "_")
