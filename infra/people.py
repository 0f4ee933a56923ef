"""People: their sign-ins follow what the product has on record of them."""

from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_events as events
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.notices import Notices
from infra.tables import FinOpsTable

FOLLOWED = ("PersonInvited", "PersonReminded", "PersonSuspended", "PersonRestored")


class People(Construct):
    """Who is invited gets a sign-in, who is suspended loses it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        pool: cognito.IUserPool,
        people: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.keep_sign_ins = FinOpsFunction(
            self,
            "keep_sign_ins",
            layers=layers.core,
            environment={
                "USER_POOL_ID": pool.user_pool_id,
                "PEOPLE_TABLE": people.table.table_name,
                # What it could write people with, had it the right to.
                "AUDIT_TABLE": audit.table.table_name,
                "REQUESTS_TABLE": requests.table.table_name,
            },
        )
        rights = self.keep_sign_ins.rights
        people.allow(rights, "GetItem")
        rights.allow(
            "KeepSignIns",
            "cognito-idp:AdminCreateUser",
            "cognito-idp:AdminDisableUser",
            "cognito-idp:AdminEnableUser",
            "cognito-idp:AdminGetUser",
            "cognito-idp:AdminUserGlobalSignOut",
            on=[pool.user_pool_arn],
        )
        OnEvent(
            self,
            "person_changed",
            door=self.keep_sign_ins,
            description="A sign-in follows the record of its person",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=list(FOLLOWED)),
            dead_letters=dead_letters,
        )
