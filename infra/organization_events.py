"""What AWS Organizations and Account Management say when accounts come, go or change."""

from typing import TypedDict


class Pattern(TypedDict):
    """Events as a rule names them."""

    source: list[str]
    detail_type: list[str]
    detail: dict[str, list[str]]


# Through CloudTrail, in the management account and us-east-1 only. What AWS does by itself is a
# service event: an account is created minutes after the call.
CHANGES: Pattern = {
    "source": ["aws.organizations", "aws.account"],
    "detail_type": ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"],
    "detail": {
        "eventName": [
            "AcceptHandshake",
            "AccountDepartedOrganization",
            "AccountJoinedOrganization",
            "CloseAccount",
            "CreateAccountResult",
            "CreateGovCloudAccountResult",
            "LeaveOrganization",
            "MoveAccount",
            "PutAccountName",
            "RemoveAccountFromOrganization",
            "TagResource",
            "UntagResource",
            "UpdateOrganizationalUnit",
        ]
    },
}
