"""The chart of accounts: a file comes, is checked as a whole, and takes effect or changes nothing."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.chart_files import Controls, RowError, read
from finops.domain.chart_loads import (
    ChartHead,
    ChartLoad,
    ChartLoadStatus,
    chart_load_id,
    status_of,
)
from finops.domain.charts import Chart, ChartReport, Product, apply
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.people import Person
from finops.usecases.organisation_views import chart_report
from finops.usecases.ports import Budgets, ChartFiles, Charts, Page, Save, UploadedFile

TRIES = 3
RECENT = 100  # loads among which a newer edition of a file is looked for
UPLOAD_SECONDS = 900
DOWNLOAD_SECONDS = 300


class Bench(NamedTuple):
    """What a chart is loaded with: the ports, the fiscal year's first month, the first open day."""

    charts: Charts
    files: ChartFiles
    budgets: Budgets
    first_month: int
    open_from: date


class Loaded(NamedTuple):
    """What became of a file, and the report of it; a check has no load."""

    report: ChartReport
    load: ChartLoad | None


def load_dropped_file(key: str, version: str | None, *, act: Act, bench: Bench) -> ChartLoad:
    """A file in the bucket takes effect, its name says how; a report is put beside it.

    The same version of a file is loaded once, however often the bucket tells of it; one that is told
    of late, when a newer file of its name is in force, changes nothing.
    """
    file = bench.files.read(key, version)
    load_id = chart_load_id(key, file.version, hashlib.sha256(file.content).hexdigest())
    known = bench.charts.load(load_id)
    if known is None:
        name = key.rpartition("/")[2]
        controls: Controls | InvalidError
        try:
            controls = Controls.of(name)
        except InvalidError as error:
            controls = error
        known, _ = _load(file, name, controls, load_id, act=act, bench=bench, is_dropped=True)
    if bench.files.read(key, None).version == known.file_version:
        bench.files.write_beside(key, _told(known, _report(known, bench)))
    return known


def load_uploaded_file(
    upload_id: str, controls: Controls, name: str, *, by: Person, act: Act, bench: Bench
) -> Loaded:
    """An uploaded file takes effect as *controls* say; once, however often it is asked."""
    must(by, Action.LOAD_CHART)
    file = _uploaded(upload_id, bench)
    load_id = chart_load_id(upload_id, file.version, controls.model_dump_json())
    known = bench.charts.load(load_id)
    if known is not None:
        return Loaded(_report(known, bench), known)
    # What is uploaded goes after some days; what was loaded stays.
    key, version = bench.files.keep(load_id, file.content)
    kept = file._replace(key=key, version=version)
    load, report = _load(kept, name, controls, load_id, act=act, bench=bench)
    return Loaded(report, load)


def check_uploaded_file(
    upload_id: str, controls: Controls, name: str, *, by: Person, bench: Bench
) -> ChartReport:
    """What loading the file would do and say; nothing is changed."""
    must(by, Action.LOAD_CHART)
    return _apply(_uploaded(upload_id, bench), name, controls, bench)[1]


def upload_link(upload_id: str, *, by: Person, files: ChartFiles) -> str:
    """Where to put a file, for a quarter of an hour."""
    must(by, Action.LOAD_CHART)
    return files.upload_link(upload_id, UPLOAD_SECONDS)


def charts_in_force(*, by: Person, charts: Charts) -> tuple[Sequence[ChartHead], bool]:
    """The charts of all years, newest first, and whether *by* may know their totals."""
    must(by, Action.SEE_ONESELF)
    return charts.heads(), may(by, Action.SEE_WHOLE_CHART)


def seen_chart(year: int, *, by: Person, charts: Charts) -> tuple[Chart, list[Product]]:
    """The chart of a year, and the products of it that *by* may see."""
    reach = must_reach(by, Action.SEE_ELEMENT)
    chart = chart_of(year, charts)
    if reach is Reach.EVERYWHERE:
        return chart, list(chart.products)
    found = {p.id: p for element in by.scope for p in chart.products_under(element)}
    return chart, [found[id_] for id_ in sorted(found)]


def head_of(year: int, charts: Charts) -> ChartHead:
    """The head of the chart in force. Raises NotFoundError."""
    head = charts.head(year)
    if head is None:
        raise NotFoundError(
            f"there is no chart of accounts of {year}; load one: finops chart load FILE"
        )
    return head


def chart_of(year: int, charts: Charts) -> Chart:
    """The chart in force. Raises NotFoundError."""
    return charts.read(head_of(year, charts))


def load_history(year: int, limit: int, cursor: str | None, *, by: Person, charts: Charts) -> Page:
    """The files that came for a year, newest first; year 0: those whose name says none."""
    must(by, Action.SEE_WHOLE_CHART)
    return charts.loads(year, limit, cursor)


def one_load(load_id: str, *, by: Person, bench: Bench) -> Loaded:
    """A file that came, with its report."""
    must(by, Action.SEE_WHOLE_CHART)
    load = _known(load_id, bench.charts)
    return Loaded(_report(load, bench), load)


def file_link(load_id: str, *, by: Person, charts: Charts, files: ChartFiles) -> str:
    """Where to get the file as it was loaded, for five minutes."""
    must(by, Action.SEE_WHOLE_CHART)
    load = _known(load_id, charts)
    return files.download_link(load.file_key, load.file_version, load.file_name, DOWNLOAD_SECONDS)


def _known(load_id: str, charts: Charts) -> ChartLoad:
    load = charts.load(load_id)
    if load is None:
        raise NotFoundError(f"there is no load {load_id}; the history of a year lists them")
    return load


def _report(load: ChartLoad, bench: Bench) -> ChartReport:
    return ChartReport.model_validate(bench.files.report(load.report_key))


def _uploaded(upload_id: str, bench: Bench) -> UploadedFile:
    file = bench.files.uploaded(upload_id)
    if file is None:
        raise NotFoundError(f"nothing was uploaded as {upload_id}; put the file to its link first")
    return file


def _load(
    file: UploadedFile,
    name: str,
    controls: Controls | InvalidError,
    load_id: str,
    *,
    act: Act,
    bench: Bench,
    is_dropped: bool = False,
) -> tuple[ChartLoad, ChartReport]:
    for _ in range(TRIES):
        head, report, chart = _apply(file, name, controls, bench)
        is_late = is_dropped and _is_late(file, name, controls, bench.charts)
        if is_late:
            late = "a newer file of this name is in force: this one came before it"
            report = ChartReport(file_name=name, controls=report.controls, warnings=(late,))
        # Under a name of its own, so that nobody else's try is overwritten.
        report_key = bench.files.write_report(load_id, report.model_dump(mode="json"))
        status = ChartLoadStatus.OLDER if is_late else status_of(report)
        load = _record(file, name, controls, load_id, report_key, report, status, head, act)
        save = None
        if load.status is ChartLoadStatus.LOADED and chart is not None:
            document = bench.charts.write(chart, load_id)
            save = _succession(head, chart, load, document, file.came_at)
        try:
            return bench.charts.publish(load, save, act), report
        except ConflictError:
            known = bench.charts.load(load_id)
            if known is not None:
                return known, _report(known, bench)
    raise ConflictError(f"other charts of {load.year} are loaded at the same time: try again")


def _is_late(
    file: UploadedFile, name: str, controls: Controls | InvalidError, charts: Charts
) -> bool:
    """Whether another edition of *file* that came after it has taken effect already."""
    if isinstance(controls, InvalidError):
        return False
    return any(
        load.status is ChartLoadStatus.LOADED
        and load.file_came_at > file.came_at
        and load.file_name.rpartition("_")[0] == name.rpartition("_")[0]
        for load in charts.loads(controls.year, RECENT).items
    )


def _told(load: ChartLoad, report: ChartReport) -> Mapping[str, Any]:
    """A report for whoever brought the file."""
    return {
        "status": load.status.value,
        "load_id": load.load_id,
        "loaded_at": load.loaded_at.isoformat(),
        **chart_report(report),
    }


def _succession(
    head: ChartHead | None, chart: Chart, load: ChartLoad, document: str, came_at: datetime
) -> Save:
    after = ChartHead(
        year=chart.year,
        document=document,
        load_id=load.load_id,
        file_name=load.file_name,
        file_came_at=came_at,
        products=len(chart.products),
        annual=chart.annual("", chart.fiscal_year.last_day),
        changed_at=load.loaded_at,
        version=head.version if head else 0,
        head=head.head if head else "",
    )
    return Save(head, after, Deed(action="Load"))


def _record(
    file: UploadedFile,
    name: str,
    controls: Controls | InvalidError,
    load_id: str,
    report_key: str,
    report: ChartReport,
    status: ChartLoadStatus,
    head: ChartHead | None,
    act: Act,
) -> ChartLoad:
    before = head.version if head else 0
    return ChartLoad(
        load_id=load_id,
        year=controls.year if isinstance(controls, Controls) else 0,
        status=status,
        file_name=name,
        file_key=file.key,
        file_version=file.version,
        file_came_at=file.came_at,
        report_key=report_key,
        loaded_by=act.actor,
        loaded_at=act.at,
        rows=report.rows,
        added=len(report.added),
        changed_products=len(report.changed),
        ended=len(report.ended),
        unchanged=len(report.unchanged),
        flagged=len(report.flagged),
        errors=len(report.errors),
        warnings=len(report.warnings),
        chart_version=before + 1 if status is ChartLoadStatus.LOADED else before or None,
    )


def _apply(
    file: UploadedFile, name: str, controls: Controls | InvalidError, bench: Bench
) -> tuple[ChartHead | None, ChartReport, Chart | None]:
    """The head that *file* was laid on, what it does, and the chart then."""
    if isinstance(controls, InvalidError):
        wrong = RowError(row=None, column=None, detail=controls.detail, value=name[:80])
        return None, ChartReport(file_name=name, errors=(wrong,)), None
    head = bench.charts.head(controls.year)
    chart = bench.charts.read(head) if head else None
    planned = {
        product: budget.planned for product, budget in bench.budgets.of_year(controls.year).items()
    }
    read_file = read(file.content)
    after, report = apply(
        chart,
        controls,
        read_file,
        first_month=bench.first_month,
        planned=planned,
        open_from=bench.open_from,
    )
    return head, report.model_copy(update={"file_name": name}), after
