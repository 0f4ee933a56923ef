"""`finops allocations`, `preview` and `financial-scope`, with an API that is not there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.domain.errors import InvalidError
from finops.local import cli, screen
from finops.local.commands import allocations, previews
from finops.local.errors import LoadError

MONTH = "2026-09"
FRESH = {
    "payer_id": "999988887777",
    "billing_period": MONTH,
    "last_delivery": "2026-09-20T08:00:00+00:00",
    "complete_through": "2026-09-18",
    "allocation": {"made_at": "2026-09-20T08:05:00+00:00", "is_current": False},
}


def usd(amount: str, **more: Any) -> dict[str, Any]:
    return {"currency": "USD", "amount": amount, **more}


def element(id_: str, level: int, **more: Any) -> dict[str, Any]:
    name = id_.rpartition(".")[2]
    return {"element": id_, "name": name, "level": level, "label": "", **more}


ACCOUNT = usd(
    "6.0000000000",
    account_id="444455556666",
    account=None,
    kind="Share",
    charge_class="Usage",
    share="60.00",
    workload_id=None,
    workload=None,
    rule="1",
    start="2026-09-01",
    end="2027-01-01",
    first_day="2026-09-02",
)
CLAIMED = ACCOUNT | {
    **usd("2.0000000000", account="tills", kind="Claim", share=None),
    "workload": "till software",
    "rule": None,
    "start": None,
    "end": None,
}
LEAF = element(
    "retail.web", 2, spend=[usd("6.0000000000")], children=[], accounts=[ACCOUNT, CLAIMED]
)
ROOT = element("enterprise", 0, spend=[usd("6.0000000000")], children=[LEAF], accounts=[])
MOVED = {
    **element("retail.web", 2, reason=None),
    "billing_period": MONTH,
    "currency": "USD",
    "before": "6.0000000000",
    "after": "5.9999999999",
    "difference": "-0.0000000001",
}
NOBODYS = MOVED | {"element": None, "name": None, "level": None, "reason": "No share in force"}
ANSWERS: Mapping[str, Any] = {
    "allocations": {
        "billing_period": MONTH,
        "items": [
            FRESH
            | {
                "amounts": [
                    {
                        "currency": "USD",
                        "spend": "7.0000000000",
                        "allocated": "6.0000000000",
                        "unallocated": "1.0000000000",
                    }
                ]
            }
        ],
        "totals": [
            {
                "currency": "USD",
                "spend": "7.0000000000",
                "allocated": "6.0000000000",
                "unallocated": "1.0000000000",
                "difference": "0.0000000000",
            }
        ],
    },
    "allocations/tree": {
        "billing_period": MONTH,
        "node": ROOT,
        "unallocated": [usd("1.0000000000")],
        "freshness": [FRESH],
    },
    "allocations/days": {
        "billing_period": MONTH,
        **element("enterprise", 0),
        "items": [usd("6.0000000000", day="2026-09-02")],
        "totals": [usd("6.0000000000")],
        "unallocated": [usd("1.0000000000", day="2026-09-03")],
        "freshness": [FRESH],
    },
    "allocations/unallocated": {
        "billing_period": MONTH,
        "items": [
            usd(
                "1.0000000000",
                reason="No share in force",
                account=None,
                account_id="666677778888",
                charge_class="Usage",
                remedy="split the account over products: finops shares set",
            )
        ],
        "totals": [usd("1.0000000000")],
        "freshness": [FRESH],
        "next_cursor": None,
    },
}


class ToldApi:
    """Answers what is written here, and keeps what it was asked; a preview takes a moment."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.asked: list[tuple[Any, ...]] = []

    def get(self, *path: str, **query: object) -> dict[str, Any]:
        self.asked.append((*path, query))
        if path[0] == "previews":
            status = self.statuses.pop(0)
            is_first = query.get("cursor") is None
            items = ([MOVED] if is_first else [NOBODYS]) if status == "Done" else []
            total = {name: MOVED[name] for name in MOVED if name not in element("x", 0)}
            return {
                "preview_id": "p",
                "status": status,
                "items": items,
                "totals": [total] if items else [],
                "others": [],
                "next_cursor": "more" if items and is_first else None,
            }
        told: dict[str, Any] = ANSWERS["/".join(path)]
        return told

    def post(self, *path: str, body: Mapping[str, object]) -> dict[str, Any]:
        self.asked.append((*path, body))
        if path == ("previews",):
            return {"preview_id": "p"}
        return {"items": [{"payer_id": "999988887777", "billing_period": MONTH}]}

    def pages(self, *path: str, **query: object) -> list[dict[str, Any]]:
        return [self.get(*path, **query)]

    def items(self, *path: str, **query: object) -> list[dict[str, Any]]:
        self.asked.append((*path, query))
        row = {
            "names": ["retail", "web"],
            "budget_status": "Approved",
            "owners": [{"email": "ada@example.com", "name": None}],
            "account_id": None,
            "account": None,
            "share": None,
            "status": None,
            "start": None,
            "end": None,
        }
        return [row]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> ToldApi:
    made = ToldApi("Running", "Done", "Done")
    for module in (allocations, previews):
        monkeypatch.setattr(module, "api_of", lambda *_, **__: made)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    return made


def said(*words: str) -> str:
    result = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    "words, parts",
    [
        (["allocations"], ["Exactly: 7.00 = 6.00 + 1.00 USD, difference 0.0000000000", " no "]),
        (
            ["allocations", "tree", "--depth", "2"],
            ["444455556666", "share of 60.00 %", "2026-09-01 2027-01-01 6.00 USD", "Nobody"],
        ),
        (["allocations", "days"], ["2026-09-02 owners 6.00", "2026-09-03 nobody 1.00"]),
        (["allocations", "unallocated"], ["666677778888", "No share in force"]),
        (["allocations", "run"], ["Started: 2026-09 of payer 999988887777"]),
        (["financial-scope"], ["retail / web", "Approved", "ada@example.com", "no account"]),
    ],
)
def test_people_are_told_in_tables(api: ToldApi, words: list[str], parts: list[str]) -> None:
    with screen.console.capture() as kept:
        said(*words)
    text = " ".join(kept.get().split())

    assert [part for part in parts if part not in text] == [], text


def test_a_claim_is_not_told_to_start_on_the_first_day_that_is_paid_for(api: ToldApi) -> None:
    """Each resource is claimed from a day of its own."""
    with screen.console.capture() as kept:
        said("allocations", "tree")
    text = " ".join(kept.get().split())

    assert "claims of till software by resource 2.00 USD" in text
    assert "2026-09-02" not in text


@pytest.mark.parametrize("words", [(), ("tree",), ("days",), ("unallocated",)])
def test_programs_are_told_what_the_api_says(api: ToldApi, words: tuple[str, ...]) -> None:
    told = json.loads(said("allocations", *words, "--json"))

    assert told == ANSWERS["/".join(["allocations", *words])]


def test_an_element_and_a_month_are_passed_on(api: ToldApi) -> None:
    said("allocations", "days", "retail.web", "--month", MONTH, "--json")

    assert api.asked == [("allocations", "days", {"element": "retail.web", "month": MONTH})]


def test_a_preview_is_waited_for_to_its_last_page(api: ToldApi, tmp_path: Path) -> None:
    changes = [{"kind": "MapAccount"}]
    file = tmp_path / "changes.json"
    file.write_text(json.dumps(changes))

    told = json.loads(said("preview", str(file), "--json"))

    assert api.asked[0] == ("previews", {"changes": changes})
    assert told["items"] == [MOVED, NOBODYS]
    assert told["next_cursor"] is None


def test_a_preview_shows_what_moves_to_the_last_digit(api: ToldApi) -> None:
    with screen.console.capture() as kept:
        previews.previewed(api, [{"kind": "MapAccount"}])  # type: ignore[arg-type]
    text = " ".join(kept.get().split())

    assert "web 6.00 6.00 -0.0000000001 USD" in text
    assert "No share in force" in text
    assert "difference -0.0000000001 USD" in text


def test_a_preview_that_has_failed_says_so() -> None:
    made: Any = ToldApi("Failed")

    with pytest.raises(LoadError, match="ask once more"):
        previews.made_preview(made, [])


@pytest.mark.parametrize("text", ["{", "{}", "[1]"])
def test_a_file_that_holds_no_changes_is_refused(api: ToldApi, tmp_path: Path, text: str) -> None:
    file = tmp_path / "changes.json"
    file.write_text(text)

    with pytest.raises(InvalidError, match=r"changes\.json"):
        said("preview", str(file))
    with pytest.raises(InvalidError, match="cannot be read"):
        said("preview", str(tmp_path / "nothing.json"))
    assert api.asked == []
