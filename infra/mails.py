"""The right to send mails."""

from aws_cdk import Stack

from infra.rights import Rights
from infra.settings import Mail


def allow_mail(rights: Rights, mail: Mail, *, with_images: bool = False) -> None:
    """Send as the sender, whom SES knows by the address, or by its domain where that is ours.

    Nothing where there is none. A mail *with_images* is a raw message, which has an action of its own.
    """
    if mail.sender is None:
        return
    identities = [mail.sender]
    if not mail.make_identity:
        identities.append(mail.sender.partition("@")[2])
    stack = Stack.of(rights)
    actions = ["ses:SendEmail", *(["ses:SendRawEmail"] if with_images else [])]
    rights.allow(
        "SendMail",
        *actions,
        on=[
            stack.format_arn(service="ses", resource="identity", resource_name=name)
            for name in identities
        ],
        StringEquals={"ses:FromAddress": mail.sender},
    )
