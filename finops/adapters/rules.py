"""The table of the rules that say who pays; what is large is a document that a head names."""

import gc
import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from finops.adapters.items import attributes, items, values
from finops.adapters.records import Mirror, Put, Records, entity_of, put
from finops.domain.allocations import Rules
from finops.domain.audit import Act, Deed
from finops.domain.claim_rules import ClaimRules
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import ClassPolicies
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.places import quoted
from finops.domain.rule_documents import RulesHead
from finops.domain.shares import AccountShares
from finops.domain.values import Entity
from finops.domain.workloads import Workload
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import RulesNow, Save, SettingsKept

SHARES, POLICIES, CLAIMS, RULES, WORKLOAD = (
    "shares",
    "class-policies",
    "claims",
    "claim-rules",
    "workload",
)
ALL = "all"  # what the one list of claim rules is known by
DOCUMENTS = "rules"  # the prefix in the ledger's bucket
READERS = 16

E = TypeVar("E", bound=Entity)
D = TypeVar("D", AccountClaims, ClaimRules)


class Kind(Generic[E]):
    """The entities of one kind in a table of (pk, sk): all of a kind are one partition.

    *of* is the field that an entity is known by.
    """

    def __init__(self, records: Records, table: str, model: type[E], kind: str, of: str) -> None:
        self._records, self._client, self._table = records, records.client, table
        self._model, self._kind, self._of = model, kind, of
        self._mirror = Mirror(partial(entity_of, model), self._changed, key="sk")

    def find(self, id_: str) -> E | None:
        """As it is now."""
        item = self._client.get_item(
            TableName=self._table, Key=attributes(self._key(id_)), ConsistentRead=True
        ).get("Item")
        return entity_of(self._model, values(item)) if item else None

    def all(self) -> Mapping[str, E]:
        """At most a moment behind."""
        return self._mirror.look()

    def now(self) -> dict[str, E]:
        """All, as they are now."""
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=attributes({":pk": self._kind}),
            ConsistentRead=True,
        )
        return {item["sk"]: entity_of(self._model, item) for item in found}

    def save(self, saves: Sequence[Save], act: Act) -> list[E]:
        """All in one step; ConflictError with `current`, where it is one."""
        puts, saved = self.prepared(saves, act)
        try:
            self._records.commit(puts, act)
        except ConflictError as error:
            current = self.find(self._id(saved[0])) if len(saved) == 1 else None
            raise ConflictError(error.detail, current=current) from error
        self.remember(saved)
        return saved

    def prepared(self, saves: Sequence[Save], act: Act) -> tuple[list[Put], list[E]]:
        """What a step that writes more than these puts for them, and what to `remember` then."""
        puts, saved = [], []
        for one in saves:
            id_ = self._id(one.after)
            item = {**self._key(id_), "kind": self._kind}
            made, after = put(self._table, f"{self._kind}#{id_}", one, act, item)
            puts.append(made)
            saved.append(after)
        return puts, saved

    def remember(self, saved: Iterable[E]) -> None:
        """What was just written."""
        for one in saved:
            self._mirror.put(self._id(one), one)

    def _id(self, one: Entity) -> str:
        return str(getattr(one, self._of))

    def _key(self, id_: str) -> dict[str, str]:
        return {"pk": self._kind, "sk": id_}

    def _changed(self, since: str) -> Iterator[dict[str, Any]]:
        return items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind AND changed_at > :since",
            ExpressionAttributeValues=attributes({":kind": self._kind, ":since": since or "0"}),
        )


class Documents(Generic[D]):
    """Documents of rules in the ledger's bucket. None ever changes, so each is read once."""

    def __init__(self, s3: Any, bucket: str, model: type[D]) -> None:
        self._s3, self._bucket = s3, bucket
        self._model: type[D] = model
        self._known: dict[str, tuple[str, D]] = {}

    def read(self, head: RulesHead) -> D:
        """Raises FinOpsError where it is not what the head says."""
        known = self._known.get(head.of)
        if known is None or known[0] != head.document:
            body = self._s3.get_object(Bucket=self._bucket, Key=head.document)["Body"].read()
            raw = gzip.decompress(body)
            if hashlib.sha256(raw).hexdigest() != head.digest:
                raise FinOpsError(f"{head.document} is not what was written there")
            with _uncollected():
                read = self._model.model_validate_json(raw)
            known = self._known[head.of] = (head.document, read)
        return known[1].model_copy(update={"version": head.version, "head": head.head})

    def write(self, kind: str, of: str, value: D) -> tuple[str, str]:
        """Where it is now, and its digest; nobody sees it before a head names it."""
        raw = value.model_dump_json(exclude={"version", "head"}).encode()
        digest = hashlib.sha256(raw).hexdigest()
        key = f"{DOCUMENTS}/{kind}/{quoted(of)}/{digest}.json.gz"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=gzip.compress(raw, mtime=0))
        self._known[of] = (key, value)
        return key, digest


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without a look for garbage: where 100,000 objects are made that all stay, the collector walks
    them again and again, which takes twice as long as making them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class S3Claims:
    """`finops.usecases.ports.Claims`."""

    def __init__(self, records: Records, table: str, s3: Any, bucket: str) -> None:
        self._heads = Kind(records, table, RulesHead, CLAIMS, "of")
        self._documents = Documents(s3, bucket, AccountClaims)

    def heads(self) -> Mapping[str, RulesHead]:
        return self._heads.all()

    def find(self, account_id: str) -> AccountClaims:
        head = self._heads.find(account_id)
        return self.read(head) if head else AccountClaims(account_id=account_id)

    def read(self, head: RulesHead) -> AccountClaims:
        return self._documents.read(head)

    def save(self, before: AccountClaims, after: AccountClaims, deed: Deed, act: Act) -> RulesHead:
        return self._heads.save([self._head(before, after, deed, act)], act)[0]

    def prepared(self, saves: Sequence[Save], act: Act) -> tuple[list[Put], list[RulesHead]]:
        """What a step that writes more than these claims puts for them, and what to `remember` then."""
        heads = [self._head(one.before or one.after, one.after, one.deed, act) for one in saves]
        return self._heads.prepared(heads, act)

    def remember(self, saved: Iterable[RulesHead]) -> None:
        """What was just written."""
        self._heads.remember(saved)

    def _head(self, before: Entity, after: AccountClaims, deed: Deed, act: Act) -> Save:
        """What is saved of claims, once they are written."""
        number = len(after.claims)
        written = self._documents.write(CLAIMS, after.account_id, after)
        return _head(self._heads, after.account_id, before, written, number, deed, act)

    def now(self) -> dict[str, RulesHead]:
        """All heads, as they are now."""
        return self._heads.now()


class S3ClaimRuleBook:
    """`finops.usecases.ports.ClaimRuleBook`."""

    def __init__(self, records: Records, table: str, s3: Any, bucket: str) -> None:
        self._heads = Kind(records, table, RulesHead, RULES, "of")
        self._documents = Documents(s3, bucket, ClaimRules)

    def find(self) -> ClaimRules:
        head = self._heads.find(ALL)
        return self._documents.read(head) if head else ClaimRules()

    def save(self, before: ClaimRules, after: ClaimRules, deed: Deed, act: Act) -> RulesHead:
        written = self._documents.write(RULES, ALL, after)
        head = _head(self._heads, ALL, before, written, len(after.rules), deed, act)
        return self._heads.save([head], act)[0]

    def heads(self) -> Mapping[str, RulesHead]:
        """The one head, or none; at most a moment behind."""
        return self._heads.all()


def _head(
    heads: Kind[RulesHead],
    of: str,
    before: Entity,
    written: tuple[str, str],
    number: int,
    deed: Deed,
    act: Act,
) -> Save:
    """The head of what was *written*, over the version that *before* was read as."""
    current = heads.find(of)
    if (current.version if current else 0) != before.version:
        raise ConflictError("somebody else was faster: read it again", current=current)
    document, digest = written
    fields = {"document": document, "digest": digest, "number": number, "changed_at": act.at}
    after = current.changed(**fields) if current else RulesHead(of=of, **fields)
    return Save(current, after, deed)


class DynamoRulebook:
    """`finops.usecases.ports.Rulebook`: the rules of one table, read together, and by which spellings
    of tags claim rules are read, which the settings say.
    """

    def __init__(
        self,
        shares: Kind[AccountShares],
        policies: Kind[ClassPolicies],
        claims: S3Claims,
        claim_rules: S3ClaimRuleBook,
        settings: SettingsKept,
    ) -> None:
        self._shares, self._policies = shares, policies
        self._claims, self._claim_rules = claims, claim_rules
        self._settings = settings

    def now(self) -> RulesNow:
        chosen = in_force(self._settings)
        shares, policies, heads = self._shares.now(), self._policies.now(), self._claims.now()
        claim_rules = self._claim_rules.find()
        with ThreadPoolExecutor(READERS) as pool:
            claims = dict(zip(heads, pool.map(self._claims.read, heads.values()), strict=True))
        versions = (*shares.values(), *policies.values(), *heads.values(), claim_rules)
        return RulesNow(
            Rules(
                shares=shares,
                claims=claims,
                claim_rules=claim_rules,
                policies=policies,
                aliases=chosen.tags.aliases,
            ),
            sum(one.version for one in versions) + chosen.alias_changes,
        )

    def revision(self) -> int:
        kinds = (self._shares.all(), self._policies.all(), self._claims.heads())
        heads = self._claim_rules.heads()
        changes = sum(one.version for kind in (*kinds, heads) for one in kind.values())
        return changes + in_force(self._settings).alias_changes


dynamo_shares = partial(Kind, model=AccountShares, kind=SHARES, of="account_id")
dynamo_policies = partial(Kind, model=ClassPolicies, kind=POLICIES, of="payer")
dynamo_claim_heads = partial(Kind, model=RulesHead, kind=CLAIMS, of="of")
dynamo_claim_rule_heads = partial(Kind, model=RulesHead, kind=RULES, of="of")
dynamo_workloads = partial(Kind, model=Workload, kind=WORKLOAD, of="workload_id")
