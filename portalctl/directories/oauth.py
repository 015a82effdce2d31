"""OAuth2 client credentials (RFC 6749, 4.4), and the other credentials that directories accept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from portalctl.directories.connection import Connection
from portalctl.directories.protocol import DirectoryError
from portalctl.directories.web import Credential, fixed_credential
from portalctl.errors import PortalError
from portalctl.http import SIGN_IN, Client, Server, parse_json

_LONGEST: Final = 86_400  # seconds that a token is used, even if the server states more
_SHORTEST: Final = 60.0  # assumed if the server states no lifetime (RFC 6749, 5.1: it should)


def sign_in(connection: Connection, scope: str = "") -> Credential:
    """Return the credential of a directory that accepts a Bearer token, Basic, or client credentials.

    Client credentials are used if a token endpoint is set (`_TOKEN_URL`).
    """
    url = connection.access.token_url
    return fixed_credential(connection) if url is None else client_credentials(connection, url, scope)


def client_credentials(connection: Connection, url: str, scope: str = "") -> Credential:
    """Request an access token from a token endpoint. Raises DirectoryError, which never shows the secret."""
    access = connection.access
    form = {
        "grant_type": "client_credentials",
        "client_id": access.user or "",
        "client_secret": access.secret,
        **({"scope": scope} if scope else {}),
    }
    return exchanged(connection, url, form)


def exchanged(connection: Connection, url: str, form: Mapping[str, str]) -> Credential:
    """Return the access token that a token endpoint returns for a form. Raises DirectoryError."""
    parts, access = urlsplit(url), connection.access
    server = Server(
        f"{parts.scheme}://{parts.netloc}",
        "",
        url_source=f"{access.prefix}_TOKEN_URL",
        token_source=access.secret_source,
        ca_file=access.ca_file,
        auth="none",
        peer=f"the token endpoint of directory {connection.name}",
        ca_source=f"{access.prefix}_CA_FILE",
        secrets=(access.secret, form.get("assertion", "")),
    )
    asked_at = time.monotonic()
    with Client(server, methods=SIGN_IN, observer=connection.observer, stop=connection.stop) as client:
        try:
            answer = client.request("POST", parts.path or "/", form=form)
        except PortalError as error:
            raise DirectoryError(f"directory {connection.name}: {error.message}", *error.advice) from error
        if not answer.ok:
            remedy = f"Check the secret in {access.secret_source} and the client id in {access.prefix}_USER."
            raise DirectoryError(answer.error().message, *([remedy] if answer.status in {400, 401, 403} else []))
        try:
            found = parse_json(answer.body)
        except ValueError:
            found = None
    token = found.get("access_token") if isinstance(found, dict) else None
    seconds = found.get("expires_in") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        text = f"directory {connection.name}: {answer.call} returned no access token"
        raise DirectoryError(text, f"Check that {url} is the token endpoint (from {access.prefix}_TOKEN_URL).")
    lasts = min(seconds, _LONGEST) if isinstance(seconds, int | float) and seconds > 0 else _SHORTEST
    return Credential("bearer", token, asked_at + lasts)
