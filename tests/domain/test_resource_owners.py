"""Resource owners: claims before rules before shares, what is told of them, and service codes."""

from datetime import UTC, date, datetime

from finops.domain.claim_rules import ClaimRule, Resource
from finops.domain.claims import AccountClaims, Claim
from finops.domain.resource_owners import NOBODY, HeldBy, ResourceOwners, owners_of, service_of
from finops.domain.shares import AccountShares, Revision

DAY = date(2026, 3, 10)
AT = datetime(2026, 3, 1, tzinfo=UTC)
ONE = Resource("111122223333", "i-1", "AmazonEC2", '{"user:Team":"web"}')


def claim(start: date, end: date | None = None, product: str = "claimed") -> Claim:
    return Claim(
        account_id="111122223333",
        resource_id="i-1",
        workload_id="w-1",
        product_id=product,
        start=start,
        end=end,
        claimed_by="ada@example.com",
        claimed_at=AT,
    )


def claims(*made: Claim) -> AccountClaims:
    return AccountClaims(account_id="111122223333", claims=made)


def shares(*split: tuple[str, int]) -> AccountShares:
    year = Revision(
        number=1,
        start=date(2026, 1, 1),
        end=date(2027, 1, 1),
        shares=split,
        set_by="ada@example.com",
        set_at=AT,
    )
    return AccountShares(account_id="111122223333", revisions=(year,))


RULE = ClaimRule(rule_id="r", workload_id="w-2", product_id="ruled", service="AmazonEC2", start=DAY)
SPLIT = shares(("small", 3_000), ("large", 4_000), ("other", 3_000))


def test_a_claim_goes_first_then_a_rule_then_the_split() -> None:
    held = owners_of(ONE, DAY, claims=claims(claim(DAY)), rules=[RULE], shares=SPLIT)
    assert held == ResourceOwners(HeldBy.CLAIM, (("claimed", 10_000),), "w-1")
    ruled = owners_of(ONE, DAY, claims=claims(), rules=[RULE], shares=SPLIT)
    assert ruled == ResourceOwners(HeldBy.CLAIM_RULE, (("ruled", 10_000),), "w-2")
    split = owners_of(ONE, DAY, claims=None, rules=[], shares=SPLIT)
    assert split.held_by is HeldBy.SHARES
    # The largest first, of equal ones the smaller id.
    assert split.products == (("large", 4_000), ("other", 3_000), ("small", 3_000))
    assert split.asked == "large"
    assert owners_of(ONE, DAY, claims=None, rules=[], shares=None) == NOBODY
    assert owners_of(ONE, date(2027, 1, 1), claims=None, rules=[], shares=SPLIT) == NOBODY


def test_a_claim_that_is_over_counts_no_more_and_one_ahead_does() -> None:
    over = claim(date(2026, 2, 1), DAY)
    ahead = claim(date(2026, 3, 11), product="next")

    def asked(*made: Claim) -> str | None:
        return owners_of(ONE, DAY, claims=claims(*made), rules=[], shares=SPLIT).asked

    assert (asked(over), asked(over, ahead)) == ("large", "next")


def test_what_is_told_of_owners_is_what_the_reader_may_know() -> None:
    split = owners_of(ONE, DAY, claims=None, rules=[], shares=SPLIT)
    held = owners_of(ONE, DAY, claims=claims(claim(DAY)), rules=[], shares=SPLIT)

    assert split.seen({"small"}.__contains__).products == (("small", 3_000),)
    assert held.seen({"small"}.__contains__) == NOBODY
    assert held.seen({"claimed"}.__contains__) == held


def test_services_are_known_by_type_then_by_arn() -> None:
    assert service_of("i-1", "Ec2Instance") == "AmazonEC2"
    assert service_of("arn:aws:dynamodb:eu-west-1:1:table/t", "Unheard") == "AmazonDynamoDB"
    assert service_of("something", None) is None
    assert service_of(None, None) is None
