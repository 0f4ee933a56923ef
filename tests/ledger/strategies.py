"""Lines of any bill, drawn so that they meet: few accounts, days and resources, every kind of cost."""

from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from finops.domain.charges import CATEGORIES, LineItem
from tests.ledger.bill_files import PAYER, WEB, tagged

SECOND_PAYER = "999900001111"
PLAN = "arn:aws:savingsplans::111122223333:savingsplan/7"
RESERVATION = "arn:aws:ec2:eu-west-1:111122223333:reserved-instances/9"
TAGS = (
    None,
    tagged(**{"user:Team": "web"}),
    tagged(**{"user:team": "Web", "user:Stage": ""}),
    tagged(**{"accountTag/Env": "prod", "aws:createdBy": 'a,"b"\n<script>', "größe": "=1+1"}),
)
# What a line says of the usage it covers; absent, a line of CUR 2.0 counts 0.
OPTIONAL_AMOUNTS = (
    "covered_cost",
    "commitment",
    "used_commitment",
    "reserved_cost",
    "unused_upfront_fee",
    "unused_recurring_fee",
    "split_cost",
    "split_unused_cost",
)
NULLABLE_AMOUNTS = (
    "net_unblended_cost",
    "list_cost",
    "net_covered_cost",
    "net_reserved_cost",
    "net_unused_upfront_fee",
    "net_unused_recurring_fee",
)
ZERO = Decimal(0)
FAMILIAR = tuple(Decimal(text) for text in ("0", "0", "1", "-1", "0.05", "-30", "30"))


def amounts(decimals: int = 10, below: int = 10**5) -> st.SearchStrategy[Decimal]:
    """Amounts of up to *decimals* decimals, zeros and equal ones among them."""
    some = 10 ** (decimals + 1)
    return st.one_of(
        st.sampled_from(FAMILIAR if below > 30 else (ZERO, Decimal("0.05"))),
        st.integers(-some, some).map(lambda units: Decimal(units).scaleb(-decimals - 1 + 1)),
        st.integers(-below * 100 + 1, below * 100 - 1).map(lambda cents: Decimal(cents) / 100),
        st.just(Decimal(5).scaleb(-decimals)),
        st.just(Decimal(-1).scaleb(-decimals)),
    )


@st.composite
def bills(
    draw: st.DrawFn,
    *,
    decimals: int = 10,
    below: int = 10**5,
    most: int = 12,
    types: Collection[str | None] = (*CATEGORIES, "NobodyKnowsYet", None),
    payers: Collection[str] = (PAYER, PAYER, SECOND_PAYER),
) -> list[LineItem]:
    """Lines of one to a few bills; some fields are left out of all of them."""
    money = amounts(decimals, below)
    pick = st.sampled_from
    # Half of all bills are about Savings Plans alone, so that their halves often meet.
    of_types = draw(
        pick(
            [
                tuple(types),
                tuple(t for t in types if t is None or "Savings" in t or "Discount" in t)
                or (None,),
            ]
        )
    )
    is_net = draw(st.booleans())

    def line() -> LineItem:
        fields: dict[str, Any] = dict.fromkeys(OPTIONAL_AMOUNTS, ZERO)
        fields |= dict.fromkeys(NULLABLE_AMOUNTS)
        for name in draw(st.lists(pick(OPTIONAL_AMOUNTS), max_size=3, unique=True)):
            fields[name] = draw(money)
        for name in draw(st.lists(pick(NULLABLE_AMOUNTS), max_size=3, unique=True)):
            fields[name] = draw(money)
        if not is_net:
            fields["net_unblended_cost"] = None
        reservation = draw(pick([None, None, RESERVATION]))
        period = draw(pick(["2026-09", "2026-09", "2026-08"]))
        return LineItem(
            billing_account_id=draw(pick(list(payers))),
            billing_period=period,
            billing_currency=draw(pick(["USD", "USD", "CNY", None])),
            sub_account_id=draw(pick([PAYER, WEB, WEB, None])),
            # Late usage of the month before stays in its bill.
            charge_date=date.fromisoformat(f"{period}-01") + timedelta(draw(pick([-1, 0, 0, 29]))),
            line_item_type=draw(pick(of_types)),
            service_code=draw(pick(["AmazonEC2", "ComputeSavingsPlans", None])),
            region_id=draw(pick(["eu-west-1", None])),
            resource_id=draw(pick(["i-1", "arn:aws:s3:::logs", None])),
            invoice_id=draw(pick([None, None, "INV-1"])),
            invoice_issuer_name=draw(pick(["Amazon Web Services, Inc.", None])),
            billing_entity=draw(pick(["AWS", "AWS Marketplace"])),
            reservation_arn=reservation,
            commitment_discount_id=draw(pick([reservation, PLAN])),
            description=draw(
                pick([None, "Refund for one-time fee for Savings Plan ID 7", "Refund, other"])
            ),
            tags=draw(pick(TAGS)),
            split_parent_resource_id=draw(pick([None, None, "i-1"])),
            unblended_cost=draw(money),
            **fields,
        )

    return [line() for _ in range(draw(st.integers(1, most)))]


def left_out(line: LineItem, fields: Collection[str]) -> LineItem:
    """*line* as an export says it that leaves the columns of *fields* out."""
    changes: dict[str, Any] = {
        field: ZERO if field in OPTIONAL_AMOUNTS else None for field in fields
    }
    told = line._replace(**changes)
    if "commitment_discount_id" in fields:  # the column of plans; a reservation has its own
        told = told._replace(commitment_discount_id=told.reservation_arn)
    elif "reservation_arn" in fields and line.commitment_discount_id == line.reservation_arn:
        told = told._replace(commitment_discount_id=None)
    return told
