"""What can go wrong on the way between a person's machine and the product."""

from finops.domain.errors import FinOpsError


class LoadError(FinOpsError):
    """A delivery did not become a bill."""


class DemoError(FinOpsError):
    """The demonstration does not show what it promises."""


class TamperedError(FinOpsError):
    """Records of the audit trail are not what was sealed."""
