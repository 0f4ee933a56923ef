"""What closed means: no rule reaches back, no rule allocates anew, and a newer bill still counts."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.domain.allocation_runs import Allocation
from finops.domain.audit import Deed
from finops.domain.class_policies import CostBasis
from finops.domain.errors import InvalidError
from finops.domain.month_closes import CloseStatus, MonthClose, frozen_before
from finops.domain.month_closes import Snapshot as ClosedWith
from finops.domain.people import Person, Role
from finops.domain.places import allocation
from finops.domain.rule_changes import (
    AddClaimRule,
    Change,
    ClaimResources,
    DecidePolicy,
    EndClaimRule,
    MapAccount,
    OrderClaimRules,
)
from finops.usecases.credits import grant, map_credit
from finops.usecases.ports import Save
from finops.usecases.previews import ask_preview
from finops.usecases.standings import standings
from tests.allocating import (
    ANOTHER,
    AT,
    FIRST,
    LINES,
    NOBODYS,
    OF,
    OWN,
    RULES,
    SHARED,
    Allocating,
    decide,
    furnish,
    ticks,
)
from tests.exports import Line
from tests.remembered import remembering
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NEW_YEAR,
    SEARCH,
    TILLS,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)
from tests.usecases.test_credits import terms

OCTOBER = date(2026, 10, 1)
LATER = AT + timedelta(30)
QUIET = "777788889999"
ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
REFUND = Line(
    "-2.00", SHARED, day="2026-09-03", service="AmazonS3", resource="arn:aws:s3:::web-logs"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """September is allocated, and closed."""
    world = Allocating(tmp_path)
    rules = (*RULES[:-1], MapAccount(account_id=QUIET, shares=((SEARCH, 10_000),), start=FIRST))
    furnish(world.organisation, rules, (SHARED, OWN, NOBODYS, QUIET))
    world.load(1, LINES)
    world.run()
    world.organisation.open_from = OCTOBER
    return world


def current(made: Allocating) -> Allocation:
    found = made.allocations.find(*OF)
    assert found is not None
    return found


def index(made: Allocating) -> Mapping[str, Any]:
    root = allocation(*OF, current(made).run_id)
    found: Mapping[str, Any] = made.house.ledger.get_json(f"{root}/index.json")
    return found


def paid(made: Allocating, product: str) -> int:
    return int(index(made)["products"]["USD"].get(product, 0))


# No rule reaches back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, told",
    [
        (
            MapAccount(account_id=SHARED, shares=((SEARCH, 10_000),), start=date(2026, 9, 27)),
            "2026-09-27 is in a closed month; a new split starts on 2026-10-01 or later",
        ),
        (
            ClaimResources(
                workload_id="w-tills", resources=("i-3",), start=FIRST, reason="it was theirs"
            ),
            "2026-09-01 is before the open period; a claim starts on 2026-10-01 or later",
        ),
        (
            AddClaimRule(rule_id="late", workload_id="w-tills", name="i-*", start=FIRST),
            "2026-09-01 is before the open period; a rule starts on 2026-10-01 or later",
        ),
        (
            EndClaimRule(rule_id="logs", end=date(2026, 9, 30)),
            "2026-09-30 is before the open period; a rule ends on 2026-10-01 or later",
        ),
        (ANOTHER[-1], "2026-09 is closed; a policy starts in 2026-10 or later"),
    ],
)
def test_a_change_that_would_reach_a_closed_month_is_refused_with_the_remedy(
    made: Allocating, change: Change, told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        decide(made.organisation, change, LATER)
    with pytest.raises(InvalidError, match=told):
        ask_preview([change], by=ADMIN, at=LATER, studio=made.studio)


def test_an_account_that_nobody_has_split_is_split_from_the_first_open_day_on(
    made: Allocating,
) -> None:
    """It would be from the first of the month before, or when it joined."""
    decide(made.organisation, MapAccount(account_id=NOBODYS, shares=((LOANS, 10_000),)), LATER)

    split = made.organisation.shares.find(NOBODYS)
    assert split is not None
    assert split.revisions[0].start == OCTOBER


def test_a_chart_ends_no_product_in_a_closed_month() -> None:
    organisation = Organisation()
    organisation.drop()
    organisation.open_from = date(2026, 3, 1)
    one = ("Retail", "Digital", "Storefront", "Web shop", "1200")
    name = NEW_YEAR.replace("true_2026-01-01_false", "false_2026-02-01_true").replace("v1", "v2")

    refused = organisation.drop(name, chart_csv([one]))
    done = organisation.drop(name.replace("2026-02-01", "2026-03-01"), chart_csv([one]), at=AT)

    assert (refused.errors, refused.ended) == (1, 0)
    assert (done.errors, done.ended) == (0, 4)


def test_a_credit_that_could_pay_for_closed_months_only_is_refused() -> None:
    organisation = Organisation()
    organisation.drop()
    by = organisation.hire("fin@example.com", Role.FINANCIAL_ADMIN)
    told: dict[str, Any] = {
        "by": by,
        "credits_": organisation.credits,
        "charts": organisation.charts,
        "open_from": date(2026, 3, 1),
        "act": act(),
    }

    with pytest.raises(InvalidError, match="let it end on 2026-03-01 or later"):
        grant(terms(expiry=date(2026, 2, 28)), **told)
    one = grant(terms(expiry=date(2026, 3, 1)), **told)
    with pytest.raises(InvalidError, match="ends on 2026-02-28, in a closed month"):
        map_credit(one.credit_id, terms(expiry=date(2026, 2, 28)), 1, **told)


# No rule allocates anew ---------------------------------------------------------------------------


def test_what_a_change_of_rules_starts_is_of_open_months_alone(made: Allocating) -> None:
    of_october: Sequence[Change] = (
        MapAccount(account_id=SHARED, shares=((SEARCH, 10_000),), start=OCTOBER),
        DecidePolicy(**{**ANOTHER[-1].model_dump(exclude={"kind"}), "start": "2026-10"}),
        OrderClaimRules(rule_ids=("web", "logs")),
    )
    for change in of_october:
        decide(made.organisation, change, LATER)

    assert made.start() == []


def test_another_kind_of_cost_is_for_open_months(made: Allocating) -> None:
    made.basis = CostBasis.EFFECTIVE

    assert made.start() == []


def test_a_closed_month_is_current_while_its_bill_is_the_same(made: Allocating) -> None:
    def is_current() -> bool:
        bill = made.house.bills.find(*OF)
        assert bill is not None
        [one] = standings([bill], [current(made)], made.book)
        return one.is_current

    decide(made.organisation, OrderClaimRules(rule_ids=("web", "logs")), LATER)
    assert is_current()
    made.load(2, [*LINES, REFUND])
    assert not is_current()


# A newer bill still counts ------------------------------------------------------------------------


def test_a_bill_that_comes_after_the_close_is_allocated_once(made: Allocating) -> None:
    made.load(2, [*LINES, REFUND])

    assert made.start() == [OF]
    assert made.run() == "Published"
    assert made.start() == []
    assert made.run() == "Unchanged"


def test_it_is_allocated_by_the_rules_that_were_in_force(made: Allocating) -> None:
    """The rule `logs` was tried first: the 7.01 and the refund of 2.00 are the checkout's."""
    assert (paid(made, CHECKOUT), paid(made, TILLS)) == (ticks("7.01"), ticks("14.00"))
    decide(made.organisation, OrderClaimRules(rule_ids=("web", "logs")), LATER)
    made.load(2, [*LINES, REFUND])
    made.run()

    assert (paid(made, CHECKOUT), paid(made, TILLS)) == (ticks("5.01"), ticks("14.00"))


def test_the_products_that_were_alive_then_pay(made: Allocating) -> None:
    before = paid(made, LOANS)
    name = NEW_YEAR.replace("true_2026-01-01_false", "false_2026-02-01_true").replace("v1", "v9")
    made.organisation.open_from = date(2000, 1, 1)
    one = ("Retail", "Digital", "Storefront", "Web shop", "1200")
    assert made.organisation.drop(name, chart_csv([one]), AT).ended == 4
    made.organisation.open_from = OCTOBER
    made.load(2, LINES)
    made.run()

    assert paid(made, LOANS) == before


def test_the_cost_that_the_month_was_closed_on_stays(made: Allocating) -> None:
    made.basis = CostBasis.EFFECTIVE
    made.load(2, [*LINES, REFUND])
    made.run()

    assert current(made).basis is CostBasis.BILLED


def test_an_account_that_the_bill_did_not_have_goes_by_what_was_decided_of_it(
    made: Allocating,
) -> None:
    """Its split began before the close; it had cost nothing then."""
    before = paid(made, SEARCH)
    made.load(2, [*LINES, Line("3.00", QUIET, resource="j-1")])
    made.run()

    assert paid(made, SEARCH) == before + ticks("3.00")


def test_a_payer_whose_first_bill_of_a_closed_month_comes_late_is_allocated(
    tmp_path: Path,
) -> None:
    world = Allocating(tmp_path)
    furnish(world.organisation, RULES)
    world.organisation.open_from = OCTOBER
    world.load(1, LINES)

    assert world.start() == [OF]
    assert world.run() == "Published"
    assert paid(world, WEB_SHOP) > 0


# While it is being closed --------------------------------------------------------------------------

OTHER_ORDER = OrderClaimRules(rule_ids=("web", "logs"))  # the 7.01 would be the tills'


@pytest.fixture
def preparing(tmp_path: Path) -> Allocating:
    """September is allocated, and nobody has begun to close it."""
    world = Allocating(tmp_path)
    furnish(world.organisation, RULES[:-1])
    world.load(1, LINES)
    world.run()
    return world


def stands(made: Allocating, status: CloseStatus, run_id: str) -> None:
    """September's close is at *status*, with the figures of *run_id*."""
    closes = made.organisation.closes
    known = closes.find(OF[1])
    taken = ClosedWith(key="k", sha256="s", runs=((OF[0], run_id),))
    after = (known or MonthClose.new(OF[1])).changed(
        status=status, snapshot=None if status is CloseStatus.PREPARING else taken
    )
    closes.save([Save(known, after, Deed(action="Begin"))], act())
    open_from = frozen_before(closes.all().values())
    made.organisation.open_from = max(open_from, date(2000, 1, 1))


def test_no_rule_reaches_a_month_that_is_being_closed(preparing: Allocating) -> None:
    stands(preparing, CloseStatus.CLOSING, current(preparing).run_id)

    with pytest.raises(InvalidError, match="in a closed month; a new split starts on 2026-10-01"):
        decide(preparing.organisation, ANOTHER[0], LATER)
    decide(preparing.organisation, OTHER_ORDER, LATER)
    assert preparing.start() == []


@pytest.mark.parametrize("status", [CloseStatus.CLOSING, CloseStatus.CLOSED])
def test_what_was_planned_before_a_close_began_is_not_published_after(
    preparing: Allocating, status: CloseStatus
) -> None:
    closed_with = current(preparing).run_id
    decide(preparing.organisation, OTHER_ORDER, LATER)
    planned = preparing.plan()
    preparing.make(planned)
    stands(preparing, status, closed_with)

    assert preparing.publish(planned).status == "Overtaken"
    assert current(preparing).run_id == closed_with


def test_a_newer_bill_that_was_planned_before_is_planned_anew_by_the_rules_of_the_close(
    preparing: Allocating,
) -> None:
    closed_with = current(preparing).run_id
    decide(preparing.organisation, OTHER_ORDER, LATER)
    preparing.load(2, [*LINES, REFUND])
    planned = preparing.plan()
    preparing.make(planned)
    stands(preparing, CloseStatus.CLOSED, closed_with)

    assert preparing.publish(planned).status == "Overtaken"
    assert preparing.start() == [OF]
    assert preparing.run() == "Published"
    assert (paid(preparing, CHECKOUT), paid(preparing, TILLS)) == (ticks("5.01"), ticks("14.00"))


def test_a_newer_bill_goes_by_the_rules_of_the_close_whatever_was_published_beside_it(
    preparing: Allocating,
) -> None:
    """A run that came in the moment between the figures and the close changes nothing of them."""
    closed_with = current(preparing).run_id
    decide(preparing.organisation, OTHER_ORDER, LATER)
    assert preparing.run() == "Published"
    stands(preparing, CloseStatus.CLOSED, closed_with)
    preparing.load(2, [*LINES, REFUND])
    preparing.run()

    assert (paid(preparing, CHECKOUT), paid(preparing, TILLS)) == (ticks("5.01"), ticks("14.00"))


def test_where_its_files_are_gone_the_run_that_came_of_the_closed_one_says_by_what_rules(
    preparing: Allocating,
) -> None:
    stands(preparing, CloseStatus.CLOSED, current(preparing).run_id)
    decide(preparing.organisation, OTHER_ORDER, LATER)
    gone = current(preparing).run_id
    preparing.load(2, LINES)
    preparing.run()
    preparing.house.ledger.delete(list(preparing.house.ledger.keys(f"{allocation(*OF, gone)}/")))
    preparing.load(3, [*LINES, REFUND])

    assert preparing.run() == "Published"
    assert (paid(preparing, CHECKOUT), paid(preparing, TILLS)) == (ticks("5.01"), ticks("14.00"))


def test_a_close_that_is_given_up_leaves_a_month_to_the_rules_as_they_are(
    preparing: Allocating,
) -> None:
    """A bill that came meanwhile was planned by the rules of a close that is no more."""
    began_with = current(preparing).run_id
    decide(preparing.organisation, OTHER_ORDER, LATER)
    stands(preparing, CloseStatus.CLOSING, began_with)
    preparing.load(2, [*LINES, REFUND])
    planned = preparing.plan()
    preparing.make(planned)
    stands(preparing, CloseStatus.PREPARING, began_with)

    assert preparing.publish(planned).status == "Overtaken"
    assert preparing.start() == [OF]
    assert preparing.run() == "Published"
    assert paid(preparing, TILLS) == ticks("19.01")
