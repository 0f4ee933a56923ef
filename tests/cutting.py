"""Spend cubes cut from end to end through the use cases, for tests of what asks them."""

from datetime import timedelta
from pathlib import Path

from finops.domain.audit import Act, Deed
from finops.domain.tag_settings import TagSettings
from finops.ledger.engine import connect
from finops.usecases.cut_cubes import Item, Planned, Published, cut_cube, plan_cubes, publish_cubes
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Save
from finops.usecases.spend_cubes import LedgerSpendCubes
from tests.allocating import AT, BY, Allocating
from tests.cube_fakes import InMemoryCubeHeads

TEAM = "user:Team"
BY_TEAM = TagSettings(report_keys=(TEAM,))


class Cutting(Allocating):
    """All ports that a cube is cut and asked with, on fakes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.heads = InMemoryCubeHeads()

    @property
    def cubes(self) -> LedgerSpendCubes:
        ledger, limits = self.house.ledger, self.house.limits
        return LedgerSpendCubes(
            self.heads, self.house.bills, self.allocations, ledger, lambda: connect(limits)
        )

    def tell_by(self, tags: TagSettings) -> None:
        """From now on spend is told by these."""
        kept = self.organisation.settings_kept
        known = in_force(kept)
        after = known.model_copy(update={"tags": tags})
        act = Act(actor=BY, at=AT, request_id="request-1")
        kept.save([Save(known if known.version else None, after, Deed(action="SetTags"))], act)

    def plan_cubes(self, *of: str) -> Planned:
        payer, period = of or (None, None)
        return plan_cubes(
            payer,
            period,
            bills=self.house.bills,
            allocations=self.allocations,
            heads=self.heads,
            settings=self.organisation.settings_kept,
            ledger=self.house.ledger,
            bucket="ledger",
        )

    def cut_items(self, planned: Planned) -> int:
        """Each share of the accounts; the number of rows."""
        items = [Item(**item) for item in self.house.ledger.get_json(planned.items_key)]
        return sum(
            cut_cube(item, ledger=self.house.ledger, limits=self.house.limits) for item in items
        )

    def publish_cubes(self, planned: Planned) -> Published:
        return publish_cubes(
            planned,
            now=self.now + timedelta(minutes=5),
            allocations=self.allocations,
            heads=self.heads,
            settings=self.organisation.settings_kept,
            ledger=self.house.ledger,
        )

    def cut(self, *of: str) -> Published | None:
        """The whole of `cut_cubes`; None where there is nothing to do."""
        planned = self.plan_cubes(*of)
        if planned.status == "Unchanged":
            return None
        self.cut_items(planned)
        return self.publish_cubes(planned)
