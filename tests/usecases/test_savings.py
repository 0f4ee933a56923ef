"""Savings, decided: who sees and who is asked, sums, decisions one by one and in bulk, sources."""

from datetime import date, timedelta
from typing import Any

import pytest

from finops.domain.audit import Deed, Receipt
from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern
from finops.domain.claims import AccountClaims, Claim
from finops.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.people import Person, Role
from finops.domain.saving_tasks import SavingTask
from finops.domain.savings import Saving, SavingDecision, SavingStatus, Via
from finops.domain.shares import AccountShares, Revision
from finops.usecases.accounts import check_accounts
from finops.usecases.ports import Save
from finops.usecases.saving_decisions import (
    MOST,
    Chosen,
    decide_found,
    decide_many,
    remember_decisions,
)
from finops.usecases.saving_views import decisions
from finops.usecases.savings import (
    TOP,
    GroupBy,
    SavingQuery,
    Wish,
    ask_collection,
    decide,
    history,
    people_asked,
    seen_saving,
    seen_savings,
    sources,
    top_savings,
    totals,
)
from finops.usecases.savings_intake import SavingsDesk, collect_recommendations
from finops.usecases.tasks import tasks_of
from tests.savings_fakes import ACCOUNT, PAYER, InMemoryRecommendations, recommendation, saving
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)

OTHERS = "444455556666"
NOBODYS = "222233334444"
APPROVE, IGNORE = SavingDecision.APPROVE, SavingDecision.IGNORE
IMPLEMENT, REOPEN = SavingDecision.IMPLEMENT, SavingDecision.REOPEN


@pytest.fixture
def organisation() -> Organisation:
    """ACCOUNT is 60 % the web shop's and 40 % search's; OTHERS is of the loans; NOBODYS of nobody."""
    made = Organisation()
    made.drop()
    split(made, ACCOUNT, (WEB_SHOP, 6_000), (SEARCH, 4_000))
    split(made, OTHERS, (LOANS, 10_000))
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def finance(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


@pytest.fixture
def owner(staff: dict[Role, Person]) -> Person:
    """Of the web shop."""
    return staff[Role.PRODUCT_OWNER]


def split(organisation: Organisation, account: str, *shares: tuple[str, int]) -> None:
    year = Revision(
        number=1,
        start=date(2026, 1, 1),
        end=date(2027, 1, 1),
        shares=tuple(sorted(shares)),
        set_by="fin@example.com",
        set_at=NOW,
    )
    new = AccountShares(account_id=account, revisions=(year,))
    organisation.shares.save([Save(None, new, Deed(action="MapAccount"))], act())


def keep(organisation: Organisation, *cases: Saving) -> list[Saving]:
    """Cases that were found."""
    saves = [Save(None, one, Deed(action="Find")) for one in cases]
    return [organisation.savings.save([one], act("the export"))[0] for one in saves]


def case(resource_id: str | None = "i-1", savings: int = 10, **fields: Any) -> Saving:
    """A case of one option; *savings* in whole dollars a month."""
    return saving(recommendation(resource_id, savings=savings, **fields), on=date(2026, 3, 1))


def listed(organisation: Organisation, by: Person, **query: Any) -> list[str | None]:
    """The resources that *by* sees, in order."""
    found = seen_savings(SavingQuery(**query), TODAY, by=by, board=organisation.savings_board)
    return [one.saving.resource_id for one in found]


def take(
    organisation: Organisation,
    by: Person,
    decision: SavingDecision,
    one: Saving,
    reason: str | None = None,
    **wish: Any,
) -> Saving:
    return decide(
        one.saving_id,
        Wish(decision=decision, **wish),
        one.version,
        by=by,
        board=organisation.savings_board,
        act=act(by.email, reason=reason),
    )


def claim(organisation: Organisation, resource_id: str, product: str) -> None:
    known = organisation.claims.find(ACCOUNT)
    made = Claim(
        account_id=ACCOUNT,
        resource_id=resource_id,
        workload_id="w-1",
        product_id=product,
        start=TODAY + timedelta(1),
        claimed_by="someone@example.com",
        claimed_at=NOW,
    )
    after = AccountClaims(version=known.version, account_id=ACCOUNT, claims=(*known.claims, made))
    organisation.claims.save(known, after, Deed(action="Claim"), act())


# Whose --------------------------------------------------------------------------------------------


def test_the_largest_holder_is_asked_and_whoever_pays_a_part_sees_it(
    organisation: Organisation, finance: Person, owner: Person
) -> None:
    keep(organisation, case("i-1"), case("i-2", account_id=OTHERS), case("i-3", account_id=NOBODYS))
    searcher = organisation.hire("search@example.com", Role.PRODUCT_OWNER, [SEARCH])
    banker = organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])
    board = organisation.savings_board

    by_id = {
        one.saving.resource_id: one
        for one in seen_savings(SavingQuery(), TODAY, by=finance, board=board)
    }
    assert by_id["i-1"].asked == WEB_SHOP
    assert by_id["i-1"].owners.products == ((WEB_SHOP, 6_000), (SEARCH, 4_000))
    assert (by_id["i-3"].asked, by_id["i-3"].owners.held_by) == (None, None)
    assert listed(organisation, owner) == ["i-1"]
    [theirs] = seen_savings(SavingQuery(), TODAY, by=searcher, board=board)
    # They know of their own part, and that somebody else is asked.
    assert (theirs.asked, theirs.owners.products) == (None, ((SEARCH, 4_000),))
    assert listed(organisation, banker) == ["i-2"]


def test_a_claim_goes_before_a_rule_and_a_rule_before_the_split(
    organisation: Organisation, finance: Person
) -> None:
    rule = ClaimRule(
        rule_id="by-team",
        workload_id="w-2",
        product_id=LOANS,
        tag=TagPattern(key="user:Team", value="loans"),
        start=date(2026, 1, 1),
    )
    book = organisation.claim_rule_book.find()
    organisation.claim_rule_book.save(
        book, ClaimRules(rules=(rule,)), Deed(action="AddClaimRule"), act()
    )
    team: dict[str, Any] = {"tags": {"Team": "loans"}}
    keep(organisation, case("i-1", **team), case("i-2", **team), case("i-3"))
    claim(organisation, "i-1", CHECKOUT)

    found = seen_savings(SavingQuery(), TODAY, by=finance, board=organisation.savings_board)

    assert {one.saving.resource_id: (one.asked, one.owners.held_by) for one in found} == {
        "i-1": (CHECKOUT, "Claim"),
        "i-2": (LOANS, "ClaimRule"),
        "i-3": (WEB_SHOP, "Shares"),
    }
    assert {one.owners.workload_id for one in found} == {"w-1", "w-2", None}


def test_a_purchase_of_no_single_resource_goes_by_the_accounts_split(
    organisation: Organisation, owner: Person
) -> None:
    keep(
        organisation,
        case(None, action_type="PurchaseSavingsPlans", resource_type="ComputeSavingsPlans"),
    )

    [seen] = seen_savings(SavingQuery(), TODAY, by=owner, board=organisation.savings_board)

    assert (seen.asked, seen.owners.held_by) == (WEB_SHOP, "Shares")


def test_owners_follow_the_rules_as_they_change(
    organisation: Organisation, finance: Person, owner: Person
) -> None:
    keep(organisation, case("i-1"))
    assert listed(organisation, owner) == ["i-1"]

    claim(organisation, "i-1", LOANS)

    assert listed(organisation, owner) == []
    assert listed(organisation, finance, element="bank") == ["i-1"]


def test_what_lies_outside_a_scope_is_not_there(
    organisation: Organisation, owner: Person, finance: Person
) -> None:
    [theirs] = keep(organisation, case("i-2", account_id=OTHERS))
    board = organisation.savings_board

    with pytest.raises(NotFoundError):
        seen_saving(theirs.saving_id, TODAY, by=owner, board=board)
    with pytest.raises(NotFoundError):
        take(organisation, owner, IGNORE, theirs, "mine", until=TODAY)
    with pytest.raises(NotFoundError):
        seen_savings(SavingQuery(element="bank"), TODAY, by=owner, board=board)
    with pytest.raises(NotFoundError):
        seen_saving("none", TODAY, by=finance, board=board)
    assert totals(seen_savings(SavingQuery(), TODAY, by=owner, board=board)) == []


def test_who_is_asked_is_who_holds_the_product_or_the_level_above(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    people = organisation.people.all()

    assert people_asked(WEB_SHOP, people) == ["product@example.com"]
    assert people_asked(SEARCH, people) == ["portfolio@example.com"]
    assert people_asked(LOANS, people) == ["fin@example.com"]
    assert people_asked(None, people) == ["fin@example.com"]


# Lists and sums -----------------------------------------------------------------------------------


def test_a_list_is_narrowed_and_the_largest_saving_comes_first(
    organisation: Organisation, finance: Person
) -> None:
    small, large, abroad = keep(
        organisation,
        case("i-1", 5),
        case("i-2", 50, region="us-east-1", action_type="Stop"),
        case("i-3", 500, currency="EUR", account_id=OTHERS),
    )
    take(organisation, finance, APPROVE, small)

    assert listed(organisation, finance) == ["i-3", "i-2", "i-1"]  # EUR sorts before USD
    assert listed(organisation, finance, status=SavingStatus.APPROVED) == ["i-1"]
    assert listed(organisation, finance, action_type="Stop") == ["i-2"]
    assert listed(organisation, finance, region="us-east-1") == ["i-2"]
    assert listed(organisation, finance, account_id=OTHERS) == ["i-3"]
    assert listed(organisation, finance, least=50 * UNIT) == ["i-3", "i-2"]
    assert listed(organisation, finance, currency="USD", element="retail") == ["i-2", "i-1"]
    take(organisation, finance, IGNORE, large, "not now", until=TODAY)
    assert listed(organisation, finance, is_open=True) == ["i-3", "i-1"]
    assert listed(organisation, finance, is_open=False) == ["i-2"]
    assert abroad.counted.currency == "EUR"


@pytest.mark.parametrize("by", list(GroupBy))
def test_groups_add_up_to_the_whole_and_currencies_stay_apart(
    organisation: Organisation, finance: Person, by: GroupBy
) -> None:
    twice = saving(recommendation("i-1", savings=10), recommendation("i-1", "Stop", savings=30))
    ignored, *_ = keep(
        organisation,
        case("i-0", 7),
        twice,
        case("i-2", 5, account_id=OTHERS),
        case("i-3", 3, account_id=NOBODYS, region=None),
        case("i-4", 9, currency="EUR"),
    )
    take(organisation, finance, IGNORE, ignored, "kept", until=TODAY)
    found = seen_savings(SavingQuery(), TODAY, by=finance, board=organisation.savings_board)

    whole = {one.currency: one[2:] for one in totals(found)}
    # i-1 counts once, by the larger of its options; what is ignored is not open.
    assert whole["USD"] == (4, 45 * UNIT, 3, 38 * UNIT)
    assert whole["EUR"] == (1, 9 * UNIT, 1, 9 * UNIT)
    for currency, sums in whole.items():
        groups = [one[2:] for one in totals(found, by) if one.currency == currency]
        assert tuple(map(sum, zip(*groups, strict=True))) == sums


def test_by_owner_a_case_is_with_the_product_that_is_asked(
    organisation: Organisation, finance: Person
) -> None:
    keep(organisation, case("i-1", 10), case("i-2", 5, account_id=NOBODYS))
    searcher = organisation.hire("search@example.com", Role.PRODUCT_OWNER, [SEARCH])

    def by_owner(by: Person) -> dict[str | None, int]:
        found = seen_savings(SavingQuery(), TODAY, by=by, board=organisation.savings_board)
        return {one.key: one.monthly_savings // UNIT for one in totals(found, GroupBy.OWNER)}

    assert by_owner(finance) == {WEB_SHOP: 10, None: 5}
    assert by_owner(searcher) == {SEARCH: 10}


def test_the_top_of_a_summary_is_open_and_in_scope(
    organisation: Organisation, owner: Person, finance: Person
) -> None:
    done, *_ = keep(organisation, *(case(f"i-{n}", n + 1) for n in range(TOP + 2)))
    keep(organisation, case("i-x", 1_000, account_id=OTHERS))
    take(organisation, finance, IGNORE, done, "small", until=TODAY)

    found = top_savings("", TODAY, by=owner, board=organisation.savings_board)

    assert [one.saving.resource_id for one in found.cases] == [f"i-{n}" for n in range(6, 1, -1)]
    assert [one.open_number for one in found.totals] == [TOP + 1]


# Decided ------------------------------------------------------------------------------------------


def test_finance_approves_the_engineer_implements_and_all_of_it_is_on_record(
    organisation: Organisation, staff: dict[Role, Person], finance: Person
) -> None:
    [one] = keep(
        organisation,
        saving(
            recommendation(savings=10),
            recommendation(action_type="Stop", savings=30),
            on=date(2026, 3, 1),
        ),
    )

    one = take(organisation, finance, APPROVE, one, "cheap", action_type="Rightsize")
    assert (one.status, one.counted.monthly_savings) == ("Approved", 10 * UNIT)
    one = take(organisation, staff[Role.CLOUD_ENGINEER], IMPLEMENT, one, on=TODAY)
    assert one.note is not None
    assert (one.status, one.note.implemented_on) == ("Implemented", TODAY)
    one = take(organisation, finance, REOPEN, one, "it was put back")
    assert one.status == "New"

    past = history(one.saving_id, audit=organisation.audit)
    assert [(each.record.action, each.saving.status) for each in past] == [
        ("Find", "New"),
        ("Approve", "Approved"),
        ("Implement", "Implemented"),
        ("Reopen", "New"),
    ]
    assert [each.record.event for each in past] == [
        *(None, "SavingApproved", "SavingImplemented", "SavingReopened"),
    ]
    # The split is of two products of a portfolio; the larger one is asked.
    assert {each.record.element for each in past[1:]} == {"retail.digital.storefront"}
    assert {each.record.done_at for each in past[1:]} == {WEB_SHOP}


def test_each_decision_is_for_its_roles(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    [one] = keep(organisation, case())

    def is_for(decision: SavingDecision, **wish: Any) -> set[Role]:
        able = set()
        for role, by in staff.items():
            fresh = organisation.savings.find(one.saving_id)
            assert fresh is not None
            try:
                take(organisation, by, decision, fresh, "why", **wish)
            except ForbiddenError:
                continue
            except ConflictError:
                pass  # it was theirs to decide, and is decided by now
            able.add(role)
        return able

    deciders = {Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER}
    owners = {
        *(Role.BUSINESS_UNIT_OWNER, Role.DEPARTMENT_OWNER),
        *(Role.PORTFOLIO_OWNER, Role.PRODUCT_OWNER),
    }
    assert is_for(IGNORE, until=TODAY) == deciders | owners
    assert is_for(APPROVE) == deciders
    assert is_for(IMPLEMENT) == {Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER, Role.PRODUCT_OWNER}


def test_who_pays_the_smaller_part_does_not_decide(
    organisation: Organisation, owner: Person
) -> None:
    [one] = keep(organisation, case())
    searcher = organisation.hire("search@example.com", Role.PRODUCT_OWNER, [SEARCH])

    with pytest.raises(ForbiddenError, match="largest part"):
        take(organisation, searcher, IGNORE, one, "mine", until=TODAY)
    assert take(organisation, owner, IGNORE, one, "mine", until=TODAY).status == "Ignored"


def test_the_second_of_two_deciders_is_told(organisation: Organisation, finance: Person) -> None:
    [one] = keep(organisation, case())
    take(organisation, finance, APPROVE, one)

    with pytest.raises(ConflictError) as told:
        take(organisation, finance, IGNORE, one, "no", until=TODAY)
    assert told.value.members["current"].status == "Approved"


@pytest.mark.parametrize(
    "wish",
    [
        {"decision": APPROVE, "until": TODAY},
        {"decision": IGNORE, "action_type": "Stop"},
        {"decision": REOPEN, "on": TODAY},
    ],
)
def test_a_wish_holds_only_what_belongs_to_it(wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match="belongs to"):
        Wish(**wish)


# Many ---------------------------------------------------------------------------------------------


def test_one_of_many_keeps_no_other_one_up(organisation: Organisation, finance: Person) -> None:
    first, second, third = keep(
        organisation, case("i-1"), case("i-2"), case("i-3", action_type="Delete")
    )
    take(organisation, finance, APPROVE, second, "long ago")
    chosen = [Chosen(one.saving_id, one.version) for one in (first, second, third)]

    made = decide_many(
        [*chosen, Chosen("none", 1)],
        Wish(decision=APPROVE, action_type="Rightsize"),
        by=finance,
        board=organisation.savings_board,
        act=act(),
    )

    assert [one.resource_id for one in made.decided] == ["i-1"]
    assert [(one.saving_id, type(one.error)) for one in made.refused] == [
        (second.saving_id, ConflictError),
        (third.saving_id, InvalidError),
        ("none", NotFoundError),
    ]
    records = list(organisation.audit.chain(f"saving#{first.saving_id}"))
    assert records[-1].event is None  # hundreds of them are told of at once
    told = decisions(made)
    remember_decisions(told, made, act=act(), audit=organisation.audit)
    [note] = organisation.audit.chain("saving-decisions#request-1")
    assert note.event == "SavingsDecided"
    assert [one["why"] for one in told["refused"]] == ["Conflict", "Invalid", "NotFound"]


def test_all_that_is_found_and_new_is_decided_on(
    organisation: Organisation, owner: Person, finance: Person
) -> None:
    first, *_ = keep(
        organisation, *(case(f"i-{n}") for n in range(100)), case("i-x", account_id=OTHERS)
    )
    take(organisation, finance, APPROVE, first)

    made = decide_found(
        SavingQuery(),
        Wish(decision=IGNORE, until=TODAY + timedelta(30)),
        by=owner,
        board=organisation.savings_board,
        audit=organisation.audit,
        receipts=organisation.receipts,
        act=act(owner.email, reason="after the season"),
    )

    assert (len(made.decided), made.refused, made.left) == (99, (), 0)
    assert {one.status for one in made.decided} == {SavingStatus.IGNORED}
    assert listed(organisation, finance, status=SavingStatus.NEW) == ["i-x"]
    assert made.element == WEB_SHOP


def test_more_than_a_request_takes_is_left_for_the_next_one(
    organisation: Organisation, finance: Person
) -> None:
    saves = [Save(None, case(f"i-{n}"), Deed(action="Find")) for n in range(MOST + 2)]
    organisation.savings.save(saves, act())

    def again() -> tuple[int, int]:
        made = decide_found(
            SavingQuery(),
            Wish(decision=APPROVE),
            by=finance,
            board=organisation.savings_board,
            audit=organisation.audit,
            receipts=organisation.receipts,
            act=act(),
        )
        return len(made.decided), made.left

    assert (again(), again(), again()) == ((MOST, 2), (2, 0), (0, 0))


def test_a_request_that_comes_again_decides_on_nothing_that_came_up_meanwhile(
    organisation: Organisation, finance: Person
) -> None:
    keep(organisation, case("i-1"))
    receipt = Receipt(key="k" * 64, fingerprint="f")

    def send() -> list[str | None]:
        made = decide_found(
            SavingQuery(),
            Wish(decision=APPROVE),
            by=finance,
            board=organisation.savings_board,
            audit=organisation.audit,
            receipts=organisation.receipts,
            act=act(receipt=receipt),
        )
        return [one.resource_id for one in made.decided]

    assert send() == ["i-1"]
    keep(organisation, case("i-2"))
    assert send() == ["i-1"]


def test_a_bulk_ignoring_without_a_reason_or_an_end_is_refused_whole(
    organisation: Organisation, finance: Person
) -> None:
    [one] = keep(organisation, case())
    chosen = [Chosen(one.saving_id, one.version)]
    board = organisation.savings_board

    for wish, why in (
        (Wish(decision=IGNORE), "until"),
        (Wish(decision=IGNORE, until=TODAY + timedelta(367)), "until"),
        (Wish(decision=IGNORE, until=TODAY), "reason"),
        (Wish(decision=IMPLEMENT), "one saving at a time"),
    ):
        with pytest.raises(InvalidError, match=why):
            decide_many(chosen, wish, by=finance, board=board, act=act())
    with pytest.raises(InvalidError, match="twice"):
        decide_many(chosen * 2, Wish(decision=APPROVE), by=finance, board=board, act=act())
    assert listed(organisation, finance, status=SavingStatus.NEW) == ["i-1"]


# Tasks --------------------------------------------------------------------------------------------


def test_the_engineer_has_a_task_for_each_and_finance_one_for_all(
    organisation: Organisation, staff: dict[Role, Person], finance: Person
) -> None:
    small, *_ = keep(
        organisation, case("i-1", 20), case("i-2", 100), case("i-3", 300), case("i-4", 99)
    )
    take(organisation, finance, APPROVE, small)

    def owed(role: Role) -> list[tuple[str, int, int]]:
        _, found = tasks_of(TODAY, by=staff[role], office=organisation.office)
        mine = [one for one in found if isinstance(one, SavingTask)]
        return [(one.kind.value, one.number, one.amount) for one in mine]

    assert owed(Role.CLOUD_ENGINEER) == [("ImplementSaving", 1, 20 * UNIT)]
    assert owed(Role.FINANCIAL_ADMIN) == [("DecideSavings", 2, 400 * UNIT)]
    assert owed(Role.VENDOR_MANAGER) == owed(Role.FINANCIAL_ADMIN)
    assert owed(Role.PRODUCT_OWNER) == []


# Sources ------------------------------------------------------------------------------------------


def test_a_source_that_did_not_answer_is_named(
    organisation: Organisation, finance: Person, owner: Person
) -> None:
    hub = InMemoryRecommendations()
    hub.stated[PAYER] = [recommendation("i-1")]
    desk = SavingsDesk(organisation.savings, organisation.savings_snapshots)
    collect_recommendations([PAYER, "888877776666"], source=hub, desk=desk, act=act())
    board = organisation.savings_board

    found = sources(TODAY + timedelta(2), by=finance, board=board)

    silent, answered = found
    assert silent.taken is None
    assert silent.unanswered is not None
    assert "not enrolled" in silent.unanswered.reason
    assert answered.taken is not None
    assert (answered.taken.via, answered.age, answered.unanswered) == (Via.API, 2, None)


def test_an_owner_is_told_of_the_payers_of_their_accounts(
    organisation: Organisation, owner: Person
) -> None:
    hub = InMemoryRecommendations()
    hub.stated[PAYER] = [recommendation("i-1")]
    desk = SavingsDesk(organisation.savings, organisation.savings_snapshots)
    collect_recommendations([PAYER, "888877776666"], source=hub, desk=desk, act=act())
    organisation.organizations.payer = PAYER
    organisation.organizations.put(ACCOUNT, "shop", path=("Retail",))
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )

    found = sources(TODAY, by=owner, board=organisation.savings_board)

    assert [one.payer for one in found] == [PAYER]


def test_an_owner_is_not_told_which_other_accounts_a_silent_source_speaks_of(
    organisation: Organisation, owner: Person, finance: Person
) -> None:
    hub = InMemoryRecommendations()
    desk = SavingsDesk(organisation.savings, organisation.savings_snapshots)
    collect_recommendations([PAYER], source=hub, desk=desk, act=act())

    [whole] = sources(TODAY, by=finance, board=organisation.savings_board)
    [part] = sources(TODAY, by=owner, board=organisation.savings_board)

    assert whole.unanswered is not None
    assert "not enrolled" in whole.unanswered.reason
    assert part.unanswered is not None
    assert part.unanswered.reason == "it did not answer; a financial admin sees why"


def test_collecting_is_for_who_may_and_is_told_on_the_bus(
    organisation: Organisation, staff: dict[Role, Person], owner: Person
) -> None:
    by = staff[Role.CLOUD_ENGINEER]

    assert ask_collection(by=by, audit=organisation.audit, act=act(by.email))["status"] == "Asked"

    [record] = organisation.audit.chain("savings-collection#asked")
    assert (record.event, record.actor) == ("SavingsCollectionAsked", by.email)
    with pytest.raises(ForbiddenError):
        ask_collection(by=owner, audit=organisation.audit, act=act(owner.email))
