"""Accounts are split by who may, from a version, one by one or by a file, and seen by scope."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.accounts import Account, Listed
from finops.domain.audit import Act, Deed, findings
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.rule_changes import MapAccount
from finops.domain.shares import AccountShares, ShareStatus
from finops.usecases.audit import verify
from finops.usecases.ports import Save
from finops.usecases.rule_views import shares_in_list
from finops.usecases.shares import (
    STEP,
    ShareReport,
    load_shares,
    map_account,
    renew,
    see_shares,
    seen_shares,
)
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    TILLS,
    TODAY,
    WEB_SHOP,
    Organisation,
    act,
)

PAYER, SHOP, LAB, NEW = "999988887777", "444455556666", "555566667777", "666677778888"
NEXT_CHART = "Acme_2027_true_2027-01-01_false_Budget_v1.csv"
DECEMBER = datetime(2026, 12, 10, 9, 0, tzinfo=UTC)


@pytest.fixture
def organisation() -> Organisation:
    return furnished()


def furnished() -> Organisation:
    """Two accounts and the chart of 2026, in March."""
    made = Organisation()
    made.drop()
    for account_id, name in ((SHOP, "shop"), (LAB, "lab")):
        know(made, account_id, name)
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def admin(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def know(organisation: Organisation, account_id: str, name: str = "new", **said: Any) -> None:
    listed = Listed(account_id=account_id, name=name, **said)
    account = Account.listed(listed, PAYER, NOW - timedelta(days=90))
    organisation.accounts.save([Save(None, account, Deed(action="List"))], act("organization"))


def split(
    organisation: Organisation,
    by: Person,
    account_id: str,
    shares: dict[str, int],
    start: date | None = None,
    *,
    version: int = 0,
    at: datetime = NOW,
    reason: str | None = None,
) -> AccountShares:
    change = MapAccount(
        account_id=account_id, shares=tuple(shares.items()), start=start, reason=reason
    )
    return map_account(
        change,
        version,
        by=by,
        shares=organisation.shares,
        grounds=organisation.grounds,
        act=act(by.email, at, reason=reason),
    )


def load(
    organisation: Organisation,
    by: Person,
    *rows: str,
    dry_run: bool = False,
    doing: Act | None = None,
) -> ShareReport:
    text = "".join(f"{row}\n" for row in ("account_id,product_id,share,start,reason", *rows))
    return load_shares(
        text,
        dry_run=dry_run,
        by=by,
        shares=organisation.shares,
        grounds=organisation.grounds,
        act=doing or act(by.email),
    )


def wrong(report: ShareReport) -> list[tuple[int | None, str | None]]:
    return [(one.row, one.column) for one in report.errors]


# Mapped -------------------------------------------------------------------------------------------


def test_a_first_split_starts_a_month_back_and_tells_of_itself(
    organisation: Organisation, admin: Person
) -> None:
    mapped = split(organisation, admin, SHOP, {WEB_SHOP: 6_000, SEARCH: 4_000}, reason="agreed")

    [revision] = mapped.revisions
    assert (revision.start, revision.end) == (date(2026, 2, 1), date(2027, 1, 1))
    assert revision.shares == ((SEARCH, 4_000), (WEB_SHOP, 6_000))
    assert (revision.set_by, revision.set_at, revision.reason) == (admin.email, NOW, "agreed")
    [record] = organisation.audit.chain(f"shares#{SHOP}")
    assert (record.action, record.event, record.reason) == ("MapAccount", "AccountMapped", "agreed")


def test_an_account_that_joined_last_week_is_paid_for_from_then_on(
    organisation: Organisation, admin: Person
) -> None:
    know(organisation, NEW, joined=date(2026, 3, 4))

    assert split(organisation, admin, NEW, {WEB_SHOP: 10_000}).revisions[0].start == date(
        2026, 3, 4
    )


def test_a_record_is_for_those_whose_scope_covers_every_product_there_ever_was(
    organisation: Organisation, admin: Person
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    split(organisation, admin, SHOP, {SEARCH: 10_000}, date(2026, 4, 5), version=1)
    split(organisation, admin, SHOP, {CHECKOUT: 10_000}, date(2026, 5, 3), version=2)
    split(organisation, admin, SHOP, {LOANS: 10_000}, date(2026, 6, 7), version=3)

    elements = [record.element for record in organisation.audit.chain(f"shares#{SHOP}")]
    assert elements == [WEB_SHOP, STOREFRONT, "retail.digital", ""]


def test_the_same_split_again_changes_nothing(organisation: Organisation, admin: Person) -> None:
    first = split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    written = len(organisation.records)

    assert split(organisation, admin, SHOP, {WEB_SHOP: 10_000}, version=1) == first
    assert (
        split(organisation, admin, SHOP, {WEB_SHOP: 10_000}, date(2026, 4, 5), version=1) == first
    )
    assert len(organisation.records) == written


def test_the_split_of_today_again_takes_back_what_was_planned_for_later(
    organisation: Organisation, admin: Person
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    split(organisation, admin, SHOP, {SEARCH: 10_000}, date(2026, 5, 3), version=1)
    back = split(organisation, admin, SHOP, {WEB_SHOP: 10_000}, date(2026, 4, 5), version=2)

    assert back.version == 3
    in_june = back.on(date(2026, 6, 1))
    assert in_june is not None
    assert in_june.shares == ((WEB_SHOP, 10_000),)


@pytest.mark.parametrize("points, told", [(9_999, "add up to 99.99 %"), (10_001, "100.01 %")])
def test_a_hundredth_of_a_percent_too_little_or_too_much_is_refused(
    organisation: Organisation, admin: Person, points: int, told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        split(organisation, admin, SHOP, {WEB_SHOP: points - 5_000, SEARCH: 5_000})
    assert organisation.shares.find(SHOP) is None


@pytest.mark.parametrize(
    "product, told",
    [
        ("retail.digital.storefront.none", "there is no product"),
        (STOREFRONT, "there is no product"),
    ],
)
def test_what_is_no_product_pays_for_nothing(
    organisation: Organisation, admin: Person, product: str, told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        split(organisation, admin, SHOP, {product: 10_000})


def test_an_account_that_nobody_has_seen_is_not_mapped(
    organisation: Organisation, admin: Person
) -> None:
    with pytest.raises(NotFoundError, match="finops accounts check"):
        split(organisation, admin, NEW, {WEB_SHOP: 10_000})


def test_only_a_financial_admin_splits_accounts(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for role, person in staff.items():
        if role is Role.FINANCIAL_ADMIN:
            continue
        with pytest.raises(ForbiddenError):
            split(organisation, person, SHOP, {WEB_SHOP: 10_000})
        with pytest.raises(ForbiddenError):
            load(organisation, person, f"{SHOP},{WEB_SHOP},100,,")
    assert organisation.shares.find(SHOP) is None


def test_of_two_who_split_an_account_the_second_is_told(
    organisation: Organisation, admin: Person
) -> None:
    first = split(organisation, admin, SHOP, {WEB_SHOP: 10_000})

    with pytest.raises(ConflictError) as told:
        split(organisation, admin, SHOP, {SEARCH: 10_000}, date(2026, 4, 5))
    assert told.value.members["current"] == first


def test_every_split_is_verified_against_its_records(
    organisation: Organisation, admin: Person
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    mapped = split(organisation, admin, SHOP, {SEARCH: 10_000}, date(2026, 4, 5), version=1)

    chain = list(organisation.audit.chain(f"shares#{SHOP}"))
    assert findings(f"shares#{SHOP}", chain, mapped) == []
    organisation.records.states[f"shares#{SHOP}"] = mapped.changed(revisions=mapped.revisions[:1])
    found = verify(
        None, TODAY, None, by=admin, audit=organisation.audit, books=organisation.books
    ).findings
    assert [(one.entity, one.fault) for one in found] == [(f"shares#{SHOP}", "StateAltered")]


# Renewed ------------------------------------------------------------------------------------------


def renewed(organisation: Organisation, by: Person, version: int, at: datetime) -> AccountShares:
    return renew(
        SHOP,
        version,
        by=by,
        shares=organisation.shares,
        grounds=organisation.grounds,
        act=act(by.email, at, reason="as it was"),
    )


def test_in_the_last_month_of_the_year_its_split_is_proposed_and_taken_over(
    organisation: Organisation, admin: Person
) -> None:
    organisation.drop(NEXT_CHART)
    split(organisation, admin, SHOP, {WEB_SHOP: 2_500, SEARCH: 7_500})
    seen = see_shares(
        SHOP,
        DECEMBER.date(),
        by=admin,
        shares=organisation.shares,
        grounds=organisation.grounds,
    )
    after = renewed(organisation, admin, 1, DECEMBER)

    assert seen.status is ShareStatus.EXPIRING
    assert seen.renewal is not None
    new = after.revisions[-1]
    assert (new.start, new.end) == (date(2027, 1, 1), date(2028, 1, 1))
    assert new.shares == seen.renewal.shares == after.revisions[0].shares
    assert new.reason == "as it was"
    with pytest.raises(ConflictError, match="nothing to renew"):
        renewed(organisation, admin, 2, DECEMBER)


def test_nothing_is_renewed_before_the_last_month(
    organisation: Organisation, admin: Person
) -> None:
    organisation.drop(NEXT_CHART)
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})

    with pytest.raises(ConflictError, match="2026-12, the last month of the fiscal year"):
        renewed(organisation, admin, 1, NOW)


def test_nothing_is_renewed_for_a_year_without_a_chart(
    organisation: Organisation, admin: Person
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})

    with pytest.raises(ConflictError, match="no chart of accounts of 2027 yet"):
        renewed(organisation, admin, 1, DECEMBER)


# Loaded -------------------------------------------------------------------------------------------


def test_a_file_maps_all_accounts_it_names_and_again_changes_nothing(
    organisation: Organisation, admin: Person
) -> None:
    rows = (
        f"{SHOP},{WEB_SHOP},33.34,,",
        f"{LAB},{LOANS},100 %,,handed over",
        f"{SHOP},{SEARCH},66.66,,",
    )
    assert load(organisation, admin, *rows, dry_run=True).mapped == (SHOP, LAB)
    assert organisation.shares.all() == {}
    report = load(organisation, admin, *rows)

    assert (report.rows, report.mapped, report.errors, report.applied) == (3, (SHOP, LAB), (), True)
    shop, lab = (organisation.shares.find(account) for account in (SHOP, LAB))
    assert shop is not None
    assert lab is not None
    assert shop.revisions[0].shares == ((SEARCH, 6_666), (WEB_SHOP, 3_334))
    assert lab.revisions[0].reason == "handed over"
    written = len(organisation.records)
    again = load(organisation, admin, *rows)
    assert (again.unchanged, again.mapped, again.applied) == ((SHOP, LAB), (), True)
    assert len(organisation.records) == written


def test_a_file_remaps_from_its_start_on(organisation: Organisation, admin: Person) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    report = load(organisation, admin, f"{SHOP},{SEARCH},100,2026-04-05,")

    assert report.remapped == (SHOP,)
    known = organisation.shares.find(SHOP)
    assert known is not None
    assert known.revisions[1].start == date(2026, 4, 5)


def test_a_file_puts_back_what_somebody_changed_a_moment_ago(
    organisation: Organisation, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    behind = dict(organisation.shares.all())
    split(organisation, admin, SHOP, {SEARCH: 10_000}, date(2026, 4, 5), version=1)
    monkeypatch.setattr(organisation.shares, "all", lambda: behind)

    report = load(organisation, admin, f"{SHOP},{WEB_SHOP},100,2026-04-05,")

    assert (report.remapped, report.unchanged) == ((SHOP,), ())
    known = organisation.shares.find(SHOP)
    assert known is not None
    assert [one.shares for one in known.revisions] == [
        ((product, 10_000),) for product in (WEB_SHOP, SEARCH, WEB_SHOP)
    ]


def test_everything_that_is_wrong_is_named_and_nothing_is_done(
    organisation: Organisation, admin: Person
) -> None:
    split(organisation, admin, LAB, {WEB_SHOP: 10_000})
    written = len(organisation.records)
    report = load(
        organisation,
        admin,
        f"{SHOP},{WEB_SHOP},60,,",
        f"{SHOP},{SEARCH},39.99,,",
        f"{NEW},{WEB_SHOP},100,,",
        f"{LAB},{SEARCH},100,,",
        "4.44456E+11,retail,1000,soon,",
        "777788889999,retail.digital,50,2026-04-05,",
        f"777788889999,{WEB_SHOP},50.01,2026-04-05,",
    )

    assert wrong(report) == [
        (2, "share"),
        (4, "account_id"),
        (5, "start"),
        *[(6, column) for column in ("account_id", "share", "start")],
        *[(7, column) for column in ("account_id", "share", "product_id")],
    ]
    assert report.errors[0].detail == (
        f"account {SHOP}, rows 2, 3: the shares add up to 99.99 %, which is 0.01 % too little; "
        "they have to add up to 100.00 %"
    )
    assert "add up to 100.01 %" in report.errors[7].detail
    assert "say from when" in report.errors[2].detail
    assert not report.applied
    assert len(organisation.records) == written


def test_a_start_on_which_no_spend_period_starts_is_named(
    organisation: Organisation, admin: Person
) -> None:
    report = load(organisation, admin, f"{SHOP},{WEB_SHOP},100,2026-04-06,")

    assert wrong(report) == [(2, "start")]
    assert "2026-04-05, 2026-04-12" in report.errors[0].detail


def test_a_start_that_no_split_may_have_is_named_also_where_that_split_is_in_force(
    organisation: Organisation, admin: Person
) -> None:
    split(organisation, admin, LAB, {WEB_SHOP: 10_000})
    report = load(
        organisation,
        admin,
        *(f"{account},{WEB_SHOP},100,2026-04-06," for account in (SHOP, LAB)),
    )

    assert wrong(report) == [(2, "start"), (3, "start")]
    assert report.unchanged == ()


def test_a_file_of_january_that_starts_in_december_names_who_does_not_pay_in_both_years(
    organisation: Organisation, admin: Person
) -> None:
    january = act(admin.email, datetime(2027, 1, 5, 9, 0, tzinfo=UTC))
    row = f"{SHOP},{WEB_SHOP},100,,"

    report = load(organisation, admin, row, doing=january)
    assert wrong(report) == [(2, "product_id")]
    assert "has ended before 2027-01-01" in report.errors[0].detail
    organisation.drop(NEXT_CHART)
    assert load(organisation, admin, row, doing=january).mapped == (SHOP,)
    known = organisation.shares.find(SHOP)
    assert known is not None
    assert [(one.start, one.end) for one in known.revisions] == [
        (date(2026, 12, 1), date(2027, 1, 1)),
        (date(2027, 1, 1), date(2028, 1, 1)),
    ]
    assert load(organisation, admin, row, doing=january).unchanged == (SHOP,)


def test_a_crowd_is_saved_in_steps_and_what_was_cut_off_is_done_by_the_same_file(
    organisation: Organisation, admin: Person
) -> None:
    crowd = [f"{number:012d}" for number in range(2 * STEP + 1)]
    for account_id in crowd:
        know(organisation, account_id)
    rows = [f"{account_id},{WEB_SHOP},100,," for account_id in crowd]
    last = crowd[-1]

    waiting = organisation.records.meanwhile

    def before_the_third_step() -> None:
        split(organisation, admin, last, {SEARCH: 10_000})

    waiting.append(lambda: waiting.append(lambda: waiting.append(before_the_third_step)))
    with pytest.raises(ConflictError, match=f"{2 * STEP} of {len(crowd)} accounts are done"):
        load(organisation, admin, *rows)
    assert len(organisation.shares.all()) == len(crowd)
    report = load(organisation, admin, *rows[:-1])
    assert len(report.unchanged) == 2 * STEP


PRODUCTS = (WEB_SHOP, SEARCH, CHECKOUT, TILLS, LOANS)
cuts = st.lists(st.integers(1, 9_999), max_size=len(PRODUCTS) - 1, unique=True)


def parts(edges: list[int]) -> dict[str, int]:
    """The whole, cut at *edges*, over as many products."""
    marks = [0, *sorted(edges), 10_000]
    widths = [end - start for start, end in pairwise(marks)]
    return dict(zip(PRODUCTS, widths, strict=False))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(cuts, cuts, st.randoms(use_true_random=False))
def test_a_file_does_what_its_splits_do_one_by_one_whatever_the_order_of_its_rows(
    shop: list[int], lab: list[int], chance: Random
) -> None:
    by_file, one_by_one = furnished(), furnished()
    wanted = {SHOP: parts(shop), LAB: parts(lab)}
    rows = [
        f"{account_id},{product},{points // 100}.{points % 100:02},,"
        for account_id, shares in wanted.items()
        for product, points in shares.items()
    ]
    chance.shuffle(rows)
    load(by_file, by_file.hire("a@example.com", Role.FINANCIAL_ADMIN), *rows)
    by = one_by_one.hire("a@example.com", Role.FINANCIAL_ADMIN)
    for account_id, shares in wanted.items():
        split(one_by_one, by, account_id, shares)

    assert by_file.shares.all() == one_by_one.shares.all()
    owner = by_file.hire("owner@example.com", Role.BUSINESS_UNIT_OWNER, ["retail"])
    for one in seen_shares(TODAY, by=owner, shares=by_file.shares, grounds=by_file.grounds):
        current = shares_in_list(one)["current"]
        theirs = sum(part["basis_points"] for part in current["shares"])
        assert theirs + current["others_basis_points"] == 10_000


# Seen ---------------------------------------------------------------------------------------------


def listed(organisation: Organisation, by: Person, on: date = TODAY, **asked: Any) -> list[str]:
    found = seen_shares(
        on, by=by, shares=organisation.shares, grounds=organisation.grounds, **asked
    )
    return [one.account_id for one in found]


def test_what_nobody_pays_for_comes_first(organisation: Organisation, admin: Person) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})

    assert listed(organisation, admin) == [LAB, SHOP]
    assert listed(organisation, admin, date(2026, 1, 31)) == [SHOP, LAB]
    assert listed(organisation, admin, unmapped=True) == [LAB]
    assert listed(organisation, admin, element="retail") == [SHOP]
    assert listed(organisation, admin, element="bank") == []


def test_with_a_scope_only_accounts_and_parts_of_it_are_seen(
    organisation: Organisation, admin: Person, staff: dict[Role, Person]
) -> None:
    owner = staff[Role.PORTFOLIO_OWNER]
    split(organisation, admin, SHOP, {WEB_SHOP: 2_500, LOANS: 7_500})
    split(organisation, admin, LAB, {LOANS: 10_000})

    [one] = seen_shares(TODAY, by=owner, shares=organisation.shares, grounds=organisation.grounds)
    assert one.account_id == SHOP
    assert (one.sees(WEB_SHOP), one.sees(LOANS)) == (True, False)
    assert listed(organisation, owner, element="bank") == []
    for unseen in (LAB, NEW):
        with pytest.raises(NotFoundError, match="in your financial scope"):
            see_shares(
                unseen,
                TODAY,
                by=owner,
                shares=organisation.shares,
                grounds=organisation.grounds,
            )


def test_an_owner_sees_when_their_part_ends_and_not_whose_it_is_then(
    organisation: Organisation, admin: Person, staff: dict[Role, Person]
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    split(organisation, admin, SHOP, {LOANS: 10_000}, date(2026, 4, 5), version=1)

    def seen(on: date) -> Any:
        return see_shares(
            SHOP,
            on,
            by=staff[Role.PRODUCT_OWNER],
            shares=organisation.shares,
            grounds=organisation.grounds,
        )

    one = seen(TODAY)
    assert one.next is not None
    assert one.next.start == date(2026, 4, 5)
    assert [revision.number for revision in one.revisions] == [1]
    assert [(span.start, span.end) for span in one.spans()] == [
        (date(2026, 2, 1), date(2026, 4, 5))
    ]
    after = seen(date(2026, 5, 1))
    assert (after.current, after.status, after.next) == (None, None, None)


@pytest.mark.parametrize(
    "on, status, following",
    [
        (date(2026, 1, 31), None, date(2026, 2, 1)),
        (date(2026, 2, 28), ShareStatus.NEW, date(2026, 4, 5)),
        (date(2026, 3, 10), ShareStatus.CURRENT, date(2026, 4, 5)),
        (date(2026, 4, 4), ShareStatus.EXPIRING, date(2026, 4, 5)),
        (date(2026, 4, 5), ShareStatus.NEW, date(2027, 1, 1)),
        (date(2026, 12, 31), ShareStatus.EXPIRING, date(2027, 1, 1)),
        (date(2027, 1, 1), None, None),
    ],
)
def test_an_account_tells_its_status_and_what_comes_next(
    organisation: Organisation,
    admin: Person,
    on: date,
    status: ShareStatus | None,
    following: date | None,
) -> None:
    split(organisation, admin, SHOP, {WEB_SHOP: 10_000})
    split(organisation, admin, SHOP, {SEARCH: 10_000}, date(2026, 4, 5), version=1)

    one = see_shares(SHOP, on, by=admin, shares=organisation.shares, grounds=organisation.grounds)
    assert (one.status, one.next and one.next.start) == (status, following)
