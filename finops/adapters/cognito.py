"""The user pool: sign-ins follow the records of people."""

from contextlib import suppress
from typing import Any


class CognitoSignIns:
    """`finops.usecases.ports.SignIns`; each call may come again."""

    def __init__(self, client: Any, pool: str) -> None:
        self._client = client
        self._pool = pool

    def invite(self, email: str, *, again: bool) -> None:
        attributes = [
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
        ]
        try:
            self._client.admin_create_user(
                UserPoolId=self._pool,
                Username=email,
                UserAttributes=attributes,
                DesiredDeliveryMediums=["EMAIL"],
            )
        except self._client.exceptions.UsernameExistsException:
            if again:
                self._send_again(email)

    def allow(self, name: str) -> None:
        # Who never had a sign-in of this name has nothing to be given back.
        with suppress(self._client.exceptions.UserNotFoundException):
            self._client.admin_enable_user(UserPoolId=self._pool, Username=name)

    def forbid(self, name: str) -> None:
        with suppress(self._client.exceptions.UserNotFoundException):
            self._client.admin_disable_user(UserPoolId=self._pool, Username=name)
            self._client.admin_user_global_sign_out(UserPoolId=self._pool, Username=name)

    def _send_again(self, email: str) -> None:
        found = self._client.admin_get_user(UserPoolId=self._pool, Username=email)
        if found["UserStatus"] == "FORCE_CHANGE_PASSWORD":
            self._client.admin_create_user(
                UserPoolId=self._pool,
                Username=email,
                MessageAction="RESEND",
                DesiredDeliveryMediums=["EMAIL"],
            )
