"""The contract of the rules: splits, policies, workloads, claim rules, and all of them at once."""

import gzip
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from finops.adapters.rules import DynamoRulebook, Kind, S3ClaimRuleBook, S3Claims
from finops.domain.audit import Deed, Receipt, findings
from finops.domain.claim_rules import ClaimRule, ClaimRules
from finops.domain.class_policies import ChargeClass, ClassPolicies, PolicyKind
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.shares import AccountShares
from finops.domain.tag_settings import KeyAlias, TagAliases, TagSettings
from finops.domain.values import Entity
from finops.domain.workloads import Workload
from finops.usecases.claim_rules import ALL
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Rulebook, Save
from tests.aws import LEDGER, client
from tests.rules_fakes import InMemoryClaimRuleBook, InMemoryClaims, InMemoryKind, InMemoryRulebook
from tests.usecases.organisation import NOW, SEARCH, WEB_SHOP, Organisation, act

SHOP, LAB, PAYER = "444455556666", "555566667777", "999988887777"
LATER = NOW + timedelta(days=1)
RECEIPT = Receipt(key="key-1", fingerprint="print-1")
DONE = Deed(action="Do", event="Done")
OPEN = date(2026, 1, 1)


def shares(account_id: str = SHOP) -> AccountShares:
    return remapped(AccountShares(account_id=account_id), WEB_SHOP)


def remapped(before: AccountShares, product: str = SEARCH) -> AccountShares:
    return before.mapped(
        [(product, 10_000)],
        start=date(2026, 4, 5),
        open_from=OPEN,
        by="fin@example.com",
        at=NOW,
    )


def policies(payer: str = PAYER) -> ClassPolicies:
    return decided(ClassPolicies(payer=payer))


def decided(before: ClassPolicies) -> ClassPolicies:
    return before.decided(
        ChargeClass.TAX,
        PolicyKind.IN_PROPORTION,
        start="2026-03",
        open_from="2026-01",
        by="fin@example.com",
        at=NOW,
    )


def workload(workload_id: str = "w-1", name: str = "front end") -> Workload:
    return Workload(
        workload_id=workload_id,
        product_id=WEB_SHOP,
        account_id=SHOP,
        name=name,
        launch="2026-03",
        end="2026-12",
    )


Case = tuple[str, Callable[[Organisation], Any], Entity, Entity, Callable[[Any], Entity]]
# The kind, its port, two of it, and a change of one.
KINDS: list[Case] = [
    (f"shares#{SHOP}", lambda o: o.shares, shares(), shares(LAB), remapped),
    (f"class-policies#{PAYER}", lambda o: o.policies, policies(), policies("one/b"), decided),
    (
        "workload#w-1",
        lambda o: o.workloads,
        workload(),
        workload("w-2"),
        lambda one: one.changed(name="back end"),
    ),
]


@pytest.fixture(params=KINDS, ids=[case[0].partition("#")[0] for case in KINDS])
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.param
    return made


def key(case: Case, one: Entity) -> str:
    """What the port knows *one* by."""
    of = {"shares": "account_id", "class-policies": "payer", "workload": "workload_id"}
    return str(getattr(one, of[case[0].partition("#")[0]]))


# One kind -----------------------------------------------------------------------------------------


def test_what_is_saved_is_read_as_it_was(organisation: Organisation, case: Case) -> None:
    name, port_of, new, other, change = case
    port = port_of(organisation)
    assert (port.find(key(case, new)), dict(port.all())) == (None, {})
    [saved] = port.save([Save(None, new, DONE)], act())
    [changed] = port.save([Save(saved, change(saved), DONE)], act())

    assert saved == new.changed(version=1, head=saved.head)
    assert port.find(key(case, new)) == changed
    assert dict(port.all()) == {key(case, new): changed}
    assert port.find(key(case, other)) is None
    chain = list(organisation.audit.chain(name))
    assert [one.event for one in chain] == ["Done", "Done"]
    assert findings(name, chain, changed) == []


def test_an_account_that_is_split_often_over_many_products_stays_one_that_can_be(
    organisation: Organisation,
) -> None:
    """200 products, 40 times: 1.4 MB of text, before and after, in records of 400 KB."""
    split = [(f"retail.digital.storefront.product-{number:03}", 50) for number in range(200)]
    saved = None
    for _ in range(4):  # ten splits a time
        made = saved or AccountShares(account_id=SHOP)
        for _ in range(10):
            made = made.mapped(
                split,
                start=date(2026, 4, 5),
                open_from=OPEN,
                by="fin@example.com",
                at=NOW,
            )
        [saved] = organisation.shares.save([Save(saved, made, DONE)], act())

    assert organisation.shares.find(SHOP) == saved
    chain = list(organisation.audit.chain(f"shares#{SHOP}"))
    assert [len(chain), findings(f"shares#{SHOP}", chain, saved)] == [4, []]


def test_of_two_who_change_one_the_second_is_told(organisation: Organisation, case: Case) -> None:
    _, port_of, new, _, change = case
    port = port_of(organisation)
    [saved] = port.save([Save(None, new, DONE)], act())
    [first] = port.save([Save(saved, change(saved), DONE)], act())

    with pytest.raises(ConflictError) as told:
        port.save([Save(saved, change(saved), DONE)], act(receipt=RECEIPT))
    assert told.value.members["current"] == first
    with pytest.raises(ConflictError):
        port.save([Save(None, new, DONE)], act())
    assert organisation.receipts.find("key-1") is None


def test_of_several_in_a_step_all_are_written_or_none(
    organisation: Organisation, case: Case
) -> None:
    _, port_of, new, other, _ = case
    port = port_of(organisation)
    port.save([Save(None, other, DONE)], act())

    with pytest.raises(ConflictError):
        port.save([Save(None, new, DONE), Save(None, other, DONE)], act())
    assert list(port.all()) == [key(case, other)]
    assert port.find(key(case, new)) is None


def test_45_fit_in_one_step_with_a_receipt(organisation: Organisation) -> None:
    crowd = [Save(None, shares(f"{number:012d}"), DONE) for number in range(45)]

    organisation.shares.save(crowd, act(receipt=RECEIPT))

    assert len(organisation.shares.all()) == 45
    assert organisation.receipts.find("key-1") is not None


# The claim rules ----------------------------------------------------------------------------------


def rules(*names: str, before: ClaimRules | None = None) -> ClaimRules:
    known = before or ClaimRules()
    for name in names:
        rule = ClaimRule(
            rule_id=name, workload_id="w-1", product_id=WEB_SHOP, service="AmazonEC2", start=OPEN
        )
        known = known.added(rule, today=OPEN, open_from=OPEN)
    return known


def test_claim_rules_are_read_as_they_were_saved(organisation: Organisation) -> None:
    book = organisation.claim_rule_book
    none = book.find()
    assert none == ClaimRules()
    first = book.save(none, rules("a"), DONE, act())
    known = book.find()
    second = book.save(known, rules("b", before=known), DONE, act(at=LATER))

    assert [rule.rule_id for rule in book.find().rules] == ["a", "b"]
    assert (first.number, first.version, first.changed_at) == (1, 1, NOW)
    assert (second.number, second.version, second.changed_at) == (2, 2, LATER)
    assert (book.find().version, book.find().head) == (2, second.head)
    assert organisation.claim_rule_heads.find(ALL) == second
    assert dict(organisation.claim_rule_heads.all()) == {ALL: second}
    assert dict(organisation.claim_heads.all()) == {}
    chain = list(organisation.audit.chain("claim-rules#all"))
    assert findings("claim-rules#all", chain, second) == []


def test_of_two_who_change_the_rules_the_second_is_told_and_changes_nothing(
    organisation: Organisation,
) -> None:
    book = organisation.claim_rule_book
    head = book.save(ClaimRules(), rules("a"), DONE, act())

    with pytest.raises(ConflictError) as told:
        book.save(ClaimRules(), rules("b"), DONE, act())
    assert told.value.members["current"] == head
    assert [rule.rule_id for rule in book.find().rules] == ["a"]


def test_the_same_rules_again_are_a_change_like_any_other(organisation: Organisation) -> None:
    book = organisation.claim_rule_book
    first = book.save(ClaimRules(), rules("a"), DONE, act())
    second = book.save(book.find(), book.find(), DONE, act(at=LATER))

    assert (second.digest, second.document) == (first.digest, first.document)
    assert (second.version, book.find().version) == (2, 2)


# All at once --------------------------------------------------------------------------------------


@pytest.fixture
def rulebook(organisation: Organisation) -> Rulebook:
    of = organisation
    if isinstance(of.shares, InMemoryKind):
        assert isinstance(of.policies, InMemoryKind)
        assert isinstance(of.claims, InMemoryClaims)
        assert isinstance(of.claim_rule_book, InMemoryClaimRuleBook)
        return InMemoryRulebook(
            of.shares, of.policies, of.claims, of.claim_rule_book, of.settings_kept
        )
    assert isinstance(of.shares, Kind)
    assert isinstance(of.policies, Kind)
    assert isinstance(of.claims, S3Claims)
    assert isinstance(of.claim_rule_book, S3ClaimRuleBook)
    return DynamoRulebook(of.shares, of.policies, of.claims, of.claim_rule_book, of.settings_kept)


def test_no_rules_are_no_rules(rulebook: Rulebook) -> None:
    now = rulebook.now()

    assert (now.revision, rulebook.revision()) == (0, 0)
    assert (now.rules.shares, now.rules.claims, now.rules.policies) == ({}, {}, {})


def test_all_rules_are_read_together_and_every_change_of_them_counts(
    organisation: Organisation, rulebook: Rulebook
) -> None:
    revisions = []

    def counted() -> None:
        now = rulebook.now()
        assert now.revision == rulebook.revision()
        revisions.append(now.revision)

    [split] = organisation.shares.save([Save(None, shares(), DONE)], act())
    counted()
    [split] = organisation.shares.save([Save(split, remapped(split), DONE)], act())
    counted()
    [policy] = organisation.policies.save([Save(None, policies(), DONE)], act())
    counted()
    organisation.claim_rule_book.save(ClaimRules(), rules("a"), DONE, act())
    counted()
    none = organisation.claims.find(SHOP)
    claimed = none.claimed(["i-1"], workload(), open_from=OPEN, by="fin@example.com", at=NOW)
    organisation.claims.save(none, claimed, DONE, act())
    counted()
    organisation.workloads.save([Save(None, workload(), DONE)], act())

    assert revisions == [1, 2, 3, 4, 5]
    now = rulebook.now().rules
    assert (now.shares, now.policies) == ({SHOP: split}, {PAYER: policy})
    assert [rule.rule_id for rule in now.claim_rules.rules] == ["a"]
    assert [claim.resource_id for claim in now.claims[SHOP].claims] == ["i-1"]
    assert rulebook.revision() == 5


# What only the bucket can do ----------------------------------------------------------------------


@pytest.mark.parametrize("organisation", ["real"], indirect=True)
def test_a_document_that_was_changed_behind_its_head_is_not_taken(
    organisation: Organisation,
) -> None:
    head = organisation.claim_rule_book.save(ClaimRules(), rules("a"), DONE, act())
    forged = rules("b").model_dump_json(exclude={"version", "head"}).encode()
    client("s3").put_object(Bucket=LEDGER, Key=head.document, Body=gzip.compress(forged))
    reader = Organisation.on_aws().claim_rule_book

    with pytest.raises(FinOpsError, match="is not what was written there"):
        reader.find()


def test_other_spellings_are_rules_and_every_change_of_them_counts(
    organisation: Organisation, rulebook: Rulebook
) -> None:
    kept = organisation.settings_kept

    def settle(tags: TagSettings) -> None:
        before = in_force(kept)
        after = before.with_tags(tags)
        kept.save([Save(before if before.version else None, after, DONE)], act())

    table = TagSettings(key_aliases=(KeyAlias(key="user:Team", alias="user:team"),))
    settle(table)
    assert (rulebook.now().rules.aliases, rulebook.revision()) == (table.aliases, 1)
    settle(table.model_copy(update={"required_keys": ("user:Team",)}))
    assert (rulebook.now().revision, rulebook.revision()) == (1, 1)
    settle(TagSettings())
    assert (rulebook.now().rules.aliases, rulebook.now().revision) == (TagAliases(), 2)
