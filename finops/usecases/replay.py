"""What a request was answered, told again from the audit record that it made."""

import json
from collections.abc import Mapping
from typing import Any

from finops.domain.accounts import Account, AccountCheck
from finops.domain.alerts import Alert
from finops.domain.audit import AuditRecord
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartLoad
from finops.domain.class_policies import ClassPolicies
from finops.domain.credits import Credit
from finops.domain.delegations import Delegation
from finops.domain.discounts import PriceBook
from finops.domain.gates import Gate
from finops.domain.month_closes import MonthClose
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person
from finops.domain.rule_documents import RulesHead
from finops.domain.savings import Saving
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import SpendCard
from finops.domain.values import Entity
from finops.domain.workloads import Workload
from finops.usecases.claims_views import claims_head
from finops.usecases.organisation_views import shown

MODELS: Mapping[str, type[Entity]] = {
    "person": Person,
    "budget": Budget,
    "gate": Gate,
    "chart-load": ChartLoad,
    "account": Account,
    "account-check": AccountCheck,
    "shares": AccountShares,
    "class-policies": ClassPolicies,
    "claim-rules": RulesHead,
    "claims": RulesHead,
    "workload": Workload,
    "credit": Credit,
    "price-book": PriceBook,
    "spend-card": SpendCard,
    "month-close": MonthClose,
    "delegation": Delegation,
    "alert": Alert,
    "settings": OrganisationSettings,
    "saving": Saving,
}


def told_again(record: AuditRecord) -> tuple[dict[str, Any], str | None]:
    """The body of the answer, and the ETag of what it shows."""
    kind = record.entity.partition("#")[0]
    model = MODELS.get(kind)
    if model is None:
        body: dict[str, Any] = json.loads(record.after)
        return body, None
    entity: Any = model.model_validate_json(record.after).changed(version=record.sequence)
    view = claims_head if kind == "claims" else shown
    return view(entity), f'"{record.sequence}"'
