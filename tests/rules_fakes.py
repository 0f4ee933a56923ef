"""The ports of who pays, in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from finops.domain.allocations import Rules
from finops.domain.audit import Act, Deed
from finops.domain.claim_rules import ClaimRules
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import ClassPolicies
from finops.domain.errors import ConflictError
from finops.domain.rule_documents import RulesHead
from finops.domain.shares import AccountShares
from finops.domain.values import Entity
from finops.domain.workloads import Workload
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import RulesNow, Save, SettingsKept
from tests.fakes import InMemoryRecords

E = TypeVar("E", bound=Entity)
ALL = "all"


class InMemoryKind(Generic[E]):
    """`Shares`, `Policies` or `Workloads`: the entities of one *kind*, known by the field *of*."""

    def __init__(self, records: InMemoryRecords, kind: str, of: str) -> None:
        self._records, self._kind, self._of = records, kind, of

    def find(self, id_: str) -> E | None:
        return self._records.states.get(f"{self._kind}#{id_}")

    def all(self) -> Mapping[str, E]:
        return {getattr(one, self._of): one for one in self._records.of_kind(f"{self._kind}#")}

    def save(self, saves: Sequence[Save], act: Act) -> list[E]:
        named = {f"{self._kind}#{getattr(one.after, self._of)}": one for one in saves}
        try:
            return self._records.commit(named, act)
        except ConflictError as error:
            current = self._records.states.get(next(iter(named))) if len(saves) == 1 else None
            raise ConflictError(error.detail, current=current) from error


def in_memory_shares(records: InMemoryRecords) -> InMemoryKind[AccountShares]:
    return InMemoryKind(records, "shares", "account_id")


def in_memory_policies(records: InMemoryRecords) -> InMemoryKind[ClassPolicies]:
    return InMemoryKind(records, "class-policies", "payer")


def in_memory_heads(records: InMemoryRecords, kind: str) -> InMemoryKind[RulesHead]:
    return InMemoryKind(records, kind, "of")


def in_memory_workloads(records: InMemoryRecords) -> InMemoryKind[Workload]:
    return InMemoryKind(records, "workload", "workload_id")


class _Heads:
    """Heads of one kind, and the documents they name."""

    def __init__(self, records: InMemoryRecords, kind: str) -> None:
        self.heads = in_memory_heads(records, kind)
        self.documents: dict[str, Any] = {}
        self._kind = kind

    def read(self, head: RulesHead) -> Any:
        return self.documents[head.document].changed(version=head.version, head=head.head)

    def save(
        self, of: str, before: Entity, after: Entity, number: int, deed: Deed, act: Act
    ) -> RulesHead:
        return self.heads.save([self.saving(of, before, after, number, deed, act)], act)[0]

    def saving(
        self, of: str, before: Entity, after: Entity, number: int, deed: Deed, act: Act
    ) -> Save:
        current = self.heads.find(of)
        if (current.version if current else 0) != before.version:
            raise ConflictError("somebody else was faster: read it again", current=current)
        raw = after.model_dump_json(exclude={"version", "head"})
        digest = hashlib.sha256(raw.encode()).hexdigest()
        key = f"rules/{self._kind}/{of}/{digest}.json.gz"
        self.documents[key] = after
        fields = {"document": key, "digest": digest, "number": number, "changed_at": act.at}
        head = current.changed(**fields) if current else RulesHead(of=of, **fields)
        return Save(current, head, deed)


class InMemoryClaims:
    """`Claims` in dictionaries."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._heads = _Heads(records, "claims")

    def heads(self) -> Mapping[str, RulesHead]:
        return self._heads.heads.all()

    def find(self, account_id: str) -> AccountClaims:
        head = self._heads.heads.find(account_id)
        return self.read(head) if head else AccountClaims(account_id=account_id)

    def read(self, head: RulesHead) -> AccountClaims:
        found: AccountClaims = self._heads.read(head)
        return found

    def save(self, before: AccountClaims, after: AccountClaims, deed: Deed, act: Act) -> RulesHead:
        return self._heads.save(after.account_id, before, after, len(after.claims), deed, act)

    def saving(self, before: AccountClaims, one: Save, act: Act) -> Save:
        """The head of what *one* saves."""
        after, number = one.after, len(one.after.claims)
        return self._heads.saving(after.account_id, before, after, number, one.deed, act)


class InMemoryClaimRuleBook:
    """`ClaimRuleBook` in dictionaries."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._heads = _Heads(records, "claim-rules")

    def find(self) -> ClaimRules:
        head = self._heads.heads.find(ALL)
        return self._heads.read(head) if head else ClaimRules()

    def save(self, before: ClaimRules, after: ClaimRules, deed: Deed, act: Act) -> RulesHead:
        return self._heads.save(ALL, before, after, len(after.rules), deed, act)

    def heads(self) -> Mapping[str, RulesHead]:
        return self._heads.heads.all()


class InMemoryRulebook:
    """`Rulebook` over the other ports."""

    def __init__(
        self,
        shares: InMemoryKind[AccountShares],
        policies: InMemoryKind[ClassPolicies],
        claims: InMemoryClaims,
        claim_rules: InMemoryClaimRuleBook,
        settings: SettingsKept,
    ) -> None:
        self._shares, self._policies = shares, policies
        self._claims, self._claim_rules = claims, claim_rules
        self._settings = settings

    def now(self) -> RulesNow:
        claims = {of: self._claims.read(head) for of, head in self._claims.heads().items()}
        rules = Rules(
            shares=self._shares.all(),
            claims=claims,
            claim_rules=self._claim_rules.find(),
            policies=self._policies.all(),
            aliases=in_force(self._settings).tags.aliases,
        )
        return RulesNow(rules, self.revision())

    def revision(self) -> int:
        kinds: tuple[Mapping[str, Entity], ...] = (
            *(self._shares.all(), self._policies.all()),
            *(self._claims.heads(), self._claim_rules.heads()),
        )
        changes = sum(one.version for kind in kinds for one in kind.values())
        return changes + in_force(self._settings).alias_changes
