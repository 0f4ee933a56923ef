"""The inventory at hand answers as the plain rule does, page by page, exactly."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.domain.money import TICKS_PER_UNIT
from finops.domain.resources import (
    NONE,
    BilledResource,
    Found,
    Generation,
    Place,
    ResourceOrder,
    ResourceQuery,
    Sight,
    TagFilter,
    folded,
    name_of,
)
from finops.domain.tags import canonical
from finops.ledger import engine, inventory
from finops.ledger.inventory import Inventory
from tests import traps
from tests.ledger.bill_files import cur_row, line, tagged
from tests.ledger.conftest import Worker

PAYER, MONTH = "999988887777", "2026-09"
BILL = Generation(PAYER, MONTH, "load-1")
WEB, DATA = "111111111111", "222222222222"
Rows = Mapping[str | None, Sequence[BilledResource]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Connection]:
    limits = engine.Limits(scratch=tmp_path_factory.mktemp("inventory"), memory_mb=300, threads=1)
    with engine.connect(limits) as connection:
        yield connection


@pytest.fixture
def at_hand(opened: engine.Connection) -> Iterator[Inventory]:
    made = Inventory(opened)
    yield made
    for (name,) in opened.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        opened.execute(f"DROP TABLE {name}")


def resource(id_: str = "i-1", cost: int = 1, **fields: Any) -> BilledResource:
    tags = canonical(fields.pop("tags", {}))
    told: dict[str, Any] = {
        "payer": PAYER,
        "account_id": WEB,
        "resource_id": id_,
        "name": name_of(tags),
        "service": "AmazonEC2",
        "region": "eu-west-1",
        "tags": tags,
        "currency": "USD",
        "first_day": date(2026, 9, 1),
        "last_day": date(2026, 9, 2),
        "billed_cost": cost,
        "effective_cost": 2 * cost,
    }
    return BilledResource(**told | fields)


def write(path: Path, rows: Sequence[BilledResource]) -> Path:
    """*rows* as the merge writes them (see `test_what_the_merge_writes_is_found`)."""
    columns = {
        "resource_id": (pa.string(), [row.resource_id for row in rows]),
        "service_code": (pa.string(), [row.service for row in rows]),
        "region_id": (pa.string(), [row.region for row in rows]),
        "tags": (pa.string(), [row.tags for row in rows]),
        "billing_currency": (pa.string(), [row.currency for row in rows]),
        "first_day": (pa.date32(), [row.first_day for row in rows]),
        "last_day": (pa.date32(), [row.last_day for row in rows]),
        "billed_cost": (pa.int64(), [row.billed_cost for row in rows]),
        "effective_cost": (pa.int64(), [row.effective_cost for row in rows]),
    }
    table = pa.table({name: pa.array(cells, type_) for name, (type_, cells) in columns.items()})
    pq.write_table(table, path)
    return path


def fill(
    at_hand: Inventory, folder: Path, rows: Sequence[BilledResource], of: Generation = BILL
) -> Rows:
    """A generation with these resources, all of it taken."""
    by_account: dict[str | None, list[BilledResource]] = {}
    for row in rows:
        by_account.setdefault(row.account_id, []).append(row)
    at_hand.open(of, by_account)
    at_hand.take(of, files(folder, by_account))
    return by_account


_numbers = count()


def files(folder: Path, rows: Rows) -> dict[str | None, Path]:
    return {one: write(folder / f"{next(_numbers)}.parquet", its) for one, its in rows.items()}


def ids(found: Found) -> list[str]:
    return [one.resource_id for _, one in found.resources]


def search(at_hand: Inventory, rows: Rows, limit: int = 100, **asked: Any) -> Found:
    return at_hand.search({BILL: list(rows)}, ResourceQuery(**asked), limit=limit)


# As it is written ---------------------------------------------------------------------------------


def test_what_the_merge_writes_is_found(worker: Worker, at_hand: Inventory) -> None:
    month = worker.ledger_of(
        [
            cur_row(one)
            for one in (
                line("1.5", resource_id="i-1", tags=tagged(**{"user:Name": 'Web é"', "T": "x"})),
                line("0.25", resource_id="i-1", service_code="AmazonCloudWatch", region_id=None),
                line("4"),
            )
        ]
    )
    [file] = [one.path for one in month.merged.files if one.name.endswith("/resources.parquet")]
    account = [
        row[0] for row in duckdb.execute(f"SELECT DISTINCT sub_account_id FROM '{file}'").fetchall()
    ]
    at_hand.open(BILL, account)
    at_hand.take(BILL, {account[0]: file})

    found = at_hand.search({BILL: account}, ResourceQuery(), limit=9)

    assert [
        (one.resource_id, one.name, one.service, one.region, one.billed_cost)
        for _, one in found.resources
    ] == [
        ("i-1", 'Web é"', "AmazonEC2", "eu-west-1", 15 * TICKS_PER_UNIT // 10),
        ("i-1", None, "AmazonCloudWatch", None, TICKS_PER_UNIT // 4),
    ]
    assert found.totals == [("USD", 2, 175 * TICKS_PER_UNIT // 100, 175 * TICKS_PER_UNIT // 100)]
    query = ResourceQuery(tags=(TagFilter(key="user:Name", value='Web é"'),))
    assert ids(at_hand.search({BILL: account}, query, limit=9)) == ["i-1"]


def test_a_container_says_which_instance_it_is_part_of(worker: Worker, at_hand: Inventory) -> None:
    month = worker.ledger_of([cur_row(one) for one in traps.containers()])
    [file] = [one.path for one in month.merged.files if one.name.endswith("/resources.parquet")]
    at_hand.open(BILL, [WEB])
    at_hand.take(BILL, {WEB: file})

    found = at_hand.search({BILL: [WEB]}, ResourceQuery(), limit=9).resources

    told = [(one.resource_id.split("/")[-2], one.part_of) for _, one in found[1:]]
    assert (found[0][1].resource_id, found[0][1].part_of) == ("i-1", None)
    assert told == [("pod-a", "i-1"), ("pod-b", "i-1")]


def test_an_inventory_of_before_containers_were_told_is_read(
    at_hand: Inventory, tmp_path: Path
) -> None:
    """`write` leaves that column out."""
    rows = fill(at_hand, tmp_path, [resource()])

    assert [one.part_of for _, one in search(at_hand, rows).resources] == [None]


def test_the_engine_folds_every_letter_as_the_plain_rule_does(opened: engine.Connection) -> None:
    letters = opened.execute(
        "SELECT chr(n::INTEGER), lower(chr(n::INTEGER)) FROM range(1, 131072) numbers(n)"
        " WHERE n NOT BETWEEN 55296 AND 57343"
    ).fetchall()

    assert [letter for letter, lower in letters if folded(letter) != lower] == []


# As it is asked -----------------------------------------------------------------------------------

WORDS = st.text(st.sampled_from("ab-_%\\\"'[é:,={*?"), max_size=4)
TAGS = st.dictionaries(WORDS.filter(bool) | st.sampled_from(["user:Name", ",", ":"]), WORDS)
RESOURCES = st.lists(
    st.builds(
        resource,
        id_=WORDS.filter(bool),
        cost=st.integers(-2, 2),
        account_id=st.sampled_from([WEB, DATA, None]),
        service=st.sampled_from(["AmazonEC2", "AmazonS3", None]),
        region=st.sampled_from(["eu-west-1", None]),
        currency=st.sampled_from(["USD", "EUR"]),
        last_day=st.none() | st.dates(date(2026, 9, 1), date(2026, 9, 3)),
        tags=TAGS,
    ),
    min_size=1,
    max_size=12,
)
TEXTS = st.none() | WORDS.filter(lambda text: text and text.count("*") <= 5)
NOTHING = st.none()
QUERIES = st.builds(
    ResourceQuery,
    text=TEXTS,
    resource_id=NOTHING | TEXTS,
    name=NOTHING | TEXTS,
    service=NOTHING | st.sampled_from(["AmazonEC2", NONE]),
    region=NOTHING | st.sampled_from(["eu-west-1", "", NONE]),
    tags=st.lists(
        st.builds(
            TagFilter, key=WORDS.filter(bool) | st.sampled_from([",", ":"]), value=NOTHING | WORDS
        ),
        max_size=2,
    ).map(tuple),
    least=NOTHING | st.integers(-2, 0),
    most=NOTHING | st.integers(0, 2),
    claimed=st.none() | st.booleans(),
    order=st.sampled_from(ResourceOrder),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(
    RESOURCES,
    QUERIES,
    st.sets(st.integers(0, 11)),
    st.integers(1, 5),
    st.sets(st.integers(0, 11)),
    st.none() | st.sets(st.integers(0, 11)),
)
def test_the_fast_answer_is_the_plain_rule_s_on_every_page(
    at_hand: Inventory,
    tmp_path: Path,
    rows: list[BilledResource],
    query: ResourceQuery,
    chosen: set[int],
    limit: int,
    untold: set[int],
    only: set[int] | None,
) -> None:
    """Where a cost is not told, and where of one account only some are seen, too."""
    of = Generation(PAYER, MONTH, f"load-{next(_numbers)}")
    by_account = fill(at_hand, tmp_path, rows, of)
    claimed = {(rows[n].account_id, rows[n].resource_id) for n in chosen if n < len(rows)}
    at_hand.mark(of, {one: (1, [id_ for acc, id_ in claimed if acc == one]) for one in by_account})
    hidden = {(rows[n].account_id, rows[n].resource_id) for n in untold if n < len(rows)}
    sight = Sight(
        untold={one: [id_ for acc, id_ in hidden if acc == one] for one in by_account},
        only={}
        if only is None or WEB not in by_account
        else {WEB: [rows[n].resource_id for n in only if n < len(rows)]},
    )
    ordered = sorted(by_account, key=lambda account: (account is None, account or ""))
    seen = [
        row._replace(billed_cost=None, effective_cost=None)
        if (row.account_id, row.resource_id) in hidden
        else row
        for account in ordered
        for row in by_account[account]
        if account not in sight.only or row.resource_id in sight.only[account]
    ]
    expected = [
        row
        for row in seen
        if query.fits(row, is_claimed=(row.account_id, row.resource_id) in claimed)
    ]
    match query.order:
        case ResourceOrder.COST:
            expected.sort(key=lambda row: -(row.billed_cost or 0))
            expected.sort(key=lambda row: row.billed_cost is None)
        case ResourceOrder.LAST_DAY:
            expected.sort(key=lambda row: row.last_day or date.min, reverse=True)
            expected.sort(key=lambda row: row.last_day is None)

    pages: list[BilledResource] = []
    after: Place | None = None
    while True:
        found = at_hand.search(
            {of: list(by_account)}, query, after=after, limit=limit, sights={of: sight}
        )
        assert found.number == len(expected)
        assert {total.currency: total[1:] for total in found.totals} == _totals(expected)
        pages += [one for _, one in found.resources]
        if len(found.resources) < limit:
            break
        after = found.resources[-1][0]
    assert pages == expected


def _totals(rows: Sequence[BilledResource]) -> dict[str | None, tuple[int, int, int]]:
    sums: dict[str | None, tuple[int, int, int]] = {}
    for row in rows:
        if row.billed_cost is None or row.effective_cost is None:
            continue
        number, billed, effective = sums.get(row.currency, (0, 0, 0))
        sums[row.currency] = (number + 1, billed + row.billed_cost, effective + row.effective_cost)
    return sums


def test_a_tag_is_not_taken_for_another_that_looks_like_it_in_json(
    at_hand: Inventory, tmp_path: Path
) -> None:
    rows = fill(
        at_hand,
        tmp_path,
        [
            resource("escaped", tags={'foo"key': "value"}),
            resource("within", tags={"a": '"key":"value"'}),
            resource("between", tags={"a,": ":", "b": "c"}),
            resource("right", tags={"key": "value"}),
        ],
    )

    assert ids(search(at_hand, rows, tags=(TagFilter(key="key", value="value"),))) == ["right"]
    assert ids(search(at_hand, rows, tags=(TagFilter(key="key"),))) == ["right"]
    assert ids(search(at_hand, rows, tags=(TagFilter(key=":", value=","),))) == []


def test_sums_beyond_64_bits_are_exact(at_hand: Inventory, tmp_path: Path) -> None:
    most = 2**63 - 1
    rows = fill(at_hand, tmp_path, [resource(f"i-{n}", most, effective_cost=1) for n in range(3)])

    assert search(at_hand, rows).totals == [("USD", 3, 3 * most, 3)]


# At hand ------------------------------------------------------------------------------------------


def test_accounts_are_taken_as_they_are_asked_for_and_the_order_is_the_same(
    at_hand: Inventory, tmp_path: Path
) -> None:
    rows = {WEB: [resource("a"), resource("b")], DATA: [resource("c", account_id=DATA)]}
    at_hand.open(BILL, [WEB, DATA, None])
    at_hand.take(BILL, files(tmp_path, {DATA: rows[DATA]}))

    assert at_hand.lacking(BILL, [WEB, DATA]) == [WEB]
    assert ids(at_hand.search({BILL: [DATA]}, ResourceQuery(), limit=9)) == ["c"]

    at_hand.take(BILL, files(tmp_path, {WEB: rows[WEB]}))
    assert ids(at_hand.search({BILL: [WEB, DATA]}, ResourceQuery(), limit=9)) == ["a", "b", "c"]
    assert ids(at_hand.search({BILL: [DATA]}, ResourceQuery(), limit=9)) == ["c"]


def test_bills_are_asked_together(at_hand: Inventory, tmp_path: Path) -> None:
    other = Generation("888877776666", MONTH, "load-9")
    fill(at_hand, tmp_path, [resource("a", 1), resource("b", 3)])
    fill(at_hand, tmp_path, [resource("c", 2, payer=other.payer)], other)

    found = at_hand.search({BILL: [WEB], other: [WEB]}, ResourceQuery(), limit=9)

    assert [(one.payer, one.resource_id) for _, one in found.resources] == [
        (PAYER, "b"),
        (other.payer, "c"),
        (PAYER, "a"),
    ]
    assert found.totals == [("USD", 3, 6, 12)]


def test_a_newer_load_takes_the_place_of_the_one_before(at_hand: Inventory, tmp_path: Path) -> None:
    fill(at_hand, tmp_path, [resource("a")])
    fill(at_hand, tmp_path, [resource("b")], newer := BILL._replace(load="load-2"))

    assert at_hand.accounts(BILL) is None
    assert at_hand.accounts(newer) == (WEB,)


def test_what_was_asked_for_longest_ago_makes_room(
    at_hand: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "MOST_ROWS", 2)
    months = [BILL._replace(period=f"2026-0{n}") for n in (7, 8, 9)]
    for month in months:
        fill(at_hand, tmp_path, [resource("a")], month)
        at_hand.search({month: [WEB]}, ResourceQuery(), limit=1)

    assert [at_hand.accounts(month) is None for month in months] == [True, False, False]


def test_claims_are_marked_anew_where_their_stamp_is_another_one(
    at_hand: Inventory, tmp_path: Path
) -> None:
    rows = fill(at_hand, tmp_path, [resource("a"), resource("b"), resource("a", account_id=DATA)])
    assert at_hand.unmarked(BILL, {}) == []
    assert at_hand.unmarked(BILL, {WEB: 1}) == [WEB]

    at_hand.mark(BILL, {WEB: (1, ["a"])})
    assert at_hand.unmarked(BILL, {WEB: 1}) == []
    claimed = search(at_hand, rows, claimed=True).resources
    assert [(one.account_id, one.resource_id) for _, one in claimed] == [(WEB, "a")]

    at_hand.mark(BILL, {WEB: (2, ["b"])})
    assert ids(search(at_hand, rows, claimed=True)) == ["b"]
    assert sorted(ids(search(at_hand, rows, claimed=False))) == ["a", "a"]


def test_nothing_asked_is_nothing_found(at_hand: Inventory) -> None:
    assert at_hand.search({}, ResourceQuery(), limit=1) == Found([], [])


def test_tags_are_written_as_the_engine_says_them(opened: engine.Connection) -> None:
    """What the search for tags stands on: canonical tags and `to_json` spell every text alike."""
    for text in ('a"b', "a\\b", "é😀", "a/b", "tab\t", "\x01", "\u2028"):
        said = opened.execute("SELECT to_json(map([?], [?]))::VARCHAR", [text, text]).fetchone()
        assert said == (canonical({text: text}),)
