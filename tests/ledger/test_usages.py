"""What resources used, by their lines, costs what the ledger has of them; and only they are read."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from finops.domain.charges import ChargeCategory, LineItem, effective_cost
from finops.domain.money import to_ticks
from finops.ledger import sources
from finops.ledger.usages import (
    ChargedDay,
    LineUsage,
    Of,
    Usage,
    agreed,
    charged_days,
    row_groups,
    usages,
)
from tests.ledger.bill_files import (
    PAYER,
    WEB,
    Ledger,
    cur_row,
    focus_row,
    legacy_csv_rows,
    line,
    opened,
    write_csv,
    write_parquet,
)
from tests.ledger.conftest import Worker
from tests.ledger.strategies import bills

some = settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
FIRST = date(2026, 9, 1)
PERIOD = "2026-09"


def wanted_of(lines: Sequence[LineItem]) -> list[tuple[str, str]]:
    return sorted(
        {
            (one.sub_account_id, one.resource_id)
            for one in lines
            if one.resource_id and one.sub_account_id
        }
    )


def both(
    worker: Worker,
    files: Sequence[Path],
    made: Ledger,
    wanted: Sequence[tuple[str, str]],
    of: tuple[str, str] = (PAYER, PERIOD),
) -> tuple[list[LineUsage], list[ChargedDay]]:
    """What the files say of a bill, and what the ledger that was made of them does."""
    is_net = any(one.is_net for one in made.merged.summaries if one.of[:2] == of)
    place = Of(*of, is_net=is_net)
    told = [
        row
        for file in files
        for row in usages(worker.connection, [opened(worker.connection, file)], wanted, place)
    ]
    charges = [
        one.path
        for one in made.merged.files
        if one.name.endswith("/charges.parquet")
        and (one.billing_account_id, one.billing_period) == of
    ]
    return told, charged_days(worker.connection, charges, wanted)


def check(worker: Worker, lines: Sequence[LineItem], files: Sequence[Path]) -> None:
    """The usage of each bill costs what the ledger's charges do, credits left out, to the tick."""
    made = worker.ledger(*files)
    wanted = wanted_of(lines)
    for of in {(one.billing_account_id, one.billing_period) for one in lines}:
        found = agreed(*both(worker, files, made, wanted, of))
        sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for used in found:
            sums[used[:4]][0] += used.effective
            sums[used[:4]][1] += used.billed
        charged: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for charge in made.charges:
            key = charge.key
            if (key.billing_account_id, key.billing_period) != of:
                continue
            if key.line_item_type == ChargeCategory.CREDIT:
                continue
            if (key.sub_account_id, key.resource_id) in wanted:
                on = (key.sub_account_id, key.resource_id, key.charge_date, key.billing_currency)
                charged[on][0] += charge.effective_cost
                charged[on][1] += charge.billed_cost
        assert sums == charged


@some
@given(bills())
def test_usage_costs_what_the_ledger_has_in_parquet(worker: Worker, lines: list[LineItem]) -> None:
    folder = worker.folder()
    half = len(lines) // 2
    parts = [part for part in (lines[:half], lines[half:]) if part]
    files = [
        write_parquet(folder / f"{n}.parquet", [cur_row(one) for one in part])
        for n, part in enumerate(parts)
    ]
    check(worker, lines, files)


@some
@given(bills())
def test_usage_costs_what_the_ledger_has_in_legacy_text(
    worker: Worker, lines: list[LineItem]
) -> None:
    file = write_csv(worker.folder() / "a.csv.gz", legacy_csv_rows(lines))
    check(worker, lines, [file])


@some
@given(bills())
def test_usage_costs_what_the_ledger_has_in_focus(worker: Worker, lines: list[LineItem]) -> None:
    rows = [focus_row(one, effective_cost(one)) for one in lines]
    check(worker, lines, [write_parquet(worker.folder() / "a.parquet", rows)])


def used(
    worker: Worker, lines: Sequence[LineItem], told: Sequence[dict[str, Any]], focus: bool = False
) -> list[Usage]:
    """*lines*, of each of which a file says what is *told* of it as well."""
    rows = [
        (focus_row(one, effective_cost(one)) if focus else cur_row(one)) | more
        for one, more in zip(lines, told, strict=True)
    ]
    file = write_parquet(worker.folder() / "a.parquet", rows)
    return agreed(*both(worker, [file], worker.ledger(file), wanted_of(lines)))


def cur(quantity: str, unit: str = "Hrs", usage_type: str = "BoxUsage") -> dict[str, Any]:
    return {
        "line_item_usage_amount": quantity,
        "pricing_unit": unit,
        "line_item_usage_type": usage_type,
    }


def test_quantities_are_exact_and_by_unit(worker: Worker) -> None:
    lines = [line("1", resource_id="i-1")] * 3 + [line("5", resource_id="i-1")]
    told = [cur("0.1"), cur("0.1"), cur("0.1"), cur("2", "GB", "DataTransfer")]

    found = {one.unit: (one.quantity, one.effective) for one in used(worker, lines, told)}

    assert found == {"Hrs": (3 * 10**9, 3 * 10**10), "GB": (2 * 10**10, 5 * 10**10)}


def test_what_cancels_a_price_or_lowers_it_is_no_usage(worker: Worker) -> None:
    lines = [
        line("4", resource_id="i-1", line_item_type="SavingsPlanCoveredUsage"),
        line("-4", resource_id="i-1", line_item_type="SavingsPlanNegation"),
        line("-1", resource_id="i-1", line_item_type="EdpDiscount"),
    ]
    lines[0] = lines[0]._replace(covered_cost=Decimal(3))

    found = used(worker, lines, [cur("24")] * 3)

    assert sum(one.quantity for one in found) == 24 * 10**10
    assert sum(one.effective for one in found) == to_ticks(Decimal(2))


def test_focus_says_it_in_its_own_words(worker: Worker) -> None:
    told = {"ConsumedQuantity": "12", "ConsumedUnit": "Hours", "x_UsageType": "BoxUsage"}

    [one] = used(worker, [line("3", resource_id="i-1")], [told], focus=True)

    assert (one.unit, one.usage_type, one.quantity) == ("Hours", "BoxUsage", 12 * 10**10)


def test_row_groups_of_other_resources_are_not_read(worker: Worker) -> None:
    lines = [line("1", resource_id=f"i-{n // 2}") for n in range(6)]
    path = write_parquet(worker.folder() / "a.parquet", [cur_row(one) for one in lines], group=2)
    source = sources.open_parquet(worker.connection, path)

    def groups(*wanted: tuple[str, str]) -> list[int]:
        return [one.number for one in row_groups(worker.connection, source, wanted)]

    assert groups((WEB, "i-1")) == [1]
    assert groups((WEB, "i-0"), (WEB, "i-2")) == [0, 2]
    assert groups(("000000000000", "i-1")) == []


def test_columns_that_say_nothing_of_usage_are_not_read(worker: Worker) -> None:
    rows = [cur_row(line("1", resource_id="i-1")) | cur("1") | {"product_x": "y" * 10_000}]
    path = write_parquet(worker.folder() / "a.parquet", rows)
    source = sources.open_parquet(worker.connection, path)

    [group] = row_groups(worker.connection, source, [(WEB, "i-1")])

    assert len(group.spans) < len(source.columns)


DAY = ChargedDay(WEB, "i-1", FIRST, "USD", False, 1, 2, 10, 10)
STATED = LineUsage(WEB, "i-1", FIRST, "USD", False, None, "Hrs", 2, 5, 10, 0, 10, 0)


@pytest.mark.parametrize(
    "stated, charged, why",
    [
        ([STATED._replace(lines=1)], [DAY], "has 2 lines"),
        ([STATED._replace(effective=12)], [DAY], "its lines come to 12"),
        ([], [DAY], "0 were found"),
        ([STATED, STATED._replace(day=FIRST + timedelta(1))], [DAY], "the ledger has no charges"),
    ],
)
def test_what_does_not_agree_is_refused(
    stated: list[LineUsage], charged: list[ChargedDay], why: str
) -> None:
    with pytest.raises(ArithmeticError, match=why):
        agreed(stated, charged)


def test_what_a_tick_cannot_hold_goes_to_the_largest_cost() -> None:
    small = STATED._replace(unit="GB", lines=1, effective=2, effective_dust=6 * 10**9, billed=0)
    large = STATED._replace(lines=1, effective=6, effective_dust=9 * 10**9)

    found = agreed([small, large], [DAY])

    assert {one.unit: one.effective for one in found} == {"GB": 2, "Hrs": 8}
