"""The life cycle of developers, subscriptions and approvals, for the Dashboard, the backend and tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from portalctl.simulator.api7.database import Database
from portalctl.simulator.api7.records import (
    Application,
    Credential,
    Product,
    SimulatedApproval,
    SimulatedDeveloper,
    SimulatedPortal,
    State,
    Subscription,
    SubscriptionStatus,
)

# Who decided: a user of the Dashboard, or of the backend (the vendor's own word).
ADMIN, BACKEND = "admin", "developer_portal_admin"


def default_state(portal: SimulatedPortal) -> State:
    """The first state of an account after a sign-up."""
    return "Active" if portal.auto_approve else "Pending"


def register(db: Database, portal: SimulatedPortal, developer: SimulatedDeveloper) -> SimulatedDeveloper:
    """A new account; one that is Pending asks for approval."""
    db.put(developer)
    if developer.state == "Pending":
        now = db.now()
        db.put(SimulatedApproval(db.new_id(), portal, developer, applied_at=now, updated_at=now))
    return developer


def subscribe(
    db: Database, application: Application, product: Product, status: SubscriptionStatus | None = None
) -> Subscription:
    """An application requests a product; by the product's settings it is approved at once or stays pending."""
    status = status or ("subscribed" if product.auto_approve else "wait_for_approval")
    now = db.now()
    subscription = db.put(Subscription(db.new_id(), application.id, product.id, status, now))
    owner = db.truth.get(SimulatedDeveloper, application.owner_id)
    portal = db.truth.get(SimulatedPortal, product.portal_id)
    if status == "wait_for_approval" and owner and portal:
        db.put(SimulatedApproval(db.new_id(), portal, owner, now, now, product, subscription.id))
    return subscription


def decide(
    db: Database,
    approval: SimulatedApproval,
    result: Literal["accepted", "rejected"],
    operator: str,
    metadata: str = "",
) -> SimulatedApproval:
    """Accepting lets the applicant in; rejecting deletes the account, or the subscription, with all it has."""
    now = db.now()
    decided = replace(approval, result=result, operator=operator, metadata=metadata, operated_at=now, updated_at=now)
    db.put(decided)
    subscription = db.truth.get(Subscription, approval.subscription_id or "")
    if subscription is not None:
        if result == "accepted":
            db.put(replace(subscription, status="subscribed"))
        else:
            db.drop(subscription)
    developer = db.truth.get(SimulatedDeveloper, approval.applicant.id)
    if approval.event == "developer_registration" and developer is not None:
        if result == "accepted":
            db.put(replace(developer, state="Active", updated_at=now))
        else:
            erase_developer(db, developer)
    if result == "rejected" and db.behaviour.after_reject == "dropped":
        db.drop(decided)
    return decided


def erase_developer(db: Database, developer: SimulatedDeveloper) -> None:
    """With applications and what they have, and with all pending approvals."""
    for application in applications_of(db, developer):
        erase_application(db, application)
    for approval in db.truth.all(SimulatedApproval):
        if approval.applicant.id == developer.id:
            _withdraw(db, approval)
    db.drop(developer)


def erase_application(db: Database, application: Application) -> None:
    """With credentials and subscriptions."""
    for credential in db.truth.all(Credential):
        if credential.application_id == application.id:
            db.drop(credential)
    for subscription in db.truth.all(Subscription):
        if subscription.application_id == application.id:
            erase_subscription(db, subscription)
    db.drop(application)


def erase_subscription(db: Database, subscription: Subscription) -> None:
    """With its pending approval."""
    for approval in db.truth.all(SimulatedApproval):
        if approval.subscription_id == subscription.id:
            _withdraw(db, approval)
    db.drop(subscription)


def applications_of(db: Database, developer: SimulatedDeveloper) -> list[Application]:
    return [application for application in db.truth.all(Application) if application.owner_id == developer.id]


def _withdraw(db: Database, approval: SimulatedApproval) -> None:
    if not approval.pending:
        return
    if db.behaviour.after_delete == "dropped":
        db.drop(approval)
    else:
        now = db.now()
        db.put(replace(approval, result="cancelled", operated_at=now, updated_at=now))
