"""Switches for what API7's documents leave open, so that a client can be tried against each reading."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Time = Literal["rfc3339", "epoch"]
Name = Literal["name", "developer_id", "username", "email", "absent"]
Id = Literal["id", "developer_id", "name", "absent"]

# The first releases with approvals on the portal backend, by minor version.
_BACKEND_APPROVALS = {9: 14, 10: 1}


@dataclass(frozen=True, slots=True)
class Api7Behaviour:
    """How the simulated API7 Enterprise behaves where its documents are silent. All defaults are assumptions.

    Shapes: `envelope` is what the Dashboard puts around single objects, `empty_list` how it shows a list without
    items, `dashboard_errors` the body of its errors; `dashboard_times` and `backend_times` spell times,
    `operated_at_unset` the time of a decision that is still open. `write_answer` is the Dashboard's code for accept,
    reject and delete, `write_body` whether there is a body. `warning` stands beside each of its successes.

    Reading: `paging` is what `page` and `page_size` do: without a size the whole list comes (`by_size`), or pages of
    `page_size_default` (`always`), or `page` counts for nothing (`first_page`), or neither does (`ignored`). More
    than `page_size_max` is clamped. `order` of unsorted lists: by a time that changes, as stored, shuffled (an
    order of its own that stays), or restless (another on each request). `state_filter` and `developers_sort` are what
    the Dashboard makes of `state`, and of `order_by` and `direction`, for developers; `unknown_parameters` is what
    becomes of others. `login_options`: whether the Dashboard has them, and so reports auto-approval.
    `portal_id_missing`, `unknown_portal`: its answer for developers without a portal, or of one
    that doesn't exist. `version` decides whether the backend has approvals. `portal_by_id`, `approval_by_id`,
    `developer_by_id`: whether the Dashboard opens one by its id; `draft_reads`: whether it has the paths that only
    draft pages show: the applications, the subscriptions, and the developers below a portal. `visible_after`: seconds
    until reads show a write.

    Developers: `emails` whether addresses are shown, `email_unset` how it is shown that there is none; `created_…` is
    what one made through the backend looks like, `invited_state` and `sso_state` how these accounts begin (`by_rule`:
    by the portal's auto-approval).
    `duplicate_developer`: the answer to a duplicate `developer_id`; `developer_ids` is where it is unique and
    `id_case` whether case counts. `delete_unknown`: the Dashboard's answer where there is no developer to delete.
    `backend_id` is what the backend shows as `id`, `subscription_developer` as `developer_id` of a subscription.

    Approvals: what `applicant_id`, `applicant_name`, and for registrations `resource_id`, `resource_name` hold;
    `approval_portal` which names of the portal the Dashboard shows. `finished_approval`, `unknown_approval`: answers
    to a decision that comes too late or about nothing. `after_reject`, `after_delete`: what becomes of the approval
    of a rejected registration, and of pending ones after their developer or subscription is deleted.
    """

    envelope: Literal["value", "bare"] = "value"
    empty_list: Literal["list", "null", "missing"] = "list"
    dashboard_errors: Literal["error_msg", "message", "text", "empty"] = "error_msg"
    dashboard_times: Time = "rfc3339"
    backend_times: Time = "rfc3339"
    operated_at_unset: Literal["null", "zero", "absent"] = "null"
    write_answer: Literal["200", "204"] = "200"
    write_body: Literal["value", "empty"] = "value"
    warning: str = ""
    paging: Literal["by_size", "always", "first_page", "ignored"] = "by_size"
    page_size_default: int = 10
    page_size_max: int = 1_000_000
    order: Literal["changing", "stored", "shuffled", "restless"] = "changing"
    state_filter: Literal["ignored", "honoured", "refused"] = "ignored"
    developers_sort: Literal["refused", "ignored", "honoured"] = "refused"
    unknown_parameters: Literal["refused", "ignored"] = "refused"
    login_options: Literal["absent", "shown"] = "absent"
    portal_id_missing: Literal["400", "all"] = "400"
    unknown_portal: Literal["404", "400", "empty"] = "404"
    version: str = "3.10.1"
    portal_by_id: bool = True
    approval_by_id: bool = True
    developer_by_id: bool = False
    draft_reads: bool = False
    visible_after: float = 0.0
    emails: Literal["present", "absent"] = "present"
    email_unset: Literal["absent", "empty", "null"] = "absent"
    created_state: Literal["Active", "Pending"] = "Active"
    created_username: Literal["absent", "empty", "developer_id"] = "absent"
    created_provider: Literal["builtin", "sso", "absent"] = "builtin"
    created_verified: Literal["false", "true", "absent"] = "false"
    invited_state: Literal["Active", "Pending"] = "Active"
    sso_state: Literal["by_rule", "Active"] = "by_rule"
    duplicate_developer: Literal["400", "409", "201"] = "400"
    developer_ids: Literal["portal", "installation"] = "portal"
    id_case: Literal["counts", "ignored"] = "counts"
    delete_unknown: Literal["404", "200"] = "404"
    backend_id: Literal["id", "developer_id"] = "id"
    subscription_developer: Literal["id", "developer_id"] = "id"
    applicant_id: Id = "id"
    applicant_name: Name = "name"
    resource_id: Id = "id"
    resource_name: Name = "name"
    approval_portal: Literal["both", "id", "name", "absent"] = "both"
    finished_approval: Literal["400", "404", "200"] = "400"
    unknown_approval: Literal["404", "400"] = "404"
    after_reject: Literal["kept", "dropped"] = "kept"
    after_delete: Literal["dropped", "cancelled"] = "dropped"

    @property
    def backend_approvals(self) -> bool:
        """Whether the simulated version's backend has approvals. A version that is none, such as `dev`, has them."""
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+).*", self.version)
        if match is None:
            return True
        major, minor, patch = (int(part) for part in match.groups())
        if major != 3 or minor not in _BACKEND_APPROVALS:
            return (major, minor) > (3, 10)
        return patch >= _BACKEND_APPROVALS[minor]
