"""The doors that nobody asks: a file came, the trail grew, somebody was suspended, a day began."""

import importlib
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from finops.domain.audit import AuditRecord, Deed
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.people import PersonStatus, Role
from finops.runtime import wiring
from finops.usecases.views import load_event
from tests.fakes import InMemoryNotices
from tests.functions.conftest import OTHER_PAYER, Loaded, context
from tests.usecases.organisation import (
    NEW_YEAR,
    NOW,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
    sign_in,
)

Door = Callable[[str, dict[str, Any]], Any]


@pytest.fixture
def door(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> Door:
    def opened(name: str, event: dict[str, Any]) -> Any:
        module = importlib.import_module(f"functions.{name}.handler")
        if hasattr(module, "now"):
            monkeypatch.setattr(module, "now", lambda: NOW)
        answer = module.handler(event, context(name))
        assert json.loads(json.dumps(answer)) == answer  # Lambda carries it as JSON
        return answer

    return opened


# load_chart ---------------------------------------------------------------------------------------


def test_a_file_that_came_is_loaded_and_its_report_is_beside_it(
    organisation: Organisation, door: Door
) -> None:
    name = f"in/{NEW_YEAR.replace('2026', '2027')}"
    version = organisation.put(name, chart_csv())

    told = door("load_chart", {"key": name, "version_id": version})

    assert (told["status"], told["errors"]) == ("Loaded", 0)
    assert organisation.files.report(f"{name}.report.json")["counts"]["added"] == 5
    load = organisation.charts.load(told["load_id"])
    assert load is not None
    assert load.loaded_by == "the bucket of charts"
    assert organisation.chart(2027).year == 2027


def test_the_same_event_twice_answers_the_same(organisation: Organisation, door: Door) -> None:
    event = {"key": "a.csv", "version_id": organisation.put("a.csv", "nothing")}

    first, second = door("load_chart", event), door("load_chart", event)

    assert first == second
    assert first["status"] == "Refused"


def test_a_file_that_is_told_of_late_is_no_failure(organisation: Organisation, door: Door) -> None:
    name = NEW_YEAR.replace("2026", "2027")
    newest = organisation.put(name.replace("v1", "v2"), chart_csv(), NOW)
    oldest = organisation.put(name, chart_csv({}), NOW - timedelta(hours=1))
    door("load_chart", {"key": name.replace("v1", "v2"), "version_id": newest})

    told = door("load_chart", {"key": name, "version_id": oldest})

    assert (told["status"], told["errors"]) == ("Older", 0)
    assert len(organisation.chart(2027).products) == 5


def test_a_bucket_that_names_no_version_means_the_newest(
    organisation: Organisation, door: Door
) -> None:
    name = NEW_YEAR.replace("2026", "2027")
    organisation.put(name, "first")
    organisation.put(name, chart_csv())

    assert door("load_chart", {"key": name, "version_id": None})["status"] == "Loaded"


@pytest.mark.parametrize("event", [{}, {"key": None}, {"version_id": "v1"}, {"key": 1}])
def test_an_event_without_a_file_is_refused(door: Door, event: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, ValueError)):
        door("load_chart", event)


def test_a_file_that_is_gone_is_tried_again_by_lambda(door: Door) -> None:
    with pytest.raises(NotFoundError):
        door("load_chart", {"key": NEW_YEAR, "version_id": "v9"})


# tell_notices -------------------------------------------------------------------------------------


def _streamed(records: list[AuditRecord], change: str = "INSERT") -> dict[str, Any]:
    """Records of the audit table as DynamoDB streams hand them to Lambda."""

    def image(record: AuditRecord) -> dict[str, Any]:
        told = record.model_dump(mode="json") | {
            "sequence": f"{record.sequence:09d}",
            "month": f"{record.at:%Y-%m}",
            "element": record.element or None,
        }
        return {name: {"S": value} for name, value in told.items() if value is not None}

    return {
        "Records": [
            {
                "eventID": f"{number:032x}",
                "eventName": change,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_773_133_200,
                    "Keys": {"entity": {"S": one.entity}, "sequence": {"S": "000000001"}},
                    "NewImage": image(one),
                    "SequenceNumber": f"10000000000000000000{number}",
                    "SizeBytes": 500,
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/audit/stream/1",
            }
            for number, one in enumerate(records)
        ]
    }


@pytest.fixture
def trail(organisation: Organisation) -> list[AuditRecord]:
    """A draft, a submission and an approval, of which the draft is no event."""
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    return list(organisation.audit.chain(f"budget#2026#{WEB_SHOP}"))


def test_what_is_an_event_is_told_and_what_is_none_is_not(
    organisation: Organisation, trail: list[AuditRecord], door: Door
) -> None:
    assert door("tell_notices", _streamed(trail)) == {"batchItemFailures": []}

    told = organisation.notices.told
    assert [one.event for one in told] == ["BudgetSubmitted", "BudgetApproved"]
    assert told[1].at == trail[2].at
    assert told[1].detail == {
        "entity": f"budget#2026#{WEB_SHOP}",
        "kind": "budget",
        "id": f"2026#{WEB_SHOP}",
        "sequence": 3,
        "action": "Approve",
        "element": WEB_SHOP,
        "actor": "decider@example.com",
        "at": NOW.isoformat(),
        "reason": None,
        "request_id": "request-1",
    }


def test_a_notice_tells_no_state(
    organisation: Organisation, trail: list[AuditRecord], door: Door
) -> None:
    door("tell_notices", _streamed(trail))

    assert all(not {"before", "after"} & one.detail.keys() for one in organisation.notices.told)


def test_of_a_batch_those_that_did_not_go_out_come_again(
    organisation: Organisation, trail: list[AuditRecord], door: Door
) -> None:
    organisation.audit.note("x#1", {}, Deed(action="Do", event="Done"), act())
    [other] = organisation.audit.chain("x#1")
    organisation.notices.lost = {"x#1"}

    told = door("tell_notices", _streamed([*trail, other, trail[1]]))

    assert told == {"batchItemFailures": [{"itemIdentifier": "100000000000000000003"}]}
    assert len(organisation.notices.told) == 3


def test_nothing_is_told_of_a_batch_without_an_event(
    organisation: Organisation, trail: list[AuditRecord], door: Door
) -> None:
    assert door("tell_notices", _streamed(trail[:1])) == {"batchItemFailures": []}
    assert organisation.notices.told == []


def test_a_bus_that_is_away_brings_the_batch_back(
    organisation: Organisation,
    trail: list[AuditRecord],
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Away(InMemoryNotices):
        """Nobody is there."""

        def tell(self, events: Any) -> list[int]:
            raise ConnectionError("away")

    monkeypatch.setattr(wiring, "notices", Away)

    with pytest.raises(ConnectionError):
        door("tell_notices", _streamed(trail))


# keep_sign_ins ------------------------------------------------------------------------------------


def _event(name: str, email: str) -> dict[str, Any]:
    """A notice of ours as the event bus hands it to Lambda."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": name,
        "source": "finops.center",
        "account": "111122223333",
        "time": "2026-03-10T09:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"entity": f"person#{email}", "kind": "person", "id": email, "sequence": 1},
    }


def test_who_is_invited_gets_a_sign_in(organisation: Organisation, door: Door) -> None:
    organisation.hire("ada@example.com", Role.VENDOR_MANAGER, status=PersonStatus.INVITED)

    told = door("keep_sign_ins", _event("PersonInvited", "ada@example.com"))
    door("keep_sign_ins", _event("PersonInvited", "ada@example.com"))

    assert told == {"status": "Invited"}
    assert organisation.sign_ins.invited == ["ada@example.com"]


def test_who_is_reminded_is_invited_again(organisation: Organisation, door: Door) -> None:
    organisation.hire("ada@example.com", Role.VENDOR_MANAGER, status=PersonStatus.INVITED)
    for event in ("PersonInvited", "PersonReminded"):
        door("keep_sign_ins", _event(event, "ada@example.com"))

    assert organisation.sign_ins.invited == ["ada@example.com"] * 2


def test_who_is_suspended_cannot_sign_in_and_who_is_restored_can(
    organisation: Organisation, door: Door
) -> None:
    name = sign_in("ada@example.com")
    organisation.sign_ins.allowed[name] = True
    known = organisation.hire("ada@example.com", Role.VENDOR_MANAGER, status=PersonStatus.SUSPENDED)
    assert door("keep_sign_ins", _event("PersonSuspended", known.email)) == {"status": "Suspended"}
    assert organisation.sign_ins.allowed == {name: False}

    organisation.records.states[f"person#{known.email}"] = known.changed(status=PersonStatus.ACTIVE)
    assert door("keep_sign_ins", _event("PersonRestored", known.email)) == {"status": "Active"}
    assert organisation.sign_ins.allowed == {name: True}


def test_an_event_about_nobody_does_nothing(organisation: Organisation, door: Door) -> None:
    assert door("keep_sign_ins", _event("PersonInvited", "eve@example.com")) == {"status": None}
    assert organisation.sign_ins.allowed == {}


# send_digest --------------------------------------------------------------------------------------


@pytest.fixture
def letterhead(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DIGEST_SUBJECT": "$count steps wait for you",
        "DIGEST_TEXT": "Dear $name,",
        "MAIL_LOGO": "",
        "APP_URL": "https://finops.example.com",
    }.items():
        monkeypatch.setenv(name, value)


def test_who_owes_a_step_gets_one_mail_a_day(
    organisation: Organisation, door: Door, letterhead: None
) -> None:
    organisation.hire("ada@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])

    assert [door("send_digest", {}), door("send_digest", {})] == [{"sent": 1}, {"sent": 0}]
    [mail] = organisation.mails.sent
    assert (mail.to, mail.subject) == ("ada@example.com", "1 steps wait for you")
    assert "https://finops.example.com" in mail.text
    assert "<img" not in mail.html


def test_a_mail_that_does_not_go_out_fails_the_run_after_all_others(
    organisation: Organisation, door: Door, letterhead: None
) -> None:
    for name in ("ada", "bob", "cyd"):
        organisation.hire(f"{name}@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    organisation.mails.bounces = {"bob@example.com"}

    with pytest.raises(RuntimeError, match="1 digests did not go out; the log says why"):
        door("send_digest", {})

    sent = {mail.to for mail in organisation.mails.sent}
    assert sent == {"ada@example.com", "cyd@example.com"}


def test_a_deployment_that_names_no_sender_sends_nothing(
    organisation: Organisation, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation.hire("ada@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    monkeypatch.setattr(wiring, "mails", lambda: None)

    assert door("send_digest", {}) == {"sent": 0}


def test_the_day_of_a_digest_is_in_utc(
    organisation: Organisation,
    door: Door,
    letterhead: None,
) -> None:
    organisation.hire("ada@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    door("send_digest", {})

    assert f"digest#{NOW.date()}#ada@example.com" in organisation.records.receipts
    assert timedelta(0) == NOW.utcoffset()


# check_accounts -----------------------------------------------------------------------------------

SHOP = "444455556666"


@pytest.mark.parametrize("event", [{}, {"time": "2026-03-10T08:59:00Z"}])
def test_the_organization_is_looked_at_every_day_and_when_it_changes(
    organisation: Organisation, door: Door, event: dict[str, Any]
) -> None:
    organisation.organizations.put(SHOP, "shop")

    told = door("check_accounts", event)

    assert told == {"status": "Done", "listed": 1, "found": {"New": 1}}
    [record] = organisation.audit.chain(f"account#{SHOP}")
    assert (record.actor, record.event) == ("the organization", "AccountFound")


def test_of_many_events_at_once_one_look_is_enough(organisation: Organisation, door: Door) -> None:
    organisation.organizations.put(SHOP, "shop")
    event = {"time": "2026-03-10T08:59:00Z"}

    told = [door("check_accounts", event)["status"] for _ in range(3)]

    assert told == ["Done", "Known", "Known"]
    assert organisation.organizations.asked == 1


def test_a_listing_that_cannot_be_fails_the_call(organisation: Organisation, door: Door) -> None:
    with pytest.raises(ConflictError, match="lists no account at all"):
        door("check_accounts", {})


# find_accounts ------------------------------------------------------------------------------------


def test_the_accounts_of_a_loaded_bill_are_known_from_then_on(
    organisation: Organisation, loaded: Loaded, door: Door
) -> None:
    """The event as `load_bill` says it: that of the restated bill, and of one in another currency."""
    for load_id, new in ((loaded.second, 1), (loaded.abroad, 1), (loaded.second, 0)):
        event = load_event(loaded.house.loads.get(load_id))
        assert door("find_accounts", json.loads(json.dumps(event))) == {"found": new}

    known = {one.account_id: one for one in organisation.accounts.all()}
    assert known.keys() == {SHOP, "222222222222"}
    assert known["222222222222"].payer == OTHER_PAYER
    assert known[SHOP].first_seen == date(2026, 9, 2)


def test_a_notice_without_bills_is_refused(door: Door) -> None:
    with pytest.raises((ValidationError, ValueError)):
        door("find_accounts", {"load_id": "load"})
