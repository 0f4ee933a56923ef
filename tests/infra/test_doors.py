"""The doors: what each is told, what it is made of, and that nothing is missing."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesis import PAYERS, Synthesized

ROOT = Path(__file__).parent.parent.parent
BILLING = {"BILLING_BUCKET": "BillingBucket"}
LEDGER = {"LEDGER_BUCKET": "LedgerBucket"}
LOADS = {"LOADS_TABLE": "LoadsTable"}
BILLS = {"BILLS_TABLE": "BillsTable"}
START = {"LOAD_BILL_ARN": "BillsloadbillMachine"}
FIND = {"WAIT_SECONDS": "60", "QUIET_SECONDS": "21600"}
PLAN = {"LEDGER_MEMORY_MB": "512", "LEDGER_THREADS": "1", "MAX_LINES_PER_ITEM": "1000000"}
WORKER = {"LEDGER_MEMORY_MB": "600", "LEDGER_THREADS": "2"}
ANSWER = {"LEDGER_MEMORY_MB": "600", "LEDGER_THREADS": "1"}
INVENTORY = {"LEDGER_MEMORY_MB": "1400", "LEDGER_THREADS": "2"}
PEOPLE = {"PEOPLE_TABLE": "PeopleTable"}
ACCOUNTS = {"ACCOUNTS_TABLE": "AccountsTable"}
RULES = {"RULES_TABLE": "RulesTable"}
WORKLOADS = {"WORKLOADS_TABLE": "WorkloadsTable"}
CREDITS = {"CREDITS_TABLE": "CreditsTable"}
SAVINGS = {"SAVINGS_TABLE": "SavingsTable"}
ALERTS = {"ALERTS_TABLE": "AlertsTable"}
REPORTS = {"REPORTS_TABLE": "ReportsTable"}
SETTINGS = {"SETTINGS_TABLE": "SettingsTable"}
CLOSES = {"CLOSES_TABLE": "ClosesTable"}
AUDIT = {"AUDIT_TABLE": "AuditTable"}
REQUESTS = {"REQUESTS_TABLE": "RequestsTable"}
CHART = {
    "CHARTS_BUCKET": "SorfileBucket",
    "CHARTS_TABLE": "ChartsTable",
    "BUDGETS_TABLE": "BudgetsTable",
}
YEARS = CHART | {"FISCAL_YEAR_STARTS": "1"}
LIVES = {name: told for name, told in YEARS.items() if name != "BUDGETS_TABLE"}
ALLOCATED = LEDGER | BILLS | {"ALLOCATIONS_TABLE": "AllocationsTable"}
GROUNDS = (
    LIVES
    | ACCOUNTS
    | CLOSES
    | RULES
    | SETTINGS
    | WORKLOADS
    | AUDIT
    | REQUESTS
    | {"COST_BASIS": "billed"}
)
CALLER = PEOPLE | AUDIT | REQUESTS | {"ALLOWED_ORIGINS": "", "GROUP_ROLES": "{}"}
START_ALLOCATION = {"ALLOCATE_MONTH_ARN": "AllocationsallocatemonthMachine"}
MAILS = {"MAIL_FROM": "", "MAIL_LOGO": "", "APP_URL": ""}
REMINDER = {
    "MAIL_SUBJECT": "FinOps Center: $count spend cards wait",
    "MAIL_TEXT": "Hello $name,\n\nthese spend cards still wait for somebody to sign for them.",
}
WEEKLY = {
    "MAIL_SUBJECT": "FinOps Center: spend of $week",
    "MAIL_TEXT": "Hello $name,\n\nthis is what was spent, and who signs for it, in the week of $week.",
}
REPORT = {
    "MAIL_SUBJECT": "FinOps Center: costs of $span: $total",
    "MAIL_TEXT": "Hello $name,\n\nthis is what $scope cost in $span.",
    "MAIL_LOGO": "",
    "APP_URL": "",
}
ALARM = MAILS | {
    "MAIL_SUBJECT": "FinOps Center: $alert",
    "MAIL_TEXT": "Hello $name,\n\nthis needs somebody to look at it.",
    "WEBHOOKS": "{}",
}
DIGEST = MAILS | {
    "DIGEST_SUBJECT": "FinOps Center: what waits for you",
    "DIGEST_TEXT": "Hello $name,\n\nthis is what waits for you in the FinOps Center.",
}

CARDS = ALLOCATED | AUDIT | REQUESTS | ANSWER
CARDS |= CLOSES | {"SPEND_CARDS_TABLE": "SpendCardsTable"}
CARDS_KEPT = {
    "SPEND_CARDS_TABLE": "SpendCardsTable",
    "CLOSES_TABLE": "ClosesTable",
    "DELEGATIONS_TABLE": "DelegationsTable",
    "SETTINGS_TABLE": "SettingsTable",
}
CARD_TIMES = {
    "CARDS_HOUR": "6",
    "CARDS_TIME_ZONE": "UTC",
    "CARDS_FROM": "",
    "CARDS_RETRY_MINUTES": "30",
    "CARDS_RETRY_HOURS": "24",
}
CLOSE_STEPS = CLOSES | AUDIT | REQUESTS
CLOSE_FILES = CLOSE_STEPS | {"CLOSES_BUCKET": "CloseFilesBucket"}
CLOSE_SOURCES = CLOSE_FILES | CREDITS | YEARS | ALLOCATED | RULES
CLOSE_SOURCES |= {
    "COST_BASIS": "billed",
    "SPEND_CARDS_TABLE": "SpendCardsTable",
    "SETTINGS_TABLE": "SettingsTable",
    "CURRENCY": "USD",
    "CARDS_FROM": "",
}

CUT = LEDGER | REPORTS | SETTINGS | AUDIT | REQUESTS | {"ALLOCATIONS_TABLE": "AllocationsTable"}
CUBES = CUT | BILLS | ANSWER

# By door: what it is told beside Powertools' own words (a store by the resource it names),
# its memory in MB, seconds, scratch in MB, and its layers.
DOORS: dict[str, tuple[dict[str, str], int, int, int, str]] = {
    "find_delivery": (BILLING | LOADS | FIND, 512, 60, 512, "core"),
    "plan_load": (BILLING | LEDGER | LOADS | PLAN, 1024, 120, 512, "analytics"),
    "reduce_bill": (BILLING | LEDGER | LOADS | WORKER, 3538, 900, 4096, "analytics"),
    "merge_bill": (LEDGER | LOADS | WORKER, 3538, 900, 10240, "analytics"),
    "check_load": (LEDGER | LOADS, 1024, 300, 512, "core"),
    "publish_load": (BILLING | LEDGER | LOADS | BILLS, 1024, 300, 512, "core"),
    "fail_load": (BILLING | LOADS, 512, 60, 512, "core"),
    "sweep_deliveries": (BILLING | LOADS | START, 512, 300, 512, "core"),
    "expire_generations": (
        ALLOCATED | LOADS | REPORTS | {"KEEP_DAYS": "7"},
        512,
        300,
        512,
        "core",
    ),
    "plan_allocation": (ALLOCATED | GROUNDS, 1769, 300, 512, "analytics"),
    "allocate_accounts": (LEDGER | WORKER, 3538, 900, 10240, "analytics"),
    "spread_classes": (LEDGER | WORKER, 3538, 900, 10240, "analytics"),
    "publish_allocation": (
        ALLOCATED | WORKER | CLOSES | AUDIT | REQUESTS,
        3538,
        600,
        4096,
        "analytics",
    ),
    "start_allocations": (
        ALLOCATED | GROUNDS | {"ALLOCATE_MONTH_ARN": "AllocationsallocatemonthMachine"},
        1024,
        120,
        512,
        "core",
    ),
    "load_chart": (YEARS | CLOSES | AUDIT | REQUESTS, 1769, 120, 512, "core"),
    "tell_notices": ({"NOTICES_NAME": "NoticesBus"}, 512, 60, 512, "core"),
    "keep_sign_ins": (
        {"USER_POOL_ID": "PeoplePool"} | PEOPLE | AUDIT | REQUESTS,
        512,
        60,
        512,
        "core",
    ),
    "send_digest": (
        YEARS
        | PEOPLE
        | ACCOUNTS
        | RULES
        | CREDITS
        | SAVINGS
        | CARDS_KEPT
        | LEDGER
        | AUDIT
        | REQUESTS
        | DIGEST,
        1024,
        900,
        512,
        "core",
    ),
    "bills_api": (LEDGER | LOADS | BILLS | START | CALLER | ANSWER, 1769, 29, 4096, "analytics"),
    "charts_api": (YEARS | CLOSES | CALLER, 1769, 29, 512, "core"),
    "people_api": (
        YEARS | ACCOUNTS | RULES | CREDITS | SAVINGS | CARDS_KEPT | LEDGER | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "settings_api": (
        SETTINGS
        | {"WEBHOOK_NAMES": ""}
        | {name: told for name, told in LIVES.items() if name != "FISCAL_YEAR_STARTS"}
        | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "tend_cards": (
        LIVES | CARDS_KEPT | LEDGER | PEOPLE | AUDIT | REQUESTS | MAILS | REMINDER,
        1769,
        900,
        512,
        "core",
    ),
    "send_weekly_digest": (
        LIVES
        | CARDS_KEPT
        | ALLOCATED
        | PEOPLE
        | AUDIT
        | REQUESTS
        | {"CURRENCY": "USD", "COST_BASIS": "billed"}
        | ANSWER
        | MAILS
        | WEEKLY,
        1769,
        900,
        512,
        "analytics pictures",
    ),
    "budgets_api": (
        CHART | ALLOCATED | WORKLOADS | CALLER | {"COST_BASIS": "billed", "CURRENCY": "USD"},
        1769,
        29,
        512,
        "core",
    ),
    "allocations_api": (
        YEARS | ALLOCATED | GROUNDS | START_ALLOCATION | CALLER | ANSWER,
        1769,
        29,
        4096,
        "analytics",
    ),
    "previews_api": (
        LEDGER | BILLS | GROUNDS | START_ALLOCATION | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "plan_spend_cards": (
        CARDS | YEARS | CARD_TIMES | SETTINGS | {"CURRENCY": "USD"},
        1769,
        600,
        4096,
        "analytics",
    ),
    "write_spend_cards": (CARDS, 1769, 900, 4096, "analytics"),
    "tell_spend_cards": (LEDGER, 1024, 120, 512, "core"),
    "card_runs_api": (
        LEDGER
        | CALLER
        | {
            "CLOSES_TABLE": "ClosesTable",
            "MAKE_SPEND_CARDS_ARN": "SpendCardsmakespendcardsMachine",
        },
        1769,
        29,
        512,
        "core",
    ),
    "remaps_api": (
        LEDGER
        | GROUNDS
        | CALLER
        | {
            "SPEND_CARDS_TABLE": "SpendCardsTable",
            "CLOSES_TABLE": "ClosesTable",
            "DELEGATIONS_TABLE": "DelegationsTable",
            "CURRENCY": "USD",
        },
        1769,
        29,
        512,
        "core",
    ),
    "check_accounts": (ACCOUNTS | AUDIT | REQUESTS, 1024, 900, 512, "core"),
    "find_accounts": (ACCOUNTS | BILLS | AUDIT | REQUESTS, 1024, 300, 512, "core"),
    "accounts_api": (ACCOUNTS | CALLER, 1769, 29, 512, "core"),
    "explain_api": (
        BILLING | ALLOCATED | LOADS | CALLER | ANSWER,
        1769,
        29,
        8192,
        "analytics",
    ),
    "resources_api": (
        LEDGER | BILLS | RULES | SETTINGS | WORKLOADS | CALLER | INVENTORY,
        3538,
        29,
        4096,
        "analytics",
    ),
    "claims_api": (
        GROUNDS | ALLOCATED | CREDITS | CALLER | {"CURRENCY": "USD"},
        1769,
        29,
        512,
        "core",
    ),
    "shares_api": (LIVES | ACCOUNTS | CLOSES | RULES | WORKLOADS | CALLER, 1769, 29, 512, "core"),
    "policies_api": (
        LIVES | ACCOUNTS | CLOSES | RULES | WORKLOADS | LEDGER | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "audit_api": (
        CHART
        | ACCOUNTS
        | RULES
        | WORKLOADS
        | CREDITS
        | SAVINGS
        | ALERTS
        | CARDS_KEPT
        | LEDGER
        | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "spend_cards_api": (
        CARDS_KEPT | ALERTS | ALLOCATED | GROUNDS | {"CURRENCY": "USD"} | CALLER | ANSWER,
        1769,
        29,
        4096,
        "analytics",
    ),
    "views_api": (
        YEARS
        | GROUNDS
        | ALLOCATED
        | SAVINGS
        | {"SPEND_CARDS_TABLE": "SpendCardsTable", "CURRENCY": "USD"}
        | CALLER
        | ANSWER,
        1769,
        29,
        4096,
        "analytics pictures",
    ),
    "begin_close": (CLOSE_SOURCES | PEOPLE | WORKER, 3538, 900, 4096, "analytics"),
    "write_close_files": (CLOSE_FILES, 3538, 900, 512, "core"),
    "complete_close": (CLOSE_FILES | CREDITS, 1769, 300, 512, "core"),
    "settle_close": (CLOSE_FILES | CREDITS, 1769, 900, 512, "core"),
    "deliver_close": (CLOSE_FILES | {"CLOSE_DELIVERY": ""}, 1769, 900, 512, "core"),
    "give_up_close": (CLOSE_STEPS, 512, 60, 512, "core"),
    "closes_api": (
        CLOSE_SOURCES | {"CLOSE_MONTH_ARN": "ClosesclosemonthMachine"} | CALLER | ANSWER,
        1769,
        29,
        4096,
        "analytics",
    ),
    "find_credits": (CREDITS | BILLS | LEDGER | AUDIT | REQUESTS, 1024, 300, 512, "core"),
    "warn_of_credits": (
        CREDITS | CLOSES | ALLOCATED | AUDIT | REQUESTS | {"CURRENCY": "USD"} | ANSWER,
        1769,
        900,
        4096,
        "analytics",
    ),
    "book_corrections": (
        CLOSE_FILES | ALLOCATED | WORKER,
        3538,
        900,
        4096,
        "analytics",
    ),
    "corrections_api": (
        CLOSE_FILES
        | ALLOCATED
        | CALLER
        | ANSWER
        | {"FISCAL_YEAR_STARTS": "1", "COST_BASIS": "billed"},
        1769,
        29,
        4096,
        "analytics",
    ),
    "credits_api": (
        CREDITS | ALLOCATED | GROUNDS | {"CURRENCY": "USD"} | CALLER | ANSWER,
        1769,
        29,
        4096,
        "analytics",
    ),
    "plan_cubes": (CUT | BILLS, 1024, 600, 512, "analytics"),
    "cut_cube": (LEDGER | WORKER, 3538, 900, 10240, "analytics"),
    "publish_cubes": (CUT, 1024, 600, 512, "analytics"),
    "plan_reports": (CUBES | PEOPLE | {"REPORTS_TIME_ZONE": "UTC"}, 1769, 600, 4096, "analytics"),
    "write_report": (
        CUBES | YEARS | ACCOUNTS | REPORT | {"COST_BASIS": "billed", "CURRENCY": "USD"},
        1769,
        900,
        4096,
        "analytics pictures",
    ),
    "tell_reports": (
        LEDGER | REPORTS | REQUESTS | REPORT | {"MAIL_FROM": ""},
        1769,
        900,
        512,
        "core",
    ),
    "reports_api": (
        CUBES
        | YEARS
        | ACCOUNTS
        | REPORT
        | CALLER
        | {
            "COST_BASIS": "billed",
            "CURRENCY": "USD",
            "MAKE_REPORTS_ARN": "CostReportsmakereportsMachine",
        },
        1769,
        29,
        4096,
        "analytics pictures",
    ),
    "scan_tags": (LEDGER | {"TAGGING_REGIONS": ""}, 1024, 900, 512, "analytics"),
    "tags_api": (
        LEDGER
        | BILLS
        | RULES
        | SETTINGS
        | WORKLOADS
        | CALLER
        | INVENTORY
        | {"COST_BASIS": "billed", "MAIL_LOGO": "", "TAGGING_REGIONS": ""},
        3538,
        29,
        4096,
        "analytics",
    ),
    "take_recommendations": (
        BILLING | LEDGER | LOADS | SAVINGS | AUDIT | REQUESTS | ANSWER,
        1769,
        900,
        4096,
        "analytics",
    ),
    "collect_recommendations": (
        SAVINGS | BILLS | LEDGER | AUDIT | REQUESTS,
        1769,
        900,
        512,
        "core",
    ),
    "savings_api": (
        SAVINGS | LEDGER | ACCOUNTS | RULES | SETTINGS | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "plan_measures": (
        LEDGER | SAVINGS | BILLS | LOADS | AUDIT | REQUESTS,
        1769,
        600,
        512,
        "analytics",
    ),
    "read_usages": (BILLING | LEDGER | LOADS | WORKER, 3538, 900, 10240, "analytics"),
    "publish_measures": (
        LEDGER | SAVINGS | RULES | SETTINGS | AUDIT | REQUESTS,
        3538,
        900,
        512,
        "analytics",
    ),
    "watch_spend": (
        YEARS
        | ALLOCATED
        | PEOPLE
        | CREDITS
        | CLOSES
        | SETTINGS
        | ALERTS
        | AUDIT
        | REQUESTS
        | ALARM
        | WORKER
        | {"COST_BASIS": "billed", "CURRENCY": "USD"},
        3538,
        900,
        4096,
        "analytics",
    ),
    "alerts_api": (
        {"CHARTS_BUCKET": "SorfileBucket", "CHARTS_TABLE": "ChartsTable"}
        | SETTINGS
        | ALERTS
        | ALARM
        | CALLER,
        1769,
        29,
        512,
        "core",
    ),
    "push_budgets": (
        YEARS
        | ACCOUNTS
        | RULES
        | SETTINGS
        | LEDGER
        | AUDIT
        | REQUESTS
        | {
            "COST_BASIS": "billed",
            "CURRENCY": "USD",
            "BUDGETS_ADDRESS": "finops@example.com",
            "BUDGETS_ROLES": json.dumps(
                {"111122223333": None}
                | {
                    payer: f"arn:AWS::Partition:iam::{payer}:role/finops-center-budgets"
                    for payer in PAYERS
                }
            ),
        },
        1769,
        900,
        512,
        "core",
    ),
}
OPTIONAL = {"push_budgets"}  # there only where the settings switch it on


def _doors(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    return {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: function[
            "Properties"
        ]
        for function in synthesized.resources("AWS::Lambda::Function").values()
    }


@pytest.fixture
def house(name: str, plain: Synthesized, with_budgets: Synthesized) -> Synthesized:
    """Where the door *name* is deployed."""
    return with_budgets if name in OPTIONAL else plain


def test_every_door_of_the_house_is_deployed_and_no_other(with_budgets: Synthesized) -> None:
    built = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}

    assert set(_doors(with_budgets)) == built == set(DOORS)


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_told_what_it_needs_and_no_more(house: Synthesized, name: str) -> None:
    told = dict(house.referred(_doors(house)[name]["Environment"]["Variables"]))
    own = {
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": "FinOpsCenter",
        "LOG_LEVEL": "INFO",
    }

    assert {key: _said(value) for key, value in told.items()} == {**own, **DOORS[name][0]}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_has_the_size_of_its_work(house: Synthesized, name: str) -> None:
    door = _doors(house)[name]
    _, memory, seconds, scratch, _ = DOORS[name]

    assert (door["MemorySize"], door["Timeout"]) == (memory, seconds)
    assert door["EphemeralStorage"] == {"Size": scratch}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_runs_on_arm_traced_with_a_log_of_its_own(house: Synthesized, name: str) -> None:
    door = _doors(house)[name]

    assert (door["Runtime"], door["Architectures"]) == ("python3.13", ["arm64"])
    assert door["TracingConfig"] == {"Mode": "Active"}
    assert door["LoggingConfig"]["LogFormat"] == "JSON"
    assert "LogGroup" in door["LoggingConfig"]


@pytest.mark.parametrize("name", DOORS)
def test_only_doors_that_open_the_ledger_carry_the_engine(house: Synthesized, name: str) -> None:
    layers = {_name(layer["Ref"]) for layer in _doors(house)[name]["Layers"]}
    beside = {f"Layers{word.title()}" for word in DOORS[name][4].split() if word != "core"}

    assert layers == {"LayersFinops", "LayersCore"} | beside


@pytest.mark.parametrize("name", sorted(set(DOORS) - OPTIONAL))
def test_on_one_machine_a_door_carries_our_own_code_only(local: Synthesized, name: str) -> None:
    layers = {_name(layer["Ref"]) for layer in _doors(local)[name]["Layers"]}

    assert layers == {"LayersFinops"}


def test_on_one_machine_nobody_waits_a_minute(local: Synthesized) -> None:
    told = _doors(local)["find_delivery"]["Environment"]["Variables"]

    assert told["WAIT_SECONDS"] == "2"


def test_the_words_of_a_deployment_reach_the_doors(full: Synthesized, local: Synthesized) -> None:
    digest = _doors(full)["send_digest"]["Environment"]["Variables"]
    people = _doors(full)["people_api"]["Environment"]["Variables"]

    assert (digest["MAIL_FROM"], digest["FISCAL_YEAR_STARTS"]) == ("finops@example.com", "7")
    assert digest["MAIL_LOGO"] == "https://example.com/logo.png"
    assert digest["APP_URL"] == "https://finops.example.com/?from=mail&in=one"
    assert people["ALLOWED_ORIGINS"] == "https://finops.example.com http://localhost:5173"
    assert json.loads(people["GROUP_ROLES"]) == {
        "FinOps Admins": "financial_admin",
        "buyers": "vendor_manager",
    }
    told = _doors(local)["send_digest"]["Environment"]["Variables"]
    assert told["MAIL_FROM"] == "finops@fernhollow.example"


@pytest.mark.parametrize("fixture", ["plain", "full"])
def test_what_a_door_is_told_has_room(fixture: str, request: pytest.FixtureRequest) -> None:
    """Lambda takes 4 KB of variables; a name that CloudFormation will fill in counts for 128."""
    synthesized: Synthesized = request.getfixturevalue(fixture)
    for name, door in _doors(synthesized).items():
        told = door["Environment"]["Variables"]
        size = sum(
            len(key) + (len(value.encode()) if isinstance(value, str) else 128)
            for key, value in told.items()
        )
        assert size < 4096 - 1000, name


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_told_every_variable_that_its_wiring_asks_for_and_no_other(name: str) -> None:
    door = ast.parse((ROOT / "functions" / name / "handler.py").read_text())
    wiring = ast.parse((ROOT / "finops" / "runtime" / "wiring.py").read_text())
    parts = {part.name: part for part in wiring.body if isinstance(part, ast.FunctionDef)}
    asked = _asked(door)
    used = _used(door, "wiring")
    if name.endswith("_api"):
        # Who calls is known, and what was asked before, by what all doors of the API share.
        used |= _used(ast.parse((ROOT / "finops" / "runtime" / "rest.py").read_text()), "wiring")
    ahead = [part for part in parts if part in used]
    seen: set[str] = set()
    while ahead:
        part = ahead.pop()
        if part not in seen:
            seen.add(part)
            asked |= _asked(parts[part])
            names = {node.id for node in ast.walk(parts[part]) if isinstance(node, ast.Name)}
            ahead += names & set(parts)

    assert asked == set(DOORS[name][0])


def _used(tree: ast.AST, module: str) -> set[str]:
    """The names of *module* that are used in *tree*: `wiring.loads` uses `loads`."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == module
    }


def _asked(tree: ast.AST) -> set[str]:
    """The variables asked for in *tree*: `settings.text("LOADS_TABLE")` asks for one."""
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "settings"
        and isinstance(node.args[0], ast.Constant)
    }


@pytest.mark.parametrize("fixture", ["plain", "full", "local"])
def test_no_function_is_there_that_is_no_door(fixture: str, request: pytest.FixtureRequest) -> None:
    """CDK brings custom resources along for some conveniences; none is wanted here."""
    synthesized: Synthesized = request.getfixturevalue(fixture)
    types = {
        resource["Type"]
        for template in synthesized.templates.values()
        for resource in template["Resources"].values()
    }

    assert set(_doors(synthesized)) | OPTIONAL == set(DOORS)
    assert not {type_ for type_ in types if type_.startswith("Custom::")}
    assert "AWS::CloudFormation::CustomResource" not in types


def _said(value: Any) -> str:
    """A variable's value, or the resource it names; of text that is put together, all of it."""
    match value:
        case {"Ref": logical_id}:
            return _name(logical_id)
        case {"Fn::Join": [between, parts]}:
            return str(between).join(map(_said, parts))
        case _:
            return str(value)


def _name(logical_id: str) -> str:
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)
