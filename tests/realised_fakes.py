"""What savings have realised, in memory."""

import hashlib

from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.places import realised_savings
from finops.domain.realised_savings import RealisedHead, RealisedSavings


class InMemoryRealised:
    """`RealisedKept`."""

    def __init__(self) -> None:
        self.head: RealisedHead | None = None
        self.documents: dict[str, str] = {}

    def find(self) -> RealisedHead | None:
        return self.head

    def read(self, head: RealisedHead) -> RealisedSavings:
        if head.document not in self.documents:
            raise FinOpsError(f"{head.document} is not what was written there")
        return RealisedSavings.model_validate_json(self.documents[head.document])

    def write(self, measured: RealisedSavings) -> str:
        told = measured.model_dump_json()
        key = realised_savings(hashlib.sha256(told.encode()).hexdigest())
        self.documents[key] = told
        return key

    def publish(self, head: RealisedHead) -> None:
        if head.version != (self.head.version if self.head else 0):
            raise ConflictError("another measurement was published first")
        self.head = head.model_copy(update={"version": head.version + 1})
