"""What importing costs: nothing of the environment, no client, and no engine before it is asked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py"))
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for room in ("domain", "ledger", "usecases", "adapters", "runtime")
    for path in (ROOT / "finops" / room).rglob("*.py")
)
# Reading any setting of ours, or making a client, ends the process.
WATCH = """
import importlib, os, sys
import boto3

class Watched(dict):
    def _ask(self, name):
        if name in {settings!r}:
            sys.exit(f"asked for {{name}}")
    def __getitem__(self, name):
        self._ask(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        self._ask(name)
        return super().get(name, default)
    def __contains__(self, name):
        self._ask(name)
        return super().__contains__(name)

os.environ = Watched(os.environ)
boto3.client = boto3.resource = lambda *_, **__: sys.exit("made a client")
for module in {modules!r}:
    importlib.import_module(module)
"""
SETTINGS = [
    *("BILLING_BUCKET", "LEDGER_BUCKET", "LOADS_TABLE", "BILLS_TABLE", "LOAD_BILL_ARN"),
    *("LEDGER_MEMORY_MB", "LEDGER_THREADS", "WAIT_SECONDS", "QUIET_SECONDS", "KEEP_DAYS"),
    *("MAX_LINES_PER_ITEM", "ALLOWED_ORIGINS", "FISCAL_YEAR_STARTS", "GROUP_ROLES"),
    *("CHARTS_BUCKET", "CHARTS_TABLE", "PEOPLE_TABLE", "BUDGETS_TABLE", "AUDIT_TABLE"),
    *("REQUESTS_TABLE", "NOTICES_NAME", "USER_POOL_ID", "APP_URL"),
    "ACCOUNTS_TABLE",
    *("CREDITS_TABLE", "REPORTS_TABLE", "SAVINGS_TABLE", "ALERTS_TABLE"),
    *("SPEND_CARDS_TABLE", "CLOSES_TABLE", "DELEGATIONS_TABLE", "SETTINGS_TABLE"),
    *("RULES_TABLE", "WORKLOADS_TABLE", "COST_BASIS"),
    *("ALLOCATIONS_TABLE", "ALLOCATE_MONTH_ARN", "CURRENCY"),
    *("CARDS_HOUR", "CARDS_TIME_ZONE", "CARDS_FROM", "CARDS_RETRY_MINUTES", "CARDS_RETRY_HOURS"),
    *("CLOSES_BUCKET", "CLOSE_DELIVERY", "CLOSE_MONTH_ARN", "MAKE_SPEND_CARDS_ARN"),
    *("MAIL_FROM", "MAIL_LOGO", "DIGEST_SUBJECT", "DIGEST_TEXT"),
    *("MAIL_SUBJECT", "MAIL_TEXT", "WEBHOOKS", "WEBHOOK_NAMES"),
    *("MAKE_REPORTS_ARN", "REPORTS_TIME_ZONE", "TAGGING_REGIONS"),
    *("BUDGETS_ADDRESS", "BUDGETS_ROLES"),
]


def _python(code: str) -> subprocess.CompletedProcess[str]:
    """*code* in a process of its own, without any setting."""
    told = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=told | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_any_module_asks_nothing_and_makes_no_client() -> None:
    doors = [f"functions.{door}.handler" for door in DOORS]
    done = _python(WATCH.format(settings=SETTINGS, modules=[*MODULES, *doors]))

    assert (done.returncode, done.stderr) == (0, "")


def test_the_watch_would_notice() -> None:
    """A canary: a module that asks is told of."""
    asks = WATCH.format(settings=SETTINGS, modules=[]) + "os.environ['BILLING_BUCKET']"
    makes = WATCH.format(settings=SETTINGS, modules=[]) + "boto3.client('s3')"

    assert "asked for BILLING_BUCKET" in _python(asks).stderr
    assert "made a client" in _python(makes).stderr


@pytest.mark.parametrize(
    "door, without",
    [
        ("bills_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("charts_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("people_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("budgets_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("audit_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("shares_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("policies_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("claims_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("credits_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("find_credits", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("warn_of_credits", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("previews_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("allocations_api", ["boto3", "pyarrow", "numpy"]),
        ("load_chart", ["duckdb", "boto3"]),
        ("tell_notices", ["duckdb", "boto3"]),
        ("keep_sign_ins", ["duckdb", "boto3"]),
        ("send_digest", ["duckdb", "boto3"]),
        ("plan_spend_cards", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("write_spend_cards", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("tell_spend_cards", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("card_runs_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("remaps_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("views_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("book_corrections", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("corrections_api", ["boto3", "pyarrow", "numpy", "polars"]),
        ("spend_cards_api", ["boto3", "pyarrow", "numpy", "polars"]),
        ("settings_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("tend_cards", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("send_weekly_digest", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("write_close_files", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("complete_close", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("deliver_close", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("give_up_close", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("begin_close", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("closes_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("find_delivery", ["duckdb", "boto3"]),
        ("check_load", ["duckdb", "boto3"]),
        ("publish_load", ["duckdb", "boto3"]),
        ("fail_load", ["duckdb", "boto3"]),
        ("sweep_deliveries", ["duckdb", "boto3"]),
        ("expire_generations", ["duckdb", "boto3"]),
        ("reduce_bill", ["pyarrow", "numpy", "polars", "boto3"]),
        ("merge_bill", ["pyarrow", "numpy", "polars", "boto3"]),
        ("plan_load", ["pyarrow", "numpy", "polars", "boto3"]),
        ("plan_allocation", ["pyarrow", "numpy", "polars", "boto3"]),
        ("allocate_accounts", ["pyarrow", "numpy", "polars", "boto3"]),
        ("spread_classes", ["pyarrow", "numpy", "polars", "boto3"]),
        ("publish_allocation", ["pyarrow", "numpy", "polars", "boto3"]),
        ("start_allocations", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("reports_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("plan_reports", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("write_report", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("tell_reports", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("savings_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("collect_recommendations", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("watch_spend", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("alerts_api", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("push_budgets", ["duckdb", "boto3", "pyarrow", "numpy"]),
        ("plan_cubes", ["boto3", "pyarrow", "numpy", "polars"]),
        ("cut_cube", ["boto3", "pyarrow", "numpy", "polars"]),
        ("publish_cubes", ["boto3", "pyarrow", "numpy", "polars"]),
        ("scan_tags", ["boto3", "pyarrow", "numpy", "polars"]),
        ("tags_api", ["boto3", "pyarrow", "numpy", "polars"]),
        ("take_recommendations", ["boto3", "pyarrow", "numpy", "polars"]),
        ("plan_measures", ["boto3", "pyarrow", "numpy", "polars"]),
        ("read_usages", ["boto3", "pyarrow", "numpy", "polars"]),
        ("publish_measures", ["boto3", "pyarrow", "numpy", "polars"]),
    ],
)
def test_a_door_imports_no_more_than_it_needs(door: str, without: list[str]) -> None:
    """What is not imported costs no cold start, and need not be in the door's layers."""
    code = f"import sys, functions.{door}.handler; print(*sys.modules)"
    done = _python(code)

    assert done.returncode == 0, done.stderr
    assert set(without) & set(done.stdout.split()) == set()


def test_every_setting_is_watched() -> None:
    asked = re.compile(r'settings\.(?:text|number|seconds|words)\(\s*"(\w+)"')
    files = [*ROOT.glob("finops/**/*.py"), *ROOT.glob("functions/*/*.py")]

    assert {name for path in files for name in asked.findall(path.read_text())} == set(SETTINGS)


def test_every_door_is_watched() -> None:
    assert len(DOORS) == 73
