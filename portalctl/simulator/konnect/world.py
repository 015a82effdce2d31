"""What every operation works with: data, behaviour, time, ids."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.konnect.database import Database

STATUSES = ("approved", "pending", "revoked", "rejected")

KEY_AUTH = {
    "auth_strategy": {
        "id": "85606071-49c7-4c2e-ae49-8a86d72a8110",
        "name": "API Key",
        "credential_type": "key_auth",
        "key_names": ["apikey"],
    },
    "labels": {},
}

_MAILS = {
    "approved": "account-access-approved",
    "rejected": "account-access-rejected",
    "revoked": "account-access-revoked",
    "pending": "account-access-pending",
}


class World:
    """The state behind one simulated Konnect. New ids repeat from run to run unless the data outlives the run."""

    def __init__(self, path: str = ":memory:", behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.db = Database(path, self.behaviour.visible_after)
        self._random = random.Random(0) if path == ":memory:" else random.SystemRandom()  # noqa: S311  # ids, no secrets

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def now(self) -> str:
        """The time as the vendor writes it: UTC, milliseconds, `Z`."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def stored_email(self, email: str) -> str:
        return email.lower() if self.behaviour.emails == "folded" else email

    def principal(self, token: str) -> str | None:
        """The id of the user or system account that a token is of; None for an unknown one."""
        row = self.db.truth.row("SELECT id FROM principals WHERE token = ?", token)
        return row[0] if row else None

    def log(self, method: str, uri: str, status: int, *, principal: str, trace: str, portal_id: str | None) -> None:
        """Puts a request into the organisation's audit log."""
        self.db.write(
            "INSERT INTO audit_log (ts, method, uri, status_code, principal_id, client_ip, trace_id, portal_id) "
            "VALUES (?, ?, ?, ?, ?, '127.0.0.1', ?, ?)",
            *(self.now(), method, uri, status, principal, trace, portal_id),
        )

    def mail(self, portal_id: str, developer_id: str, email: str, template: str) -> None:
        """Counts an e-mail of the vendor, unless its template is off. The one for `pending` is our own."""
        off = "SELECT 1 FROM email_templates WHERE portal_id = ? AND name = ? AND NOT enabled"
        if self.db.truth.row(off, portal_id, template):
            return
        self.db.write(
            "INSERT INTO sent_mails (at, portal_id, developer_id, email, template) VALUES (?, ?, ?, ?, ?)",
            self.now(),
            portal_id,
            developer_id,
            email,
            template,
        )

    def mail_status(self, portal_id: str, developer_id: str, email: str, status: str) -> None:
        self.mail(portal_id, developer_id, email, _MAILS[status])
