"""Mails, by Amazon SES."""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from finops.usecases.ports import Mail


class SesMails:
    """`finops.usecases.ports.Mails`; a mail with images goes out as a message that holds them."""

    def __init__(self, client: Any, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, mail: Mail) -> None:
        self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [mail.to]},
            Content=self._whole(mail) if mail.images else _simple(mail),
        )

    def _whole(self, mail: Mail) -> dict[str, Any]:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, mail.subject
        message.set_content(mail.text, cte="quoted-printable")
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        *_, html = message.iter_parts()
        for name, png in mail.images.items():
            html.add_related(
                png, "image", "png", cid=f"<{name}>", filename=f"{name}.png", disposition="inline"
            )
        return {"Raw": {"Data": message.as_bytes()}}


def _simple(mail: Mail) -> dict[str, Any]:
    return {
        "Simple": {
            "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
            "Body": {
                "Html": {"Data": mail.html, "Charset": "UTF-8"},
                "Text": {"Data": mail.text, "Charset": "UTF-8"},
            },
        }
    }
