"""The history as documents, and erasing an address from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portalctl.changes.operation import Subject
from portalctl.changes.plan import ManifestStamp
from portalctl.changes.saved_plan import read
from portalctl.controller.erasure import Replacement
from portalctl.controller.models import Counts, ExternalChange, Suspension
from portalctl.controller.report_import import check_report, import_report
from portalctl.controller.store import Store
from portalctl.controller.tables import METADATA
from portalctl.errors import InputError
from portalctl.identity import normal_address
from portalctl.insight.drift import DriftFinding
from portalctl.output.apply_report import PortalOutcome as Outcome
from portalctl.output.apply_report import Report, RunUser
from portalctl.reason import Reason
from tests.controller.records import DIGEST, HOUR, KEY, NOW, OTHER, held, result, run

DAY = timedelta(days=1)
FINDING = DriftFinding("unexpected_grant", "ann@example.com", "reds", "member", "not a member", None, "id-ann", "f1")


def fill(store: Store) -> None:
    """Two portals, a run that an approval led to, a suspension, drift, and a change by others."""
    store.first_start(["partners", "city"], NOW)
    store.meet(KEY, "partners", "konnect", NOW)
    store.meet(OTHER, "city", "konnect", NOW)
    store.hold(held(plan=json.dumps({"portals": [{"changes": [{"developer": {"email": "ann@example.com"}}]}]})))
    store.decide(DIGEST, "approved", "bob", NOW + HOUR)
    store.begin_run(run(started_at=NOW + HOUR))
    store.set_plan_state(DIGEST, "applied", NOW + HOUR)
    ended = run(state="failed", started_at=NOW + HOUR, ended_at=NOW + 2 * HOUR, approver="bob", digest="sha256:b2")
    store.end_run(
        replace(ended, counts=Counts(1, 1)),
        [result("Ann@Example.com", at=NOW + HOUR), result("cid@example.com", "failed", at=NOW + HOUR)],
    )
    store.end_run(run("other", portal="city", key=OTHER, state="succeeded", ended_at=NOW + HOUR, started_at=NOW))
    store.suspend("city", Suspension("audit of ann@example.com", "bob", NOW + 3 * HOUR))
    gone = replace(FINDING, developer="cid@example.com", developer_id="id-cid", fingerprint="f2")
    store.save_findings(KEY, [FINDING, gone], NOW + HOUR)
    store.save_findings(KEY, [FINDING], NOW + 3 * HOUR)
    store.observe(KEY, [ExternalChange("id-ann", "Ann@example.com", "status", "approved", "revoked", NOW + HOUR)])


def test_the_history_begins_with_what_it_covers(store: Store) -> None:
    fill(store)
    document = store.history(NOW + DAY)
    assert document.since == "2026-06-15T08:00:00.000Z"
    assert [(writer.name, writer.runs) for writer in document.writers] == [("controller", 2)]
    assert [item.id for item in document.runs] == ["other", "run-1"]
    assert {(item.approver, item.commit, item.writer) for item in document.changes} == {
        ("bob", "c0ffee", "controller")
    }
    assert [(item.kind, item.by) for item in document.decisions] == [
        ("held", None),
        ("approved", "bob"),
        ("applied", None),
        ("suspended", "bob"),
    ]
    assert [(item.finding.fingerprint, item.last_seen) for item in document.findings] == [
        ("f1", None),
        ("f2", "2026-06-15T11:00:00.000Z"),
    ]
    assert document.complete


@pytest.mark.parametrize("developer", ["ann@example.com", "ANN@example.com", "id-ann"])
def test_the_history_of_a_developer(store: Store, developer: str) -> None:
    fill(store)
    document = store.history(NOW + DAY, developer=developer)
    assert [item.change.id for item in document.changes] == ["approve:Ann@Example.com"]
    assert [item.id for item in document.runs] == ["run-1"]
    assert [item.developer.id for item in document.observations] == ["id-ann"]
    if "@" in developer:
        assert [item.finding.fingerprint for item in document.findings] == ["f1"]
        assert [item.kind for item in document.decisions] == ["held", "approved", "applied"]
    assert store.history(NOW, developer="nobody@example.com").changes == ()


def test_the_history_of_a_portal_and_a_time(store: Store) -> None:
    fill(store)
    document = store.history(NOW + DAY, portal="city")
    assert ([item.id for item in document.runs], document.changes, document.findings) == (["other"], (), ())
    assert [item.kind for item in document.decisions] == ["suspended"]
    later = store.history(NOW + DAY, since=NOW + 2 * HOUR)
    assert (later.runs, later.changes, later.observations) == ((), (), ())
    assert [item.kind for item in later.decisions] == ["suspended"]
    assert len(later.findings) == 2


def test_a_long_history_keeps_the_newest_and_reports_it(store: Store) -> None:
    for number in range(5):
        at = NOW + number * HOUR
        store.end_run(run(f"run-{number}", state="succeeded", started_at=at, ended_at=at), [result(at=at)])
    document = store.history(NOW + DAY, limit=2)
    assert ([item.id for item in document.runs], document.complete) == (["run-3", "run-4"], False)
    assert store.history(NOW + DAY, limit=5).complete
    assert len(store.history(NOW + DAY, limit=None).runs) == 5


def test_an_empty_history(store: Store) -> None:
    document = store.history(NOW)
    assert (document.since, document.writers, document.runs) == (None, (), ())


def test_old_history_that_was_removed_is_not_covered(store: Store) -> None:
    fill(store)
    store.prune(NOW + 500 * DAY)
    document = store.history(NOW + 500 * DAY)
    assert document.since == (NOW + 100 * DAY).isoformat().replace("+00:00", ".000Z")
    assert (document.runs, document.changes) == ((), ())


def test_the_evidence_of_a_run(store: Store) -> None:
    fill(store)
    evidence = store.evidence("run-1", NOW + DAY)
    assert evidence is not None
    assert (evidence.run.approver, evidence.run.commit, evidence.run.digest) == ("bob", "c0ffee", "sha256:b2")
    assert [item.kind for item in evidence.decisions] == ["held", "approved", "applied"]
    assert [plan["portals"][0]["changes"][0]["developer"]["email"] for plan in evidence.plans] == ["ann@example.com"]
    assert [item.change.result for item in evidence.changes] == ["confirmed", "failed"]
    assert [item.finding.fingerprint for item in evidence.drift_afterwards] == ["f1", "f2"]
    other = store.evidence("oth", NOW + DAY)
    assert other is not None
    assert (other.run.id, other.plans, other.drift_afterwards) == ("other", (), ())
    assert store.evidence("unknown", NOW) is None


def test_the_beginning_of_an_id_must_fit_one_run(store: Store) -> None:
    for name in ("run-1", "run-10", "run_2"):
        store.begin_run(run(name))
    assert store.evidence("run", NOW) is None
    exact = store.evidence("run-1", NOW)
    assert exact is not None
    assert exact.run.id == "run-1"
    assert store.evidence("run_", NOW) is not None  # no wildcard
    assert store.evidence("r%", NOW) is None


def report(**fields: str) -> Report:
    change = result()
    counts = {"confirmed": 1, "failed": 0, "skipped": 0, "unknown": 0, "total": 1}
    time = "2026-06-15T08:00:00.000Z"
    outcome = Outcome("partners", "konnect", KEY.portal_id, KEY.server, time, time, counts, (change,))
    return Report(
        generator="portalctl",
        started_at=time,
        ended_at=fields.get("ended_at", time),
        interrupted=False,
        who=RunUser("ann", "c0ffee"),
        manifest=ManifestStamp("sha256:1", ("partners.yaml",)),
        plan=DIGEST,
        portals=(outcome,),
    )


def test_a_report_is_imported_once_whatever_its_order(store: Store) -> None:
    (imported,) = import_report(store, report())
    assert (imported.trigger, imported.state, imported.commit, imported.digest) == (
        *("report", "succeeded"),
        *("c0ffee", DIGEST),
    )
    assert import_report(store, report()) == ()
    assert len(import_report(store, report(ended_at="2026-06-15T08:00:01.000Z"))) == 1
    document = store.history(NOW)
    assert document.since == "2026-06-15T08:00:00.000Z"
    assert len(document.writers) == 2
    assert all(writer.name.startswith("report:") for writer in document.writers)
    assert store.confirmed_since(KEY, NOW)["approve:ann@example.com"] == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2026-06-15T08:05:01Z", "future"),
        ("9999-12-31T23:59:59Z", "future"),
        ("9999-12-31T23:59:59-10:00", "RFC 3339"),
        ("0001-01-01T00:00:00+14:00", "RFC 3339"),
        ("2026-06-15T08:00:00", "RFC 3339"),
    ],
)
def test_a_report_has_no_times_that_the_history_cannot_have(text: str, fault: str) -> None:
    (outcome,) = report().portals
    (change,) = outcome.changes
    wrong = {"started_at": replace(outcome, started_at=text), "ended_at": replace(outcome, ended_at=text)}
    for field, portal in wrong.items():
        with pytest.raises(InputError, match=rf"portals\[0\].{field}.*{fault}"):
            check_report(replace(report(), portals=(portal,)), "report.json", NOW)
    late = replace(outcome, changes=(replace(change, settled_at=text),))
    with pytest.raises(InputError, match=rf"changes\[0\].settled_at.*{fault}"):
        check_report(replace(report(), portals=(late,)), "report.json", NOW)
    check_report(report(), "report.json", NOW)


# --- erasing

MASK = "dev-1a2b3c4d@example.com"


def erase(store: Store, address: str = "ann@example.com") -> list[str]:
    return store.erase(Replacement(address, MASK))


def content_of(store: Store) -> bytes:
    """Return everything in a database, in lower case: the files of SQLite, the rows of PostgreSQL."""
    if store.engine.dialect.name == "sqlite":
        return b"".join(path.read_bytes() for path in Path(store.place).parent.iterdir()).lower()
    with store.engine.connect() as connection:
        rows = [row for table in METADATA.sorted_tables for row in connection.execute(table.select())]
        return repr(rows).lower().encode()


def test_an_erased_address_is_nowhere_in_the_database(store: Store, again: Callable[[Store], Store]) -> None:
    fill(store)
    store.begin_journal(KEY, "run-2", {"event": "begin", "at": "2026-06-15T08:00:00.000Z"})
    state = {"status": "pending", "full_name": "Ann Oakley"}
    developer = {"email": "ANN@example.com", "id": "id-ann"}
    store.append_journal(
        KEY, "run-2", [{"event": "intent", "change": "x:ANN@example.com", "developer": developer, "after": state}]
    )
    store.contest(KEY, "ann@example.com", NOW + DAY)
    replaced = erase(store)
    assert {item.partition(":")[0] for item in replaced} == {
        *("contested", "decisions", "findings", "held_plans", "journal", "observations", "results"),
        "suspensions",
    }
    document = store.history(NOW + DAY, developer=MASK)
    assert [item.change.id for item in document.changes] == [f"approve:{MASK}"]
    assert [item.finding.developer for item in document.findings] == [MASK]
    assert store.history(NOW, developer="cid@example.com").changes != ()
    store = again(store)
    content = content_of(store)
    assert b"cid@example.com" in content
    assert b"ann@example.com" not in content
    assert b"oakley" not in content


def test_a_held_plan_with_the_address_is_stale_and_can_be_shown(store: Store) -> None:
    text = Path(__file__).with_name("held_plan.json").read_text(encoding="utf-8")
    address = next(
        change.developer.email for change in read(text.encode(), "x").portals[0].changes if change.developer
    )
    assert address is not None
    store.hold(held(plan=text))
    erase(store, normal_address(address) or "")
    assert store.held(KEY) == []
    plan = store.plan(DIGEST)
    assert plan is not None
    assert plan.state == "stale"
    assert address not in plan.plan
    assert read(plan.plan.encode(), "held").portals[0].changes  # its digest fits
    assert store.hold(held(plan=text))
    assert [item.plan for item in store.held(KEY)] == [text]


def test_other_addresses_stay(store: Store) -> None:
    others = ["joann@example.com", "ann@example.com.au", "ann@example.org", "jo.ann@example.com", "ann+1@example.com"]
    store.end_run(run(), [result(name) for name in others])
    assert erase(store) == []
    assert [item.developer for item in store.results("run-1")] == [
        Subject(name, f"id-{name.partition('@')[0]}") for name in others
    ]


def test_an_address_in_another_developers_change_is_erased_there_too(store: Store) -> None:
    why = (
        Reason("overrides", "bob@example.com", "partners.yaml", 3, "asked by Ann@example.com, see ann%40example.com"),
    )
    store.end_run(run(detail="ann@example.com: refused"), [replace(result("bob@example.com"), why=why)])
    erase(store)
    (found,) = store.results("run-1")
    assert found.why[0].reason == f"asked by {MASK}, see {MASK}"
    assert found.developer == Subject("bob@example.com", "id-bob")
    (record,) = store.runs("partners")
    assert record.detail == f"{MASK}: refused"


def test_an_address_of_an_international_domain_is_erased_in_both_spellings(store: Store) -> None:
    store.end_run(run(), [result("ann@bücher.example"), result("ann@xn--bcher-kva.example")])
    assert erase(store, "ann@xn--bcher-kva.example") == ["results: 2"]
    assert {item.developer.email for item in store.results("run-1") if item.developer} == {MASK}


def test_the_fingerprint_of_a_finding_without_an_account_goes_with_the_address(store: Store) -> None:
    store.meet(KEY, "partners", "konnect", NOW)
    store.save_findings(KEY, [replace(FINDING, developer_id=None, fingerprint="f9")], NOW)
    erase(store)
    (found,) = store.history(NOW).findings
    assert (found.finding.developer, found.finding.fingerprint) == (MASK, MASK)


@given(
    before=st.sampled_from(["", " ", "'", "<", "approve:", "/", "mailto:", '"']),
    after=st.sampled_from(["", ".", " ", "'", ">", ":reds", ", ", "#id"]),
)
def test_an_address_is_found_between_any_signs(before: str, after: str) -> None:
    assume(
        normal_address(f"{before}ann@example.com{after}") in {None, "ann@example.com"}
    )  # else it is another address
    replacement = Replacement("ann@example.com", MASK)
    assert replacement.text(f"{before}Ann@Example.com{after}") == f"{before}{MASK}{after}"


@given(
    st.recursive(
        st.text(max_size=8) | st.integers() | st.none() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    )
)
def test_json_without_the_address_stays(value: object) -> None:
    text = json.dumps(value)
    assert Replacement("ann@example.com", MASK).json(text) == text


def test_answers_to_forms_go_with_the_address() -> None:
    answers = [{"field": "company", "values": ["Ann's Ltd"], "label": "Company", "type": "text"}]
    own = {"email": "Ann@example.com", "answers": answers}
    about = {"developer": {"email": "ann@example.com", "id": "1"}, "answers": answers}
    other = {"email": "bob@example.com", "answers": answers}
    erased = json.loads(Replacement("ann@example.com", MASK).json(json.dumps([own, about, other])))
    assert [one["answers"] for one in erased] == [[], [], answers]
    assert erased[0] == {"email": MASK, "answers": []}
