"""`finops chart`, `people`, `budget`, `plan`, `tasks` and `audit`, as people of a company run them.

The charts here are of years of their own, so that no other test meets them.
"""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import InvalidError
from finops.local import cli, screen, sign_in
from finops.local.api import Api, ApiError
from finops.local.commands import demo_organisation as story
from finops.local.commands.demo_people import Company
from finops.local.errors import LoadError, TamperedError
from finops.local.installation import Installation
from finops.local.sample import SampleOrganisation, write_organisation
from finops.local.sign_in import SignInError

pytestmark = [pytest.mark.local_aws, pytest.mark.cdk]

YEAR = "2031"
SHOP = "retail.digital.storefront.web-shop"
SEARCH = "retail.digital.storefront.search"
STOCK = "logistics.warehousing.warehouse.stock"
MARA, THEO = "mara.lindqvist@fernhollow.example", "theo.brandt@fernhollow.example"
INGRID, OLIVER = "ingrid.solheim@fernhollow.example", "oliver.grant@fernhollow.example"


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def told(*words: str) -> Any:
    result = finops(*words, "--json")
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def _installed(installation: Installation) -> Iterator[None]:
    """The command finds the shared installation."""
    assert installation.local is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINOPS_LOCAL_DIR", str(installation.local.folder))
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SampleOrganisation:
    return write_organisation(tmp_path_factory.mktemp("organisation"), year=int(YEAR))


@pytest.fixture(scope="module")
def chart(_installed: None, files: SampleOrganisation) -> dict[str, Any]:
    """What loading the chart told."""
    loaded: dict[str, Any] = told("chart", "load", str(files.chart))
    return loaded


@pytest.fixture(scope="module")
def people(
    chart: dict[str, Any], files: SampleOrganisation, installation: Installation
) -> dict[str, Any]:
    """What loading the people told, once all of them can sign in."""
    loaded: dict[str, Any] = told("people", "load", str(files.people))
    for address in loaded["invited"]:
        wait_for_sign_in(installation, address)
    return loaded


def wait_for_sign_in(installation: Installation, address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            sign_in.person_of(installation, address)
        except SignInError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def write_chart(folder: Path, name: str, *rows: str) -> Path:
    file = folder / name
    file.write_text("\n".join(["Unit,Department,Portfolio,Product,Amount", *rows, ""]))
    return file


# The chart ----------------------------------------------------------------------------------------


def test_a_check_tells_what_a_load_does_and_changes_nothing(tmp_path: Path) -> None:
    file = write_chart(tmp_path, "A_2032_true_2032-01-01_false_Budget_v1.csv", "A,B,C,D,12.00")

    checked = told("chart", "check", str(file))

    assert checked["load"] is None
    none_yet = finops("chart", "show", "--year", "2032")
    assert "there is no chart of accounts of 2032" in str(none_yet.exception)
    assert told("chart", "load", str(file))["report"] == checked["report"]


def test_a_chart_takes_effect_as_a_whole(chart: dict[str, Any]) -> None:
    shown = told("chart", "show", "--year", YEAR)

    assert chart["load"]["status"] == "Loaded"
    assert chart["report"]["counts"]["added"] == len(shown["items"]) == 17
    assert shown["labels"]["e3"] == "Portfolio"
    (shop,) = [item for item in shown["items"] if item["product_id"] == SHOP]
    assert shop["names"] == ["Retail", "Digital", "Storefront", "Web shop"]


def test_the_same_chart_again_changes_nothing(
    chart: dict[str, Any], files: SampleOrganisation
) -> None:
    assert told("chart", "load", str(files.chart))["load"]["status"] == "Unchanged"


def test_a_part_of_a_chart_is_shown_alike_as_json_and_as_csv(chart: dict[str, Any]) -> None:
    words = ("chart", "show", "--year", YEAR, "--under", "retail.digital.storefront")

    items = told(*words)["items"]
    rows = list(csv.reader(io.StringIO(finops(*words, "--csv").stdout)))

    assert [item["product_id"].rpartition(".")[2] for item in items] == [
        *("catalogue-legacy", "search", "web-shop")
    ]
    assert [row[:4] for row in rows[1:]] == [item["names"] for item in items]
    assert "780,000.00" in finops(*words).stdout


def test_a_dropped_file_is_loaded_and_its_report_lies_beside_it(
    installation: Installation, tmp_path: Path
) -> None:
    file = write_chart(tmp_path, "A_2033_true_2033-01-01_false_Budget_v1.csv", "A,B,C,D,12.00")

    loaded = told("chart", "load", str(file), "--drop")

    key = f"in/{file.name}.report.json"
    body = installation.client("s3").get_object(Bucket=installation.sorfile_bucket, Key=key)
    assert loaded["load"]["status"] == json.loads(body["Body"].read())["status"] == "Loaded"


def test_a_file_with_errors_is_refused_by_row_and_column(
    chart: dict[str, Any], files: SampleOrganisation
) -> None:
    result = finops("chart", "load", str(files.broken), "--json")

    assert result.exit_code == 1
    assert isinstance(result.exception, LoadError)
    assert "9 errors; nothing was changed" in str(result.exception)
    assert f"row 3, Annual {YEAR}: " in str(result.exception)
    errors = json.loads(result.stdout)["report"]["errors"]
    assert [error["row"] for error in errors] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    shown = finops("chart", "load", str(files.broken)).stdout
    assert all(word in shown for word in ("72,000.00", f"Annual {YEAR}", "thousands separators"))


def test_a_name_without_controls_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    result = finops("chart", "check", str(write_chart(tmp_path, "chart.csv", "A,B,C,D,1")))

    assert isinstance(result.exception, InvalidError)
    assert "Acme_2026_true_2026-01-01_false_Budget_v1.csv" in str(result.exception)


def test_what_came_is_told_with_what_became_of_it(
    chart: dict[str, Any], files: SampleOrganisation
) -> None:
    items = told("chart", "loads", "--year", YEAR)["items"]
    first = items[-1]

    assert (first["status"], first["file_name"]) == ("Loaded", files.chart.name)
    assert told("chart", "report", first["load_id"])["report"]["counts"]["added"] == 17
    for words in (("loads", "--year", YEAR), ("report", first["load_id"]), ("show",)):
        assert finops("chart", *words).exit_code == 0


# People -------------------------------------------------------------------------------------------


def test_everybody_of_a_file_is_invited_and_can_sign_in(people: dict[str, Any]) -> None:
    me = told("me", "--as", MARA)

    assert (people["applied"], len(people["invited"])) == (True, 22)
    assert (me["role"], me["scope"], me["status"]) == ("product_owner", [SHOP], "Active")


def test_the_same_people_again_change_nobody(
    people: dict[str, Any], files: SampleOrganisation
) -> None:
    again = told("people", "load", str(files.people))

    assert (again["invited"], again["remapped"], len(again["unchanged"])) == ([], [], 22)


def test_a_check_of_people_changes_nobody(chart: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"email,role,scope\nnew@example.com,product_owner,{SHOP}\n")

    assert told("people", "load", str(file), "--check")["invited"] == ["new@example.com"]
    assert "new@example.com" not in finops("people", "--csv").stdout


def test_people_are_refused_by_row_and_column(chart: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"email,role,scope\nann@,product_owner,{SHOP}\nben@example.com,boss,{SHOP}\n")

    result = finops("people", "load", str(file), "--json")

    assert isinstance(result.exception, LoadError)
    assert "2 errors; nobody was changed" in str(result.exception)
    errors = json.loads(result.stdout)["errors"]
    assert [(error["row"], error["column"]) for error in errors] == [(2, "email"), (3, "role")]
    assert "ann@" in finops("people", "load", str(file)).stdout


def test_somebody_is_invited_remapped_reminded_suspended_and_restored(
    chart: dict[str, Any], installation: Installation
) -> None:
    address = "ada+finops@example.com"
    told("people", "invite", address, "--role", "product_owner", "--scope", SHOP, "--name", "Ada")
    assert told("people", "remind", address)["reminded_at"]

    remapped = told(
        *("people", "remap", address, "--role", "product_owner"),
        *("--scope", SEARCH, "--scope", SHOP, "--reason", "she has both now"),
    )
    assert (remapped["scope"], remapped["name"]) == ([SEARCH, SHOP], "Ada")

    wait_for_sign_in(installation, address)
    assert told("me", "--as", address)["status"] == "Active"
    assert told("people", "suspend", address, "--reason", "on leave")["status"] == "Suspended"
    assert told("people", "restore", address)["status"] == "Active"
    assert address in {one["email"] for one in told("people", "--element", SEARCH)["items"]}


def test_inviting_is_for_a_cloud_engineer(chart: dict[str, Any]) -> None:
    result = finops(
        *("people", "invite", "eve@example.com", "--role", "vendor_manager"),
        *("--as", sign_in.FINANCIAL_ADMIN),
    )

    assert isinstance(result.exception, ApiError)
    assert "cloud_engineer" in str(result.exception)


# Budgets ------------------------------------------------------------------------------------------


def budget(command: str, product: str, who: str, *words: str) -> Any:
    return told("budget", command, product, *words, "--year", YEAR, "--as", who)


def test_a_schedule_goes_from_its_draft_into_force(people: dict[str, Any]) -> None:
    drafted = budget("draft", SHOP, MARA, "--proposed")
    assert (drafted["status"], drafted["draft"]) == ("Draft", drafted["proposed"])

    budget("submit", SHOP, MARA)
    own = finops("budget", "approve", SHOP, "--year", YEAR, "--as", MARA)
    assert "nobody decides what they submitted themselves" in str(own.exception)

    approved = budget("approve", SHOP, INGRID, "--reason", "as agreed")
    assert (approved["status"], approved["approved"]) == ("Approved", drafted["draft"])

    asked = budget("request-reschedule", SHOP, MARA, "--reason", "two more countries")
    assert (asked["status"], asked["reason"]) == ("RescheduleRequested", "two more countries")
    refused = budget("refuse-reschedule", SHOP, INGRID, "--reason", "next year")
    assert refused["status"] == "Approved"
    assert "Approved" in finops("budget", "show", SHOP, "--year", YEAR).stdout


def test_a_rejection_needs_a_reason_and_tells_it(people: dict[str, Any]) -> None:
    budget("draft", SEARCH, THEO, *["1,000.50", *["5000"] * 11])
    budget("submit", SEARCH, THEO)

    without = finops("budget", "reject", SEARCH, "--year", YEAR, "--as", INGRID)
    assert "needs a reason" in str(without.exception)

    rejected = budget("reject", SEARCH, INGRID, "--reason", "plan it higher")
    assert (rejected["status"], rejected["reason"]) == ("Rejected", "plan it higher")
    assert rejected["draft"][:2] == ["1000.5000000000", "5000.0000000000"]


def test_the_annual_amount_by_twelve_is_the_annual_amount(people: dict[str, Any]) -> None:
    drafted = told("budget", "draft", STOCK, "--evenly", "--year", YEAR)

    assert sum(map(Decimal, drafted["draft"])) == Decimal("138000")


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "give twelve amounts"),
        (("--evenly", "--proposed"), "give twelve amounts"),
        (("5", "x"), "'x' is no amount"),
        (("1", "2"), "months"),
    ],
)
def test_months_that_make_no_sense_are_refused(
    people: dict[str, Any], words: tuple[str, ...], said: str
) -> None:
    result = finops("budget", "draft", STOCK, *words, "--year", YEAR)

    assert result.exit_code == 1
    assert said in str(result.exception)


def test_budgets_are_listed_by_status_and_place(people: dict[str, Any]) -> None:
    words = ("budgets", "--year", YEAR, "--under", "technology.platform", "--status", "New")

    items = told(*words)["items"]
    rows = list(csv.reader(io.StringIO(finops(*words, "--csv").stdout)))

    assert [item["names"][-1] for item in items] == ["Governance", "Network", "Security", "Ideas"]
    assert [row[3] for row in rows[1:]] == [item["names"][-1] for item in items]
    assert "216,000.00" in finops(*words).stdout


# Plans --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", ["enterprise", "retail", "retail.digital"])
def test_an_element_is_the_sum_of_its_children(people: dict[str, Any], element: str) -> None:
    plan = told("plan", element, "--year", YEAR)

    for figure in ("annual", "planned"):
        below = sum(Decimal(child["figures"][figure]) for child in plan["children"])
        assert Decimal(plan["figures"][figure]) == below
    for words in ((), ("--monthly",), ("--csv",)):
        assert finops("plan", element, "--year", YEAR, *words).exit_code == 0


def test_a_department_owner_sees_the_department_and_nothing_else(people: dict[str, Any]) -> None:
    plan = told("plan", "--year", YEAR, "--as", OLIVER)

    assert [child["element"] for child in plan["children"]] == ["retail.digital"]
    assert Decimal(plan["figures"]["annual"]) == 902_000
    outside = finops("plan", "retail", "--year", YEAR, "--as", OLIVER)
    assert isinstance(outside.exception, ApiError)
    assert outside.exception.status == 404


# Tasks --------------------------------------------------------------------------------------------


def test_tasks_are_those_of_who_asks(people: dict[str, Any]) -> None:
    mine = [
        (task["kind"], task["element"])
        for task in told("tasks", "--as", "owen.blake@fernhollow.example")["items"]
        if task["year"] == int(YEAR)
    ]

    assert mine == [("DraftSchedule", "technology.platform.foundations.network")]
    assert "DraftSchedule" in finops("tasks", "--as", "owen.blake@fernhollow.example").stdout
    assert finops("tasks", "--csv").exit_code == 0


def test_what_nobody_holds_is_told_with_who_has_it_meanwhile(people: dict[str, Any]) -> None:
    missing = [one for one in told("people", "missing")["items"] if one["year"] == int(YEAR)]

    assert [(one["element"], one["goes_to"]) for one in missing] == [
        ("technology.platform.innovation.ideas", "technology.platform.innovation")
    ]
    assert "Ideas".lower() in finops("people", "missing").stdout


# The records --------------------------------------------------------------------------------------


def test_the_trail_says_who_did_what_and_why(people: dict[str, Any]) -> None:
    entity = f"budget#{YEAR}#{SEARCH}"

    budget("draft", SEARCH, THEO, "--proposed")

    items = told("audit", "--entity", entity)["items"]

    assert (items[0]["entity"], items[0]["actor"], items[0]["action"]) == (
        *(entity, THEO, "SaveDraft"),
    )
    shown = finops("audit", "--actor", THEO, "--most", "2", "--element", SEARCH)
    assert "theo.brandt" in shown.stdout
    assert finops("audit", "--csv", "--entity", entity).stdout.startswith("entity,")


def test_a_record_that_was_changed_is_found_and_named(
    people: dict[str, Any], installation: Installation
) -> None:
    lately = ("--since", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}")
    whole = told("audit", "verify", *lately)
    assert (whole["findings"], whole["records"] > 22) == ([], True)
    assert "nothing tampered with" in finops("audit", "verify", *lately).stdout

    table = outputs(installation)["AuditTableName"]
    dynamodb = installation.client("dynamodb")
    key = {"entity": {"S": f"person#{OLIVER}"}, "sequence": {"S": "000000001"}}
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item=item | {"actor": {"S": "somebody.else@example.com"}})
    try:
        result = finops("audit", "verify", *lately, "--json")
    finally:
        dynamodb.put_item(TableName=table, Item=item)

    assert result.exit_code == 1
    assert isinstance(result.exception, TamperedError)
    findings = json.loads(result.stdout)["findings"]
    assert [(one["entity"], one["sequence"], one["fault"]) for one in findings] == [
        (f"person#{OLIVER}", 1, "Altered")
    ]
    assert told("audit", "verify", *lately)["findings"] == []


def outputs(installation: Installation) -> dict[str, str]:
    stacks = installation.client("cloudformation").describe_stacks()["Stacks"]
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", ())
    }


# The demonstration --------------------------------------------------------------------------------


def test_the_demonstration_s_second_run_changes_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(screen, "tell", said.append)
    files = write_organisation(tmp_path, year=story.YEAR)
    api = Api(installation, sign_in.FINANCIAL_ADMIN)

    def play() -> dict[str, Any]:
        story.load_chart(installation, api, files)
        story.load_people(installation, files)
        story.invite_admin(Company(installation))
        story.let_in(installation)
        story.plan_year(installation)
        story.change_chart(installation, api, files)
        story.show_year(api, ("2026-08",))
        story.show_work(installation)
        story.send_digest(installation)
        story.verify_records(api)
        budgets = list(api.items("budgets", str(story.YEAR)))
        return {one["product_id"]: (one["status"], one["version"]) for one in budgets}

    first = play()
    told_first, said[:] = list(said), []
    assert play() == first

    assert "42 steps taken" in told_first
    assert "Nothing to do: every step was taken before" in said
    assert "0 invited, 22 as they were" in said
    assert f"{files.change.name}: Unchanged" in said
    statuses = {status for status, _ in first.values()}
    assert statuses == {"New", "Draft", "Pending", "Approved", "Rejected", "Rescheduling"}
