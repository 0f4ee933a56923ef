"""Mails, by Amazon SES."""

from typing import Any

from finops.usecases.ports import Mail


class SesMails:
    """`finops.usecases.ports.Mails`."""

    def __init__(self, client: Any, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, mail: Mail) -> None:
        self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [mail.to]},
            Content={
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Html": {"Data": mail.html, "Charset": "UTF-8"},
                        "Text": {"Data": mail.text, "Charset": "UTF-8"},
                    },
                }
            },
        )
