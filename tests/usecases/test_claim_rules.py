"""Claim rules are added, ended and ordered by who may, from a version, and seen by scope."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from finops.domain.accounts import Account, Listed
from finops.domain.audit import Deed, findings
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.rule_changes import AddClaimRule, EndClaimRule, OrderClaimRules
from finops.domain.rule_documents import RulesHead
from finops.domain.workloads import Workload
from finops.usecases.claim_rules import ALL, RuleChange, change_rules, seen_rules
from finops.usecases.ports import Save
from tests.usecases.organisation import LOANS, NOW, WEB_SHOP, Organisation, act

SHOP, PAYER = "444455556666", "999988887777"
MAY = (Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER)
START = date(2026, 3, 11)


@pytest.fixture
def organisation() -> Organisation:
    """A workload of the web shop and one of the loans, in one account."""
    made = Organisation()
    made.drop()
    account = Account.listed(Listed(account_id=SHOP, name="shop"), PAYER, NOW)
    made.accounts.save([Save(None, account, Deed(action="List"))], act("organization"))
    for workload_id, product in (("w-web", WEB_SHOP), ("w-loans", LOANS)):
        new = Workload(
            workload_id=workload_id,
            product_id=product,
            account_id=SHOP,
            name=workload_id,
            launch="2026-03",
            end="2026-12",
        )
        made.workloads.save([Save(None, new, Deed(action="Plan"))], act())
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


@pytest.fixture
def admin(staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def change(organisation: Organisation, by: Person, what: RuleChange, version: int = 0) -> RulesHead:
    return change_rules(
        what,
        version,
        by=by,
        claim_rules=organisation.claim_rule_book,
        heads=organisation.claim_rule_heads,
        grounds=organisation.grounds,
        act=act(by.email, reason="agreed"),
    )


def rule(rule_id: str, workload_id: str = "w-web", **said: Any) -> AddClaimRule:
    return AddClaimRule(
        rule_id=rule_id, workload_id=workload_id, start=START, **said or {"service": "AmazonEC2"}
    )


def ids(organisation: Organisation, by: Person) -> Sequence[str]:
    found = seen_rules(
        by=by, claim_rules=organisation.claim_rule_book, grounds=organisation.grounds
    )
    return [one.rule.rule_id for one in found.rules]


def test_rules_are_tried_in_the_order_they_are_put_in(
    organisation: Organisation, admin: Person
) -> None:
    change(organisation, admin, rule("second"))
    change(organisation, admin, rule("first", before="second", service="AmazonS3"), 1)
    head = change(organisation, admin, rule("third"), 2)

    assert (head.number, head.version) == (3, 3)
    assert ids(organisation, admin) == ["first", "second", "third"]
    change(organisation, admin, OrderClaimRules(rule_ids=("third", "first", "second")), 3)
    assert ids(organisation, admin) == ["third", "first", "second"]


def test_a_rule_that_has_ended_stays_to_say_why(organisation: Organisation, admin: Person) -> None:
    change(organisation, admin, rule("ours"))
    change(organisation, admin, EndClaimRule(rule_id="ours", end=date(2026, 4, 1)), 1)

    [kept] = organisation.claim_rule_book.find().rules
    assert (kept.product_id, kept.start, kept.end) == (WEB_SHOP, START, date(2026, 4, 1))


def test_each_change_has_its_record_and_tells_of_itself(
    organisation: Organisation, admin: Person
) -> None:
    change(organisation, admin, rule("ours"))
    change(organisation, admin, OrderClaimRules(rule_ids=("ours",)), 1)
    change(organisation, admin, EndClaimRule(rule_id="ours", end=START), 2)

    chain = list(organisation.audit.chain(f"claim-rules#{ALL}"))
    assert [one.action for one in chain] == ["AddClaimRule", "OrderClaimRules", "EndClaimRule"]
    assert {(one.event, one.reason) for one in chain} == {("ClaimRulesChanged", "agreed")}
    assert findings(f"claim-rules#{ALL}", chain, organisation.claim_rule_heads.find(ALL)) == []


@pytest.mark.parametrize(
    "what, error, told",
    [
        (rule("new", "w-none"), NotFoundError, "there is no workload w-none"),
        (rule("new", account_id=SHOP), InvalidError, "needs a tag, a name pattern or a service"),
        (
            rule("new", account_id="1" * 12, service="AmazonEC2"),
            InvalidError,
            "nobody has seen an account 111111111111",
        ),
        (rule("new", before="none", service="x"), NotFoundError, "there is no claim rule none"),
        (rule("known"), ConflictError, "there is a claim rule known already"),
        (EndClaimRule(rule_id="none", end=START), NotFoundError, "there is no claim rule none"),
        (OrderClaimRules(rule_ids=()), InvalidError, "name every claim rule once"),
    ],
)
def test_what_no_rule_may_be_is_refused(
    organisation: Organisation,
    admin: Person,
    what: RuleChange,
    error: type[Exception],
    told: str,
) -> None:
    change(organisation, admin, rule("known"))
    written = len(organisation.records)

    with pytest.raises(error, match=told):
        change(organisation, admin, what, 1)
    assert len(organisation.records) == written


def test_no_rule_reaches_back_into_a_closed_month(
    organisation: Organisation, admin: Person
) -> None:
    organisation.open_from = date(2026, 4, 1)

    with pytest.raises(InvalidError, match="a rule starts on 2026-04-01 or later"):
        change(organisation, admin, rule("ours"))


def test_of_two_who_change_the_rules_the_second_is_told(
    organisation: Organisation, admin: Person
) -> None:
    head = change(organisation, admin, rule("first"))

    with pytest.raises(ConflictError) as told:
        change(organisation, admin, rule("second"))
    assert told.value.members["current"] == head


def test_rules_are_for_who_may(organisation: Organisation, staff: dict[Role, Person]) -> None:
    for role, person in staff.items():
        if role in MAY:
            version = organisation.claim_rule_book.find().version
            change(organisation, person, rule(f"by-{role.value.replace('_', '-')}"), version)
            continue
        with pytest.raises(ForbiddenError):
            change(organisation, person, rule("theirs"))


def test_with_a_scope_only_rules_of_its_products_are_seen(
    organisation: Organisation, admin: Person, staff: dict[Role, Person]
) -> None:
    change(organisation, admin, rule("ours"))
    change(organisation, admin, rule("theirs", "w-loans"), 1)

    assert ids(organisation, staff[Role.PRODUCT_OWNER]) == ["ours"]
    assert ids(organisation, admin) == ["ours", "theirs"]
