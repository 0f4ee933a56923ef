"""`finops cards` and `finops delegations`, asked of the doors themselves."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import FinOpsError, InvalidError
from finops.domain.people import Person, Role
from finops.domain.spend_cards import Adjustment, CardStatus, Cause
from finops.local import cli, screen
from finops.local.api import Answer as Told
from finops.local.api import ApiError
from finops.local.commands import cards, delegations
from tests.carding import WEEK, card_line, put_card
from tests.functions.conftest import Answer, ask, replace_wiring
from tests.loading import House
from tests.usecases.organisation import LOANS, NOW, SEARCH, UNIT, WEB_SHOP, Organisation

JSON = {"Content-Type": "application/json"}


class Doors:
    """The API as commands ask it, answered by the doors."""

    def __init__(self, who: str) -> None:
        self.who = who

    def read(self, *path: str, **query: Any) -> Told:
        answer = self._ask("GET", path, query)
        return Told(answer.json, answer.headers.get("ETag"))

    def get(self, *path: str, **query: Any) -> Any:
        return self.read(*path, **query).body

    def items(self, *path: str, **query: Any) -> Iterator[Any]:
        yield from self.get(*path, **query)["items"]

    def csv(self, *path: str, **query: Any) -> str:
        return self._ask("GET", path, query, {"Accept": "text/csv"}).body

    def post(self, *path: str, body: dict[str, Any], etag: str | None = None, **query: Any) -> Any:
        headers = JSON | ({"If-Match": etag} if etag else {})
        return self._ask("POST", path, query, headers, json.dumps(body)).json

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: dict[str, Any],
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Answer:
        asked = {name: str(value) for name, value in query.items() if value is not None}
        answer = ask(method, f"/{'/'.join(path)}", asked, by=self.who, headers=headers, body=body)
        if answer.status >= 400:
            raise ApiError(answer.status, answer.json["detail"])
        return answer


@pytest.fixture
def organisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    made = Organisation()
    made.drop()
    replace_wiring(monkeypatch, House(tmp_path), made)
    for commands in (cards, delegations):
        monkeypatch.setattr(commands, "api_of", lambda who, *_, usually: Doors(who or usually))
    monkeypatch.setattr(screen.console, "width", 200)
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def said(*words: str) -> str:
    result = finops(*words)
    if result.exception is not None:
        raise result.exception
    return " ".join(result.stdout.split())


def of(role: Role, *words: str) -> str:
    email = {Role.PRODUCT_OWNER: "product", Role.PORTFOLIO_OWNER: "portfolio"}[role]
    return said(*words, "--as", f"{email}@example.com")


OWNER, PORTFOLIO = Role.PRODUCT_OWNER, Role.PORTFOLIO_OWNER
CARD = (WEB_SHOP, str(WEEK))


def test_a_list_says_the_pace_in_words_and_who_owes_the_step(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation, 80 * UNIT, budget=300 * UNIT)
    put_card(organisation, product=SEARCH, status=CardStatus.ACCEPTED, budget=None)

    told = of(PORTFOLIO, "cards", "list", "--month", "2026-03")

    assert f"{WEB_SHOP} 2026-03-01 Open far over budget E4 AcceptCard: web-shop" in told
    assert f"{SEARCH} 2026-03-01 Accepted no approved budget E3 DecideCard: storefront" in told
    assert WEB_SHOP not in of(PORTFOLIO, "cards", "list", "--mine")


def test_a_card_is_told_as_a_tree_that_adds_up(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    late = Adjustment(
        start=WEEK.replace(month=2, day=22),
        cause=Cause.BILL,
        runs=(),
        lines=(card_line(-5 * UNIT),),
        made_at=NOW,
    )
    lines = [card_line(1_200 * UNIT), card_line(30 * UNIT, "AmazonS3")]
    put_card(organisation, lines=lines, due=[late])

    told = of(OWNER, "cards", "show", *CARD)

    assert "1,230.00 USD Spend" in told
    assert "1,230.00 USD 444455556666" in told
    assert "1,230.00 USD share 1" in told
    assert "1,200.00 USD AmazonEC2" in told
    assert "-5.00 USD Adjustment of 2026-02 week 4 of 4 (22 to 28) (BillRestated)" in told
    assert "Amount: 1,225.00 USD" in told
    assert "You may Accept, Dispute" in told


def test_a_card_goes_all_the_way_by_commands(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation, UNIT)

    assert "Accept of 1.00 by product@example.com" in of(OWNER, "cards", "accept", *CARD)
    assert "Reject" in of(PORTFOLIO, "cards", "reject", *CARD, "--reason", "too much")
    assert "Dispute" in of(OWNER, "cards", "dispute", *CARD, "--reason", "not ours")
    told = of(PORTFOLIO, "cards", "resolve", *CARD, "--reason", "it is yours", "--json")

    assert json.loads(told)["status"] == "Resolved"
    assert "too much" in of(OWNER, "cards", "show", *CARD)


def test_all_that_wait_are_accepted_and_approved_at_once(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation, UNIT)
    put_card(organisation, UNIT, start=WEEK.replace(day=8))

    accepted = of(OWNER, "cards", "accept", "--all", "--month", "2026-03", "--reason", "as planned")
    approved = of(PORTFOLIO, "cards", "approve", "--all", "--json")

    assert accepted == "2 cards accepted"
    assert [one["status"] for one in json.loads(approved)["decided"]] == ["Approved"] * 2


def test_more_than_one_request_takes_is_sent_in_several(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finops.usecases.card_decisions.MOST", 1)
    for day in (1, 8, 15):
        put_card(organisation, UNIT, start=WEEK.replace(day=day))

    assert of(OWNER, "cards", "accept", "--all") == "3 cards accepted"


def test_the_lines_of_a_card_are_a_table_and_a_large_card_says_where_they_are(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_card(organisation, lines=[card_line(2 * UNIT), card_line(UNIT, "AmazonS3")])
    monkeypatch.setattr("finops.usecases.spend_card_views.MOST_NODES", 1)

    told, listed = (of(OWNER, "cards", word, *CARD) for word in ("show", "lines"))
    table = of(OWNER, "cards", "lines", *CARD, "--csv")

    assert "AmazonS3" not in told
    assert "finops cards lines has its 2 lines" in told
    assert "AmazonS3" in listed
    assert table.count("share") + table.count("Share") == 2


def test_resources_of_a_card_need_an_account_that_it_has(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation)

    with pytest.raises(FinOpsError, match="the card has no such line"):
        of(OWNER, "cards", "resources", *CARD, "999999999999")


@pytest.mark.parametrize(
    "words, wrong",
    [
        ((), "name the product and the week"),
        ((WEB_SHOP,), "name the product and the week"),
        ((*CARD, "--month", "2026-03"), "or say --all"),
        ((WEB_SHOP, "--all"), "name no product with it"),
    ],
)
def test_one_card_or_all_of_them_is_said(
    organisation: Organisation, staff: dict[Role, Person], words: tuple[str, ...], wrong: str
) -> None:
    with pytest.raises(InvalidError, match=wrong):
        of(OWNER, "cards", "accept", *words)


def test_lists_are_tables_for_programs_too(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation)

    result = finops("cards", "list", "--csv", "--as", "product@example.com")

    [row] = csv.DictReader(io.StringIO(result.stdout))
    assert (row["product_id"], row["word"]) == (WEB_SHOP, "on budget")


def test_who_is_away_lets_somebody_act_and_takes_it_back(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])
    put_card(organisation, UNIT)

    granted = of(
        OWNER, "delegations", "grant", "loans@example.com", "--until", "2026-03-20", "--json"
    )
    acted = said("cards", "accept", *CARD, "--as", "loans@example.com")
    listed = said("delegations", "list", "--as", "loans@example.com")
    ended = of(OWNER, "delegations", "end", json.loads(granted)["delegation_id"])

    assert "by loans@example.com for product@example.com" in acted
    assert "product@example.com loans@example.com 2026-03-10 2026-03-20 yes" in listed
    assert "Back on 2026-03-10" in ended
    with pytest.raises(FinOpsError, match="there is no delegation"):
        of(PORTFOLIO, "delegations", "end", "nothing")
