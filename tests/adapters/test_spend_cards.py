"""The contract of the table of spend cards, large ones and the lists of a month included."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from finops.adapters.records import Records
from finops.adapters.spend_cards import MONTHS, DynamoSpendCards
from finops.domain.allocations import PartKind
from finops.domain.audit import Deed, Receipt, findings
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.paces import Pace
from finops.domain.spend_cards import (
    Adjustment,
    CardCommand,
    CardKey,
    CardLine,
    CardSummary,
    Cause,
    Spend,
    SpendCard,
)
from finops.usecases.ports import Save
from tests.aws import AUDIT, CLOSES, LEDGER, REQUESTS, SPEND_CARDS, client, organised
from tests.usecases.organisation import NOW, WEB_SHOP, Organisation, act

MAKE, ACCEPT = Deed(action="MakeCard", element=WEB_SHOP), Deed(action="Accept", element=WEB_SHOP)
W1, W2, W3 = date(2026, 8, 1), date(2026, 8, 2), date(2026, 8, 9)
SEPTEMBER = date(2026, 9, 1)


def lines(count: int, amount: int = 1) -> tuple[CardLine, ...]:
    return tuple(
        CardLine(
            account_id=f"{number:012}",
            kind=PartKind.SHARE,
            rule="1",
            service="AmazonEC2",
            amount=amount,
        )
        for number in range(count)
    )


def new(
    start: date = W1, *, product: str = WEB_SHOP, currency: str | None = "USD", count: int = 2
) -> SpendCard:
    key = CardKey(product, start, currency)
    spend = Spend(lines=lines(count), runs=("r1",), revision=3)
    return SpendCard.made(key, spend, pace=Pace(budget=300), at=NOW)


def saved(organisation: Organisation, *cards: SpendCard) -> list[SpendCard]:
    return organisation.spend_cards.save([Save(None, card, MAKE) for card in cards], act())


def accepted(card: SpendCard) -> SpendCard:
    return card.decided(CardCommand.ACCEPT, by=Signature(by="ola@example.com"), at=NOW)


@pytest.fixture
def on_aws() -> Iterator[DynamoSpendCards]:
    with organised():
        yield _adapter()


def _adapter() -> DynamoSpendCards:
    """As another process has it."""
    records = Records(client("dynamodb"), AUDIT, REQUESTS)
    return DynamoSpendCards(records, SPEND_CARDS, CLOSES, client("s3"), LEDGER)


# What is kept -------------------------------------------------------------------------------------


def test_a_card_is_read_as_it_was_saved(organisation: Organisation) -> None:
    [card] = saved(organisation, new())

    assert (
        organisation.spend_cards.find(card.key) == card == new().changed(version=1, head=card.head)
    )
    assert organisation.spend_cards.kept(card.key) == card
    assert organisation.spend_cards.find(card.key._replace(start=W2)) is None
    assert organisation.spend_cards.kept(card.key._replace(currency=None)) is None


def test_cards_of_a_product_are_told_by_week_and_currency(organisation: Organisation) -> None:
    cards = saved(
        organisation,
        *(new(start) for start in (W3, SEPTEMBER, W1, W2)),
        new(currency="EUR"),
        new(currency=None),
        new(product=f"{WEB_SHOP}-two"),
    )
    third, september, first, second = cards[:4]
    told = organisation.spend_cards

    assert list(told.of_product(WEB_SHOP, "USD", W1)) == [first, second, third, september]
    assert list(told.of_product(WEB_SHOP, "USD", W3)) == [third, september]
    assert list(told.of_product(WEB_SHOP, None, W1)) == [cards[5]]
    assert list(told.of_product(WEB_SHOP, "GBP", W1)) == []


def test_many_cards_are_saved_in_one_step_or_none(organisation: Organisation) -> None:
    cards = [new(product=f"{WEB_SHOP}-{number}") for number in range(49)]
    saved(organisation, cards[0])

    with pytest.raises(ConflictError) as told:
        saved(organisation, *cards)
    assert told.value.members["current"] is None
    assert len(organisation.spend_cards.in_month("2026-08")) == 1
    assert len(saved(organisation, *cards[1:])) == 48
    with pytest.raises(ValueError, match="more than one step"):
        saved(organisation, *(new(product=f"x-{number}") for number in range(51)))


def test_of_two_who_change_a_card_the_second_is_told(organisation: Organisation) -> None:
    [card] = saved(organisation, new())
    [first] = organisation.spend_cards.save([Save(card, accepted(card), ACCEPT)], act())

    with pytest.raises(ConflictError) as told:
        organisation.spend_cards.save(
            [Save(card, card.changed(reminded=1), MAKE)],
            act(receipt=Receipt(key="key-1", fingerprint="print-1")),
        )

    assert told.value.members["current"] == first
    assert organisation.receipts.find("key-1") is None


def test_of_two_who_make_a_card_the_second_is_told(organisation: Organisation) -> None:
    [card] = saved(organisation, new())

    with pytest.raises(ConflictError) as told:
        saved(organisation, new(count=1))

    assert told.value.members["current"] == card


# Large cards --------------------------------------------------------------------------------------


def test_once_a_close_has_begun_no_card_of_its_month_is_saved_until_it_is_given_up(
    organisation: Organisation,
) -> None:
    [card] = saved(organisation, new())
    close = MonthClose.new("2026-08")
    deed = Deed(action="Test")
    [close] = organisation.closes.save([Save(None, close, deed)], act())
    [card] = organisation.spend_cards.save([Save(card, accepted(card), ACCEPT)], act())

    closing = close.changed(status=CloseStatus.CLOSING)
    [closing] = organisation.closes.save([Save(close, closing, deed)], act())
    rejected = card.decided(
        CardCommand.REJECT, by=Signature(by="pat@example.com"), at=NOW, reason="why"
    )
    with pytest.raises(ConflictError) as refused:
        organisation.spend_cards.save([Save(card, rejected, ACCEPT)], act())
    assert refused.value.members["current"] == card
    with pytest.raises(ConflictError):
        saved(organisation, new(W2), new(SEPTEMBER))
    assert [*organisation.spend_cards.in_month("2026-09")] == []

    after = closing.given_up("nobody knows", NOW)
    organisation.closes.save([Save(closing, after, deed)], act())
    organisation.spend_cards.save([Save(card, rejected, ACCEPT)], act())


def test_a_card_takes_no_new_adjustment_about_a_month_whose_close_has_begun_but_keeps_those_it_has(
    organisation: Organisation,
) -> None:
    about = Adjustment(start=W1, cause=Cause.BILL, runs=("r2",), lines=lines(1), made_at=NOW)
    more = about.model_copy(update={"start": W2})
    [card] = saved(organisation, new(SEPTEMBER).changed(adjustments=(about,)))
    closing = MonthClose.new("2026-08").changed(status=CloseStatus.CLOSING)
    organisation.closes.save([Save(None, closing, Deed(action="Test"))], act())

    after = card.changed(adjustments=(about, more))
    with pytest.raises(ConflictError):
        organisation.spend_cards.save([Save(card, after, ACCEPT)], act())
    [signed] = organisation.spend_cards.save([Save(card, accepted(card), ACCEPT)], act())

    assert signed.adjustments == (about,)


def test_a_card_of_five_thousand_lines_is_read_whole(organisation: Organisation) -> None:
    late = Adjustment(start=W1, cause=Cause.BILL, runs=("r2",), lines=lines(9, -1), made_at=NOW)
    large = new(W2, count=5_000).changed(adjustments=(late,))

    [card] = saved(organisation, large, new())[:1]

    found = organisation.spend_cards.find(card.key)
    assert found == card == large.changed(version=1, head=card.head)
    assert (found.spend, found.amount, found.document) == (5_000, 4_991, None)
    assert organisation.spend_cards.of_product(WEB_SHOP, "USD", W2) == [card]


def test_the_chain_of_a_large_card_is_whole_as_its_table_keeps_it(
    organisation: Organisation,
) -> None:
    cards = organisation.spend_cards
    [small] = saved(organisation, new(W2))
    large = small.restated(lines(5_000), ("r2",), (), NOW)
    [grown] = cards.save([Save(small, large, MAKE)], act())
    [signed] = cards.save([Save(grown, accepted(grown), ACCEPT)], act())

    chain = list(organisation.audit.chain(signed.key.entity))
    assert [one.sequence for one in chain] == [1, 2, 3]
    assert findings(signed.key.entity, chain, cards.kept(signed.key)) == []
    assert cards.find(signed.key) == signed


def test_a_card_that_shrinks_is_kept_in_the_table_again(on_aws: DynamoSpendCards) -> None:
    [large] = on_aws.save([Save(None, new(count=5_000), MAKE)], act())
    kept = on_aws.kept(large.key)
    assert kept is not None
    assert kept.document is not None
    assert (kept.lines, kept.version) == ((), 1)

    on_aws.save([Save(large, large.restated(lines(1), ("r2",), (), NOW), MAKE)], act())

    again = _adapter().kept(large.key)
    assert again is not None
    assert (again.document, again.spend) == (None, 1)


def test_a_document_that_is_not_what_was_written_is_no_card(on_aws: DynamoSpendCards) -> None:
    [large] = on_aws.save([Save(None, new(count=5_000), MAKE)], act())
    [other] = on_aws.save([Save(None, new(W2, count=5_001), MAKE)], act())
    mine, theirs = on_aws.kept(large.key), on_aws.kept(other.key)
    assert mine is not None
    assert theirs is not None
    s3 = client("s3")
    body = s3.get_object(Bucket=LEDGER, Key=theirs.document)["Body"].read()
    s3.put_object(Bucket=LEDGER, Key=mine.document, Body=body)

    with pytest.raises(FinOpsError, match="not what was written"):
        on_aws.find(large.key)


# The list of a month ------------------------------------------------------------------------------


def test_the_cards_of_a_month_are_told_in_short(organisation: Organisation) -> None:
    august, september = saved(organisation, new(count=5_000), new(SEPTEMBER))

    assert organisation.spend_cards.in_month("2026-08") == [CardSummary.of(august)]
    assert organisation.spend_cards.in_month("2026-09") == [CardSummary.of(september)]
    assert list(organisation.spend_cards.in_month("2026-10")) == []
    organisation.spend_cards.save([Save(august, accepted(august), ACCEPT)], act())
    [one] = organisation.spend_cards.in_month("2026-08")
    assert (one.status, one.version, one.amount) == ("Accepted", 2, 5_000)


def test_what_another_process_saves_is_in_the_list(on_aws: DynamoSpendCards) -> None:
    assert list(on_aws.in_month("2026-08")) == []
    other = _adapter()
    [card] = other.save([Save(None, new(), MAKE)], act())

    assert on_aws.in_month("2026-08") == [CardSummary.of(card)]
    other.save([Save(card, accepted(card), ACCEPT)], act())
    [one] = on_aws.in_month("2026-08")
    assert one.version == 2


def test_a_list_is_kept_in_memory_for_some_months_and_never_wrong(
    on_aws: DynamoSpendCards,
) -> None:
    months = [date(2026, 8, 1) + timedelta(31 * number) for number in range(MONTHS + 2)]
    firsts = [day.replace(day=1) for day in months]
    on_aws.save([Save(None, new(first), MAKE) for first in firsts], act())

    for _ in range(2):
        for first in firsts:
            assert [one.start for one in on_aws.in_month(f"{first:%Y-%m}")] == [first]


def test_a_list_reads_nothing_of_the_cards_but_what_is_short(
    on_aws: DynamoSpendCards, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_aws.save([Save(None, new(count=900), MAKE)], act())
    sizes: list[int] = []
    real = CardSummary.model_validate_json

    def counted(text: str) -> CardSummary:
        sizes.append(len(text))
        return real(text)

    monkeypatch.setattr(CardSummary, "model_validate_json", counted)

    _adapter().in_month("2026-08")

    assert [size < 1_000 for size in sizes] == [True]
