"""The bills of the traps of cost allocation: small, and added up by hand."""

from calendar import monthrange
from datetime import date
from decimal import Decimal
from typing import Any

from finops.domain.charges import LineItem
from tests.ledger.bill_files import line, tagged

PLAN = "arn:aws:savingsplans::111122223333:savingsplan/7"
RESERVATION = "arn:aws:ec2:eu-west-1:111122223333:reserved-instances/9"
WEB, SHOP = tagged(**{"user:Team": "web"}), tagged(**{"user:Team": "shop"})


def savings_plan_day() -> list[LineItem]:
    """Trap 1a: 24 hours of a plan of 1.00 an hour, of which 20.00 is used for usage worth 30.00.

    Two resources share the usage; a negation has no resource and no tags, as AWS writes it.
    """
    of_plan: dict[str, Any] = {"commitment_discount_id": PLAN}
    covered = [
        line(
            cost,
            line_item_type="SavingsPlanCoveredUsage",
            resource_id=resource,
            tags=tags,
            covered_cost=Decimal(effective),
            **of_plan,
        )
        for cost, effective, resource, tags in (
            ("18", "12", "i-1", WEB),
            ("12", "8", "i-2", SHOP),
        )
    ]
    negation = line("-30", line_item_type="SavingsPlanNegation", **of_plan)
    fees = [
        line(
            "1",
            line_item_type="SavingsPlanRecurringFee",
            sub_account_id="111122223333",
            service_code="ComputeSavingsPlans",
            region_id=None,
            commitment=Decimal(1),
            used_commitment=used,
            **of_plan,
        )
        for used in [Decimal(1)] * 20 + [Decimal(0)] * 4
    ]
    return [*covered, negation, *fees]


def reservation_month() -> list[LineItem]:
    """Trap 1b: 365.00 upfront a year and 0.05 an hour; 600 of a month's 720 hours are used.

    The upfront fee is 30.00 of these 30 days: 25.00 of it used, 5.00 not.
    """
    of_reservation: dict[str, Any] = {
        "reservation_arn": RESERVATION,
        "commitment_discount_id": RESERVATION,
    }
    used = [
        line(
            line_item_type="DiscountedUsage",
            resource_id="i-1",
            charge_date=date(2026, 9, day),
            reserved_cost=Decimal("2.75"),  # 30 hours at 0.09166…
            **of_reservation,
        )
        for day in range(1, 21)
    ]
    fee = line(
        "36",
        line_item_type="RIFee",
        unused_upfront_fee=Decimal(5),
        unused_recurring_fee=Decimal(6),
        **of_reservation,
    )
    return [*used, fee]


def all_upfront_year() -> list[list[LineItem]]:
    """Trap 1c: 8,760.00 paid in January 2026 for a year of 365 days; every hour is used."""
    of_reservation: dict[str, Any] = {
        "reservation_arn": RESERVATION,
        "commitment_discount_id": RESERVATION,
    }
    months = []
    for month in range(1, 13):
        of_month: dict[str, Any] = {
            "billing_period": f"2026-{month:02}",
            "charge_date": date(2026, month, 1),
            **of_reservation,
        }
        days = monthrange(2026, month)[1]
        used = line(line_item_type="DiscountedUsage", reserved_cost=Decimal(24 * days), **of_month)
        months.append([used, line(line_item_type="RIFee", **of_month)])
    months[0].append(
        line(
            "8760",
            line_item_type="Fee",
            billing_period="2026-01",
            charge_date=date(2026, 1, 1),
            **of_reservation,
        )
    )
    return months


def containers() -> list[LineItem]:
    """Trap 3: an instance of 10.00, and the split lines of its two pods, which cost nothing."""
    pods = [
        line(
            service_code="AmazonEKS",
            resource_id=f"arn:aws:eks:eu-west-1:444455556666:pod/prod/web/{name}/uid",
            split_parent_resource_id="i-1",
            split_cost=Decimal(cost),
            split_unused_cost=Decimal(unused),
        )
        for name, cost, unused in (("pod-a", "6", "0.4"), ("pod-b", "3", "0.6"))
    ]
    return [line("10", resource_id="i-1"), *pods]


def classes() -> list[LineItem]:
    """Trap 10: three invoices, and every class of charge that has no resource, region or account.

    Invoices: EUINES26-1 of 160.50, EUINES26-2 of 21.00 and MARKET-3 of 500.00.
    """
    first: dict[str, Any] = {"invoice_id": "EUINES26-1"}
    second: dict[str, Any] = {"invoice_id": "EUINES26-2"}
    nowhere: dict[str, Any] = {"region_id": None, "resource_id": None}
    return [
        line("100", resource_id="i-1", **first),
        line("2.50", service_code="AWSDataTransfer", **first, **nowhere),
        line("36", line_item_type="RIFee", commitment_discount_id=RESERVATION, **first, **nowhere),
        line("10", line_item_type="Fee", service_code="AWSSupportBusiness", **first, **nowhere),
        line(
            "12",
            line_item_type="Fee",
            service_code="AWSSupportBusiness",
            sub_account_id="111122223333",
            **first,
            **nowhere,
        ),
        line(
            "15",
            line_item_type="Tax",
            invoice_issuer_name="Amazon Web Services EMEA SARL",
            **second,
            **nowhere,
        ),
        line("6", line_item_type="Tax", sub_account_id=None, **second, **nowhere),
        line(
            "500",
            line_item_type="Fee",
            service_code="8xk2zqh4qqtw9k5a0",
            billing_entity="AWS Marketplace",
            invoice_id="MARKET-3",
            invoice_issuer_name="Observability GmbH",
            **nowhere,
        ),
    ]


def moved_account() -> tuple[list[LineItem], list[LineItem]]:
    """Trap 12: 1.00 a day, in the bill of one payer up to the 11th and of another from the 12th."""
    days = [line("1", charge_date=date(2026, 9, day)) for day in range(1, 31)]
    return (
        [day for day in days if day.charge_date.day < 12],
        [
            day._replace(billing_account_id="999900001111")
            for day in days
            if day.charge_date.day >= 12
        ],
    )
