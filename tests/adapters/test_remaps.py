"""Remaps: a card and the rules that answer it are saved together, or nothing is."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest

from finops.adapters.records import DynamoAudit, Records
from finops.adapters.remaps import DynamoRemaps
from finops.adapters.rules import S3Claims, dynamo_shares
from finops.adapters.spend_cards import DynamoSpendCards
from finops.domain.audit import Deed, Receipt
from finops.domain.claims import AccountClaims, Claim
from finops.domain.delegations import Signature
from finops.domain.errors import ConflictError
from finops.domain.paces import Pace
from finops.domain.shares import AccountShares, Revision
from finops.domain.spend_cards import CardCommand, CardKey, Spend, SpendCard
from finops.usecases.ports import Audit, Claims, Remaps, Save, Shares, SpendCards
from tests.aws import AUDIT, LEDGER, REQUESTS, RULES, client, organised
from tests.card_fakes import InMemorySpendCards
from tests.fakes import InMemoryAudit, InMemoryRecords
from tests.remaps_fakes import InMemoryRemaps
from tests.rules_fakes import InMemoryClaims, in_memory_shares
from tests.usecases.organisation import SEARCH, WEB_SHOP, act

AT = datetime(2026, 9, 21, 6, 0, tzinfo=UTC)
KEY = CardKey(WEB_SHOP, date(2026, 9, 1), "USD")
ACCOUNT, OTHER = "444455556666", "555566667777"
DEED, REMAP = Deed(action="Test"), Deed(action="Remap", element=WEB_SHOP, event="CardRemapped")
BY = Signature(by="portfolio@example.com")
OF_CARDS = "disputed-cards-table"


class Stores:
    """The port, and those that it writes for."""

    def __init__(
        self, cards: SpendCards, shares: Shares, claims: Claims, audit: Audit, remaps: Remaps
    ) -> None:
        self.cards, self.shares, self.claims = cards, shares, claims
        self.audit, self.remaps = audit, remaps


def in_memory() -> Stores:
    records = InMemoryRecords()
    claims = InMemoryClaims(records)
    return Stores(
        InMemorySpendCards(records),
        in_memory_shares(records),
        claims,
        InMemoryAudit(records),
        InMemoryRemaps(records, claims),
    )


def on_aws() -> Stores:
    """The real adapters, inside of `tests.aws.organised`."""
    dynamodb, s3 = client("dynamodb"), client("s3")
    names = ("pk", "sk", "kind", "changed_at")
    dynamodb.create_table(
        TableName=OF_CARDS,
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in names],
        KeySchema=[_key("pk", "HASH"), _key("sk", "RANGE")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_month",
                "KeySchema": [_key("kind", "HASH"), _key("changed_at", "RANGE")],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    records = Records(dynamodb, AUDIT, REQUESTS)
    cards = DynamoSpendCards(records, OF_CARDS, RULES, s3, LEDGER)
    shares = dynamo_shares(records, RULES)
    claims = S3Claims(records, RULES, s3, LEDGER)
    remaps = DynamoRemaps(records, cards, shares, claims)
    return Stores(cards, shares, claims, DynamoAudit(records, AUDIT), remaps)


def _key(name: str, kind: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": kind}


@pytest.fixture(params=[in_memory, on_aws])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    make: Callable[[], Stores] = request.param
    with organised():
        yield make()


def disputed(stores: Stores) -> SpendCard:
    made = SpendCard.made(KEY, Spend(), pace=Pace(), at=AT)
    card = made.decided(
        CardCommand.DISPUTE, by=Signature(by="shop@example.com"), at=AT, reason="no"
    )
    return stores.cards.save([Save(None, card, DEED)], act())[0]


def split(account: str, *products: str) -> AccountShares:
    shares = tuple((product, 10_000 // len(products)) for product in products)
    one = Revision(
        number=1,
        start=date(2026, 9, 1),
        end=date(2027, 1, 1),
        shares=shares,
        set_by=BY.by,
        set_at=AT,
    )
    return AccountShares(account_id=account, revisions=(one,))


def claimed(before: AccountClaims) -> AccountClaims:
    one = Claim(
        account_id=before.account_id,
        resource_id="i-1",
        workload_id="w-1",
        product_id=SEARCH,
        start=date(2026, 9, 1),
        claimed_by=BY.by,
        claimed_at=AT,
    )
    return AccountClaims(
        version=before.version,
        head=before.head,
        account_id=before.account_id,
        claims=(*before.claims, one),
    )


def test_card_splits_and_claims_are_saved_in_one_step(stores: Stores) -> None:
    card = disputed(stores)
    after = card.remapped(7, by=BY, at=AT)
    free = stores.claims.find(ACCOUNT)
    splits = [Save(None, split(one, WEB_SHOP, SEARCH), DEED) for one in (ACCOUNT, OTHER)]
    receipt = Receipt(key="once", fingerprint="remap")

    saved = stores.remaps.save(
        Save(card, after, REMAP),
        splits,
        [Save(free, claimed(free), DEED)],
        act(reason="dispute", receipt=receipt),
    )

    assert saved == stores.cards.find(KEY)
    assert (saved.version, saved.awaits) == (2, 7)
    for account in (ACCOUNT, OTHER):
        found = stores.shares.find(account)
        assert found is not None
        assert (found.version, len(found.revisions)) == (1, 1)
        assert stores.shares.all()[account] == found
    assert [one.resource_id for one in stores.claims.find(ACCOUNT).claims] == ["i-1"]
    assert [summary.version for summary in stores.cards.in_month("2026-09")] == [2]
    for entity in (KEY.entity, f"shares#{ACCOUNT}", f"claims#{ACCOUNT}"):
        *_, last = stores.audit.chain(entity)
        assert last.reason == "dispute"


def test_claims_that_are_there_go_on(stores: Stores) -> None:
    free = stores.claims.find(ACCOUNT)
    stores.claims.save(free, claimed(free), DEED, act())
    card, known = disputed(stores), stores.claims.find(ACCOUNT)

    stores.remaps.save(
        Save(card, card.remapped(7, by=BY, at=AT), REMAP),
        [],
        [Save(known, claimed(known), DEED)],
        act(),
    )

    assert (len(stores.claims.find(ACCOUNT).claims), known.version) == (2, 1)
    assert stores.claims.find(ACCOUNT).version == 2


def test_a_card_alone_is_saved_too(stores: Stores) -> None:
    card = disputed(stores)

    saved = stores.remaps.save(Save(card, card.remapped(7, by=BY, at=AT), REMAP), [], [], act())

    assert stores.cards.find(KEY) == saved


def test_nothing_is_saved_where_a_rule_has_changed(stores: Stores) -> None:
    card = disputed(stores)
    stores.shares.save([Save(None, split(ACCOUNT, SEARCH), DEED)], act())

    with pytest.raises(ConflictError) as lost:
        stores.remaps.save(
            Save(card, card.remapped(7, by=BY, at=AT), REMAP),
            [Save(None, split(one, WEB_SHOP), DEED) for one in (OTHER, ACCOUNT)],
            [],
            act(),
        )

    assert lost.value.members.get("current") is None
    assert stores.cards.find(KEY) == card
    assert stores.shares.find(OTHER) is None


def test_nothing_is_saved_where_claims_have_changed(stores: Stores) -> None:
    card, free = disputed(stores), stores.claims.find(ACCOUNT)
    stores.claims.save(free, claimed(free), DEED, act())

    with pytest.raises(ConflictError):
        stores.remaps.save(
            Save(card, card.remapped(7, by=BY, at=AT), REMAP),
            [Save(None, split(OTHER, WEB_SHOP), DEED)],
            [Save(free, claimed(free), DEED)],
            act(),
        )

    assert stores.cards.find(KEY) == card
    assert stores.shares.find(OTHER) is None


def test_where_the_card_has_changed_it_is_told_as_it_is(stores: Stores) -> None:
    card = disputed(stores)
    resolved = card.decided(CardCommand.RESOLVE, by=BY, at=AT, reason="it is right")
    [now] = stores.cards.save([Save(card, resolved, DEED)], act())

    with pytest.raises(ConflictError) as lost:
        stores.remaps.save(
            Save(card, card.remapped(7, by=BY, at=AT), REMAP),
            [Save(None, split(ACCOUNT, WEB_SHOP), DEED)],
            [],
            act(),
        )

    assert lost.value.members["current"] == now
    assert stores.shares.find(ACCOUNT) is None
