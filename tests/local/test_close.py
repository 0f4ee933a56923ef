"""`finops close`, asked of the door itself: its run is taken step by step when it is started."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import FinOpsError, InvalidError
from finops.local import cli, screen
from finops.local.commands import close as commands
from finops.usecases.close_month import give_up
from tests.closing import MONTH, PAYER, USUAL, Closing, allotment, closing_of
from tests.functions.conftest import replace_wiring
from tests.loading import House
from tests.local.test_cards import JSON, Doors
from tests.usecases.organisation import Organisation, act

BY = "fin@example.com"


class Api(Doors):
    """The door, and the bucket that its links lead to."""

    closing: Closing

    def put(self, *path: str, body: dict[str, Any], etag: str | None = None) -> Any:
        headers = JSON | ({"If-Match": etag} if etag else {})
        return self._ask("PUT", path, {}, headers, json.dumps(body)).json

    def fetch(self, link: str) -> bytes:
        return self.closing.files.read(unquote(urlparse(link).path).removeprefix("/"))


@pytest.fixture
def closing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Closing:
    """February is billed and signed; a run that is started is over at once."""
    organisation = Organisation()
    organisation.drop()
    replace_wiring(monkeypatch, House(tmp_path), organisation)
    made = closing_of(organisation)
    made.ready()
    monkeypatch.setattr(Api, "closing", made, raising=False)
    monkeypatch.setattr(commands, "api_of", lambda who, *_, usually: Api(who or BY))
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    monkeypatch.setattr(screen.console, "width", 220)
    monkeypatch.setattr(made.runs, "start", lambda month, version, by: made.run(_person(made, by)))
    return made


def _person(closing: Closing, email: str) -> Any:
    return closing.organisation.people.find(email)


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["close", *words])


def said(*words: str) -> str:
    result = finops(*words)
    if result.exception is not None:
        raise result.exception
    return " ".join(result.stdout.split())


def test_the_check_list_says_what_is_wrong_line_by_line(closing: Closing) -> None:
    closing.bill(*USUAL, is_final=False)

    told = said("check", MONTH)

    assert "BillFinal Red the bill of payer 111111111111, 140.0000000000 USD, has 3 lines" in told
    assert "CardsFinal Green" in told
    assert len(json.loads(finops("check", MONTH, "--json").stdout)) == 6


def test_headers_are_filled_in_for_all_that_the_bill_asks_for(closing: Closing) -> None:
    closing.bill(*USUAL, allotment(1, None))

    said("headers", MONTH, "--po", "PO-9", "--memo", "Cloud February")

    headers = closing.close().headers
    assert {(one.purchase_order, one.memo) for one in headers} == {("PO-9", "Cloud February")}
    assert closing.close().header(PAYER, None).vendor == "AWS", "the bill proposes it"
    assert "nobody's AWS PO-9 INV-1 Cloud February" in said("headers", MONTH)


def test_a_header_of_one_unit_leaves_the_others_as_they_are(closing: Closing) -> None:
    said("headers", MONTH, "--unit", "retail", "--memo", "Shops", "--invoice", "INV-1")

    close = closing.close()
    assert close.header(PAYER, "retail").memo == "Shops"
    assert close.header(PAYER, "bank").memo == "Cloud"
    with pytest.raises(InvalidError, match="asks for no such header"):
        said("headers", MONTH, "--unit", "toys", "--memo", "Toys")


def test_a_line_is_waived_and_taken_back(closing: Closing) -> None:
    closing.bill(*USUAL, is_final=False)

    waived = said("waive", MONTH, "BillFinal", "--reason", "no ids here")
    back = said("unwaive", MONTH, "BillFinal", "--reason", "they came")

    assert "BillFinal Waived" in waived
    assert "fin@example.com: no ids here" in waived
    assert "BillFinal Red" in back


def test_a_closed_month_tells_its_files_heads_and_control_sums(closing: Closing) -> None:
    told = said("start", MONTH)

    assert closing.close().is_closed
    assert "Status Closed" in told
    assert "gross 140.00, discount 0.00, aws_credits 0.00, tax 0.00, net 140.00" in told
    for name in commands.FOUR:
        assert f"{name}.csv" in told
    assert "Business unit,Vendor,PO,Invoice,Memo,Period" in told
    assert "Retail,AWS,PO-7,INV-1,Cloud,2026-02,100.00" in told


def test_a_close_that_was_given_up_says_why(
    closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    closes = closing.organisation.closes

    def fails(month: str, version: int, by: str) -> None:
        give_up(month, version, "no space left", closes=closes, act=act("the close"))

    monkeypatch.setattr(closing.runs, "start", fails)

    with pytest.raises(FinOpsError, match="was not closed: no space left"):
        said("start", MONTH)
    with pytest.raises(FinOpsError, match="was not closed: no space left"):
        said("start", MONTH)
    assert "Given up no space left" in said("show", MONTH)


def test_files_are_fetched_and_checked_against_their_checksums(
    closing: Closing, tmp_path: Path
) -> None:
    said("start", MONTH)

    said("download", MONTH, "--to", str(tmp_path / "books"))

    written = sorted(path.name for path in (tmp_path / "books").iterdir())
    assert len(written) == 6
    assert f"{MONTH}-Reconciliation.csv" in written
    journal = next(key for key in closing.files.objects if key.endswith("/Journal.csv"))
    closing.files.objects[journal] = b"others"
    with pytest.raises(FinOpsError, match=r"Journal\.csv is not what its checksum says"):
        said("download", MONTH, "Journal.csv", "--to", str(tmp_path / "books"))


def test_the_owner_of_a_unit_fetches_its_own_rows(closing: Closing, tmp_path: Path) -> None:
    said("start", MONTH)

    told = said("download", MONTH, "--to", str(tmp_path / "own"), "--as", "unit@example.com")

    assert "PlanningAndAnalysis.retail.csv" in told
    assert [path.name for path in (tmp_path / "own").iterdir()] == [
        f"{MONTH}-PlanningAndAnalysis.retail.csv"
    ]
