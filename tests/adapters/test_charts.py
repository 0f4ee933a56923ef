"""The contract of `Charts`: documents that never change, heads that follow, all files that came."""

from datetime import timedelta

import pytest

from finops.domain.audit import Deed
from finops.domain.chart_loads import ChartHead, ChartLoad, ChartLoadStatus
from finops.domain.charts import Chart
from finops.domain.errors import ConflictError, InvalidError
from finops.usecases.ports import Save
from tests.adapters.test_records import pages, written
from tests.aws import CHARTS, copy_items
from tests.usecases.organisation import NOW, Organisation, act

LABELS = ("Unit", "Department", "Portfolio", "Product")
EMPTY = Chart(year=2026, first_month=1, labels=LABELS, products=())


def load(load_id: str = "load-1", **fields: object) -> ChartLoad:
    known = ChartLoad(
        load_id=load_id,
        year=2026,
        status=ChartLoadStatus.LOADED,
        file_name="a.csv",
        file_key="in/a.csv",
        file_version="v1",
        report_key="reports/load-1-0.json.gz",
        file_came_at=NOW,
        loaded_by="ada@example.com",
        loaded_at=NOW,
    )
    return known.changed(**fields)


def head(document: str, before: ChartHead | None = None) -> Save:
    after = ChartHead(
        year=2026,
        document=document,
        load_id="load-1",
        file_name="a.csv",
        file_came_at=NOW,
        products=0,
        annual=0,
        changed_at=NOW,
    )
    if before is not None:
        after = after.changed(version=before.version, head=before.head)
    return Save(before, after, Deed(action="Load"))


def test_a_chart_is_there_once_a_head_names_it(organisation: Organisation) -> None:
    charts = organisation.charts
    document = charts.write(EMPTY, "load-1")
    assert charts.head(2026) is None
    assert list(charts.heads()) == []

    saved = charts.publish(load(), head(document), act())

    known = charts.head(2026)
    assert known is not None
    assert list(charts.heads()) == [known]
    assert charts.read(known) == EMPTY
    assert charts.load("load-1") == saved
    assert (saved.version, known.version) == (1, 1)


def test_one_act_is_recorded_for_the_load_and_for_the_chart(organisation: Organisation) -> None:
    organisation.charts.publish(load(), head("x"), act())

    [of_load] = organisation.audit.chain("chart-load#load-1")
    [of_chart] = organisation.audit.chain("chart#2026")
    assert (of_load.action, of_load.event) == ("Loaded", "ChartLoaded")
    assert (of_chart.action, of_chart.event) == ("Load", None)


def test_heads_come_newest_year_first(organisation: Organisation) -> None:
    for year in (2026, 2028, 2027):
        save = head("x")
        later = save._replace(after=save.after.changed(year=year))
        organisation.charts.publish(load(f"load-{year}", year=year), later, act())

    assert [one.year for one in organisation.charts.heads()] == [2028, 2027, 2026]


def test_of_two_loads_that_saw_the_same_chart_one_is_told(organisation: Organisation) -> None:
    charts = organisation.charts
    charts.publish(load("load-1"), head("first"), act())
    before = written(organisation)

    with pytest.raises(ConflictError):
        charts.publish(load("load-2"), head("second"), act())

    known = charts.head(2026)
    assert known is not None
    assert known.document == "first"
    assert charts.load("load-2") is None
    assert written(organisation) == before


def test_a_load_is_recorded_once(organisation: Organisation) -> None:
    organisation.charts.publish(load(status=ChartLoadStatus.UNCHANGED), None, act())
    before = written(organisation)

    with pytest.raises(ConflictError):
        organisation.charts.publish(load(status=ChartLoadStatus.REFUSED), None, act())

    assert written(organisation) == before


def test_an_older_chart_stays_readable(organisation: Organisation) -> None:
    charts = organisation.charts
    other = Chart(year=2026, first_month=1, labels=("A", "B", "C", "D"), products=())
    charts.publish(load("load-1"), head(charts.write(EMPTY, "load-1")), act())
    first = charts.head(2026)
    assert first is not None
    charts.publish(load("load-2"), head(charts.write(other, "load-2"), first), act())
    second = charts.head(2026)
    assert second is not None

    assert charts.read(second) == other
    assert charts.read(first) == EMPTY
    assert charts.read(second) == other


def test_loads_of_a_year_come_newest_first(organisation: Organisation) -> None:
    for number in range(3):
        later = NOW + timedelta(hours=number)
        organisation.charts.publish(load(f"load-{number}", loaded_at=later), None, act())
    organisation.charts.publish(load("other", year=0), None, act())

    def told(year: int) -> list[str]:
        return [one.load_id for one in organisation.charts.loads(year, 10).items]

    assert told(2026) == ["load-2", "load-1", "load-0"]
    assert told(0) == ["other"]
    assert told(2025) == []


def test_5001_loads_are_listed_to_the_last(organisation: Organisation) -> None:
    names = {f"load-{n:04d}": NOW + timedelta(seconds=n) for n in range(5001)}
    if isinstance(organisation.charts, type(Organisation().charts)):
        for name, at in names.items():
            organisation.records.states[f"chart-load#{name}"] = load(name, loaded_at=at)
    else:
        organisation.charts.publish(load("load-0000"), None, act())
        texts = load("load-0000").model_dump_json(exclude={"version", "head"})
        copies = (
            {"sk": f"{at.isoformat()}#{name}", "detail": texts.replace("load-0000", name)}
            for name, at in names.items()
        )
        copy_items(CHARTS, copies, pk="LOADS#2026")

    limit = 100 if organisation.chart_files is organisation.files else 1000  # moto takes its time
    found = list(pages(lambda n, cursor: organisation.charts.loads(2026, n, cursor), limit))

    assert [one.load_id for page in found for one in page.items] == sorted(names, reverse=True)


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA==", "W10=", "é"])
def test_a_cursor_that_is_none_of_ours_is_said_so(organisation: Organisation, cursor: str) -> None:
    with pytest.raises(InvalidError, match="none of ours"):
        organisation.charts.loads(2026, 10, cursor)
