"""Bills allocated from end to end through the use cases, for tests of what comes after."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from finops.domain.accounts import Account, Listed
from finops.domain.audit import Act, Deed
from finops.domain.class_policies import ChargeClass, ClassPolicies, CostBasis, PolicyKind
from finops.domain.rule_changes import (
    AddClaimRule,
    Change,
    ClaimResources,
    DecidePolicy,
    EndClaimRule,
    MapAccount,
    OrderClaimRules,
    ReleaseResources,
    SetTagAliases,
)
from finops.domain.shares import AccountShares
from finops.domain.tag_settings import TagSettings
from finops.domain.workloads import Workload
from finops.usecases.allocate_month import (
    Item,
    Planned,
    Published,
    allocate_accounts,
    plan_allocation,
    publish_allocation,
    spread_classes,
)
from finops.usecases.allocation_starts import start_allocations
from finops.usecases.grounds import Book, ground_of
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Rulebook, Save
from finops.usecases.previews import Studio
from tests.allocation_fakes import InMemoryAllocationRuns, InMemoryAllocations
from tests.exports import MONTH, PAYER, Export, Line, csv_file, overwritten
from tests.loading import House
from tests.rules_fakes import InMemoryRulebook
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    SEARCH,
    TILLS,
    WEB_SHOP,
    Organisation,
)

AT = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
OF = (PAYER, MONTH)
SHARED, OWN, NOBODYS = "444455556666", "555566667777", "666677778888"
LOGS = "arn:aws:s3:::web-logs"
FIRST = date(2026, 9, 1)
BY = "fin@example.com"

# 32.01 of spend, of which 1.00 is nobody's; what AWS credited is no spend.
LINES = (
    Line("10.00", SHARED, resource="i-1"),
    Line("4.00", SHARED, day="2026-09-25", resource="i-1"),
    Line("3.00", SHARED, resource="i-2"),
    Line("7.01", SHARED, day="2026-09-03", service="AmazonS3", resource=LOGS),
    Line("5.00", OWN, resource="i-9"),
    Line("2.00", OWN, service="AWSSupportBusiness"),
    Line("1.00", NOBODYS),
    Line("-0.75", SHARED, line_item_type="Credit"),
)
RUNS_TILLS = Workload(
    workload_id="w-tills",
    product_id=TILLS,
    account_id=SHARED,
    name="tills",
    launch="2026-09",
    end="2026-12",
)
RUNS_CHECKOUT = RUNS_TILLS.model_copy(
    update={"workload_id": "w-checkout", "product_id": CHECKOUT, "name": "checkout"}
)
# Who pays for it, change by change.
RULES: Sequence[Change] = (
    MapAccount(account_id=SHARED, shares=((WEB_SHOP, 6_000), (SEARCH, 4_000)), start=FIRST),
    MapAccount(account_id=OWN, shares=((LOANS, 10_000),), start=FIRST),
    ClaimResources(workload_id="w-tills", resources=("i-1",), start=FIRST),
    AddClaimRule(rule_id="logs", workload_id="w-checkout", name="*web-logs", start=FIRST),
    AddClaimRule(rule_id="web", workload_id="w-tills", name="*web*", start=FIRST),
    DecidePolicy(
        payer=PAYER,
        charge_class=ChargeClass.SUPPORT,
        policy=PolicyKind.IN_PROPORTION,
        start=MONTH,
    ),
)
# Of each kind of change one that moves money of the bill.
ANOTHER: Sequence[Change] = (
    MapAccount(account_id=SHARED, shares=((WEB_SHOP, 5_999), (SEARCH, 4_001)), start=FIRST),
    ClaimResources(workload_id="w-checkout", resources=("i-2",), start=FIRST),
    ReleaseResources(account_id=SHARED, resources=("i-1",)),
    AddClaimRule(
        rule_id="nines",
        workload_id="w-checkout",
        account_id=OWN,
        name="i-9",
        start=FIRST,
    ),
    EndClaimRule(rule_id="logs", end=date(2026, 9, 3)),
    OrderClaimRules(rule_ids=("web", "logs")),
    DecidePolicy(
        payer=PAYER,
        charge_class=ChargeClass.SUPPORT,
        policy=PolicyKind.TO_PRODUCT,
        product_id=LOANS,
        start=MONTH,
    ),
)


def bill(number: int = 1, lines: Sequence[Line] = LINES) -> Export:
    """A delivery of *lines*; a greater number is a newer one."""
    return overwritten(f"{number:08d}-0000-0000-0000-000000000000", [csv_file(lines)])


def ticks(amount: str) -> int:
    return Line(amount).ticks


def decide(organisation: Organisation, change: Change, at: datetime = AT) -> None:
    """*change* is made, as its route makes it."""
    ground = ground_of(BY, at, grounds=organisation.grounds)
    act = Act(actor=BY, at=at, request_id="request-1", reason=change.reason)
    deed = Deed(action=change.kind)
    match change:
        case MapAccount():
            known = organisation.shares.find(change.account_id)
            split = change.after(known or AccountShares(account_id=change.account_id), ground)
            organisation.shares.save([Save(known, split, deed)], act)
        case DecidePolicy():
            decided = organisation.policies.find(change.payer)
            ways = change.after(decided or ClassPolicies(payer=change.payer), ground)
            organisation.policies.save([Save(decided, ways, deed)], act)
        case ClaimResources() | ReleaseResources():
            account = (
                ground.workload(change.workload_id).account_id
                if isinstance(change, ClaimResources)
                else change.account_id
            )
            claims = organisation.claims.find(account)
            organisation.claims.save(claims, change.after(claims, ground), deed, act)
        case SetTagAliases():
            kept = in_force(organisation.settings_kept)
            chosen = kept.with_tags(
                TagSettings(key_aliases=change.key_aliases, value_aliases=change.value_aliases)
            )
            made = Save(kept if kept.version else None, chosen, deed)
            organisation.settings_kept.save([made], act)
        case _:
            rules = organisation.claim_rule_book.find()
            organisation.claim_rule_book.save(rules, change.after(rules, ground), deed, act)


def furnish(
    organisation: Organisation,
    rules: Sequence[Change] = RULES,
    accounts: Sequence[str] = (SHARED, OWN, NOBODYS),
) -> None:
    """A chart of 2026, the accounts of the bill, two workloads, and who pays for it."""
    organisation.drop()
    act = Act(actor=BY, at=AT, request_id="request-1")
    listed = [Listed(account_id=one, name=one) for one in accounts]
    seen = [Account.listed(one, PAYER, AT) for one in listed]
    organisation.accounts.save([Save(None, one, Deed(action="List")) for one in seen], act)
    new = [Save(None, one, Deed(action="Plan")) for one in (RUNS_TILLS, RUNS_CHECKOUT)]
    organisation.workloads.save(new, act)
    for change in rules:
        decide(organisation, change)


class Allocating:
    """All ports that an allocation run needs, on fakes, and a way to go through its steps."""

    def __init__(
        self, folder: Path, house: House | None = None, organisation: Organisation | None = None
    ) -> None:
        self.house = house or House(folder)
        self.organisation = organisation or Organisation()
        one = self.organisation
        self.rulebook: Rulebook = InMemoryRulebook(
            *(one.shares, one.policies, one.claims),  # type: ignore[arg-type]
            *(one.claim_rule_book, one.settings_kept),  # type: ignore[arg-type]
        )
        self.allocations = InMemoryAllocations()
        self.runs = InMemoryAllocationRuns()
        self.basis = CostBasis.BILLED
        self.now = AT
        self.other_book: Book | None = None

    @property
    def book(self) -> Book:
        return self.other_book or Book(self.rulebook, self.organisation.grounds, self.basis)

    @property
    def studio(self) -> Studio:
        return Studio(self.book, self.house.bills, self.house.ledger, self.runs)

    def load(self, number: int = 1, lines: Sequence[Line] = LINES) -> str:
        """A delivery is loaded; the load's id."""
        return self.house.load(bill(number, lines), self.now + timedelta(hours=number))

    def plan(self, preview_id: str | None = None, of: tuple[str, str] = OF) -> Planned:
        return plan_allocation(
            *of,
            preview_id,
            book=self.book,
            bills=self.house.bills,
            allocations=self.allocations,
            closes=self.organisation.closes,
            ledger=self.house.ledger,
            bucket="ledger",
        )

    def items(self, planned: Planned) -> list[Item]:
        return [Item(**item) for item in self.house.ledger.get_json(planned.items_key)]

    def make(self, planned: Planned) -> None:
        """Allocate and spread."""
        for step in (allocate_accounts, spread_classes):
            for item in self.items(planned):
                step(item, ledger=self.house.ledger, limits=self.house.limits)

    def publish(self, planned: Planned) -> Published:
        return publish_allocation(
            planned,
            now=self.now,
            bills=self.house.bills,
            allocations=self.allocations,
            closes=self.organisation.closes,
            ledger=self.house.ledger,
            limits=self.house.limits,
        )

    def run(self, preview_id: str | None = None, of: tuple[str, str] = OF) -> str:
        """The whole of `allocate_month`; what became of it."""
        planned = self.plan(preview_id, of)
        if planned.status == "Unchanged":
            return planned.status
        self.make(planned)
        return self.publish(planned).status

    def start(self) -> list[tuple[str, str]]:
        return start_allocations(
            book=self.book, bills=self.house.bills, allocations=self.allocations, runs=self.runs
        )
