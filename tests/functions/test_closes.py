"""The door to closes: the check list, a close that is asked for, and files by role."""

from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from finops.domain.people import Person, Role
from finops.runtime.openapi.closes import (
    Close,
    CloseAsked,
    ClosedFileLink,
    ClosedFiles,
    CloseList,
    PreparedClose,
)
from tests.closing import MONTH, PAYER, USUAL, Closing, allotment, closing_of
from tests.functions.conftest import Answer, ask
from tests.usecases.organisation import Organisation

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def closing(organisation: Organisation, staff: dict[Role, Person]) -> Closing:
    """February is billed and signed."""
    made = closing_of(organisation)
    made.ready()
    return made


def told(closing: Closing, end: str = "", role: Role = Role.FINANCIAL_ADMIN) -> Answer:
    return ask("get", f"/closes/{MONTH}{end}", by=_who(closing, role))


def _who(closing: Closing, role: Role) -> Person:
    return next(one for one in closing.organisation.people.all() if one.role is role)


def change(
    closing: Closing,
    method: str,
    end: str,
    body: str | None = None,
    *,
    version: int | None = None,
    key: str | None = None,
    role: Role = Role.FINANCIAL_ADMIN,
) -> Answer:
    at = closing.close().version if version is None else version
    headers = JSON | {"If-Match": f'"{at}"'} | ({"Idempotency-Key": key} if key else {})
    by = _who(closing, role)
    return ask(method, f"/closes/{MONTH}{end}", by=by, headers=headers, body=body)


def test_a_green_month_says_so_and_how_fresh_its_bills_are(closing: Closing) -> None:
    found = PreparedClose.model_validate(told(closing).json)

    assert {line.status.value for line in found.check_list} == {"Green"}
    assert (found.status.value, found.files) == ("Preparing", [])
    assert [one.payer_id for one in found.freshness] == ["111111111111", "222222222222"]
    assert told(closing).headers["ETag"] == f'"{closing.close().version}"'


def test_a_red_line_tells_what_is_wrong(closing: Closing) -> None:
    closing.bill(*USUAL, allotment(3, None))

    found = PreparedClose.model_validate(told(closing).json)

    wrong = {line.check.value: line.wrong for line in found.check_list if line.wrong}
    assert wrong == {"NothingUnallocated": 1, "HeadersFilled": 4}


def test_the_list_tells_the_months_newest_first_and_as_a_table(closing: Closing) -> None:
    closing.run(_who(closing, Role.FINANCIAL_ADMIN))
    closing.bill(*USUAL, month="2026-03")
    by = _who(closing, Role.VENDOR_MANAGER)

    found = CloseList.model_validate(ask("get", "/closes", by=by).json)
    table = ask("get", "/closes", by=by, headers={"Accept": "text/csv"}).body.splitlines()

    assert [(one.month, one.status.value, one.is_open) for one in found.items] == [
        ("2026-03", "Preparing", True),
        (MONTH, "Closed", False),
    ]
    assert [line.split(",")[:3] for line in table] == [
        ["month", "status", "is_open"],
        ["2026-03", "Preparing", "True"],
        [MONTH, "Closed", "False"],
    ]


def test_headers_are_filled_in_and_who_comes_second_is_told(closing: Closing) -> None:
    body = (
        f'{{"headers": [{{"payer_id": "{PAYER}", "business_unit": "retail", "vendor": "AWS", '
        '"purchase_order": "PO-9", "invoices": ["INV-1"], "memo": "Cloud"}]}'
    )
    first = closing.close().version

    done = Close.model_validate(change(closing, "put", "/headers", body, version=first).json)
    second = change(closing, "put", "/headers", body, version=first)

    assert {one.purchase_order for one in done.headers} == {"PO-7", "PO-9"}
    assert (second.status, second.json["current"]["version"]) == (409, first + 1)
    assert change(closing, "put", "/headers", '{"headers": []}').status == 422


def test_a_waiver_is_by_name_and_is_taken_back(closing: Closing) -> None:
    closing.bill(*USUAL, is_final=False)
    body = '{"check": "BillFinal", "reason": "no invoice ids here"}'

    waived = change(closing, "post", "/waivers", body)
    status = {one["check"]: one["status"] for one in told(closing).json["check_list"]}
    assert status["BillFinal"] == "Waived"
    assert [(one["by"], one["reason"]) for one in waived.json["waivers"]] == [
        ("fin@example.com", "no invoice ids here")
    ]
    back = change(closing, "post", "/waivers/BillFinal/withdrawal", '{"reason": "late"}')
    assert (back.status, back.json["waivers"]) == (200, [])
    never = '{"check": "InvoicesReconciled", "reason": "late"}'
    assert change(closing, "post", "/waivers", never).status == 403


def test_a_close_is_asked_for_once_by_one_key(closing: Closing) -> None:
    first = change(closing, "post", "/close", key="close-1")
    again = change(closing, "post", "/close", key="close-1")

    assert (first.status, again.status) == (202, 202)
    CloseAsked.model_validate(first.json)
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert closing.runs.started == [(MONTH, closing.close().version, "fin@example.com")]
    records = closing.organisation.audit.chain(f"close-request#{MONTH}")
    assert [(one.action, one.actor) for one in records] == [
        ("AskToClose", "fin@example.com"),
        ("StartClose", "fin@example.com"),
    ]


def test_a_close_that_could_not_be_started_is_started_by_the_same_key(
    closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(month: str, attempt: int, by: str) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(closing.runs, "start", fails)
        with pytest.raises(OSError):  # noqa: PT011  # it is the one that was raised
            change(closing, "post", "/close", key="close-1")

    assert change(closing, "post", "/close", key="close-1").status == 202
    assert len(closing.runs.started) == 1


def test_a_close_that_cannot_be_is_refused_at_once_with_the_whole_list(closing: Closing) -> None:
    closing.bill(*USUAL, is_final=False)

    refused = change(closing, "post", "/close")

    assert refused.status == 409
    assert "BillFinal" in refused.json["detail"]
    assert closing.runs.started == []


def test_files_are_not_there_before_the_month_is_closed(closing: Closing) -> None:
    closing.begin(_who(closing, Role.FINANCIAL_ADMIN))
    closing.write()

    assert told(closing, "/files").status == 404
    assert told(closing).json["files"] == []


@pytest.mark.parametrize(
    "role, names",
    [
        (
            Role.VENDOR_MANAGER,
            [
                *("AccountsPayable.csv", "Journal.csv", "PlanningAndAnalysis.csv"),
                *("PlanningAndAnalysis.bank.csv", "PlanningAndAnalysis.retail.csv"),
                "Reconciliation.csv",
            ],
        ),
        (Role.BUSINESS_UNIT_OWNER, ["PlanningAndAnalysis.retail.csv"]),
    ],
)
def test_files_are_those_of_the_role(closing: Closing, role: Role, names: list[str]) -> None:
    closing.run(_who(closing, Role.FINANCIAL_ADMIN))

    found = ClosedFiles.model_validate(told(closing, "/files", role).json)

    assert [one.name for one in found.items] == names
    for name in ("AccountsPayable.csv", "PlanningAndAnalysis.bank.csv"):
        answered = link(closing, name, role)
        assert answered.status == (201 if name in names else 404)


def link(closing: Closing, name: str, role: Role = Role.FINANCIAL_ADMIN, **said: Any) -> Answer:
    return change(closing, "post", f"/files/{name}/links", role=role, **said)


def test_who_may_see_the_close_but_no_files_sees_none(closing: Closing) -> None:
    closing.run(_who(closing, Role.FINANCIAL_ADMIN))

    assert told(closing, role=Role.CLOUD_ENGINEER).json["files"] == []
    assert told(closing, "/files", Role.CLOUD_ENGINEER).status == 403
    assert len(told(closing).json["files"]) == 6


def test_a_link_is_for_five_minutes_names_its_month_and_is_on_record(closing: Closing) -> None:
    closing.run(_who(closing, Role.FINANCIAL_ADMIN))

    found = ClosedFileLink.model_validate(
        link(closing, "PlanningAndAnalysis.retail.csv", Role.BUSINESS_UNIT_OWNER).json
    )

    query = parse_qs(urlparse(found.url).query)
    assert (query["name"], query["seconds"]) == (
        [f"{MONTH}-PlanningAndAnalysis.retail.csv"],
        ["300"],
    )
    name = f"close-file#{MONTH}#PlanningAndAnalysis.retail.csv"
    [record] = closing.organisation.audit.chain(name)
    assert (record.action, record.actor, record.element) == (
        "Download",
        "unit@example.com",
        "retail",
    )
    assert found.url not in record.after


def test_a_link_asked_for_again_by_the_same_key_is_another_link_on_record(
    closing: Closing,
) -> None:
    closing.run(_who(closing, Role.FINANCIAL_ADMIN))

    answers = [link(closing, "Journal.csv", key="link-1").status for _ in range(2)]

    assert answers == [201, 201]
    assert len(list(closing.organisation.audit.chain(f"close-file#{MONTH}#Journal.csv"))) == 2


@pytest.mark.parametrize("month", ["2026-2", "soon", "2026-13"])
def test_a_month_that_is_none_is_refused(closing: Closing, month: str) -> None:
    by = _who(closing, Role.FINANCIAL_ADMIN)

    assert ask("get", f"/closes/{month}", by=by).status == 422
    assert ask("get", f"/closes/{month}/files", by=by).status == 422
