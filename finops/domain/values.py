"""Values and entities: what the domain is made of."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: its fields never change, and no other field is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entity(Frozen):
    """What is saved again and again: *version* counts its changes, *head* seals the newest one."""

    version: int = 0
    head: str = ""

    def changed(self, **fields: Any) -> Self:
        """This entity with some *fields* changed, not saved yet."""
        return self.model_copy(update=fields)
