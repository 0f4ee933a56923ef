"""What a request was answered, told again from the audit record that it made."""

import json
from collections.abc import Mapping
from typing import Any

from finops.domain.accounts import Account, AccountCheck
from finops.domain.audit import AuditRecord
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartLoad
from finops.domain.gates import Gate
from finops.domain.people import Person
from finops.domain.values import Entity
from finops.usecases.organisation_views import shown

MODELS: Mapping[str, type[Entity]] = {
    "person": Person,
    "budget": Budget,
    "gate": Gate,
    "chart-load": ChartLoad,
    "account": Account,
    "account-check": AccountCheck,
}


def told_again(record: AuditRecord) -> tuple[dict[str, Any], str | None]:
    """The body of the answer, and the ETag of what it shows."""
    model = MODELS.get(record.entity.partition("#")[0])
    if model is None:
        body: dict[str, Any] = json.loads(record.after)
        return body, None
    entity = model.model_validate_json(record.after).changed(version=record.sequence)
    return shown(entity), f'"{record.sequence}"'
