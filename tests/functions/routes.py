"""Every route of every door: what it takes to ask it, and whose right it is.

A route that is not here fails the tests that read this table.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from finops.domain.accounts import AccountType
from finops.domain.alert_settings import AlertSettings, Channel
from finops.domain.alerts import Alert, AlertKind, Crossing
from finops.domain.audit import Deed
from finops.domain.authorization import NATURAL_LEVEL, Action, may, reach
from finops.domain.budgets import Command
from finops.domain.class_policies import ChargeClass, PolicyKind
from finops.domain.cost_reports import ReportHead
from finops.domain.credits import Credit, CreditTerms
from finops.domain.delegations import Delegation, Signature
from finops.domain.month_closes import Check
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.rule_changes import AddClaimRule, ClaimResources, DecidePolicy, MapAccount
from finops.domain.spend_cards import CardCommand, CardKey, RemapProposal
from finops.domain.tag_scans import RegionScan, TagScan
from finops.usecases.accounts import check_accounts
from finops.usecases.budgets import set_gate
from finops.usecases.claim_rules import change_rules
from finops.usecases.claims import claim
from finops.usecases.class_policies import decide_policy
from finops.usecases.month_closes import waive
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Save
from finops.usecases.previews import Preview, compared
from finops.usecases.send_cost_reports import place as report_place
from finops.usecases.shares import map_account
from finops.usecases.tag_scans import NEWEST
from finops.usecases.workloads import WorkloadPlan, plan_workload, workload_id
from tests.carding import WEEK, card_line, put_card
from tests.closing import MONTH as CLOSING
from tests.closing import PAYER as CLOSE_PAYER
from tests.closing import USUAL, closing_of
from tests.correcting import booked
from tests.exports import MONTH, PAYER
from tests.fakes import InMemoryOrganizations
from tests.functions.conftest import APPS, Answer, Loaded, ask
from tests.reporting import WEEK as REPORT_WEEK
from tests.reporting import reported
from tests.savings_fakes import recommendation
from tests.savings_fakes import saving as case_of
from tests.usecases.explaining import paid_by
from tests.usecases.organisation import (
    LOANS,
    NOW,
    SEARCH,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)
from tests.usecases.test_budgets import give

OF_A_DAY = "&account=444455556666&day=2026-09-02"
UPLOAD = "0123456789abcdef" * 2
JSON = {"Content-Type": "application/json"}
MONTHS = json.dumps({"months": ["1.00"] * 12})
URL = "https://calculator.aws/#/estimate"


class Place(NamedTuple):
    """A product, and the people who hold it and its portfolio."""

    product: str
    owner: str
    portfolio_owner: str

    @property
    def portfolio(self) -> str:
        return self.product.rpartition(".")[0]


MINE = Place(WEB_SHOP, "product@example.com", "portfolio@example.com")
THEIRS = Place(LOANS, "loans@example.com", "lending@example.com")


class World(NamedTuple):
    """The house with its bills, the organisation, and somebody of each role in it."""

    loaded: Loaded
    organisation: Organisation
    staff: Mapping[Role, Person]


Maker = Callable[[World, Place], str]


def _nothing(world: World, place: Place) -> None:
    """What a route needs that is there already."""


class Route(NamedTuple):
    """How a route is asked, and what it asks of whoever asks.

    *of* says what decides: `whole` (the right alone), `reach` (how far it goes), `element` (the
    product of the place or what is above it), `unit` (its business unit), `person` (who holds the
    place), `own` (it is of who asked for it, and of those who have the right).
    """

    action: Action
    of: str
    path: Maker
    good: int = 200
    body: Maker | None = None
    given: Callable[[World, Place], object] = _nothing
    entity: Callable[[World, Place], Any] | None = None  # what `If-Match` names
    is_replayed: bool = False  # an Idempotency-Key tells the answer again
    is_of_portfolio: bool = False

    def ask(
        self,
        method: str,
        world: World,
        place: Place,
        *,
        by: Person | str,
        headers: Mapping[str, str] | None = None,
        version: int | None = None,
    ) -> Answer:
        """*method* on this route; with `If-Match` of what is there, or of *version*."""
        told: dict[str, str] = {}
        if self.entity is not None:
            known = self.entity(world, place)
            at = version if version is not None else (known.version if known else 0)
            told["If-Match"] = f'"{at}"'
        body = self.body(world, place) if self.body else None
        path, _, query = self.path(world, place).partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&")) if query else None
        return ask(
            method,
            path,
            asked,
            by=by,
            headers=told | (JSON if body else {}) | dict(headers or {}),
            body=body,
        )

    def expected(self, by: Person, place: Place) -> int:
        """The status that `authorization` says."""
        match self.of:
            case "whole":
                return self.good if may(by, self.action) else 403
            case "reach":
                return self.good if reach(by, self.action) else 403
            case "unit":
                unit = place.product.partition(".")[0]
                if not reach(by, self.action):
                    return 403
                return self.good if may(by, self.action, unit) else 404
            case "person":
                if not may(by, Action.SEE_PEOPLE, place.product):
                    return 404
                is_allowed = self.action is Action.SEE_PEOPLE or may(
                    by, self.action, subject=place.owner
                )
                return self.good if is_allowed else 403
            case "own":
                return self.good if may(by, self.action) else 404
            case "element":
                element = place.product
                if self.is_of_portfolio:
                    element = place.portfolio
                if not may(by, Action.SEE_ELEMENT, element):
                    return 404
                owed = NATURAL_LEVEL.get(self.action)
                return self.good if may(by, self.action, element, owed_at=owed) else 403
        raise AssertionError(self.of)


def world(loaded: Loaded, organisation: Organisation) -> World:
    """The staff, and others beside them: each step waits for the level whose it is."""
    staff = organisation.staff()
    organisation.hire(THEIRS.owner, Role.PRODUCT_OWNER, [THEIRS.product])
    organisation.hire(THEIRS.portfolio_owner, Role.PORTFOLIO_OWNER, [THEIRS.portfolio])
    organisation.hire("planner@example.com", Role.FINANCIAL_ADMIN)
    return World(loaded, organisation, staff)


def _always(path: str) -> Maker:
    return lambda world, place: path


def _budget(end: str = "") -> Maker:
    return lambda world, place: f"/budgets/2026/{place.product}{end}"


def _gate(world: World, place: Place) -> str:
    return f"/gates/{place.portfolio}"


def _person(end: str = "") -> Maker:
    return lambda world, place: f"/people/{place.owner}{end}"


def _chart_load(end: str = "") -> Maker:
    def made(world: World, place: Place) -> str:
        head = world.organisation.charts.head(2026)
        assert head is not None
        return f"/chart-loads/{head.load_id}{end}"

    return made


def _known_budget(world: World, place: Place) -> Any:
    return world.organisation.budgets.find(place.product, 2026)


def _known_gate(world: World, place: Place) -> Any:
    return world.organisation.budgets.gate(place.portfolio)


def _known_person(world: World, place: Place) -> Any:
    return world.organisation.people.find(place.owner)


def _body(**said: Any) -> Maker:
    return lambda world, place: json.dumps(said)


def _uploaded(world: World, place: Place) -> None:
    world.organisation.files.put(f"drafts/{UPLOAD}", chart_csv())


def _submitted(world: World, place: Place) -> None:
    planner = world.organisation.people.find("planner@example.com")
    assert planner is not None
    for command in (Command.SAVE_DRAFT, Command.SUBMIT):
        give(world.organisation, command, planner, place.product)


def _status(status: PersonStatus) -> Callable[[World, Place], None]:
    def made(world: World, place: Place) -> None:
        name = f"person#{place.owner}"
        states = world.organisation.records.states
        states[name] = states[name].changed(status=status)

    return made


def _touched(world: World, place: Place) -> None:
    """A record about the product."""
    _submitted(world, place)


def _gated(world: World, place: Place) -> None:
    """A record about the portfolio."""
    planner = world.organisation.people.find("planner@example.com")
    assert planner is not None
    desk = world.organisation.desk
    set_gate(place.portfolio, 1, 0, by=planner, desk=desk, act=act(planner.email))


def _mail(name: str) -> Maker:
    return _body(email=f"{name}@example.com", role="vendor_manager")


NEW_ACCOUNT = "444455556666"


def _account(end: str = "") -> Maker:
    return lambda world, place: f"/accounts/{NEW_ACCOUNT}{end}"


def _listed(world: World, place: Place) -> None:
    """An account that is new, whose type was set and that is called something else since."""
    organisation = world.organisation
    organisation.organizations.put(NEW_ACCOUNT, "shop", path=("Retail",))
    _look(organisation)
    [known] = organisation.accounts.all()
    typed = known.typed(AccountType.PRODUCTION, NOW)
    organisation.accounts.save([Save(known, typed, Deed(action="SetType"))], act())
    organisation.organizations.put(NEW_ACCOUNT, "web shop", path=("Retail",))
    _look(organisation)


def _look(organisation: Organisation) -> None:
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )


def _known_account(world: World, place: Place) -> Any:
    return world.organisation.accounts.find(NEW_ACCOUNT)


CLAIMED = "arn:aws:ec2:us-east-1:444455556666:instance/i-1"


def _new_workload(world: World, place: Place) -> str:
    said = {"account_id": NEW_ACCOUNT, "product_id": place.product, "name": "front end"}
    return json.dumps(said)


def _workload(end: str = "") -> Maker:
    return lambda world, place: f"/workloads/{_workload_id(place)}{end}"


def _workload_id(place: Place) -> str:
    return workload_id(NEW_ACCOUNT, place.product, "front end")


def _planned(world: World, place: Place) -> None:
    """A workload of the product, in an account that is the product's."""
    _mapped(world, place)
    plan_workload(
        NEW_ACCOUNT,
        place.product,
        WorkloadPlan(name="front end"),
        by=_planner(world),
        grounds=world.organisation.grounds,
        shares=world.organisation.shares,
        act=act("planner@example.com"),
    )


def _claimed(world: World, place: Place) -> None:
    """A claim of that workload."""
    _planned(world, place)
    claim(
        NEW_ACCOUNT,
        ClaimResources(workload_id=_workload_id(place), resources=(CLAIMED,)),
        0,
        by=_planner(world),
        desk=world.organisation.claims_desk,
        act=act("planner@example.com"),
    )


def _planner(world: World) -> Person:
    planner = world.organisation.people.find("planner@example.com")
    assert planner is not None
    return planner


def _known_workload(world: World, place: Place) -> Any:
    return world.organisation.workloads.find(_workload_id(place))


def _known_claims(world: World, place: Place) -> Any:
    return world.organisation.claims.find(NEW_ACCOUNT)


def _claiming(world: World, place: Place) -> str:
    said = {"workload_id": _workload_id(place), "resources": [f"{CLAIMED}{n}" for n in range(3)]}
    return json.dumps(said)


def _shares(end: str = "") -> Maker:
    return lambda world, place: f"/shares/{NEW_ACCOUNT}{end}"


def _mapped(world: World, place: Place) -> None:
    """The account is the product's."""
    _listed(world, place)
    map_account(
        MapAccount(account_id=NEW_ACCOUNT, shares=((place.product, 10_000),)),
        0,
        by=_planner(world),
        shares=world.organisation.shares,
        grounds=world.organisation.grounds,
        act=act("planner@example.com"),
    )


def _scanned(world: World, place: Place) -> None:
    """The tags of the product's account were scanned."""
    _mapped(world, place)
    region = RegionScan(region="eu-west-1", answered=True)
    scan = TagScan(account_id=NEW_ACCOUNT, at=NOW, regions=(region,))
    world.loaded.house.ledger.put_json(NEWEST, scan.model_dump(mode="json"))


def _ending(world: World, place: Place) -> None:
    """The same in the last month of a fiscal year, the next one's chart at hand."""
    world.organisation.first_month = 4
    world.organisation.drop("Acme_2027_true_2026-04-01_false_Budget_v1.csv")
    _mapped(world, place)


def _known_shares(world: World, place: Place) -> Any:
    return world.organisation.shares.find(NEW_ACCOUNT)


def _splitting(world: World, place: Place) -> str:
    parts = [(place.product, 2_500), (SEARCH, 7_500)]
    shares = [{"product_id": product, "basis_points": points} for product, points in parts]
    return json.dumps({"shares": shares, "start": "2026-04-05"})


def _share_file(world: World, place: Place) -> str:
    text = f"account_id,product_id,share\n{NEW_ACCOUNT},{place.product},100\n"
    return json.dumps({"csv": text, "dry_run": False})


POLICY = f"/class-policies/{InMemoryOrganizations().payer}/Support"


def _decided(world: World, place: Place) -> None:
    """The product pays for all support."""
    _listed(world, place)
    change = DecidePolicy(
        payer=world.organisation.organizations.payer,
        charge_class=ChargeClass.SUPPORT,
        policy=PolicyKind.TO_PRODUCT,
        product_id=place.product,
        start="2026-03",
    )
    decide_policy(
        change,
        0,
        by=_planner(world),
        policies=world.organisation.policies,
        grounds=world.organisation.grounds,
        act=act("planner@example.com"),
    )


def _known_policies(world: World, place: Place) -> Any:
    return world.organisation.policies.find(world.organisation.organizations.payer)


def _ruled(world: World, place: Place) -> None:
    """A rule takes a service for a workload of the product."""
    _planned(world, place)
    change = AddClaimRule(
        rule_id="by-service",
        workload_id=_workload_id(place),
        service="AmazonEC2",
        start=date(2026, 3, 11),
    )
    change_rules(
        change,
        0,
        by=_planner(world),
        claim_rules=world.organisation.claim_rule_book,
        heads=world.organisation.claim_rule_heads,
        grounds=world.organisation.grounds,
        act=act("planner@example.com"),
    )


def _known_rules(world: World, place: Place) -> Any:
    return world.organisation.claim_rule_heads.find("all")


def _new_rule(world: World, place: Place) -> str:
    said = {
        "rule_id": "by-name",
        "workload_id": _workload_id(place),
        "name": "*/web-*",
        "start": "2026-03-11",
        "before": "by-service",
    }
    return json.dumps(said)


CREDIT = "0123456789abcdef"


def _terms(place: Place, amount: int = 100) -> CreditTerms:
    return CreditTerms(
        product_id=place.product,
        text="PROMO-1",
        amount=amount * UNIT,
        currency="USD",
        start=date(2026, 1, 1),
        expiry=date(2026, 3, 31),
    )


def _credit(end: str = "") -> Maker:
    return lambda world, place: f"/credits/{CREDIT}{end}"


def _granting(world: World, place: Place) -> str:
    said = _terms(place).model_dump(mode="json", exclude_none=True)
    return json.dumps(said | {"amount": "120.00"})


def _granted(world: World, place: Place) -> None:
    """A credit of the product, which spends something in February."""
    new = Credit.granted(CREDIT, _terms(place), NOW)
    deed = Deed(action="Grant", element=place.product)
    world.organisation.credits.save([Save(None, new, deed)], act())
    world.organisation.product_spend.spend(place.product, "2026-02-03", 7 * UNIT)


def _known_credit(world: World, place: Place) -> Any:
    return world.organisation.credits.find(CREDIT)


def _anomaly(place: Place) -> Crossing:
    return Crossing(
        kind=AlertKind.ANOMALY,
        element=place.product,
        month="2026-03",
        currency="USD",
        service="AmazonEC2",
        since=date(2026, 3, 3),
        day=date(2026, 3, 3),
        actual=500 * UNIT,
        limit=20 * UNIT,
    )


def _alert(end: str = "") -> Maker:
    return lambda world, place: f"/alerts/{_anomaly(place).alert_id}{end}"


def _alerted(world: World, place: Place) -> None:
    """An unusual day of the product."""
    new = Alert.raised(_anomaly(place), NOW)
    deed = Deed(action="Raise", element=place.product)
    world.organisation.alerts.save([Save(None, new, deed)], act())


def _known_alert(world: World, place: Place) -> Any:
    return world.organisation.alerts.find(_anomaly(place).alert_id)


def _channelled(world: World, place: Place) -> None:
    """A channel to one address and one room."""
    channel = Channel(name="desk", recipients=("desk@example.com",), webhook="chat")
    before = world.organisation.settings_kept.find("all")
    known = before or OrganisationSettings()
    after = known.changed(alerts=AlertSettings(channels=(channel,)))
    world.organisation.settings_kept.save([Save(before, after, Deed(action="SetAlerts"))], act())


def _known_prices(world: World, place: Place) -> Any:
    return world.organisation.credits.price_book()


KEPT_REPORT = f"weekly-2026-03-08-{'0' * 16}"


def _reported(world: World, place: Place) -> None:
    """The cost report of a product was sent."""
    report = reported(elements=(place.product,))
    head = ReportHead(
        report_id=KEPT_REPORT,
        span=REPORT_WEEK,
        elements=report.elements,
        scope=report.scope,
        made_at=report.made_at,
        totals=tuple((one.currency, one.total.amount) for one in report.sections),
        gaps=(),
    )
    world.organisation.report_heads.put(head)
    key = report_place(REPORT_WEEK, "0" * 16, "report.json")
    body = report.model_dump_json().encode()
    world.organisation.kept_reports.put(key, body, "application/json")


SAVED = "i-0a1b2c3d4e5f60718"


def _recommended(world: World, place: Place) -> None:
    """AWS recommends to change an instance in an account that is the product's."""
    _mapped(world, place)
    option = recommendation(SAVED, account_id=NEW_ACCOUNT)
    new = case_of(option, on=date(2026, 3, 1))
    world.organisation.savings.save([Save(None, new, Deed(action="Find"))], act())


def _known_saving(world: World, place: Place) -> Any:
    [only] = world.organisation.savings.all().values()
    return only


def _saving(end: str = "") -> Maker:
    saving_id = recommendation(SAVED, account_id=NEW_ACCOUNT).saving_id
    return lambda world, place: f"/savings/{saving_id}{end}"


CARDS = {
    "approves_zero": True,
    "month_days": "Calendar",
    "accept_after": 3,
    "tolerance": 100,
    "remind_after": [1],
    "escalate_after": [2, 4],
}
FILES: dict[str, Any] = {
    "plans": [{"kind": "Journal", "separator": ";", "decimal_mark": ","}],
    "accounts": {"expense": "6000"},
    "cost_centres": {"retail": "CC-1"},
    "rates": [{"currency": "EUR", "rate": "1.0835", "source": "the treasury"}],
    "reporting_currency": "USD",
}
COST_REPORTS: dict[str, Any] = {
    "roles": ["financial_admin", "product_owner"],
    "rhythms": ["Monthly"],
    "groups": [
        {
            "name": "Retail's controllers",
            "element": "retail",
            "recipients": ["controllers@example.com"],
            "rhythms": ["Weekly"],
            "thresholds": [
                {
                    "dimension": "Tag",
                    "tag_key": "user:Team",
                    "value": "web",
                    "amount": "250.5",
                    "growth": None,
                    "share": None,
                }
            ],
        }
    ],
    "thresholds": [
        {
            "dimension": "Service",
            "tag_key": None,
            "value": None,
            "amount": None,
            "growth": "100",
            "share": 2000,
        }
    ],
    "accounts": {"only": [], "without": ["999988887777"]},
}
TAGS: dict[str, Any] = {
    "report_keys": ["user:Team"],
    "required_keys": ["user:Team", "user:Environment"],
    "key_aliases": [{"key": "user:Team", "alias": "user:team"}],
    "value_aliases": [{"key": "user:Team", "value": "web", "alias": "Web"}],
}
ALERTS: dict[str, Any] = {
    "levels": [8_000, 10_000],
    "forecast": True,
    "pace": False,
    "credit_days": [14],
    "late_hours": 48,
    "anomalies": {"spreads": "4.5", "least": "50", "weeks": 6, "new_spender": "20"},
    "channels": [
        {
            "name": "On call",
            "element": "enterprise",
            "recipients": ["oncall@example.com"],
            "webhook": None,
        }
    ],
}


def _known_settings(world: World, place: Place) -> Any:
    return in_force(world.organisation.settings_kept)


PREVIEW = "0f3a5b7c9d1e2f4a6b8c"


def _previewed(world: World, place: Place) -> None:
    """Somebody has asked what if, and the answer is there."""
    change = MapAccount(account_id=NEW_ACCOUNT, shares=((place.product, 10_000),))
    asked = Preview(
        preview_id=PREVIEW,
        by="planner@example.com",
        at=NOW,
        changes=(change,),
        bills=((PAYER, MONTH),),
    )
    before, after = (
        {"products": {"USD": {place.product: ticks}}, "unallocated": {"USD": {"x": 9 - ticks}}}
        for ticks in (1, 3)
    )
    found = compared(PAYER, MONTH, before, after)
    ledger = world.loaded.house.ledger
    ledger.put_json(Preview.place(PREVIEW), asked.model_dump(mode="json"))
    ledger.put_json(Preview.result(PREVIEW, PAYER, MONTH), found.model_dump(mode="json"))


def _what_if(world: World, place: Place) -> str:
    shares = [[place.product, 10_000]]
    change = {"kind": "MapAccount", "account_id": NEW_ACCOUNT, "shares": shares}
    return json.dumps({"changes": [change]})


def _of_month(end: str) -> Maker:
    return lambda world, place: f"/allocations/{end}?month={MONTH}&element={place.product}"


def _explained(world: World, place: Place) -> None:
    paid_by(place.product, world.loaded.house, world.organisation.allocations)


def _explain(end: str) -> Maker:
    return lambda world, place: f"/explain/{place.product}{end}?month={MONTH}{OF_A_DAY}"


def _carded(world: World, place: Place) -> None:
    """A card of the product waits for its owner."""
    put_card(world.organisation, UNIT, place.product)


def _billed_card(world: World, place: Place) -> None:
    """A card of what the product pays of an account in September."""
    _explained(world, place)
    [made] = world.organisation.allocations.in_period(MONTH)
    line = card_line(UNIT * 5 // 2)
    first = date(2026, 9, 1)
    put_card(
        world.organisation, product=place.product, start=first, lines=[line], runs=[made.run_id]
    )


def _card(end: str = "") -> Maker:
    return lambda world, place: f"/spend-cards/{place.product}/{WEEK}{end}"


def _card_resources(world: World, place: Place) -> str:
    return f"/spend-cards/{place.product}/2026-09-01/resources?account=444455556666"


def _known_card(world: World, place: Place) -> Any:
    return world.organisation.spend_cards.find(CardKey(place.product, WEEK, "USD"))


def _disputed(world: World, place: Place) -> None:
    """The owner disputes the card, and proposes the split that is in force."""
    _mapped(world, place)
    card = put_card(world.organisation, UNIT, place.product)
    split = MapAccount(account_id=NEW_ACCOUNT, shares=((place.product, 10_000),))
    disputed = card.decided(
        CardCommand.DISPUTE,
        by=Signature(by=place.owner),
        at=NOW,
        reason="not ours",
        proposal=RemapProposal(changes=(split,), effect=((place.product, 5),)),
    )
    world.organisation.spend_cards.save([Save(card, disputed, Deed(action="Dispute"))], act())


DELEGATION = "0123456789abcdef"


def _stood_in(world: World, place: Place) -> None:
    """Somebody acts for a financial admin."""
    new = Delegation.granted(
        DELEGATION,
        absent="planner@example.com",
        delegate=THEIRS.portfolio_owner,
        start=NOW.date(),
        end=date(2026, 3, 20),
        by="planner@example.com",
        at=NOW,
    )
    world.organisation.delegations.save([Save(None, new, Deed(action="Grant"))], act())


def _known_delegation(world: World, place: Place) -> Any:
    return world.organisation.delegations.find(DELEGATION)


def _ready(world: World, place: Place) -> None:
    """February is billed and signed."""
    closing_of(world.organisation).ready()


def _red(world: World, place: Place) -> None:
    """February's bill is not final."""
    closing = closing_of(world.organisation)
    closing.ready()
    closing.bill(*USUAL, is_final=False)


def _waived(world: World, place: Place) -> None:
    _red(world, place)
    closing = closing_of(world.organisation)
    by = _planner(world)
    version = closing.close().version
    done = act(by.email, reason="known")
    waive(CLOSING, Check.BILL_FINAL, version, by=by, desk=closing.desk, act=done)


def _closed_month(world: World, place: Place) -> None:
    closing = closing_of(world.organisation)
    closing.run(closing.ready())


def _corrected(world: World, place: Place) -> None:
    """What a later bill changed of February for the product is booked in March."""
    booked(world.organisation.closes, closing_of(world.organisation).files, product=place.product)


def _known_close(world: World, place: Place) -> Any:
    return world.organisation.closes.find(CLOSING)


def _close(end: str = "") -> Maker:
    return lambda world, place: f"/closes/{CLOSING}{end}"


def _file_link(world: World, place: Place) -> str:
    unit = place.product.partition(".")[0]
    return f"/closes/{CLOSING}/files/PlanningAndAnalysis.{unit}.csv/links"


HEADERS = [{"payer_id": CLOSE_PAYER, "business_unit": "retail", "memo": "Another memo"}]


def _view(name: str) -> Maker:
    return lambda world, place: f"/views/{name}?month=2026-03&element={place.product}"


A = Action
ROUTES: Mapping[tuple[str, str], Route] = {
    ("get", "/bills"): Route(A.SEE_BILL, "whole", _always("/bills")),
    ("get", "/bills/{billing_period}/costs"): Route(
        A.SEE_BILL, "whole", _always(f"/bills/{MONTH}/costs?by=currency")
    ),
    ("get", "/loads"): Route(A.SEE_BILL, "whole", _always("/loads")),
    ("get", "/loads/{load_id}"): Route(
        A.SEE_BILL, "whole", lambda world, place: f"/loads/{world.loaded.first}"
    ),
    ("post", "/loads"): Route(
        A.START_LOAD,
        "whole",
        _always("/loads"),
        202,
        _body(manifest_key="exports/cur2-Manifest.json"),
        is_replayed=True,
    ),
    ("get", "/freshness"): Route(A.SEE_BILL, "whole", _always("/freshness")),
    ("get", "/charts"): Route(A.SEE_ONESELF, "reach", _always("/charts")),
    ("get", "/charts/{year}"): Route(A.SEE_ELEMENT, "reach", _always("/charts/2026")),
    ("post", "/chart-uploads"): Route(A.LOAD_CHART, "whole", _always("/chart-uploads"), 201),
    ("post", "/charts/{year}/loads"): Route(
        A.LOAD_CHART,
        "whole",
        _always("/charts/2026/loads"),
        body=_body(upload_id=UPLOAD, start_date="2026-01-01", is_new=True, dry_run=False),
        given=_uploaded,
    ),
    ("get", "/charts/{year}/loads"): Route(
        A.SEE_WHOLE_CHART, "whole", _always("/charts/2026/loads")
    ),
    ("get", "/chart-loads/{load_id}"): Route(A.SEE_WHOLE_CHART, "whole", _chart_load()),
    ("get", "/chart-loads/{load_id}/file"): Route(A.SEE_WHOLE_CHART, "whole", _chart_load("/file")),
    ("get", "/me"): Route(A.SEE_ONESELF, "reach", _always("/me")),
    ("get", "/tasks"): Route(A.SEE_ONESELF, "reach", _always("/tasks")),
    ("get", "/missing-owners"): Route(A.SEE_ELEMENT, "reach", _always("/missing-owners")),
    ("get", "/people"): Route(A.SEE_PEOPLE, "reach", _always("/people")),
    ("post", "/people"): Route(
        A.INVITE_PERSON, "whole", _always("/people"), 201, _mail("new"), is_replayed=True
    ),
    ("get", "/people/{email}"): Route(A.SEE_PEOPLE, "person", _person()),
    ("put", "/people/{email}"): Route(
        A.CHANGE_SCOPE,
        "person",
        _person(),
        body=_body(role="product_owner", scope=[]),
        entity=_known_person,
        is_replayed=True,
    ),
    ("post", "/people/{email}/suspension"): Route(
        A.SUSPEND_PERSON,
        "person",
        _person("/suspension"),
        body=_body(reason="left"),
        entity=_known_person,
        is_replayed=True,
    ),
    ("delete", "/people/{email}/suspension"): Route(
        A.SUSPEND_PERSON,
        "person",
        _person("/suspension"),
        given=_status(PersonStatus.SUSPENDED),
        entity=_known_person,
        is_replayed=True,
    ),
    ("post", "/people/{email}/reminders"): Route(
        A.INVITE_PERSON,
        "person",
        _person("/reminders"),
        given=_status(PersonStatus.INVITED),
        entity=_known_person,
        is_replayed=True,
    ),
    ("post", "/people-loads"): Route(
        A.CHANGE_SCOPE,
        "whole",
        _always("/people-loads"),
        body=_body(csv="email,role,scope\nbulk@example.com,vendor_manager,\n", dry_run=False),
    ),
    ("get", "/budgets/{year}"): Route(A.SEE_ELEMENT, "reach", _always("/budgets/2026")),
    ("get", "/budgets/{year}/{product}"): Route(A.SEE_ELEMENT, "element", _budget()),
    ("put", "/budgets/{year}/{product}/draft"): Route(
        A.PLAN_BUDGET,
        "element",
        _budget("/draft"),
        body=lambda world, place: MONTHS,
        entity=_known_budget,
        is_replayed=True,
    ),
    ("post", "/budgets/{year}/{product}/decisions"): Route(
        A.DECIDE_BUDGET,
        "element",
        _budget("/decisions"),
        body=_body(decision="Approve", reason="good"),
        given=_submitted,
        entity=_known_budget,
        is_replayed=True,
    ),
    ("put", "/budgets/{year}/{product}/estimate"): Route(
        A.PLAN_BUDGET,
        "element",
        _budget("/estimate"),
        body=_body(monthly="12.50", url=URL),
        entity=_known_budget,
        is_replayed=True,
    ),
    ("get", "/budgets/{year}/{product}/versions"): Route(
        A.SEE_ELEMENT, "element", _budget("/versions"), given=_touched
    ),
    ("get", "/plans/{year}/{element}"): Route(
        A.SEE_ELEMENT, "element", lambda world, place: f"/plans/2026/{place.product}"
    ),
    ("get", "/gates/{portfolio}"): Route(A.SEE_ELEMENT, "element", _gate, is_of_portfolio=True),
    ("put", "/gates/{portfolio}"): Route(
        A.SET_GATE,
        "element",
        _gate,
        body=_body(estimate_approval_above="100.00"),
        entity=_known_gate,
        is_replayed=True,
        is_of_portfolio=True,
    ),
    ("get", "/alerts"): Route(A.SEE_ALERTS, "reach", _always("/alerts"), given=_alerted),
    ("get", "/alerts/{alert_id}"): Route(A.SEE_ALERTS, "element", _alert(), given=_alerted),
    ("post", "/alerts/{alert_id}/answers"): Route(
        A.ANSWER_ALERT,
        "element",
        _alert("/answers"),
        body=_body(command="Acknowledge", reason="a load test"),
        given=_alerted,
        entity=_known_alert,
        is_replayed=True,
    ),
    ("post", "/alerts/checks"): Route(
        A.ANSWER_ALERT, "whole", _always("/alerts/checks"), 202, is_replayed=True
    ),
    ("post", "/alerts/channels/{name}/tests"): Route(
        A.CHANGE_SETTINGS,
        "whole",
        _always("/alerts/channels/desk/tests"),
        given=_channelled,
        is_replayed=True,
    ),
    ("get", "/audit"): Route(A.SEE_AUDIT, "reach", _always("/audit")),
    ("get", "/audit/verification"): Route(
        A.VERIFY_AUDIT, "whole", _always("/audit/verification?since=2026-01-01")
    ),
    ("get", "/corrections"): Route(
        A.SEE_CORRECTIONS, "reach", _always("/corrections"), given=_corrected
    ),
    ("get", "/corrections/years/{fiscal_year}"): Route(
        A.SEE_CORRECTIONS,
        "element",
        lambda world, place: f"/corrections/years/2026?element={place.product}",
        given=_corrected,
    ),
    ("get", "/closes"): Route(A.SEE_CLOSE, "whole", _always("/closes"), given=_ready),
    ("get", "/closes/{month}"): Route(A.SEE_CLOSE, "whole", _close(), given=_ready),
    ("put", "/closes/{month}/headers"): Route(
        A.SET_CLOSE_HEADERS,
        "whole",
        _close("/headers"),
        body=_body(headers=HEADERS),
        given=_ready,
        entity=_known_close,
        is_replayed=True,
    ),
    ("post", "/closes/{month}/waivers"): Route(
        A.CLOSE_MONTH,
        "whole",
        _close("/waivers"),
        body=_body(check="BillFinal", reason="AWS gives no invoice ids here"),
        given=_red,
        entity=_known_close,
        is_replayed=True,
    ),
    ("post", "/closes/{month}/waivers/{check}/withdrawal"): Route(
        A.CLOSE_MONTH,
        "whole",
        _close("/waivers/BillFinal/withdrawal"),
        body=_body(reason="it came after all"),
        given=_waived,
        entity=_known_close,
        is_replayed=True,
    ),
    ("post", "/closes/{month}/close"): Route(
        A.CLOSE_MONTH, "whole", _close("/close"), 202, given=_ready, is_replayed=True
    ),
    ("get", "/closes/{month}/files"): Route(
        A.SEE_CLOSE_FILES, "reach", _close("/files"), given=_closed_month
    ),
    ("post", "/closes/{month}/files/{name}/links"): Route(
        A.SEE_CLOSE_FILES, "unit", _file_link, 201, given=_closed_month
    ),
    ("get", "/credits"): Route(A.SEE_CREDITS, "reach", _always("/credits"), given=_granted),
    ("post", "/credits"): Route(
        A.GRANT_CREDIT, "element", _always("/credits"), 201, _granting, is_replayed=True
    ),
    ("get", "/credits/reconciliation"): Route(
        A.SEE_CREDITS, "whole", _always("/credits/reconciliation?month=2026-02"), given=_granted
    ),
    ("get", "/credits/{credit_id}"): Route(A.SEE_CREDITS, "element", _credit(), given=_granted),
    ("put", "/credits/{credit_id}"): Route(
        A.GRANT_CREDIT,
        "element",
        _credit(),
        body=_granting,
        given=_granted,
        entity=_known_credit,
        is_replayed=True,
    ),
    ("post", "/credits/{credit_id}/withdrawals"): Route(
        A.GRANT_CREDIT,
        "element",
        _credit("/withdrawals"),
        body=_body(reason="granted by mistake"),
        given=_granted,
        entity=_known_credit,
        is_replayed=True,
    ),
    ("get", "/reports/history"): Route(
        A.SEE_REPORTS, "reach", _always("/reports/history?by=service&until=2026-02")
    ),
    ("get", "/savings"): Route(A.SEE_SAVINGS, "reach", _always("/savings"), given=_recommended),
    ("get", "/savings/totals"): Route(
        A.SEE_SAVINGS, "reach", _always("/savings/totals?by=owner"), given=_recommended
    ),
    ("get", "/savings/report"): Route(
        A.SEE_SAVINGS, "reach", _always("/savings/report"), given=_recommended
    ),
    ("get", "/savings/realised"): Route(
        A.SEE_SAVINGS, "reach", _always("/savings/realised?by=owner"), given=_recommended
    ),
    ("get", "/savings/{saving_id}"): Route(A.SEE_SAVINGS, "element", _saving(), given=_recommended),
    ("post", "/savings/{saving_id}/decisions"): Route(
        A.IGNORE_SAVING,
        "element",
        _saving("/decisions"),
        body=_body(decision="Ignore", reason="it is needed", until="2026-12-31"),
        given=_recommended,
        entity=_known_saving,
        is_replayed=True,
    ),
    ("post", "/savings/decisions"): Route(
        A.APPROVE_SAVING,
        "whole",
        _always("/savings/decisions"),
        body=_body(decision="Approve", found={"account": NEW_ACCOUNT}),
        given=_recommended,
        is_replayed=True,
    ),
    ("post", "/savings/collections"): Route(
        A.COLLECT_SAVINGS, "whole", _always("/savings/collections"), 202, is_replayed=True
    ),
    ("get", "/settings"): Route(A.SEE_SETTINGS, "whole", _always("/settings")),
    ("put", "/settings/cards"): Route(
        A.CHANGE_SETTINGS,
        "whole",
        _always("/settings/cards"),
        body=_body(**CARDS),
        entity=_known_settings,
        is_replayed=True,
    ),
    ("put", "/settings/close"): Route(
        A.CHANGE_SETTINGS,
        "whole",
        _always("/settings/close"),
        body=_body(**FILES),
        entity=_known_settings,
        is_replayed=True,
    ),
    ("put", "/settings/reports"): Route(
        A.CHANGE_SETTINGS,
        "whole",
        _always("/settings/reports"),
        body=_body(**COST_REPORTS),
        entity=_known_settings,
        is_replayed=True,
    ),
    ("put", "/settings/tags"): Route(
        A.CHANGE_SETTINGS,
        "whole",
        _always("/settings/tags"),
        body=_body(**TAGS),
        entity=_known_settings,
        is_replayed=True,
    ),
    ("put", "/settings/alerts"): Route(
        A.CHANGE_SETTINGS,
        "whole",
        _always("/settings/alerts"),
        body=_body(**ALERTS),
        entity=_known_settings,
        is_replayed=True,
    ),
    **{
        ("get", f"/tags/{what}"): Route(
            A.SEE_TAGS, "reach", _always(f"/tags/{what}?month={MONTH}{also}"), given=_mapped
        )
        for what, also in (
            *(("coverage", "&by=owner"), ("missing", ""), ("untagged", ""), ("keys", "")),
            *(("values", "&key=user:Team"), ("commands", "&key=user:Team"), ("report", "")),
        )
    },
    ("get", "/tags/scans"): Route(A.SEE_TAGS, "reach", _always("/tags/scans"), given=_scanned),
    ("post", "/tags/scans"): Route(
        A.SCAN_TAGS, "whole", _always("/tags/scans"), 202, is_replayed=True
    ),
    ("get", "/reports/cost"): Route(
        A.SEE_REPORTS,
        "element",
        lambda world, place: f"/reports/cost?element={place.product}&end=2026-03-08",
    ),
    ("get", "/reports/cost/kept"): Route(
        A.SEE_REPORTS, "reach", _always("/reports/cost/kept"), given=_reported
    ),
    ("get", "/reports/cost/kept/{report_id}"): Route(
        A.SEE_REPORTS,
        "element",
        _always(f"/reports/cost/kept/{KEPT_REPORT}"),
        given=_reported,
    ),
    ("post", "/reports/cost/runs"): Route(
        A.SEND_REPORTS,
        "whole",
        _always("/reports/cost/runs"),
        202,
        _body(span="month"),
        is_replayed=True,
    ),
    ("get", "/reports/cost/runs/{run_id}"): Route(
        A.SEND_REPORTS,
        "whole",
        _always("/reports/cost/runs/run-1"),
        given=lambda world, place: world.organisation.report_runs.start(
            "run-1", REPORT_WEEK, again=False
        ),
    ),
    ("get", "/discounts"): Route(A.SEE_DISCOUNTS, "whole", _always("/discounts")),
    ("put", "/discounts"): Route(
        A.SET_DISCOUNT,
        "whole",
        _always("/discounts"),
        body=_body(start="2026-04-01", rates=[{"basis_points": 500}]),
        entity=_known_prices,
        is_replayed=True,
    ),
    ("get", "/accounts"): Route(A.SEE_ACCOUNTS, "whole", _always("/accounts"), given=_listed),
    ("get", "/resources"): Route(
        A.SEE_RESOURCES, "reach", _always(f"/resources?month={MONTH}"), given=_mapped
    ),
    ("get", "/accounts/tasks"): Route(
        A.SEE_ACCOUNTS, "whole", _always("/accounts/tasks"), given=_listed
    ),
    ("get", "/accounts/checks"): Route(
        A.SEE_ACCOUNTS, "whole", _always("/accounts/checks"), given=_listed
    ),
    ("post", "/accounts/checks"): Route(
        A.CHECK_ACCOUNTS,
        "whole",
        _always("/accounts/checks"),
        202,
        _body(force=False),
        is_replayed=True,
    ),
    ("get", "/accounts/{account_id}"): Route(A.SEE_ACCOUNTS, "whole", _account(), given=_listed),
    ("put", "/accounts/{account_id}/type"): Route(
        A.SET_ACCOUNT_TYPE,
        "whole",
        _account("/type"),
        body=_body(type="Sandbox"),
        given=_listed,
        entity=_known_account,
        is_replayed=True,
    ),
    ("post", "/accounts/{account_id}/acknowledgements"): Route(
        A.SET_ACCOUNT_TYPE,
        "whole",
        _account("/acknowledgements"),
        body=_body(kind="Renamed"),
        given=_listed,
        entity=_known_account,
        is_replayed=True,
    ),
    ("get", "/workloads"): Route(A.SEE_ALLOCATIONS, "reach", _always("/workloads"), given=_planned),
    ("post", "/workloads"): Route(
        A.PLAN_WORKLOAD,
        "element",
        _always("/workloads"),
        201,
        _new_workload,
        given=_mapped,
        is_replayed=True,
    ),
    ("get", "/workloads/{workload_id}"): Route(
        A.SEE_ALLOCATIONS, "element", _workload(), given=_planned
    ),
    ("put", "/workloads/{workload_id}"): Route(
        A.PLAN_WORKLOAD,
        "element",
        _workload(),
        body=_body(name="front end", monthly="12.50"),
        given=_planned,
        entity=_known_workload,
        is_replayed=True,
    ),
    ("post", "/workloads/{workload_id}/endings"): Route(
        A.PLAN_WORKLOAD,
        "element",
        _workload("/endings"),
        body=_body(month="2026-04"),
        given=_planned,
        entity=_known_workload,
        is_replayed=True,
    ),
    ("get", "/claims/{account_id}"): Route(
        A.SEE_RESOURCES, "element", _always(f"/claims/{NEW_ACCOUNT}"), given=_claimed
    ),
    ("post", "/claims/{account_id}"): Route(
        A.CLAIM_RESOURCES,
        "element",
        _always(f"/claims/{NEW_ACCOUNT}"),
        body=_claiming,
        given=_claimed,
        entity=_known_claims,
        is_replayed=True,
    ),
    ("post", "/releases/{account_id}"): Route(
        A.CLAIM_RESOURCES,
        "element",
        _always(f"/releases/{NEW_ACCOUNT}"),
        body=_body(resources=[CLAIMED]),
        given=_claimed,
        entity=_known_claims,
        is_replayed=True,
    ),
    ("get", "/spaces"): Route(A.SEE_ALLOCATIONS, "reach", _always("/spaces"), given=_claimed),
    ("get", "/shares"): Route(A.SEE_ALLOCATIONS, "reach", _always("/shares"), given=_mapped),
    ("get", "/shares/{account_id}"): Route(A.SEE_ALLOCATIONS, "element", _shares(), given=_mapped),
    ("put", "/shares/{account_id}"): Route(
        A.SET_SHARES,
        "whole",
        _shares(),
        body=_splitting,
        given=_mapped,
        entity=_known_shares,
        is_replayed=True,
    ),
    ("post", "/shares/{account_id}/renewals"): Route(
        A.SET_SHARES,
        "whole",
        _shares("/renewals"),
        body=_body(reason="as it was"),
        given=_ending,
        entity=_known_shares,
        is_replayed=True,
    ),
    ("post", "/share-loads"): Route(
        A.SET_SHARES, "whole", _always("/share-loads"), body=_share_file, given=_listed
    ),
    ("get", "/allocations"): Route(
        A.SEE_UNALLOCATED, "whole", _always(f"/allocations?month={MONTH}")
    ),
    ("post", "/allocations"): Route(
        A.RUN_ALLOCATION, "whole", _always("/allocations"), 202, is_replayed=True
    ),
    ("get", "/allocations/tree"): Route(A.SEE_ALLOCATIONS, "element", _of_month("tree")),
    ("get", "/allocations/days"): Route(A.SEE_ALLOCATIONS, "element", _of_month("days")),
    ("get", "/allocations/unallocated"): Route(
        A.SEE_UNALLOCATED, "whole", _always(f"/allocations/unallocated?month={MONTH}")
    ),
    **{
        ("get", f"/views/{name}"): Route(action, "element", _view(name))
        for name, action in (
            ("summary", A.SEE_CARDS),
            ("snapshot", A.SEE_CARDS),
            ("cards-by-status", A.SEE_CARDS),
            ("variance", A.SEE_ALLOCATIONS),
            ("heat-map", A.SEE_ALLOCATIONS),
            ("weekly-cards", A.SEE_CARDS),
            ("trend", A.SEE_ALLOCATIONS),
            ("schedule", A.SEE_ALLOCATIONS),
        )
    },
    ("get", "/explain/{product_id}"): Route(A.SEE_ALLOCATIONS, "element", _explain("")),
    ("get", "/explain/{product_id}/charges"): Route(
        A.SEE_ALLOCATIONS, "element", _explain("/charges"), given=_explained
    ),
    ("get", "/explain/{product_id}/lines"): Route(
        A.SEE_ALLOCATIONS, "element", _explain("/lines"), given=_explained
    ),
    ("get", "/financial-scope"): Route(
        A.SEE_ALLOCATIONS, "reach", _always("/financial-scope"), given=_mapped
    ),
    ("post", "/spend-card-runs"): Route(
        A.MAKE_CARDS, "whole", _always("/spend-card-runs"), 202, lambda *_: "{}", is_replayed=True
    ),
    ("get", "/spend-card-runs/{run_id}"): Route(
        A.MAKE_CARDS,
        "whole",
        _always("/spend-card-runs/run-1"),
        given=lambda world, place: world.organisation.card_runs.start("run-1", None),
    ),
    ("post", "/previews"): Route(
        A.PROPOSE_REMAP,
        "element",
        _always("/previews"),
        202,
        _what_if,
        given=_mapped,
        is_replayed=True,
    ),
    ("get", "/previews/{preview_id}"): Route(
        A.SEE_UNALLOCATED, "own", _always(f"/previews/{PREVIEW}"), given=_previewed
    ),
    ("get", "/class-policies"): Route(
        A.SEE_ALLOCATIONS, "reach", _always("/class-policies"), given=_decided
    ),
    ("put", "/class-policies/{payer_id}/{charge_class}"): Route(
        A.SET_POLICY,
        "whole",
        _always(POLICY),
        body=_body(policy="InProportion", start="2026-04"),
        given=_decided,
        entity=_known_policies,
        is_replayed=True,
    ),
    ("get", "/claim-rules"): Route(
        A.SEE_ALLOCATIONS, "reach", _always("/claim-rules"), given=_ruled
    ),
    ("post", "/claim-rules"): Route(
        A.SET_CLAIM_RULE,
        "whole",
        _always("/claim-rules"),
        body=_new_rule,
        given=_ruled,
        entity=_known_rules,
        is_replayed=True,
    ),
    ("post", "/claim-rules/{rule_id}/endings"): Route(
        A.SET_CLAIM_RULE,
        "whole",
        _always("/claim-rules/by-service/endings"),
        body=_body(end="2026-04-01"),
        given=_ruled,
        entity=_known_rules,
        is_replayed=True,
    ),
    ("put", "/claim-rules/order"): Route(
        A.SET_CLAIM_RULE,
        "whole",
        _always("/claim-rules/order"),
        body=_body(rule_ids=["by-service"]),
        given=_ruled,
        entity=_known_rules,
        is_replayed=True,
    ),
    ("get", "/spend-cards"): Route(
        A.SEE_CARDS, "reach", _always("/spend-cards?month=2026-03"), given=_carded
    ),
    ("get", "/spend-cards/{product_id}/{start}"): Route(
        A.SEE_CARDS, "element", _card(), given=_carded
    ),
    ("get", "/spend-cards/{product_id}/{start}/lines"): Route(
        A.SEE_CARDS, "element", _card("/lines"), given=_carded
    ),
    ("get", "/spend-cards/{product_id}/{start}/resources"): Route(
        A.SEE_CARDS, "element", _card_resources, given=_billed_card
    ),
    ("post", "/spend-cards/{product_id}/{start}/decisions"): Route(
        A.ANSWER_CARD,
        "element",
        _card("/decisions"),
        body=_body(command="Dispute", reason="not ours"),
        given=_carded,
        entity=_known_card,
        is_replayed=True,
    ),
    ("get", "/spend-cards/{product_id}/{start}/proposal"): Route(
        A.SEE_CARDS, "element", _card("/proposal"), given=_disputed
    ),
    ("post", "/spend-cards/{product_id}/{start}/remaps"): Route(
        A.REMAP,
        "element",
        _card("/remaps"),
        body=_body(reason="it is right"),
        given=_disputed,
        entity=_known_card,
        is_replayed=True,
    ),
    ("post", "/spend-card-decisions"): Route(
        A.SEE_CARDS,
        "reach",
        _always("/spend-card-decisions"),
        body=_body(command="Accept", waiting={"month": "2026-03"}),
        given=_carded,
        is_replayed=True,
    ),
    ("get", "/delegations"): Route(
        A.SEE_ONESELF, "reach", _always("/delegations"), given=_stood_in
    ),
    ("post", "/delegations"): Route(
        A.SEE_ONESELF,
        "reach",
        _always("/delegations"),
        201,
        _body(delegate="planner@example.com", end="2026-03-20"),
        is_replayed=True,
    ),
    ("post", "/delegations/{delegation_id}/end"): Route(
        A.DELEGATE_FOR_OTHERS,
        "own",
        _always(f"/delegations/{DELEGATION}/end"),
        body=_body(reason="back"),
        given=_stood_in,
        entity=_known_delegation,
        is_replayed=True,
    ),
}
OPERATIONS: dict[tuple[str, str], Any] = {
    (method, path): operation
    for app in APPS
    for path, operations in app.get_openapi_schema()
    .model_dump(mode="json", by_alias=True, exclude_none=True)["paths"]
    .items()
    for method, operation in operations.items()
}
WRITES = [of for of in ROUTES if of[0] != "get"]
VERSIONED = [of for of in ROUTES if ROUTES[of].entity is not None]
REPLAYED = [of for of in ROUTES if ROUTES[of].is_replayed]
