"""What the doors of the organisation tell: all of it, to the last page, and nothing out of scope."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.domain.alerts import Alert, AlertKind, Crossing
from finops.domain.audit import Deed
from finops.domain.class_policies import ChargeClass, PolicyKind
from finops.domain.cost_reports import ReportHead, ReportSpan
from finops.domain.credits import CreditTerms
from finops.domain.delegations import Delegation, Signature
from finops.domain.elements import ancestors, covers, element_id, level
from finops.domain.money import text
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.report_settings import Rhythm
from finops.domain.rule_changes import AddClaimRule, DecidePolicy, MapAccount
from finops.domain.spend_cards import CardCommand, RemapProposal
from finops.domain.spend_cubes import CubeRow
from finops.runtime import wiring
from finops.usecases.claim_rules import change_rules
from finops.usecases.class_policies import decide_policy
from finops.usecases.credits import grant
from finops.usecases.ports import Save
from finops.usecases.send_cost_reports import place as report_place
from tests.allocating import Allocating
from tests.carding import WEEK, card_line, put_card
from tests.claiming import SHARED, admin, know_accounts, run, share, take
from tests.closing import MONTH as CLOSED
from tests.closing import allotment, closing_of
from tests.correcting import booked
from tests.cube_fakes import InMemorySpendCubes, row
from tests.exports import MONTH, PAYER
from tests.functions.conftest import Answer, Loaded, ask, replace_wiring
from tests.functions.routes import ROUTES
from tests.savings_fakes import recommendation, saving
from tests.usecases.organisation import (
    CHECKOUT,
    HEADER,
    LOANS,
    NEW_YEAR,
    NOW,
    SEARCH,
    STOREFRONT,
    TILLS,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)

CSV = {"Accept": "text/csv"}


def told(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return answer.json


def table(answer: Answer) -> list[list[str]]:
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.body, newline="")))


def pages(path: str, by: Person, limit: int, **query: str) -> Iterator[list[Any]]:
    cursor: str | None = None
    while True:
        asked = query | {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page = told(ask("GET", path, asked, by=by))
        yield page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


# By hand ------------------------------------------------------------------------------------------


def test_everybody_is_told_who_they_are(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    answer = ask("GET", "/me", by=staff[Role.PRODUCT_OWNER])

    assert answer.headers["ETag"] == '"1"'
    assert answer.json["scope"] == [WEB_SHOP]
    assert answer.json["elements"] == [
        {"element": WEB_SHOP, "name": "Web shop", "level": 4, "label": "Product"}
    ]
    assert answer.json["labels"] == {
        "year": 2026,
        "e1": "Business unit",
        "e2": "Department",
        "e3": "Portfolio",
        "e4": "Product",
    }
    assert answer.json["open_tasks"] == 1


def test_a_budget_says_its_figures_and_what_may_be_done_with_it(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.approve(WEB_SHOP, [10 * UNIT] * 12)
    organisation.spending.products = {WEB_SHOP: [12 * UNIT, *[0] * 11]}

    answer = ask("GET", f"/budgets/2026/{WEB_SHOP}", by=staff[Role.PRODUCT_OWNER])

    assert answer.headers["ETag"] == '"3"'
    assert answer.json["allowed"] == ["RequestReschedule"]
    assert answer.json["figures"] == {
        "annual": "1200.0000000000",
        "planned": "120.0000000000",
        "unallocated": "1080.0000000000",
        "eoy_planned": "100.0000000000",
        "eoy_forecast": "112.0000000000",
        "spent": "12.0000000000",
        "variance": "-18.0000000000",
    }


def test_a_budget_that_nobody_has_touched_has_version_0(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    answer = ask("GET", f"/budgets/2026/{WEB_SHOP}", by=staff[Role.PRODUCT_OWNER])

    assert (answer.headers["ETag"], answer.json["status"]) == ('"0"', "New")
    assert answer.json["allowed"] == ["SaveDraft", "StateEstimate"]


def test_totals_of_charts_are_told_to_those_who_see_the_whole(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    [whole] = told(ask("GET", "/charts", by=staff[Role.VENDOR_MANAGER]))["items"]
    [part] = told(ask("GET", "/charts", by=staff[Role.BUSINESS_UNIT_OWNER]))["items"]

    assert (whole["products"], whole["annual"]) == (5, "5400.0000000000")
    assert (part["year"], part["products"], part["annual"], part["load_id"]) == (
        2026,
        None,
        None,
        None,
    )


def test_a_file_is_uploaded_checked_loaded_and_told_of(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.FINANCIAL_ADMIN]
    upload = ask("POST", "/chart-uploads", by=by)
    assert upload.status == 201
    upload_id = upload.json["upload_id"]
    assert upload_id in upload.json["url"]
    said = {"upload_id": upload_id, "start_date": "2026-07-01"}

    def load(**more: Any) -> Answer:
        return ask("POST", "/charts/2026/loads", by=by, body=json.dumps(said | more))

    assert load().status == 404
    shop = ("Retail", "Digital", "Storefront", "Web shop")
    organisation.files.put(f"drafts/{upload_id}", chart_csv({shop: "1500"}))
    checked = load()
    assert (checked.status, checked.json["load"]) == (200, None)
    assert load(is_new=True, dry_run=True).json["report"]["starts"] == "2026-01-01"
    done = load(dry_run=False, file_name="mid-year.csv")
    assert done.json["report"]["counts"] == checked.json["report"]["counts"]
    assert done.json["load"]["status"] == "Loaded"

    load_id = done.json["load"]["load_id"]
    again = told(ask("GET", f"/chart-loads/{load_id}", by=by))
    assert again == done.json
    link = told(ask("GET", f"/chart-loads/{load_id}/file", by=by))["url"]
    assert "mid-year.csv" in link
    listed = told(ask("GET", "/charts/2026/loads", by=by))["items"]
    assert load_id in [one["load_id"] for one in listed]


@pytest.mark.parametrize("start", ["2026-07-02", "2026-13-01", "July", ""])
def test_a_start_that_is_no_first_of_a_month_is_the_clients_error(
    organisation: Organisation, staff: dict[Role, Person], start: str
) -> None:
    body = json.dumps({"upload_id": "0" * 32, "start_date": start})
    answer = ask("POST", "/charts/2026/loads", by=staff[Role.FINANCIAL_ADMIN], body=body)

    assert answer.status == 422


def test_people_are_filtered(organisation: Organisation, staff: dict[Role, Person]) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    organisation.hire("gone@example.com", Role.PRODUCT_OWNER, [WEB_SHOP], PersonStatus.SUSPENDED)

    def found(**query: str) -> list[str]:
        return [one["email"] for one in told(ask("GET", "/people", query, by=by))["items"]]

    assert len(found()) == 8
    assert found(role="product_owner") == ["gone@example.com", "product@example.com"]
    assert found(role="product_owner", status="Active") == ["product@example.com"]
    assert found(element=STOREFRONT) == ["portfolio@example.com"]
    assert ask("GET", "/people", {"role": "king"}, by=by).status == 422


def test_a_people_file_is_checked_and_loaded(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    by = staff[Role.CLOUD_ENGINEER]
    rows = f"email,role,scope\nada@example.com,product_owner,{SEARCH}\n"

    def load(**said: Any) -> Any:
        return told(ask("POST", "/people-loads", by=by, body=json.dumps(said)))

    assert (load(csv=rows)["invited"], load(csv=rows)["applied"]) == (["ada@example.com"], False)
    assert load(csv=rows, dry_run=False)["applied"]
    assert load(csv=rows, dry_run=False)["unchanged"] == ["ada@example.com"]
    assert load(csv=rows + "bob,king,\n", dry_run=False)["errors"][0]["column"] == "email"


def test_the_trail_tells_before_and_after_of_what_was_done(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    by = staff[Role.PRODUCT_OWNER]
    items = told(ask("GET", "/audit", by=by))["items"]

    assert [one["action"] for one in items if one["element"] == WEB_SHOP][-3:] == [
        "SaveDraft",
        "Submit",
        "Approve",
    ]
    newest = next(one for one in items if one["action"] == "Approve")
    assert json.loads(newest["before"])["status"] == "Pending"
    assert json.loads(newest["after"])["status"] == "Approved"


def test_a_walk_over_the_chains_finds_nothing_wrong(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    cursor: str | None = None
    for _ in range(200):
        query = {"since": "2026-01-01"} | ({"cursor": cursor} if cursor else {})
        step = told(ask("GET", "/audit/verification", query, by=staff[Role.CLOUD_ENGINEER]))
        assert step["findings"] == []
        cursor = step["next_cursor"]
        if cursor is None:
            return
    pytest.fail("the walk has no end")


# Tables -------------------------------------------------------------------------------------------

TABLES = ["/charts/2026", "/tasks", "/missing-owners", "/people", "/budgets/2026", "/audit"]


@pytest.mark.parametrize("path", [*TABLES, "/plans/2026/enterprise"])
@pytest.mark.parametrize("role", [Role.FINANCIAL_ADMIN, Role.BUSINESS_UNIT_OWNER])
def test_a_table_has_a_row_for_what_json_has_an_item_for(
    organisation: Organisation, staff: dict[Role, Person], path: str, role: Role
) -> None:
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    header, *rows = table(ask("GET", path, by=staff[role], headers=CSV))
    body = told(ask("GET", path, by=staff[role]))
    items = body["items"] if "items" in body else [body, *body["children"]]

    assert len(rows) == len(items) > 0
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize(
    "path, query",
    [
        ("/tasks", {}),
        ("/people", {"element": "nowhere"}),
        ("/budgets/2026", {"element": "nowhere"}),
        ("/audit", {"actor": "nobody@example.com"}),
    ],
)
def test_a_table_without_rows_has_its_header(
    organisation: Organisation, staff: dict[Role, Person], path: str, query: dict[str, str]
) -> None:
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    header, *rows = table(ask("GET", path, query, by=staff[Role.VENDOR_MANAGER], headers=CSV))

    assert rows == []
    assert len(header) > 5


def test_no_name_of_a_product_is_taken_for_a_formula(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    formula = "=HYPERLINK(1)"
    organisation.drop(content=chart_csv([("+A", "-B", "@C", formula, "1.50")]))
    by = staff[Role.FINANCIAL_ADMIN]

    for path in ("/charts/2026", "/budgets/2026"):
        rows = table(ask("GET", path, by=by, headers=CSV))
        [mine] = [row for row in rows if f"'{formula}" in row]
        assert mine[:5] == ["'+A", "'-B", "'@C", f"'{formula}", "1.5000000000"]
    unit = organisation.chart().products[0].id.partition(".")[0]
    plan = table(ask("GET", f"/plans/2026/{unit}", by=by, headers=CSV))
    assert "'+A" in plan[1]


def test_a_person_whose_name_is_a_formula_runs_nothing(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    body = json.dumps({"email": "x@example.com", "role": "vendor_manager", "name": "=cmd|' /C'!A0"})
    assert ask("POST", "/people", by=staff[Role.CLOUD_ENGINEER], body=body).status == 201

    rows = table(ask("GET", "/people", by=staff[Role.CLOUD_ENGINEER], headers=CSV))

    assert any("'=cmd|' /C'!A0" in row for row in rows)


def test_a_table_without_a_row_is_a_table(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for path in ("/budgets/2026", "/tasks"):
        answer = ask(
            "GET",
            path,
            {"element": "nothing"},
            by=staff[Role.VENDOR_MANAGER],
            headers=CSV,
        )
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/csv")


def test_a_product_is_named_by_the_same_word_in_every_table(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """Between columns that have the words of the organisation."""
    by = staff[Role.FINANCIAL_ADMIN]
    for path in ("/charts/2026", "/budgets/2026"):
        header, *rows = table(ask("GET", path, by=by, headers=CSV))
        assert header[:6] == [*HEADER, "ProductId"]
        assert {row[5] for row in rows} == {LOANS, CHECKOUT, SEARCH, WEB_SHOP, TILLS}


# Pages --------------------------------------------------------------------------------------------

LISTS: list[tuple[str, Role, str]] = [
    ("/charts/2026", Role.FINANCIAL_ADMIN, "product_id"),
    ("/budgets/2026", Role.FINANCIAL_ADMIN, "product_id"),
    ("/tasks", Role.FINANCIAL_ADMIN, "element"),
    ("/tasks", Role.CLOUD_ENGINEER, "element"),
    ("/missing-owners", Role.FINANCIAL_ADMIN, "element"),
    ("/people", Role.CLOUD_ENGINEER, "email"),
    ("/audit", Role.FINANCIAL_ADMIN, "hash"),
    ("/charts/2026/loads", Role.FINANCIAL_ADMIN, "load_id"),
]


@pytest.mark.parametrize("path, role, key", LISTS)
def test_pages_hold_together_what_one_page_holds(
    organisation: Organisation, staff: dict[Role, Person], path: str, role: Role, key: str
) -> None:
    """With two years open, so that some elements are listed twice."""
    organisation.drop(NEW_YEAR.replace("2026", "2027"))
    organisation.drop(NEW_YEAR.replace("v1", "v2"))
    whole = [(one.get("year"), one[key]) for one in next(pages(path, staff[role], 1000))]

    for limit in (1, 2, 3):
        some = list(pages(path, staff[role], limit))
        assert [(one.get("year"), one[key]) for page in some for one in page] == whole
        assert max(map(len, some)) <= limit
    assert len(whole) > 1


@pytest.mark.parametrize("path, role, key", LISTS)
@pytest.mark.parametrize(
    "cursor",
    [
        *("nonsense", "bnVsbA==", "W10=", "e30=", "é", "W251bGxd"),
        "WyJtYXJjaCIsIG51bGxd",  # ["march", null]
    ],
)
def test_a_cursor_that_is_none_of_ours_is_the_clients_error(
    organisation: Organisation,
    staff: dict[Role, Person],
    path: str,
    role: Role,
    key: str,
    cursor: str,
) -> None:
    assert ask("GET", path, {"cursor": cursor}, by=staff[role]).status == 422


FORGED: list[list[Any]] = [
    [],
    ["states", "x"],
    ["2026-03", "", "0"],
    ["2026-03", None, 0],
    ["2026-03", "", None],
    ["2026-03", "", True],
    ["2026-03", "", 0.0],
    ["2026-03", "", -1],
    ["2026-03", "", 10**9],
    ["2026-03", "", 0, 0],
    ["2026-13", "", 0],
    ["march", "", 0],
    ["", "", 0],
    [5, "", 0],
]
ONE_CHAIN: list[list[Any]] = [["x"], [None], [-1], [True], [1.5], [10**9], [0, 0]]


@pytest.mark.parametrize(
    "path, query, said",
    [
        *(("/audit", {}, said) for said in [*FORGED, ["states", "", 0]]),
        *(("/audit", {"actor": "fin@example.com"}, said) for said in FORGED),
        *(("/audit", {"entity": "chart#2026"}, said) for said in ONE_CHAIN),
        *(("/audit/verification", {}, said) for said in [*FORGED, ["states", "", -1]]),
    ],
)
def test_a_cursor_of_the_trail_that_was_tampered_with_is_the_clients_error(
    organisation: Organisation,
    staff: dict[Role, Person],
    path: str,
    query: dict[str, str],
    said: list[Any],
) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    answer = ask("GET", path, query | {"cursor": cursor}, by=staff[Role.FINANCIAL_ADMIN])

    assert answer.status == 422


@pytest.mark.parametrize("path", ["/people", "/audit", "/audit/verification"])
def test_a_cursor_too_deep_to_read_is_the_clients_error(
    organisation: Organisation, staff: dict[Role, Person], path: str
) -> None:
    cursor = base64.urlsafe_b64encode(b"[" * 1400).decode()

    assert ask("GET", path, {"cursor": cursor}, by=staff[Role.FINANCIAL_ADMIN]).status == 422


def test_a_page_of_the_trail_is_no_larger_than_an_answer(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """Whatever is asked for: a record holds an entity before and after."""
    for number in range(300):
        organisation.hire(f"p{number}@example.com", Role.VENDOR_MANAGER)
    by = staff[Role.FINANCIAL_ADMIN]

    sizes = [len(page) for page in pages("/audit", by, 1000)]

    assert max(sizes) == 250
    assert sum(sizes) == sum(map(len, organisation.records.chains.values()))


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-03-11"},
        {"since": "2026-03-02", "until": "2026-03-01"},
        {"since": "2000-01-01"},
        {"since": "0001-01-01", "until": "0001-01-01"},
        {"until": "0001-01-01"},
        {"since": "9999-12-31", "until": "9999-12-31"},
    ],
)
def test_days_that_no_trail_can_have_are_the_clients_error(
    organisation: Organisation, staff: dict[Role, Person], query: dict[str, str]
) -> None:
    answer = ask("GET", "/audit", query, by=staff[Role.FINANCIAL_ADMIN])

    assert answer.status == 422, answer.body


def test_5001_products_are_listed_to_the_last(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    rows = {("A", "B", f"C{n % 10}", f"P{n:04d}"): str(n + 1) for n in range(5001)}
    organisation.drop("Acme_2027_true_2027-01-01_false_Budget_v1.csv", chart_csv(rows))
    ids = sorted(element_id(names) for names in rows)
    by = staff[Role.FINANCIAL_ADMIN]

    for path in ("/charts/2027", "/budgets/2027"):
        found = list(pages(path, by, 1000))
        assert [one["product_id"] for page in found for one in page] == ids
        assert [len(page) for page in found] == [1000] * 5 + [1]
    owed = [one for page in pages("/tasks", by, 1000) for one in page if one["year"] == 2027]
    assert [one["element"] for one in owed] == ids
    listed, cursor = 0, None
    while True:
        query = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
        answer = ask("GET", "/budgets/2027", query, by=by, headers=CSV)
        listed += len(table(answer)) - 1
        cursor = answer.headers.get("X-Next-Cursor")
        if cursor is None:
            break
    assert listed == 5001
    whole = told(ask("GET", "/plans/2027/enterprise", by=by))
    assert whole["figures"]["annual"] == text(sum(range(1, 5002)) * UNIT)


# Nothing out of scope -----------------------------------------------------------------------------

COST = 25 * UNIT // 10  # of the account, of one resource
SLUGS = st.sampled_from(["aa", "bb", "aa-b"])
GETS = [of for of in ROUTES if of[0] == "get"]


@st.composite
def trees(draw: st.DrawFn) -> dict[tuple[str, str, str, str], int]:
    """Products with amounts that no sum of others makes."""
    paths = draw(st.lists(st.tuples(SLUGS, SLUGS, SLUGS), min_size=2, max_size=6))
    return {
        (f"u{a}", f"d{b}", f"f{c}", f"p{number}x{a}{b}{c}"): 10_007 * 3**number + 7_000_000
        for number, (a, b, c) in enumerate(paths)
    }


def secrets(
    organisation: Organisation,
    amounts: Mapping[str, int],
    scope: tuple[str, ...],
    unit: int = UNIT,
) -> set[str]:
    """Ids of what is out of *scope*, addresses of who holds it, and every total that includes it.

    The amounts of products are in *unit* ticks.
    """
    chart = organisation.chart()
    seen = {product for product in amounts if any(covers(own, product) for own in scope)}
    kept = {above for product in seen for above in ancestors(product)}
    hidden = {element for element in chart.elements if element not in kept}
    told_sums = {
        sum(amounts[p.id] for p in chart.products_under(element))
        for element in chart.elements
        if any(covers(own, element) for own in scope)
    } | {sum(amounts[product] for product in seen), 0}
    all_sums = {
        sum(amounts[p.id] for p in chart.products_under(element))
        for element in ("", *chart.elements)
    }
    holders = {
        one.email
        for one in organisation.people.all()
        if one.scope and not all(any(covers(own, e) for own in scope) for e in one.scope)
    }
    return hidden | holders | {text(total * unit) for total in all_sums - told_sums}


def run_in_one_account(
    organisation: Organisation, points: Mapping[str, int], amounts: Mapping[str, int], resource: str
) -> list[str]:
    """The products share an account, where each has a workload, estimated at its annual amount.

    Each workload holds a *resource* with its number, and what a rule of its own takes.
    """
    know_accounts(organisation)
    share(organisation, SHARED, *sorted(points.items()))
    who = admin(organisation)
    running = []
    for number, (product, amount) in enumerate(amounts.items()):
        made = run(organisation, product, "shop", monthly=amount * UNIT)
        take(organisation, made, f"{resource}{number}")
        change_rules(
            AddClaimRule(
                rule_id=f"rule-{number}",
                workload_id=made.workload_id,
                service=f"Service{number}",
                start=TODAY,
            ),
            number,
            by=who,
            claim_rules=organisation.claim_rule_book,
            heads=organisation.claim_rule_heads,
            grounds=organisation.grounds,
            act=act(who.email),
        )
        running.append(made.workload_id)
    return running


def give_credits(organisation: Organisation, amounts: Mapping[str, int]) -> list[str]:
    """One product pays for all support, each has a credit; the credits."""
    who = admin(organisation)
    decide_policy(
        DecidePolicy(
            payer=PAYER,
            charge_class=ChargeClass.SUPPORT,
            policy=PolicyKind.TO_PRODUCT,
            product_id=next(iter(amounts)),
            start=f"{TODAY:%Y-%m}",
        ),
        0,
        by=who,
        policies=organisation.policies,
        grounds=organisation.grounds,
        act=act(who.email),
    )
    granted = []
    for product, amount in amounts.items():
        terms = CreditTerms(
            product_id=product,
            text="PROMO-1",
            amount=amount * UNIT,
            currency="USD",
            start=TODAY,
            expiry=date(2026, 4, 30),
        )
        new = grant(
            terms,
            by=who,
            credits_=organisation.credits,
            charts=organisation.charts,
            open_from=organisation.open_from,
            act=act(who.email),
        )
        granted.append(new.credit_id)
        organisation.product_spend.spend(product, f"{TODAY}", amount * UNIT // 2)
    return granted


def allocate(loaded: Loaded, organisation: Organisation) -> str:
    """By these rules, as if they had been in force all September; nobody else's bill. The run."""
    made = Allocating(loaded.house.limits.scratch, loaded.house, organisation)
    organisation.allocations = made.allocations
    assert made.run() == "Published"
    [one] = organisation.allocations.in_period(MONTH)
    return one.run_id


def give_cards(
    organisation: Organisation, points: Mapping[str, int], amounts: Mapping[str, int], run_id: str
) -> None:
    """Each product disputes a card of its annual amount, and has one of what it pays in September.

    What a dispute proposes is about all products, and the first owner is away.
    """
    split = MapAccount(account_id=SHARED, shares=tuple(sorted(points.items())))
    effect = tuple((product, amount * UNIT) for product, amount in sorted(amounts.items()))
    for number, (product, amount) in enumerate(amounts.items()):
        card = put_card(organisation, amount * UNIT, product, budget=amount * UNIT)
        disputed = card.decided(
            CardCommand.DISPUTE,
            by=Signature(by=f"p{number}@example.com"),
            at=NOW,
            reason="not ours",
            proposal=RemapProposal(changes=(split,), effect=effect),
        )
        organisation.spend_cards.save([Save(card, disputed, Deed(action="Dispute"))], act())
        part = card_line(COST * points[product] // 10_000)
        first = date(2026, 9, 1)
        put_card(organisation, product=product, start=first, lines=[part], runs=[run_id])
    away = Delegation.granted(
        "0123456789abcdef",
        absent="p0@example.com",
        delegate="p1@example.com",
        start=NOW.date(),
        end=date(2026, 3, 20),
        by="p0@example.com",
        at=NOW,
    )
    organisation.delegations.save([Save(None, away, Deed(action="Grant"))], act())


def close_february(organisation: Organisation, amounts: Mapping[str, int]) -> None:
    """Each product is billed its annual amount, which the bill of March corrects by as much."""
    closing = closing_of(organisation)
    who = admin(organisation)
    billed = [allotment(amount, product) for product, amount in amounts.items()]
    closing.bill(*billed)
    closing.fill_headers(who)
    closing.run(who)
    booked(organisation.closes, closing.files, *billed)


def tell_of_spend(
    organisation: Organisation, amounts: Mapping[str, int], resource: str
) -> tuple[list[str], list[CubeRow]]:
    """Each product spends its annual amount in the week before, is alerted of it, has its report sent
    and could save it with its *resource*. What can be asked for by id, and rows of cubes.
    """
    asked, rows = [], []
    for number, (product, amount) in enumerate(amounts.items()):
        rows.append(row("2026-03-03", amount * UNIT, product_id=product, account=SHARED))
        crossing = Crossing(
            kind=AlertKind.ANOMALY,
            element=product,
            month="2026-03",
            currency="USD",
            service="AmazonEC2",
            since=date(2026, 3, 3),
            day=date(2026, 3, 3),
            actual=amount * UNIT,
            limit=UNIT,
        )
        alert = Alert.raised(crossing, NOW)
        organisation.alerts.save([Save(None, alert, Deed(action="Raise"))], act())
        option = recommendation(f"{resource}{number}", account_id=SHARED, savings=amount)
        case = saving(option, payer=PAYER, on=date(2026, 3, 1))
        organisation.savings.save([Save(None, case, Deed(action="Find"))], act())
        span = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 8))
        head = ReportHead(
            report_id=f"weekly-{span.end}-{number:016x}",
            span=span,
            elements=(product,),
            scope=product,
            made_at=NOW,
            totals=(("USD", amount * UNIT),),
            gaps=(),
        )
        organisation.report_heads.put(head)
        organisation.kept_reports.put(
            report_place(span, f"{number:016x}", "report.json"),
            json.dumps({"element": product, "total": text(amount * UNIT)}).encode(),
            "application/json",
        )
        asked += [
            f"/alerts/{alert.alert_id}",
            f"/savings/{case.saving_id}",
            f"/reports/cost/kept/{head.report_id}",
        ]
    return asked, rows


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tree=trees(), data=st.data())
def test_no_answer_holds_an_id_or_an_amount_from_out_of_scope(
    loaded: Loaded, tree: dict[tuple[str, str, str, str], int], data: st.DataObject
) -> None:
    organisation = Organisation()
    organisation.drop(content=chart_csv({names: str(amount) for names, amount in tree.items()}))
    chart = organisation.chart()
    amounts = {element_id(names): amount for names, amount in tree.items()}
    for number, product in enumerate(amounts):
        organisation.hire(f"p{number}@example.com", Role.PRODUCT_OWNER, [product])
        organisation.approve(product, [number * UNIT] * 12)
    points = {product: 2**number for number, product in enumerate(amounts)}
    points[product] = 10_000 - sum(points.values()) + points[product]
    # Either the account's one resource is somebody's, or all share it.
    resource = data.draw(st.sampled_from(["i-", "x-"]))
    running = run_in_one_account(organisation, points, amounts, resource)
    granted = give_credits(organisation, amounts)
    give_cards(organisation, points, amounts, allocate(loaded, organisation))
    close_february(organisation, amounts)
    of_spend, rows = tell_of_spend(organisation, amounts, resource)
    role = data.draw(st.sampled_from([role for role in Role if role.level]))
    of_level = [element for element in chart.elements if level(element) == role.level]
    some = st.lists(st.sampled_from(of_level), min_size=1, max_size=2, unique=True)
    scope = tuple(data.draw(some | st.just([])))
    by = organisation.hire("me@example.com", role, scope)
    hidden = secrets(organisation, amounts, scope)
    # What the account costs is told to all who share it, and with it what is left beside their part.
    point = COST // 10_000
    left = {
        text(COST - point * sum(points[product] for product in points if covers(own, product)))
        for own in chart.elements
        if any(covers(one, own) for one in scope)
    }
    hidden |= secrets(organisation, points, scope, point) - {text(COST)} - left
    load = organisation.charts.heads()[0].load_id
    asked = ["/charts", "/charts/2026", "/charts/2026/loads", f"/chart-loads/{load}", "/me"]
    asked += ["/tasks", "/missing-owners", "/people", "/budgets/2026", "/audit", "/bills"]
    asked += ["/audit/verification", "/plans/2026/enterprise", "/audit/chart/2026"]
    for element in chart.elements:
        asked += [f"/plans/2026/{element}", f"/gates/{element}", f"/audit/gate/{element}"]
    for product in amounts:
        asked += [f"/budgets/2026/{product}", f"/budgets/2026/{product}/versions"]
    asked += [f"/people/{one.email}" for one in organisation.people.all()]
    asked += [f"/bills/{MONTH}/costs", "/loads", f"/loads/{loaded.first}", "/freshness"]
    asked += [f"/chart-loads/{load}/file"]
    asked += ["/accounts", "/accounts/tasks", "/accounts/checks", f"/accounts/{SHARED}"]
    asked += ["/workloads", "/spaces", f"/spaces?month={MONTH}", f"/claims/{SHARED}"]
    asked += [f"/workloads/{one}" for one in running]
    asked += ["/shares", f"/shares/{SHARED}", "/class-policies", "/claim-rules"]
    asked += ["/credits", "/credits/reconciliation", "/discounts"]
    asked += [f"/credits/{one}" for one in granted]
    for part in ("", "/tree?depth=4&", "/days?", "/unallocated?"):
        asked.append(f"/allocations{part or '?'}month={MONTH}")
    of_day = f"month={MONTH}&account={SHARED}&day=2026-09-02"
    for product in (*amounts, "unallocated"):
        asked.append(f"/explain/{product}?month={MONTH}")
        asked += [f"/explain/{product}/{part}?{of_day}" for part in ("charges", "lines")]
    asked += [f"/allocations/tree?month={MONTH}&element={one}" for one in chart.elements]
    asked += [f"/allocations/days?month={MONTH}&element={one}" for one in chart.elements]
    asked += [f"/resources?month={MONTH}", "/resources"]
    asked += ["/financial-scope", "/previews/0f3a5b7c9d1e2f4a6b8c"]
    asked += ["/spend-cards", "/spend-cards?mine=true", f"/spend-cards?month={MONTH}"]
    asked += ["/spend-card-runs/open-1", "/delegations", "/settings"]
    for product in amounts:
        asked += [f"/spend-cards/{product}/{WEEK}{end}" for end in ("", "/lines", "/proposal")]
        asked.append(f"/spend-cards/{product}/2026-09-01/resources?account={SHARED}")
    asked += ["/closes", f"/closes/{CLOSED}", f"/closes/{CLOSED}/files"]
    asked += ["/corrections", "/corrections/years/2026"]
    asked += [f"/corrections/years/2026?element={element}" for element in chart.elements]
    for view in (path for _, path in GETS if path.startswith("/views/")):
        for month in (f"{WEEK:%Y-%m}", MONTH):
            asked += [
                f"{view}?month={month}&element={one}" for one in ("enterprise", *chart.elements)
            ]
    asked += [*of_spend, "/alerts", "/savings", "/savings/report", "/savings/realised"]
    asked += [f"/savings/totals?by={by_what}" for by_what in ("owner", "account", "status")]
    asked += ["/reports/cost", "/reports/cost/kept", "/reports/cost/runs/weekly-2026-03-08-1"]
    asked += [f"/reports/history?by={by_what}" for by_what in ("product", "account", "service")]
    few = st.lists(st.sampled_from(sorted(chart.elements)), min_size=1, max_size=3, unique=True)
    for element in data.draw(few):  # each takes a while
        asked += [f"/{path}?element={element}" for path in ("alerts", "savings", "reports/cost")]
        asked += [f"/reports/history?element={element}", f"/savings/realised?element={element}"]
    for path in ("coverage?by=owner&", "missing?", "untagged?", "keys?", "values?", "commands?"):
        asked.append(f"/tags/{path}key=user:Team&month={MONTH}")
    asked += [f"/tags/report?month={MONTH}", "/tags/scans"]
    paths = {one.partition("?")[0] for one in asked}
    missed = {path for _, path in GETS if not any(map(_template(path).fullmatch, paths))}
    assert missed == set()

    with pytest.MonkeyPatch.context() as patch:
        replace_wiring(patch, loaded.house, organisation)
        patch.setattr(wiring, "spend_cubes", lambda: InMemorySpendCubes(rows))
        for one in asked:
            path, _, said = one.partition("?")
            query = dict(parse_qsl(said)) | {"limit": "1000"}
            for headers in ({}, CSV):
                answer = ask("GET", path, query, by=by, headers=headers)
                assert answer.status < 500
                body = answer.body
                if answer.status >= 400:
                    for named in (*filter(None, path.split("/")), *query.values()):  # asked for
                        body = body.replace(named, "")
                found = {one for one in hidden if _is_in(one, body)}
                assert found == set(), (path, scope)


def _template(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


def _is_in(one: str, body: str) -> bool:
    """Whether *body* names *one* itself, not only an element whose id begins alike."""
    start = body.find(one)
    while start >= 0:
        before, after = body[start - 1 : start], body[start + len(one) : start + len(one) + 1]
        if not (before.isalnum() or before in "-." or after.isalnum() or after in "-"):
            return True
        start = body.find(one, start + 1)
    return False


def test_the_search_for_leaks_would_find_one() -> None:
    assert _is_in("retail.digital", '{"element": "retail.digital.storefront"}')
    assert _is_in("retail", '"retail"')
    assert not _is_in("retail", '"retail-x"')
    assert not _is_in("retail", '"other.retail"')
    assert _is_in("5400.0000000000", '"5400.0000000000"')


def test_products_beside_each_other_whose_ids_begin_alike_are_kept_apart(
    organisation: Organisation,
) -> None:
    rows = {("R", "D", "S", "Web"): "1", ("R", "D", "S", "Web two"): "2"}
    organisation.drop(content=chart_csv(rows))
    by = organisation.hire("me@example.com", Role.PRODUCT_OWNER, ["r.d.s.web"])

    items = told(ask("GET", "/budgets/2026", by=by))["items"]

    assert [one["product_id"] for one in items] == ["r.d.s.web"]
    for other in (CHECKOUT, LOANS, TILLS, "r.d.s.web-two"):
        assert ask("GET", f"/budgets/2026/{other}", by=by).status == 404
