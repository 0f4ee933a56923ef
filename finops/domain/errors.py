"""What can go wrong, said in the words of the field."""

from typing import Any


class FinOpsError(Exception):
    """Something the product was asked for and cannot do; its text says what and what to do."""

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members


class InvalidError(FinOpsError):
    """The request itself is wrong: a parameter, a file name, a value."""


class ForbiddenError(FinOpsError):
    """The caller may not do this."""


class NotFoundError(FinOpsError):
    """There is no such thing."""


class ConflictError(FinOpsError):
    """Somebody else was faster: what was read is no longer what is there."""


class RefusedError(FinOpsError):
    """A delivery that cannot become a bill; names the file, the row and the field."""


class DeliveryChangedError(FinOpsError):
    """A file was replaced while it was read; the delivery has to be looked at again."""


class VersionNeededError(FinOpsError):
    """A change must say which version it is made from."""


class UnansweredError(FinOpsError):
    """A source outside did not answer, for a reason that can be told: nothing is known from it."""
