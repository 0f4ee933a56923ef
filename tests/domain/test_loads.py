"""What a load changed, and how the summaries of shares of the accounts become one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.loads import (
    SOME,
    UNDER_WAY,
    BillSummary,
    Change,
    Costs,
    LoadStatus,
    changes,
    merged,
)

some = settings(max_examples=60, deadline=None, derandomize=True)


def cost(ticks: int, lines: int = 1) -> Costs:
    return Costs(lines=lines, unblended_cost=ticks)


def summary(currency: str = "USD", /, **by_account: int) -> BillSummary:
    return BillSummary(
        billing_account_id="1",
        billing_period="2026-09",
        billing_currency=currency,
        costs=cost(sum(by_account.values()), len(by_account)),
        by_account={account: cost(ticks) for account, ticks in by_account.items()},
        by_day={"2026-09-01": cost(sum(by_account.values()), len(by_account))},
        charges=len(by_account),
    )


def test_the_first_load_changes_everything() -> None:
    found = changes(None, summary(web=700, shop=300))

    assert (found.lines_before, found.lines_after) == (0, 2)
    assert (found.unblended_before, found.unblended_after) == (0, 1_000)
    assert found.by_account == (
        Change(key="web", before=0, after=700),
        Change(key="shop", before=0, after=300),
    )


def test_the_same_bill_again_changes_nothing() -> None:
    found = changes(summary(web=700), summary(web=700))

    assert (found.by_account, found.by_day, found.more) == ((), (), 0)


def test_an_account_that_is_gone_falls_to_nothing() -> None:
    found = changes(summary(web=700, shop=300), summary(web=700))

    assert found.by_account == (Change(key="shop", before=300, after=0),)
    assert found.by_day == (Change(key="2026-09-01", before=1_000, after=700),)


def test_the_largest_changes_come_first_whichever_way_they_go() -> None:
    found = changes(summary(a=0, b=0, c=0), summary(a=5, b=-90, c=40))

    assert [change.key for change in found.by_account] == ["b", "c", "a"]


def test_changes_beyond_the_largest_fifty_are_counted() -> None:
    many = {f"account-{n:03}": n for n in range(1, SOME + 8)}

    found = changes(None, summary(**many))

    assert len(found.by_account) == SOME == 50
    assert found.more == 7
    assert found.by_account[0].after == 57


def test_accounts_in_several_shares_are_summed_by_bill_and_currency() -> None:
    parts = [summary(web=700), summary("CNY", web=5), summary(shop=300, web=1)]

    yuan, dollars = merged(parts)

    assert (yuan.billing_currency, yuan.costs.unblended_cost) == ("CNY", 5)
    assert dollars.costs == cost(1_001, 3)
    assert dollars.by_account == {"shop": cost(300), "web": cost(701, 2)}
    assert dollars.charges == 3


@some
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["web", "shop", "ops"]), st.integers(-100, 100)), min_size=1
    )
)
def test_the_order_of_shares_changes_nothing_and_parts_add_up(parts: list[dict[str, int]]) -> None:
    shares = [summary(**part) for part in parts]

    (whole,) = merged(shares)

    assert merged(shares[::-1]) == [whole]
    assert whole.costs.unblended_cost == sum(sum(part.values()) for part in parts)
    assert sum(c.unblended_cost for c in whole.by_account.values()) == whole.costs.unblended_cost


def test_the_newest_day_and_any_open_line_of_a_share_are_the_bills() -> None:
    early = summary(web=1).model_copy(update={"last_usage_day": "2026-09-03", "is_net": True})
    late = summary(web=1).model_copy(
        update={"last_usage_day": "2026-09-05", "lines_without_invoice": 2}
    )

    (whole,) = merged([early, late, summary(web=1)])

    assert (whole.last_usage_day, whole.lines_without_invoice) == ("2026-09-05", 2)
    assert whole.is_net
    assert not whole.is_invoiced


def test_a_bill_is_invoiced_when_every_line_has_its_invoice() -> None:
    assert summary(web=1).is_invoiced
    assert not summary().is_invoiced  # of nothing, nothing is known


def test_a_list_price_that_one_part_does_not_state_is_the_others() -> None:
    stated = Costs(list_cost=5)

    assert (stated + Costs()).list_cost == (Costs() + stated).list_cost == 5
    assert (Costs() + Costs()).list_cost is None


def test_dust_of_two_costs_becomes_a_tick() -> None:
    half = Costs(lines=1, unblended_dust=5 * 10**9)

    assert half + half == Costs(lines=2, unblended_cost=1)


def test_a_load_is_under_way_or_final() -> None:
    assert {status for status in LoadStatus if not status.is_final} == UNDER_WAY
    assert LoadStatus.INCOMPLETE.is_final
