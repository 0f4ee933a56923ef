"""Tag scans: the tagging API asked for what costs nothing, daily and when somebody wants to know."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.notices import Notices
from infra.schedules import DailySchedule
from infra.settings import Settings


class TagScans(Construct):
    """`scan_tags` asks the regions that the settings name, in this account; of none, never."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        ledger: LedgerBucket,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.scan_tags = FinOpsFunction(
            self,
            "scan_tags",
            layers=layers.analytics,
            environment={
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "TAGGING_REGIONS": " ".join(settings.tagging_regions),
            },
            memory_mb=1024,
            timeout_seconds=900,
        )
        rights = self.scan_tags.rights
        ledger.allow_write(rights, "tags/")
        rights.allow(
            "ReadTags",
            "tag:GetResources",
            on=["*"],
            why="The list of tagged resources has no resource-level permissions.",
        )
        if not settings.tagging_regions:
            return
        DailySchedule(
            self,
            "scan_tags_daily",
            door=self.scan_tags,
            hour=4,
            minute=20,
            dead_letters=dead_letters,
        )
        OnEvent(
            self,
            "scan_asked",
            door=self.scan_tags,
            description="Somebody wants to know now which resources have tags",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=["TagScanAsked"]),
            dead_letters=dead_letters,
        )
