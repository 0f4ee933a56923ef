"""The demonstration's part about reports: sent once, the mail is the kept page, and all is the bill."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from finops.local import screen
from finops.local.commands import demo_reports as story
from finops.local.errors import DemoError
from finops.local.installation import Installation
from tests.demo_fakes import api_of

MONTH, END = "2026-09", date(2026, 10, 1)
COST = ("reports", "cost")
KEPT = (*COST, "kept")
PAGE = (
    "<!doctype html>\n<body>\n<div><p>What it cost</p><h2>Costs</h2>"
    '<img src="data:image/png;base64,AAAA">8.00</div>\n</body>\n</html>\n'
)
MAIL = '<div><p>Hello Ada,</p><h2>Costs</h2>\n<img src="cid:plot">8.00</div>'


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told aside."""
    told: list[str] = []
    monkeypatch.setattr(screen, "tell", told.append)
    monkeypatch.setattr(story, "SECONDS", 0)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    return told


def section(amount: str = "8.0000000000") -> dict[str, Any]:
    return {
        "total": {"amount": amount},
        "net": {"amount": "7.5000000000"},
        "breakdowns": [{"tag_key": None}, {"tag_key": "user:Team"}],
    }


def report(**more: Any) -> dict[str, Any]:
    return {"basis": "billed", "gaps": [], "sections": [section()], **more}


def answers(**more: Any) -> dict[tuple[str, ...], Any]:
    head = {"report_id": "r-1", "rhythm": "Monthly", "end": END.isoformat(), "elements": []}
    rows = [
        {"charge_category": "Usage", "billed_cost": "8.0000000000"},
        {"charge_category": "Credit", "billed_cost": "-0.5000000000"},
    ]
    history = {"items": [{"total": [{"amount": more.get("history", "8.0000000000")}]}]}
    return {
        KEPT: {"items": more.get("kept", [head])},
        (*KEPT, "r-1"): report(),
        ("HTML", *KEPT, "r-1"): PAGE,
        COST: report(sections=[section(more.get("now", "8.0000000000"))]),
        ("bills", MONTH, "costs"): {"rows": rows},
        ("reports", "history"): history,
    }


def test_reports_go_out_once(said: list[str]) -> None:
    api, fake = api_of(answers())

    story.send(api, "month", END, ["user:Team"])

    assert fake.written == []
    assert said == [f"Nothing to do: the reports of the month before {END} went out before"]


@pytest.mark.parametrize(
    "found", [report(gaps=["nothing of 2026-09"]), report(sections=[]), report()]
)
def test_they_wait_for_what_is_missing(found: dict[str, Any]) -> None:
    api, fake = api_of(answers(kept=[]) | {COST: found})

    with pytest.raises(DemoError, match="is not whole"):
        story.send(api, "month", END, ["user:Team", "user:Stage"])
    assert fake.written == []


def test_mail_report_api_and_history_are_the_bill(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    api, _ = api_of(answers())

    story.prove(api, MONTH, page)


@pytest.mark.parametrize(
    "wrong, named", [({"history": "8.0000000001"}, "History"), ({"now": "9.0000000000"}, "API")]
)
def test_what_is_not_the_bill_fails(wrong: dict[str, str], named: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    api, _ = api_of(answers(**wrong))

    with pytest.raises(DemoError, match=f"{named} differ from the bill's 8"):
        story.prove(api, MONTH, page)


def test_a_mail_that_does_not_say_the_total_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h2>Costs</h2>")
    api, _ = api_of(answers())

    with pytest.raises(DemoError, match="does not say what the report comes to"):
        story.prove(api, MONTH, page)


# Saved --------------------------------------------------------------------------------------------


def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *bodies: str) -> Path:
    reader = story.Reader("ada@example.com", "admin")
    sent = [{"To": [reader.email], "Subject": "Costs", "BodyHtml": body} for body in bodies]
    monkeypatch.setattr(story, "READERS", (reader,))
    monkeypatch.setattr(story, "mails", lambda place: sent)
    place = SimpleNamespace(local=SimpleNamespace(folder=tmp_path))
    api, _ = api_of(answers())
    [path] = story.save_mails(cast(Installation, place), api, "month", END)
    return path


def test_a_mail_is_saved_with_the_pictures_of_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, monkeypatch, "<p>Another mail</p>", MAIL)

    told = path.read_text()
    assert "Hello Ada," in told
    assert 'src="data:image/png;base64,AAAA"' in told
    assert (told.startswith("<!doctype html>"), "cid:" in told) == (True, False)


def test_a_mail_that_says_something_else_than_the_page_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DemoError, match=r"ada@example\.com has no mail that says"):
        saved(tmp_path, monkeypatch, MAIL.replace("8.00", "9.00"))


def test_where_the_mailbox_was_emptied_what_was_saved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, monkeypatch, MAIL)
    before = path.read_text()

    assert saved(tmp_path, monkeypatch).read_text() == before
