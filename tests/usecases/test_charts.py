"""A chart of accounts comes: what it changes, what it says, and that it is loaded once."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from finops.domain.audit import findings
from finops.domain.chart_files import Controls
from finops.domain.chart_loads import ChartLoad, ChartLoadStatus
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, NotFoundError
from finops.domain.people import Person, Role
from finops.usecases import charts
from finops.usecases.charts import (
    chart_of,
    charts_in_force,
    check_uploaded_file,
    file_link,
    head_of,
    load_dropped_file,
    load_history,
    load_uploaded_file,
    one_load,
    seen_chart,
    upload_link,
)
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NEW_YEAR,
    NOW,
    ROWS,
    SEARCH,
    STOREFRONT,
    TILLS,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)

LOADED, UNCHANGED, OLDER, REFUSED = ChartLoadStatus
MID_YEAR = "Acme_2026_false_2026-07-01_false_Budget_v1.csv"
OVERRIDE = "Acme_2026_false_2026-07-01_true_Budget_v1.csv"
UPLOAD = "0123456789abcdef" * 2
FIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
OWNER = Person(email="po@example.com", role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,))
SHOP, CHECK = (
    ("Retail", "Digital", "Storefront", "Web shop"),
    next(names for names in ROWS if names[3] == "Checkout"),
)


@pytest.fixture
def organisation() -> Organisation:
    return Organisation()


def annual(organisation: Organisation, product: str, day: date) -> int | None:
    found = organisation.chart().product(product)
    assert found is not None
    ticks = found.annual(day)
    return None if ticks is None else ticks // UNIT


def controls(**fields: object) -> Controls:
    said = {
        "customer": "",
        "year": 2026,
        "is_new": True,
        "start": date(2026, 1, 1),
        "is_override": False,
        "option": "Budget",
        "edition": "v1",
    }
    return Controls.model_validate(said | fields)


# The three uses -----------------------------------------------------------------------------------


def test_a_new_year_is_the_chart_from_its_first_day(organisation: Organisation) -> None:
    load = organisation.drop(NEW_YEAR)

    assert (load.status, load.added, load.rows, load.chart_version) == (LOADED, 5, 5, 1)
    assert annual(organisation, WEB_SHOP, date(2026, 1, 1)) == 1200
    assert annual(organisation, WEB_SHOP, date(2025, 12, 31)) is None
    head = head_of(2026, organisation.charts)
    assert (head.products, head.annual, head.load_id) == (5, 5400 * UNIT, load.load_id)


def test_a_change_in_the_middle_of_the_year_is_a_step(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    load = organisation.drop(MID_YEAR, chart_csv({SHOP: "1500"}))

    assert (load.status, load.changed_products, load.added, load.ended) == (LOADED, 1, 0, 0)
    assert annual(organisation, WEB_SHOP, date(2026, 6, 30)) == 1200
    assert annual(organisation, WEB_SHOP, date(2026, 7, 1)) == 1500
    assert annual(organisation, CHECKOUT, date(2026, 7, 1)) == 900


def test_a_new_product_starts_when_it_starts(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    load = organisation.drop(
        MID_YEAR, chart_csv({("Retail", "Digital", "Payments", "Wallet"): "120"})
    )

    wallet = "retail.digital.payments.wallet"
    assert (load.added, load.changed_products, load.chart_version) == (1, 0, 2)
    assert annual(organisation, wallet, date(2026, 6, 30)) is None
    assert annual(organisation, wallet, date(2026, 7, 1)) == 120


def test_an_override_ends_what_is_absent_and_deletes_nothing(organisation: Organisation) -> None:
    first = organisation.drop(NEW_YEAR)
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    old = head_of(2026, organisation.charts)
    load = organisation.drop(OVERRIDE, chart_csv({SHOP: "1200"}))

    assert (load.ended, load.unchanged) == (4, 1)
    assert annual(organisation, CHECKOUT, date(2026, 6, 30)) == 900
    assert annual(organisation, CHECKOUT, date(2026, 7, 1)) is None
    assert organisation.charts.read(old).product(CHECKOUT) is not None
    assert organisation.charts.load(first.load_id) == first
    budget = organisation.budgets.find(WEB_SHOP, 2026)
    assert budget is not None
    assert budget.approved == (UNIT,) * 12


def test_a_product_that_gets_less_than_is_planned_is_flagged_and_not_cut(
    organisation: Organisation,
) -> None:
    organisation.drop(NEW_YEAR)
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)
    load = organisation.drop(MID_YEAR, chart_csv({SHOP: "1000"}))

    assert (load.status, load.flagged) == (LOADED, 1)
    report = one_load(load.load_id, by=FIN, bench=organisation.bench).report
    assert [one.product_id for one in report.flagged] == [WEB_SHOP]
    budget = organisation.budgets.find(WEB_SHOP, 2026)
    assert budget is not None
    assert budget.planned == 1200 * UNIT


def test_years_stand_side_by_side(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    organisation.drop("Acme_2027_true_2027-01-01_false_Budget_v1.csv", chart_csv({SHOP: "7"}))

    heads, _ = charts_in_force(by=FIN, charts=organisation.charts)
    assert [(head.year, head.products) for head in heads] == [(2027, 1), (2026, 5)]


# Once ---------------------------------------------------------------------------------------------


def test_the_same_file_twice_changes_nothing(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    head = head_of(2026, organisation.charts)
    again = organisation.drop(NEW_YEAR)

    assert (again.status, again.unchanged, again.chart_version) == (UNCHANGED, 5, 1)
    assert head_of(2026, organisation.charts) == head


def test_the_same_event_twice_is_one_load(organisation: Organisation) -> None:
    version = organisation.put(NEW_YEAR, chart_csv())
    first, second = (
        load_dropped_file(NEW_YEAR, version, act=act(at=at), bench=organisation.bench)
        for at in (NOW, NOW + timedelta(minutes=1))
    )

    assert first == second
    assert len(load_history(2026, 10, None, by=FIN, charts=organisation.charts).items) == 1
    assert len(list(organisation.audit.chain("chart#2026"))) == 1


def test_the_same_event_twice_at_once_is_one_load(organisation: Organisation) -> None:
    version = organisation.put(NEW_YEAR, chart_csv())
    other: list[ChartLoad] = []

    def load() -> ChartLoad:
        return load_dropped_file(NEW_YEAR, version, act=act(), bench=organisation.bench)

    organisation.records.meanwhile.append(lambda: other.append(load()))
    mine = load()

    assert [mine] == other
    assert len(list(organisation.audit.chain("chart#2026"))) == 1


def test_the_report_of_a_file_loaded_twice_at_once_is_of_the_one_that_counted(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = organisation.put(NEW_YEAR, chart_csv())
    known = organisation.charts.load

    def load() -> ChartLoad:
        return load_dropped_file(NEW_YEAR, version, act=act(), bench=organisation.bench)

    def nobody_yet(load_id: str) -> None:
        monkeypatch.setattr(organisation.charts, "load", known)
        load()

    monkeypatch.setattr(organisation.charts, "load", nobody_yet)
    mine = load()

    assert mine.added == 5
    report = one_load(mine.load_id, by=FIN, bench=organisation.bench).report
    assert len(report.added) == 5


def test_of_two_files_at_once_the_second_is_laid_on_the_first(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    other = MID_YEAR.replace("v1", "v2")
    organisation.records.meanwhile.append(
        lambda: organisation.drop(other, chart_csv({CHECK: "1000"}))
    )
    load = organisation.drop(MID_YEAR, chart_csv({SHOP: "1500"}))

    assert (load.status, load.chart_version) == (LOADED, 3)
    assert annual(organisation, WEB_SHOP, date(2026, 7, 1)) == 1500
    assert annual(organisation, CHECKOUT, date(2026, 7, 1)) == 1000
    report = one_load(load.load_id, by=FIN, bench=organisation.bench).report
    assert [one.product_id for one in report.changed] == [WEB_SHOP]


def test_who_is_always_too_late_is_told(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    editions = iter(range(2, 20))

    def overtake(times: int) -> Callable[[], object]:
        def done() -> object:
            number = next(editions)
            organisation.drop(
                MID_YEAR.replace("v1", f"v{number}"), chart_csv({CHECK: str(1000 + number)})
            )
            if times > 1:
                organisation.records.meanwhile.append(overtake(times - 1))
            return None

        return done

    organisation.records.meanwhile.append(overtake(charts.TRIES))
    with pytest.raises(ConflictError):
        organisation.drop(MID_YEAR, chart_csv({SHOP: "1500"}))

    assert annual(organisation, WEB_SHOP, date(2026, 7, 1)) == 1200


def test_all_that_was_done_to_a_chart_is_one_whole_chain(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)
    organisation.drop(MID_YEAR, chart_csv({SHOP: "1500"}))
    organisation.drop(OVERRIDE, chart_csv({SHOP: "1600"}))

    records = list(organisation.audit.chain("chart#2026"))
    assert len(records) == 3
    assert findings("chart#2026", records, organisation.charts.head(2026)) == []


# Told of late -------------------------------------------------------------------------------------

SECOND_EDITION = NEW_YEAR.replace("v1", "v2")


def told_late(
    organisation: Organisation, name: str, content: str, came_at: datetime, *, at: datetime = NOW
) -> ChartLoad:
    """A file that came into the bucket earlier than it is told of."""
    version = organisation.put(name, content, came_at)
    return load_dropped_file(name, version, act=act("bucket", at), bench=organisation.bench)


@pytest.mark.parametrize("name", [NEW_YEAR, SECOND_EDITION])
def test_an_older_file_that_is_told_of_late_changes_nothing(
    organisation: Organisation, name: str
) -> None:
    organisation.drop(SECOND_EDITION, chart_csv({SHOP: "2000"}), at=NOW)
    head = head_of(2026, organisation.charts)
    load = told_late(organisation, name, chart_csv({SHOP: "1"}), NOW - timedelta(seconds=1))

    assert (load.status, load.errors, load.rows, load.chart_version) == (OLDER, 0, 0, 1)
    assert head_of(2026, organisation.charts) == head
    assert annual(organisation, WEB_SHOP, date(2026, 1, 1)) == 2000
    [record] = organisation.audit.chain(f"chart-load#{load.load_id}")
    assert (record.action, record.event) == ("Older", "ChartOlder")


def test_who_brought_an_older_file_is_told_why_it_did_nothing(organisation: Organisation) -> None:
    organisation.drop(SECOND_EDITION, at=NOW)
    load = told_late(organisation, NEW_YEAR, chart_csv({SHOP: "1"}), NOW - timedelta(days=1))

    beside = organisation.files.report(f"{NEW_YEAR}.report.json")
    assert (beside["status"], beside["load_id"]) == ("Older", load.load_id)
    assert "a newer file of this name is in force" in str(beside["warnings"])
    report = one_load(load.load_id, by=FIN, bench=organisation.bench).report
    assert report.changes_nothing


@pytest.mark.parametrize(
    "name, came_after",
    [
        (NEW_YEAR, timedelta(0)),  # S3 tells seconds
        (NEW_YEAR, timedelta(seconds=1)),  # an older edition that is brought again on purpose
        (MID_YEAR, timedelta(days=-1)),  # another file, told of late
        (OVERRIDE, timedelta(days=-1)),
    ],
)
def test_what_is_no_older_edition_takes_effect(
    organisation: Organisation, name: str, came_after: timedelta
) -> None:
    organisation.drop(SECOND_EDITION, at=NOW)
    load = told_late(organisation, name, chart_csv({SHOP: "700"}), NOW + came_after)

    assert (load.status, load.changed_products) == (LOADED, 1)


def test_an_older_file_changes_nothing_either_after_another_file_came(
    organisation: Organisation,
) -> None:
    """The second edition is in force beneath the change of July."""
    organisation.drop(SECOND_EDITION, chart_csv({SHOP: "2000"}), at=NOW)
    organisation.drop(MID_YEAR, chart_csv({SHOP: "2500"}), at=NOW + timedelta(minutes=1))
    told_late(organisation, NEW_YEAR, chart_csv({SHOP: "1"}), NOW - timedelta(minutes=1))

    assert annual(organisation, WEB_SHOP, date(2026, 1, 1)) == 2000


def test_the_report_beside_a_file_is_of_the_version_that_is_there(
    organisation: Organisation,
) -> None:
    """The bucket may tell of a version again, when the next one is loaded already."""
    first = organisation.put(NEW_YEAR, chart_csv({SHOP: "many"}), NOW - timedelta(hours=1))
    load_dropped_file(NEW_YEAR, first, act=act("bucket"), bench=organisation.bench)
    organisation.drop(NEW_YEAR, at=NOW)
    load_dropped_file(NEW_YEAR, first, act=act("bucket"), bench=organisation.bench)

    assert organisation.files.report(f"{NEW_YEAR}.report.json")["status"] == "Loaded"


def test_a_chart_says_which_file_it_is_of_and_when_that_came(organisation: Organisation) -> None:
    came_at = NOW - timedelta(hours=3)
    told_late(organisation, NEW_YEAR, chart_csv(), came_at)
    head = head_of(2026, organisation.charts)

    assert (head.file_name, head.file_came_at, head.changed_at) == (NEW_YEAR, came_at, NOW)


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["chart.csv", "Acme_2026_yes_2026-01-01_false_Budget_v1.csv", "in/a b.csv"]
)
def test_a_name_that_says_nothing_is_refused_with_the_form_it_should_have(
    organisation: Organisation, name: str
) -> None:
    load = organisation.drop(name)

    assert (load.status, load.errors, load.year, load.chart_version) == (REFUSED, 1, 0, None)
    told = organisation.files.report(f"{name}.report.json")
    assert told["status"] == "Refused"
    assert "<customer>_<year>_<isNew>" in told["errors"][0]["detail"]
    assert organisation.charts.heads() == []
    assert load_history(0, 10, None, by=FIN, charts=organisation.charts).items == [load]


def test_a_file_with_errors_changes_nothing_and_every_error_is_beside_it(
    organisation: Organisation,
) -> None:
    organisation.drop(NEW_YEAR)
    head = head_of(2026, organisation.charts)
    content = chart_csv(
        [(*SHOP, "-1"), (*CHECK, "many"), (*CHECK, "3"), ("Retail", "Digital", "", "X", "4")]
    )
    load = organisation.drop(MID_YEAR, content)

    assert load.status is REFUSED
    assert head_of(2026, organisation.charts) == head
    told = organisation.files.report(f"{MID_YEAR}.report.json")
    assert {(one["row"], one["column"]) for one in told["errors"]} >= {
        (2, "Annual amount"),
        (3, "Annual amount"),
        (5, "Portfolio"),
    }
    assert len(told["errors"]) == load.errors
    again = one_load(load.load_id, by=FIN, bench=organisation.bench)
    assert len(again.report.errors) == load.errors


def test_a_file_that_is_gone_is_not_found(organisation: Organisation) -> None:
    with pytest.raises(NotFoundError):
        load_dropped_file(NEW_YEAR, "v1", act=act(), bench=organisation.bench)


def test_a_file_put_right_under_the_same_name_is_another_load(organisation: Organisation) -> None:
    wrong = organisation.drop(NEW_YEAR, chart_csv({SHOP: "many"}))
    right = organisation.drop(NEW_YEAR)

    assert (wrong.status, right.status) == (REFUSED, LOADED)
    assert wrong.load_id != right.load_id


def test_each_load_keeps_its_own_report(organisation: Organisation) -> None:
    wrong = organisation.drop(NEW_YEAR, chart_csv({SHOP: "many"}))
    organisation.drop(NEW_YEAR)

    report = one_load(wrong.load_id, by=FIN, bench=organisation.bench).report
    assert len(report.errors) == wrong.errors


# Uploads ------------------------------------------------------------------------------------------


def test_a_check_says_what_a_load_would_say_and_changes_nothing(organisation: Organisation) -> None:
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv())
    bench = organisation.bench
    checked = check_uploaded_file(UPLOAD, controls(), "chart.csv", by=FIN, bench=bench)
    assert len(organisation.records) == 0

    done = load_uploaded_file(UPLOAD, controls(), "chart.csv", by=FIN, act=act(), bench=bench)

    assert done.report == checked
    assert done.load is not None
    assert done.load.status is LOADED
    assert len(checked.added) == 5


def test_an_upload_is_loaded_once(organisation: Organisation) -> None:
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv())
    first, second = (
        load_uploaded_file(UPLOAD, controls(), "a.csv", by=FIN, act=act(), bench=organisation.bench)
        for _ in range(2)
    )

    assert first == second
    assert len(list(organisation.audit.chain("chart#2026"))) == 1


def test_an_upload_with_other_controls_is_another_load(organisation: Organisation) -> None:
    """What was wrong with the first was how it was asked for, not the file."""
    organisation.drop(NEW_YEAR)
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv({SHOP: "1500"}))
    july, august = (
        load_uploaded_file(
            *(UPLOAD, controls(is_new=False, start=date(2026, month, 1)), "a.csv"),
            by=FIN,
            act=act(),
            bench=organisation.bench,
        ).load
        for month in (7, 8)
    )

    assert july is not None
    assert august is not None
    assert july.load_id != august.load_id
    assert annual(organisation, WEB_SHOP, date(2026, 7, 1)) == 1500


def test_what_was_uploaded_and_loaded_is_kept(organisation: Organisation) -> None:
    """Uploads go after some days."""
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv())
    bench = organisation.bench
    check_uploaded_file(UPLOAD, controls(), "a.csv", by=FIN, bench=bench)
    load = load_uploaded_file(UPLOAD, controls(), "a.csv", by=FIN, act=act(), bench=bench).load
    assert load is not None
    organisation.files.remove(f"drafts/{UPLOAD}")

    assert load.file_key == f"files/{load.load_id}"
    kept = bench.files.read(load.file_key, load.file_version)
    assert kept.content == chart_csv().encode()
    assert load.file_key in file_link(load.load_id, by=FIN, charts=bench.charts, files=bench.files)
    again = one_load(load.load_id, by=FIN, bench=bench)
    assert len(again.report.added) == 5


def test_a_check_keeps_nothing(organisation: Organisation) -> None:
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv())
    before = organisation.files.keys()
    check_uploaded_file(UPLOAD, controls(), "a.csv", by=FIN, bench=organisation.bench)

    assert organisation.files.keys() == before


def test_an_upload_and_a_dropped_file_do_the_same(organisation: Organisation) -> None:
    dropped = Organisation()
    dropped.drop(NEW_YEAR)
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv())
    load_uploaded_file(UPLOAD, controls(), "a.csv", by=FIN, act=act(), bench=organisation.bench)

    assert organisation.chart() == dropped.chart()


def test_nothing_that_was_not_uploaded_is_loaded(organisation: Organisation) -> None:
    with pytest.raises(NotFoundError, match="put the file to its link first"):
        check_uploaded_file(UPLOAD, controls(), "a.csv", by=FIN, bench=organisation.bench)


@pytest.mark.parametrize("role", Role)
def test_a_chart_is_loaded_by_those_who_answer_for_the_money(
    organisation: Organisation, role: Role
) -> None:
    organisation.files.put(f"drafts/{UPLOAD}", chart_csv())
    by, bench = Person(email="a@example.com", role=role), organisation.bench
    tries: list[Callable[[], object]] = [
        lambda: upload_link(UPLOAD, by=by, files=bench.files),
        lambda: check_uploaded_file(UPLOAD, controls(), "a.csv", by=by, bench=bench),
        lambda: load_uploaded_file(UPLOAD, controls(), "a.csv", by=by, act=act(), bench=bench),
    ]
    for one in tries:
        if role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER):
            one()
        else:
            with pytest.raises(ForbiddenError):
                one()


# Seen ---------------------------------------------------------------------------------------------


def test_everybody_sees_the_products_of_their_scope_by_id(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)

    def seen(role: Role, *scope: str) -> list[str]:
        by = Person(email="a@example.com", role=role, scope=scope)
        return [one.id for one in seen_chart(2026, by=by, charts=organisation.charts)[1]]

    assert seen(Role.FINANCIAL_ADMIN) == [LOANS, CHECKOUT, SEARCH, WEB_SHOP, TILLS]
    assert seen(Role.BUSINESS_UNIT_OWNER, "retail") == [CHECKOUT, SEARCH, WEB_SHOP, TILLS]
    assert seen(Role.PORTFOLIO_OWNER, STOREFRONT) == [SEARCH, WEB_SHOP]
    assert seen(Role.PRODUCT_OWNER, WEB_SHOP, LOANS) == [LOANS, WEB_SHOP]
    assert seen(Role.PRODUCT_OWNER, "retail.digital.storefront.web") == []
    assert seen(Role.PRODUCT_OWNER) == []


def test_a_year_without_a_chart_says_how_to_load_one(organisation: Organisation) -> None:
    with pytest.raises(NotFoundError, match="finops chart load"):
        chart_of(2026, organisation.charts)


def test_totals_of_charts_are_for_those_who_see_the_whole(organisation: Organisation) -> None:
    organisation.drop(NEW_YEAR)

    assert charts_in_force(by=FIN, charts=organisation.charts)[1]
    assert not charts_in_force(by=OWNER, charts=organisation.charts)[1]


def test_the_history_of_files_is_for_those_who_see_the_whole(organisation: Organisation) -> None:
    load = organisation.drop(NEW_YEAR)
    bench = organisation.bench
    tries: list[Callable[[], object]] = [
        lambda: load_history(2026, 10, None, by=OWNER, charts=bench.charts),
        lambda: one_load(load.load_id, by=OWNER, bench=bench),
        lambda: file_link(load.load_id, by=OWNER, charts=bench.charts, files=bench.files),
    ]
    for one in tries:
        with pytest.raises(ForbiddenError):
            one()


def test_a_link_leads_to_the_very_version_that_was_loaded(organisation: Organisation) -> None:
    load = organisation.drop(NEW_YEAR)
    organisation.put(NEW_YEAR, "something else")

    link = file_link(load.load_id, by=FIN, charts=organisation.charts, files=organisation.files)

    assert "version=v1" in link
    assert "expires=300" in link


def test_a_load_nobody_knows_is_not_found(organisation: Organisation) -> None:
    errors: list[FinOpsError] = []
    for one in (
        lambda: one_load("0" * 24, by=FIN, bench=organisation.bench),
        lambda: file_link("0" * 24, by=FIN, charts=organisation.charts, files=organisation.files),
    ):
        with pytest.raises(NotFoundError, match="the history of a year lists them") as told:
            one()
        errors.append(told.value)
    assert len(errors) == 2


def test_a_fiscal_year_from_july_starts_in_july(organisation: Organisation) -> None:
    organisation.first_month = 7
    at = datetime(2025, 6, 1, tzinfo=NOW.tzinfo)
    organisation.drop("Acme_2026_true_2025-07-01_false_Budget_v1.csv", at=at)

    assert annual(organisation, WEB_SHOP, date(2025, 7, 1)) == 1200
    assert annual(organisation, WEB_SHOP, date(2025, 6, 30)) is None
