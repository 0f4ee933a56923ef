"""The ports in memory: what the use cases ask of the outside, without an outside."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.accounts import Account, AccountCheck, Listed, Listing
from finops.domain.audit import Act, AuditRecord, Deed, Receipt, kept_time, record, sealed
from finops.domain.bills import Bill
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartHead, ChartLoad
from finops.domain.charts import Chart
from finops.domain.deliveries import MANIFEST_SUFFIX, FileSeen
from finops.domain.errors import ConflictError, DeliveryChangedError, InvalidError, NotFoundError
from finops.domain.gates import Gate
from finops.domain.loads import Load, LoadedFile
from finops.domain.people import Person
from finops.domain.spend_cards import SpendCard, months_booked
from finops.usecases.ports import (
    AccountTotals,
    Document,
    Mail,
    Notice,
    Page,
    Save,
    Spent,
    TrailPlace,
    UploadedFile,
)

TRANSACTION = 100  # what DynamoDB writes in one step


def clock() -> datetime:
    """A moment that stands still."""
    return datetime(2026, 9, 20, 8, 0, tzinfo=UTC)


class Version(NamedTuple):
    """One version of an object."""

    body: bytes
    version_id: str
    modified_at: datetime
    notes: Mapping[str, str]

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class InMemoryDeliveries:
    """`Deliveries` over a versioned bucket; *now* is when a write takes place."""

    def __init__(self, now: Callable[[], datetime] = clock) -> None:
        self._now = now
        self._versions: dict[str, list[Version]] = {}
        self._gone: set[str] = set()
        self._writes = 0

    # -- what the world does -----------------------------------------------------------------

    def put(
        self,
        key: str,
        body: bytes | str,
        *,
        modified_at: datetime | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> str:
        """A new version of *key*; its id."""
        self._writes += 1
        raw = body.encode() if isinstance(body, str) else body
        version = Version(raw, f"v{self._writes}", modified_at or self._now(), dict(notes or {}))
        self._versions.setdefault(key, []).append(version)
        self._gone.discard(key)
        return version.version_id

    def remove(self, key: str) -> None:
        """A delete marker: older versions stay."""
        self._gone.add(key)

    def forget_versions(self, key: str) -> None:
        """Old versions of *key* are gone, as a lifecycle rule would have it."""
        del self._versions[key][:-1]

    # -- the port ----------------------------------------------------------------------------

    def read(self, key: str) -> Document:
        newest = self._newest(key)
        if newest is None:
            raise NotFoundError(f"there is no {key} in the billing bucket")
        return Document(
            newest.body.decode("utf-8-sig", errors="replace"),
            newest.version_id,
            newest.modified_at,
            dict(newest.notes),
        )

    def version(self, key: str) -> str | None:
        newest = self._newest(key)
        return newest.version_id if newest else None

    def look(self, keys: Iterable[str]) -> dict[str, FileSeen | None]:
        return {key: self._seen(key) for key in keys}

    def read_range(self, file: LoadedFile, start: int, length: int) -> bytes:
        return self._content(file)[start : start + max(0, length)]

    def download(self, file: LoadedFile, target: Path) -> None:
        target.write_bytes(self._content(file))

    def manifests(self, since: datetime) -> Iterator[str]:
        for key in sorted(self._versions):
            newest = self._newest(key)
            if key.endswith(MANIFEST_SUFFIX) and newest and newest.modified_at >= since:
                yield key

    def _newest(self, key: str) -> Version | None:
        return self._versions[key][-1] if key in self._versions and key not in self._gone else None

    def _seen(self, key: str) -> FileSeen | None:
        newest = self._newest(key)
        if newest is None:
            return None
        return FileSeen(
            etag=newest.etag,
            size=len(newest.body),
            modified_at=newest.modified_at,
            version_id=newest.version_id,
        )

    def _content(self, file: LoadedFile) -> bytes:
        newest = self._newest(file.key)
        named = [v for v in self._versions.get(file.key, ()) if v.version_id == file.version_id]
        for version in ([newest] if newest else []) + named:
            if version.etag == file.etag:
                return version.body
        raise DeliveryChangedError(f"{file.key} was replaced while it was read")


class FolderLedger:
    """`Ledger` on a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, path: Path) -> None:
        self._write(key, path.read_bytes())

    def get(self, key: str, target: Path) -> None:
        target.write_bytes(self._read(key))

    def cached(self, key: str) -> Path:
        self._read(key)
        return self._path(key)

    def put_json(self, key: str, value: Any) -> None:
        self._write(key, json.dumps(value, sort_keys=True, default=str).encode())

    def get_json(self, key: str) -> Any:
        return json.loads(self._read(key))

    def keys(self, prefix: str) -> Iterator[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        names = (path.relative_to(self._folder).as_posix().replace("~", "=") for path in files)
        yield from sorted(name for name in names if name.startswith(prefix))

    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        for key in self.keys(prefix):
            yield key, datetime.fromtimestamp(self._path(key).stat().st_mtime, UTC)

    def delete(self, keys: Iterable[str]) -> int:
        listed = list(keys)
        for key in listed:
            self._path(key).unlink(missing_ok=True)
        return len(listed)

    def _path(self, key: str) -> Path:
        """Without `=`: an engine takes folders named like `account=…` for columns."""
        return self._folder / key.replace("=", "~")

    def _write(self, key: str, content: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _read(self, key: str) -> bytes:
        path = self._path(key)
        if not path.is_file():
            raise NotFoundError(f"the ledger has no {key}")
        return path.read_bytes()


def _page(found: Sequence[Any], limit: int, cursor: str | None) -> Page:
    try:
        start = int(cursor or 0)
    except ValueError as error:
        raise InvalidError("the cursor is none of ours; start again without it") from error
    end = start + limit
    return Page(found[start:end], str(end) if end < len(found) else None)


class InMemoryLoads:
    """`Loads` in a dictionary."""

    def __init__(self) -> None:
        self._loads: dict[str, Load] = {}
        self._done: dict[str, set[int]] = {}

    def get(self, load_id: str) -> Load:
        found = self.find(load_id)
        if found is None:
            raise NotFoundError(f"there is no load {load_id}; finops loads lists them")
        return found

    def find(self, load_id: str) -> Load | None:
        return self._told(self._loads[load_id]) if load_id in self._loads else None

    def save(self, load: Load) -> Load:
        known = self._loads.get(load.load_id)
        if (known.version if known else 0) != load.version:
            raise ConflictError(f"load {load.load_id} was written by another run")
        saved = load.model_copy(update={"version": load.version + 1})
        self._loads[load.load_id] = saved
        return saved

    def add_done(self, load_id: str, item: int) -> None:
        self._done.setdefault(load_id, set()).add(item)

    def at_place(self, place: str) -> list[Load]:
        return [self._told(load) for load in self._newest_first() if load.place == place]

    def recent(self, limit: int, cursor: str | None = None) -> Page:
        return _page([self._told(load) for load in self._newest_first()], limit, cursor)

    def _newest_first(self) -> list[Load]:
        return sorted(self._loads.values(), key=lambda load: load.recorded_at, reverse=True)

    def _told(self, load: Load) -> Load:
        return load.model_copy(update={"items_done": len(self._done.get(load.load_id, ()))})


class InMemoryBills:
    """`Bills` in dictionaries: the bill that readers see, and each account's totals by load."""

    def __init__(self) -> None:
        self._bills: dict[tuple[str, str], Bill] = {}
        self._totals: dict[
            tuple[str, str], dict[tuple[str | None, str | None, str], AccountTotals]
        ] = {}

    def find(self, payer: str, period: str) -> Bill | None:
        return self._bills.get((payer, period))

    def in_period(self, period: str) -> list[Bill]:
        return [bill for of, bill in sorted(self._bills.items()) if of[1] == period]

    def all(self, limit: int, cursor: str | None = None) -> Page:
        newest_first = sorted(
            self._bills.values(), key=lambda bill: bill.billing_period, reverse=True
        )
        return _page(newest_first, limit, cursor)

    def publish(self, bills: Sequence[Bill]) -> None:
        if len(bills) > TRANSACTION:
            raise InvalidError(f"{len(bills)} bills are more than one step publishes")
        for bill in bills:
            known = self._bills.get(_of(bill))
            if (known.version if known else 0) != bill.version:
                raise ConflictError("another load published one of these bills first")
        for bill in bills:
            saved = bill.model_copy(update={"version": bill.version + 1})
            self._bills[_of(bill)] = saved

    def digests(self, bill: Bill) -> dict[tuple[str | None, str | None], str]:
        return {(t.account, t.currency): t.digest for t in self.account_totals(bill)}

    def account_totals(self, bill: Bill) -> list[AccountTotals]:
        return [totals for totals in self._in_force(bill).values() if totals.digest]

    def write_totals(self, payer: str, period: str, totals: Iterable[AccountTotals]) -> int:
        written = list(totals)
        kept = self._totals.setdefault((payer, period), {})
        kept.update({(t.account, t.currency, t.load_id): t for t in written})
        return len(written)

    def expire_totals(self, bill: Bill, spared: Collection[str]) -> int:
        in_force = {(*of, totals.load_id) for of, totals in self._in_force(bill).items()}
        kept = self._totals.get(_of(bill), {})
        old = [key for key in kept if key not in in_force and key[2] not in spared]
        for key in old:
            del kept[key]
        return len(old)

    def _in_force(self, bill: Bill) -> dict[tuple[str | None, str | None], AccountTotals]:
        newest: dict[tuple[str | None, str | None], AccountTotals] = {}
        for load_id in bill.lineage:  # the current one last
            for (account, currency, made_by), totals in self._totals.get(_of(bill), {}).items():
                if made_by == load_id:
                    newest[account, currency] = totals
        return newest


def _of(bill: Bill) -> tuple[str, str]:
    return bill.billing_account_id, bill.billing_period


class InMemoryRuns:
    """`Runs`: what was started, in order."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, manifest_key: str) -> str:
        self.started.append(manifest_key)
        return f"run-{len(self.started)}"


# The organisation ---------------------------------------------------------------------------------


class InMemoryRecords:
    """Entities by name, their audit chains and the receipts: a step writes all of it or nothing.

    *meanwhile* holds what somebody else does just before the next step is written.
    """

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}
        self.chains: dict[str, list[AuditRecord]] = {}
        self.receipts: dict[str, Receipt] = {}
        self.meanwhile: list[Callable[[], object]] = []

    def commit(self, saves: Mapping[str, Save], act: Act) -> list[Any]:
        """Each entity as it is saved."""
        self._let_others()
        for name, (before, _, _) in saves.items():
            known = self.states.get(name)
            if (known.version if known else 0) != (before.version if before else 0):
                raise ConflictError("somebody else was faster: read it again")
        self._must_be_open(saves.values())
        made = [
            record(name, save.before, save.after, act, save.deed) for name, save in saves.items()
        ]
        self._receive(act, made[0])
        saved = []
        for (name, save), one in zip(saves.items(), made, strict=True):
            self.chains.setdefault(name, []).append(one)
            self.states[name] = save.after.changed(version=one.sequence, head=one.hash)
            saved.append(self.states[name])
        return saved

    def note(self, made: AuditRecord, act: Act) -> None:
        self._let_others()
        chain = self.chains.setdefault(made.entity, [])
        if len(chain) >= made.sequence:
            raise ConflictError("somebody else was faster: read it again")
        self._receive(act, made)
        chain.append(made)

    def of_kind(self, prefix: str) -> list[Any]:
        """The entities whose names start so, by name."""
        return [self.states[name] for name in sorted(self.states) if name.startswith(prefix)]

    def __len__(self) -> int:
        """How much was ever written."""
        return sum(map(len, self.chains.values())) + len(self.receipts)

    def _must_be_open(self, saves: Iterable[Save]) -> None:
        """No card books anything in a month whose close has begun."""
        cards = [one for one in saves if isinstance(one.after, SpendCard)]
        for month in {month for one in cards for month in months_booked(one.before, one.after)}:
            close = self.states.get(f"month-close#{month}")
            if close is not None and close.is_frozen:
                raise ConflictError("somebody else was faster: read it again")

    def _let_others(self) -> None:
        others, self.meanwhile = self.meanwhile, []
        for do in others:
            do()

    def _receive(self, act: Act, made: AuditRecord) -> None:
        if act.receipt is None:
            return
        if act.receipt.key in self.receipts:
            raise ConflictError("somebody else was faster: read it again")
        told = act.receipt.model_copy(update={"entity": made.entity, "sequence": made.sequence})
        self.receipts[told.key] = told


class InMemoryPeople:
    """`People` in a dictionary."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def find(self, email: str) -> Person | None:
        return self._records.states.get(f"person#{email}")

    def all(self) -> Sequence[Person]:
        return self._records.of_kind("person#")

    def save(self, saves: Sequence[Save], act: Act) -> list[Person]:
        try:
            return self._records.commit({f"person#{one.after.email}": one for one in saves}, act)
        except ConflictError as error:
            current = self.find(saves[0].after.email) if len(saves) == 1 else None
            raise ConflictError(error.detail, current=current) from error


class InMemoryCharts:
    """`Charts` in dictionaries; *documents* are by their place."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records
        self.documents: dict[str, Chart] = {}

    def heads(self) -> Sequence[ChartHead]:
        return self._records.of_kind("chart#")[::-1]

    def head(self, year: int) -> ChartHead | None:
        return self._records.states.get(f"chart#{year}")

    def read(self, head: ChartHead) -> Chart:
        return self.documents[head.document]

    def write(self, chart: Chart, load_id: str) -> str:
        digest = hashlib.sha256(chart.model_dump_json().encode()).hexdigest()[:12]
        key = f"charts/{chart.year}/{load_id}-{digest}.json"
        self.documents[key] = chart
        return key

    def load(self, load_id: str) -> ChartLoad | None:
        return self._records.states.get(f"chart-load#{load_id}")

    def loads(self, year: int, limit: int, cursor: str | None = None) -> Page:
        found = [load for load in self._records.of_kind("chart-load#") if load.year == year]
        found.sort(key=lambda load: (load.loaded_at, load.load_id), reverse=True)
        return _page(found, limit, cursor)

    def publish(self, load: ChartLoad, head: Save | None, act: Act) -> ChartLoad:
        done = Deed(action=load.status.value, event=f"Chart{load.status.value}")
        saves = {f"chart-load#{load.load_id}": Save(None, load, done)}
        if head is not None:
            saves[f"chart#{head.after.year}"] = head
        saved: ChartLoad = self._records.commit(saves, act)[0]
        return saved


class InMemoryChartFiles:
    """`ChartFiles` over a versioned bucket."""

    def __init__(self) -> None:
        self._versions: dict[str, list[tuple[bytes, datetime]]] = {}

    def put(self, key: str, content: bytes | str, came_at: datetime | None = None) -> str:
        """A new version of *key*; its id."""
        raw = content.encode() if isinstance(content, str) else content
        self._versions.setdefault(key, []).append((raw, came_at or clock()))
        return f"v{len(self._versions[key])}"

    def remove(self, key: str) -> None:
        self._versions.pop(key, None)

    def keys(self) -> list[str]:
        return sorted(self._versions)

    def upload_link(self, upload_id: str, seconds: int) -> str:
        return f"https://bucket.example/drafts/{upload_id}?expires={seconds}"

    def uploaded(self, upload_id: str) -> UploadedFile | None:
        key = f"drafts/{upload_id}"
        return self.read(key, None) if key in self._versions else None

    def read(self, key: str, version: str | None) -> UploadedFile:
        known = self._versions.get(key, [])
        named = version or f"v{len(known)}"
        number = int(named.removeprefix("v"))
        if not 1 <= number <= len(known):
            raise NotFoundError(f"there is no {key} in the bucket any more")
        return UploadedFile(key, named, *known[number - 1])

    def download_link(self, key: str, version: str, name: str, seconds: int) -> str:
        return f"https://bucket.example/{key}?version={version}&name={name}&expires={seconds}"

    def keep(self, load_id: str, content: bytes) -> tuple[str, str]:
        key = f"files/{load_id}"
        return key, self.put(key, content)

    def write_report(self, load_id: str, report: Mapping[str, Any]) -> str:
        text = json.dumps(report, ensure_ascii=False)
        key = f"reports/{load_id}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
        self.put(key, text)
        return key

    def report(self, key: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.read(key, None).content)
        return told

    def write_beside(self, key: str, report: Mapping[str, Any]) -> None:
        self.put(f"{key}.report.json", json.dumps(report, ensure_ascii=False))


class InMemoryBudgets:
    """`Budgets` in a dictionary."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def find(self, product_id: str, year: int) -> Budget | None:
        return self._records.states.get(f"budget#{year}#{product_id}")

    def of_year(self, year: int) -> Mapping[str, Budget]:
        return {one.product_id: one for one in self._records.of_kind(f"budget#{year}#")}

    def save(self, before: Budget | None, after: Budget, deed: Deed, act: Act) -> Budget:
        name = f"budget#{after.year}#{after.product_id}"
        saved: Budget = self._commit(name, Save(before, after, deed), act)
        return saved

    def gate(self, portfolio: str) -> Gate | None:
        return self._records.states.get(f"gate#{portfolio}")

    def gates(self) -> Sequence[Gate]:
        return self._records.of_kind("gate#")

    def save_gate(self, before: Gate | None, after: Gate, deed: Deed, act: Act) -> Gate:
        saved: Gate = self._commit(f"gate#{after.portfolio}", Save(before, after, deed), act)
        return saved

    def _commit(self, name: str, save: Save, act: Act) -> Any:
        try:
            return self._records.commit({name: save}, act)[0]
        except ConflictError as error:
            current = self._records.states.get(name)
            raise ConflictError(error.detail, current=current) from error


class InMemoryAudit:
    """`Audit` over the chains of the records."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def chain(self, entity: str) -> Iterator[AuditRecord]:
        yield from self._records.chains.get(entity, ())

    def record(self, entity: str, sequence: int) -> AuditRecord | None:
        return next((one for one in self.chain(entity) if one.sequence == sequence), None)

    def in_month(
        self, month: str, limit: int, place: TrailPlace | None = None
    ) -> list[AuditRecord]:
        return self._listed(lambda one: f"{one.at:%Y-%m}" == month, limit, place)

    def of_actor(
        self, actor: str, limit: int, place: TrailPlace | None = None
    ) -> list[AuditRecord]:
        return self._listed(lambda one: one.actor == actor, limit, place)

    def note(self, entity: str, after: Mapping[str, Any], deed: Deed, act: Act) -> AuditRecord:
        while True:
            last = next(reversed(self._records.chains.get(entity, [])), None)
            made = sealed(
                entity,
                number=(last.sequence if last else 0) + 1,
                previous=last.hash if last else "",
                before=last.after if last else None,
                after=json.dumps(after, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
                act=act,
                deed=deed,
            )
            try:
                self._records.note(made, act)
            except ConflictError:
                if act.receipt is not None:
                    raise
                continue
            return made

    def _listed(
        self, is_wanted: Callable[[AuditRecord], bool], limit: int, place: TrailPlace | None
    ) -> list[AuditRecord]:
        """Newest first."""
        found = [
            one
            for chain in self._records.chains.values()
            for one in chain
            if is_wanted(one) and (place is None or kept_time(one.at) <= place.at)
        ]
        found.sort(key=lambda one: kept_time(one.at), reverse=True)
        passed = place.passed if place else 0
        return found[passed : passed + limit]


class InMemoryReceipts:
    """`Receipts` of the records."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def find(self, key: str) -> Receipt | None:
        return self._records.receipts.get(key)

    def take(self, key: str, kept: timedelta) -> bool:
        if key in self._records.receipts:
            return False
        self._records.receipts[key] = Receipt(key=key, fingerprint=key)
        return True

    def release(self, key: str) -> None:
        self._records.receipts.pop(key, None)


class InMemorySpending:
    """`Spending`: ticks by month of a year, by product and (without an owner) by currency."""

    def __init__(self) -> None:
        self.products: dict[str, Sequence[int]] = {}
        self.nobodys: dict[str | None, Sequence[int]] = {}
        self.others: dict[str | None, Sequence[int]] = {}

    def spent(self, months: Sequence[str]) -> Spent:
        state = repr((self.products, self.nobodys, self.others))
        return Spent(self.products, self.nobodys, self.others, state)


class InMemoryMails:
    """`Mails`: what was sent; none reaches an address that *bounces*."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.bounces: set[str] = set()

    def send(self, mail: Mail) -> None:
        if mail.to in self.bounces:
            raise RuntimeError(f"{mail.to} bounces")
        self.sent.append(mail)


class InMemoryNotices:
    """`Notices`: what was told, in order; nobody hears of the entities that are *lost*."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.lost: set[str] = set()

    def tell(self, events: Sequence[Notice]) -> list[int]:
        untold = [n for n, one in enumerate(events) if one.detail["entity"] in self.lost]
        self.told += [one for n, one in enumerate(events) if n not in untold]
        return untold


class InMemorySignIns:
    """`SignIns`: who may sign in, by the pool's name for them, and the invitations sent."""

    def __init__(self) -> None:
        self.allowed: dict[str, bool] = {}
        self.invited: list[str] = []

    def invite(self, email: str, *, again: bool) -> None:
        if email not in self.allowed or again:
            self.invited.append(email)
        self.allowed.setdefault(email, True)

    def allow(self, name: str) -> None:
        if name in self.allowed:
            self.allowed[name] = True

    def forbid(self, name: str) -> None:
        if name in self.allowed:
            self.allowed[name] = False


class InMemoryAccounts:
    """`Accounts` in a dictionary."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def find(self, account_id: str) -> Account | None:
        return self._records.states.get(f"account#{account_id}")

    def all(self) -> Sequence[Account]:
        return self._records.of_kind("account#")

    def save(self, saves: Sequence[Save], act: Act) -> list[Account]:
        try:
            named = {f"account#{one.after.account_id}": one for one in saves}
            return self._records.commit(named, act)
        except ConflictError as error:
            current = self.find(saves[0].after.account_id) if len(saves) == 1 else None
            raise ConflictError(error.detail, current=current) from error

    def check(self) -> AccountCheck | None:
        return self._records.states.get("account-check#organization")

    def save_check(
        self, before: AccountCheck | None, after: AccountCheck, deed: Deed, act: Act
    ) -> AccountCheck:
        name = "account-check#organization"
        try:
            saved: AccountCheck = self._records.commit({name: Save(before, after, deed)}, act)[0]
        except ConflictError as error:
            raise ConflictError(error.detail, current=self.check()) from error
        return saved


class InMemoryOrganizations:
    """`Organizations`: the organization of *payer*, by account; it may be away."""

    def __init__(self, payer: str = "999988887777") -> None:
        self.payer = payer
        self.listed: dict[str, Listed] = {}
        self.away = False
        self.asked = 0

    def put(self, account_id: str, name: str, **said: Any) -> None:
        """An account of the organization as it is from now on."""
        self.listed[account_id] = Listed(account_id=account_id, name=name, **said)

    def listing(self) -> Listing:
        self.asked += 1
        if self.away:
            raise ConnectionError("away")
        return Listing(payer=self.payer, accounts=tuple(self.listed.values()))
