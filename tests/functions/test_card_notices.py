"""The doors that say something of cards by themselves: what they tell, and that failures show."""

import csv
import io
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from finops.domain.card_tasks import CardStep
from finops.domain.people import Person, Role
from finops.runtime import wiring
from finops.runtime.openapi.organisation import TaskPage
from finops.usecases.digest import Letterhead
from finops.usecases.tend_cards import Post
from finops.usecases.weekly_digest import Sources
from functions.send_weekly_digest import handler as send_weekly_digest
from functions.send_weekly_digest.handler import WeeklyDigestsFailedError
from functions.tend_cards import handler as tend_cards
from functions.tend_cards.handler import RemindersFailedError
from tests.card_fakes import InMemoryCardSpending
from tests.functions.conftest import ask, context
from tests.tending import MONDAY, make
from tests.usecases.organisation import WEB_SHOP, Organisation

OWNER = "product@example.com"
CSV = {"Accept": "text/csv"}


class Blank:
    """`Pictures` without anything on them."""

    def png(self, svg: str) -> bytes:
        return b"png"


@pytest.fixture
def office(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> Organisation:
    """A card waits for its owner, and mails go out."""
    post = Post(
        organisation.mails, organisation.receipts, Letterhead(subject="Cards", text="Dear $name,")
    )
    desk = organisation.office.card_desk
    sources = Sources(
        desk, organisation.charts, organisation.spending, InMemoryCardSpending(), "USD"
    )
    monkeypatch.setattr(wiring, "post", lambda: post)
    monkeypatch.setattr(wiring, "card_desk", lambda: desk)
    monkeypatch.setattr(wiring, "weekly_sources", lambda: sources)
    monkeypatch.setattr(wiring, "pictures", Blank)
    make(organisation, WEB_SHOP, 78)
    return organisation


def tend(at: datetime) -> Any:
    return tend_cards.handler({"at": at.isoformat()}, context("tend_cards"))


def digest(at: datetime) -> Any:
    return send_weekly_digest.handler({"at": at.isoformat()}, context("send_weekly_digest"))


def test_cards_are_tended_as_of_the_moment_that_was_meant(office: Organisation) -> None:
    assert tend(MONDAY + timedelta(1))["reminded"] == 0
    assert tend(MONDAY + timedelta(2)) == {"settled": 0, "reminded": 1, "escalated": 0, "sent": 1}


def test_without_a_moment_it_is_now(office: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tend_cards, "now", lambda: MONDAY + timedelta(2))

    assert tend_cards.handler({}, context("tend_cards"))["reminded"] == 1


def test_reminders_that_fail_make_the_run_fail_and_are_sent_by_the_same_call(
    office: Organisation,
) -> None:
    office.mails.bounces.add(OWNER)
    with pytest.raises(RemindersFailedError, match="1 mails"):
        tend(MONDAY + timedelta(2))

    office.mails.bounces.clear()

    assert tend(MONDAY + timedelta(2))["sent"] == 1


def test_without_a_sender_cards_are_tended_all_the_same(
    office: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "post", lambda: None)

    assert tend(MONDAY + timedelta(2)) == {"settled": 0, "reminded": 1, "escalated": 0, "sent": 0}
    assert digest(MONDAY) == {"sent": 0}


def test_the_weekly_digest_goes_to_all_whose_scope_has_a_card(office: Organisation) -> None:
    assert digest(MONDAY) == {"sent": 6}  # all but the cloud engineer
    assert digest(MONDAY) == {"sent": 0}


def test_digests_that_fail_make_the_run_fail(office: Organisation) -> None:
    office.mails.bounces.add(OWNER)

    with pytest.raises(WeeklyDigestsFailedError, match="1 weekly digests"):
        digest(MONDAY)


def test_a_card_is_a_task_in_the_list_its_table_and_the_count(
    office: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.PRODUCT_OWNER]
    make(office, WEB_SHOP, 71, start=date(2026, 2, 22))

    items = ask("GET", "/tasks", by=by).json["items"]
    table = list(csv.DictReader(io.StringIO(ask("GET", "/tasks", by=by, headers=CSV).body)))

    assert [TaskPage(items=[one], next_cursor=None).items[0].kind for one in items][-2:] == [
        CardStep.ACCEPT_CARD,
        CardStep.ACCEPT_CARD,
    ]
    assert [one["start"] for one in items] == [None, "2026-02-22", "2026-03-01"]
    assert [row["amount"] for row in table] == ["", "71.0000000000", "78.0000000000"]
    assert ask("GET", "/me", by=by).json["open_tasks"] == 3


def test_page_by_page_cards_are_the_same(office: Organisation, staff: dict[Role, Person]) -> None:
    by = staff[Role.PRODUCT_OWNER]
    for start, currency in ((date(2026, 2, 22), "USD"), (date(2026, 3, 1), "EUR")):
        make(office, WEB_SHOP, 71, start=start, currency=currency)
    whole = ask("GET", "/tasks", by=by).json["items"]
    found: list[Any] = []
    query = {"limit": "1"}
    for _ in whole:
        page = ask("GET", "/tasks", query, by=by).json
        found += page["items"]
        query["cursor"] = page["next_cursor"]

    assert found == whole
    assert query["cursor"] is None
