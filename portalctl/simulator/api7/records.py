"""What the simulated API7 remembers. `id` is always the control plane's own; times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

State = Literal["Pending", "Active"]
Provider = Literal["builtin", "sso"]
Event = Literal["developer_registration", "api_product_subscription"]
Result = Literal["accepted", "rejected", "cancelled", ""]
SubscriptionStatus = Literal["wait_for_approval", "subscribed"]


@dataclass(frozen=True, slots=True)
class SimulatedPortal:
    """`token` opens the backend for this portal alone. `auto_approve`: who signs up is Active at once."""

    id: str
    name: str
    token: str
    created_at: datetime
    auto_approve: bool = False
    public_access: bool = True


@dataclass(frozen=True, slots=True)
class SimulatedDeveloper:
    """`developer_id` is the id that others know. What is None is not there, and not shown."""

    id: str
    portal_id: str
    developer_id: str
    name: str
    state: State
    created_at: datetime
    updated_at: datetime
    username: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    provider: Provider | None = None
    last_active_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """`auto_approve`: subscriptions need no approval."""

    id: str
    portal_id: str
    name: str
    created_at: datetime
    auto_approve: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    """`owner_id` is the id of a Developer."""

    id: str
    owner_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    desc: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    application_id: str
    product_id: str
    status: SubscriptionStatus
    subscribed_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """Without its secret, which the vendor shows only once. `settings` is the part named after `type`."""

    id: str
    application_id: str
    name: str
    type: Literal["key-auth", "basic-auth", "oauth"]
    created_at: datetime
    updated_at: datetime
    desc: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulatedApproval:
    """A request that waits for a decision, or did. It remembers who asked, and outlives them.

    A registration has neither `product` nor `subscription_id`.
    """

    id: str
    portal: SimulatedPortal
    applicant: SimulatedDeveloper
    applied_at: datetime
    updated_at: datetime
    product: Product | None = None
    subscription_id: str | None = None
    result: Result = ""
    operator: str = ""
    metadata: str = ""
    operated_at: datetime | None = None

    @property
    def event(self) -> Event:
        return "developer_registration" if self.product is None else "api_product_subscription"

    @property
    def pending(self) -> bool:
        return not self.result


Record = SimulatedPortal | SimulatedDeveloper | Product | Application | Subscription | Credential | SimulatedApproval
