"""`finops savings` and `finops report savings`: what people read and decide, asked of the door."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import InvalidError
from finops.domain.people import Person, Role
from finops.local import cli, screen
from finops.local.api import Api, ApiError
from finops.local.commands import people, views
from finops.local.commands import savings as commands
from finops.local.sign_in import CLOUD_ENGINEER, FINANCIAL_ADMIN
from tests.functions.conftest import ask, loaded, organisation, staff
from tests.savings_fakes import ACCOUNT, recommendation, saving
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation
from tests.usecases.test_savings import OTHERS, keep, split

__all__ = ["loaded", "organisation", "staff"]

INSTANCE = "i-0a1b2c3d4e5f60718"
CASE = recommendation(INSTANCE).saving_id


class AtTheDoor(Api):
    """The API as commands ask it, with no network between."""

    def __init__(self, by: Person) -> None:
        self._by = by

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: Any,
        *,
        accept: str = "application/json",
        body: Any = None,
        etag: str | None = None,
    ) -> Any:
        headers = {"Accept": accept} | ({"If-Match": etag} if etag else {})
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        asked = {name: str(value) for name, value in query.items() if value is not None}
        sent = None if body is None else json.dumps(body)
        told = ask(method, "/" + "/".join(path), asked, by=self._by, headers=headers, body=sent)
        if told.status >= 400:
            raise ApiError(told.status, told.json["detail"])
        return _Raw(told.body.encode(), told.headers)


class _Raw:
    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self.body, self.headers = body, headers


@pytest.fixture(autouse=True)
def world(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> Organisation:
    """One instance of the web shop's, two savings of the loans."""
    split(organisation, ACCOUNT, (WEB_SHOP, 10_000))
    split(organisation, OTHERS, (LOANS, 10_000))
    keep(
        organisation,
        saving(recommendation(INSTANCE, savings=30), on=date(2026, 3, 1)),
        saving(recommendation("i-x", "Stop", 100, account_id=OTHERS), on=date(2026, 3, 1)),
        saving(recommendation("i-y", "[bold]", 5, account_id=OTHERS), on=date(2026, 3, 1)),
    )
    staffed = {
        "fin@example.com": staff[Role.FINANCIAL_ADMIN],
        "cloud@example.com": staff[Role.CLOUD_ENGINEER],
    }
    by_name = {
        FINANCIAL_ADMIN: "fin@example.com",
        CLOUD_ENGINEER: "cloud@example.com",
    }

    def api_of(who: str | None, *_: Any, usually: str = FINANCIAL_ADMIN) -> Api:
        return AtTheDoor(staffed[who or by_name[usually]])

    for module in (commands, people, views):
        monkeypatch.setattr(module, "api_of", api_of)
    monkeypatch.setattr(screen.console, "width", 200)
    return organisation


def finops(*words: str) -> Result:
    result = CliRunner().invoke(cli.app, [*words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*words: str) -> Any:
    return json.loads(finops(*words, "--json").stdout)


def test_a_list_names_what_to_do_the_owner_and_the_sum() -> None:
    said = finops("savings").stdout

    assert [one for one in ("i-x", INSTANCE, "[bold] i-y") if one in said] == [
        *("i-x", INSTANCE, "[bold] i-y"),
    ]
    assert f"Rightsize {INSTANCE}: m5.xlarge to m5.large" in said
    assert "3 open: 135.00 USD a month" in said
    assert {one["asked"] for one in told("savings")["items"]} == {WEB_SHOP, LOANS}
    rows = list(csv.DictReader(io.StringIO(finops("savings", "--csv").stdout)))
    assert [row["resource_id"] for row in rows] == ["i-x", INSTANCE, "i-y"]
    by_owner = told("savings", "--by", "owner")["items"]
    assert [(one["key"], one["resources"]) for one in by_owner] == [(LOANS, 2), (WEB_SHOP, 1)]
    assert "105.00" in finops("savings", "--by", "owner").stdout


def test_what_aws_calls_an_action_is_shown_as_it_is() -> None:
    case = recommendation("i-y", "[bold]", account_id=OTHERS)

    shown = finops("savings", "show", case.saving_id).stdout

    [table] = [shown[shown.index("Options") :]]
    assert "[bold] *" in table


def test_one_is_approved_implemented_and_opened_again() -> None:
    assert "Approved" in finops("savings", "approve", CASE, "--reason", "too large").stdout
    shown = finops("savings", "show", CASE).stdout
    assert "too large" in shown
    assert "aws ec2 modify-instance-attribute" in shown
    assert "Ask product@example.com" in shown
    done = finops("savings", "implement", CASE, "--on", "2026-03-09").stdout
    assert "Implemented on 2026-03-09" in done
    assert INSTANCE not in finops("savings").stdout
    assert INSTANCE in finops("savings", "--all").stdout
    assert "New" in finops("savings", "reopen", CASE, "--reason", "put back").stdout


def test_many_are_decided_on_by_their_ids_or_by_what_fits() -> None:
    words = ("--reason", "season", "--until", "2026-12-31")
    found = [one["saving_id"] for one in told("savings")["items"]]

    assert "2 decided, 0 refused" in finops("savings", "ignore", *found[:2], *words).stdout
    approved = told("savings", "approve", "--element", "bank")
    assert [one["saving_id"] for one in approved["decided"]] == found[2:]
    with pytest.raises(InvalidError, match="not both"):
        finops("savings", "approve", CASE, "--element", "bank")
    with pytest.raises(InvalidError, match="say which"):
        finops("savings", "approve")
    with pytest.raises(ApiError, match="until"):
        finops("savings", "ignore", CASE, "--reason", "x", "--until", "2030-01-01")


def test_collecting_is_asked_for(world: Organisation) -> None:
    assert "AWS is asked" in finops("savings", "collect").stdout

    [record] = world.audit.chain("savings-collection#asked")
    assert record.actor == "cloud@example.com"


def test_a_report_is_told_written_and_a_table(tmp_path: Path) -> None:
    finops("savings", "approve", CASE)

    said = finops("report", "savings").stdout
    assert "Savings by status" in said
    assert f"Rightsize {INSTANCE}" in said
    assert [one["key"] for one in told("report", "savings")["by_status"]] == ["New", "Approved"]
    page = tmp_path / "savings.html"
    finops("report", "savings", "--html", str(page))
    assert "To be done" in page.read_text()
    assert len(finops("report", "savings", "--csv").stdout.splitlines()) == 4


def test_tasks_say_what_is_saved() -> None:
    finops("savings", "approve", CASE)

    implement = finops("tasks", "--as", "cloud@example.com").stdout
    decide = finops("tasks", "--as", "fin@example.com").stdout

    assert f"Rightsize {INSTANCE} to m5.large {CASE} 30.00 USD a month" in implement
    assert "1 large saving 100.00 USD a month" in decide


def test_a_summary_ends_with_the_largest_savings() -> None:
    said = finops("summary", "--month", "2026-03").stdout

    assert "Largest savings" in said
    assert "Stop i-x" in said
