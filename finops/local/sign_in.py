"""Signing in: the keyring of this machine's people, and the tokens that the API asks for."""

import json
import os
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from finops.domain.errors import FinOpsError
from finops.local.installation import Installation
from finops.local.local_aws import one_at_a_time

FINANCIAL_ADMIN = "financial.admin@example.com"
CLOUD_ENGINEER = "cloud.engineer@example.com"
# Who is there from the start, and their group in the pool: it gives them their role when they come.
FIRST_PEOPLE: Mapping[str, str] = {
    FINANCIAL_ADMIN: "financial_admin",
    CLOUD_ENGINEER: "cloud_engineer",
}
SYMBOLS = "-_.!*"


class SignInError(FinOpsError):
    """Somebody cannot sign in; says why."""


@dataclass(frozen=True)
class Person:
    """Who signs in. The password is shown to nobody who prints a person."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Person({self.username})"


def kept(folder: Path) -> Path:
    """The keyring of this machine's people: passwords by address, for its owner to read only."""
    return folder / "sign-ins.json"


def keyring(folder: Path) -> Mapping[str, str]:
    """Passwords by address, of all who may sign in to this machine's installation."""
    try:
        said: dict[str, str] = json.loads(kept(folder).read_text())
    except FileNotFoundError:
        return {}
    return said


def make_first_people(installation: Installation, folder: Path) -> None:
    """Who is there from the start: each with a password of their own, in the group of a role."""
    cognito = installation.client("cognito-idp")
    for email, group in FIRST_PEOPLE.items():
        user = {"UserPoolId": installation.user_pool_id, "Username": email}
        try:
            cognito.admin_create_user(
                **user,
                MessageAction="SUPPRESS",
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                ],
            )
        except cognito.exceptions.UsernameExistsException:
            is_new = False
        else:
            is_new = True
        if is_new or email not in keyring(folder):
            let_in(installation, folder, email)
        cognito.admin_add_user_to_group(**user, GroupName=group)


def let_in(installation: Installation, folder: Path, email: str) -> Person:
    """*email*, who has a sign-in, with a password that the keyring of *folder* holds.

    Raises SignInError for somebody without a sign-in.
    """
    with one_at_a_time(folder / "sign-ins.lock"):
        passwords = dict(keyring(folder))
        person = Person(email, passwords.get(email) or _password())
        cognito = installation.client("cognito-idp")
        try:
            cognito.admin_set_user_password(
                UserPoolId=installation.user_pool_id,
                Username=email,
                Password=person.password,
                Permanent=True,
            )
        except cognito.exceptions.UserNotFoundException as error:
            raise SignInError(
                f"{email} has no sign-in here: finops people invite makes one, within seconds"
            ) from error
        if email not in passwords:
            _keep({**passwords, email: person.password}, kept(folder))
    return person


def person_of(installation: Installation, who: str | None = None) -> Person:
    """Who signs in: *who*, else FINOPS_USERNAME, else this machine's financial admin.

    FINOPS_PASSWORD is the password of FINOPS_USERNAME. On this machine there is a keyring besides:
    whoever was invited is let in. Raises SignInError.
    """
    username, password = os.environ.get("FINOPS_USERNAME"), os.environ.get("FINOPS_PASSWORD")
    if username and password and who in (None, username):
        return Person(username, password)
    if installation.local is None:
        raise SignInError(
            f"nobody to sign in{f' as {who}' if who else ''}: set FINOPS_USERNAME and"
            " FINOPS_PASSWORD"
        )
    email, folder = (who or FINANCIAL_ADMIN).lower(), installation.local.folder
    known = keyring(folder).get(email)
    return Person(email, known) if known else let_in(installation, folder, email)


def token(installation: Installation, person: Person) -> str:
    """The ID token that the API asks for. Raises SignInError."""
    cognito: Any = installation.client("cognito-idp")
    try:
        answer = cognito.initiate_auth(
            ClientId=installation.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": person.username, "PASSWORD": person.password},
        )
    except ClientError as error:
        raise SignInError(f"{person.username}: {error.response['Error']['Message']}") from error
    if "AuthenticationResult" not in answer:
        raise SignInError(f"{person.username}: Cognito asks for {answer.get('ChallengeName')}")
    return str(answer["AuthenticationResult"]["IdToken"])


def _password() -> str:
    """Long, at random, with one of each class that the pool's policy asks for."""
    classes = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)
    drawn = [secrets.choice(each) for each in classes]
    drawn += [secrets.choice("".join(classes)) for _ in range(16)]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def _keep(passwords: Mapping[str, str], path: Path) -> None:
    # Made with its mode: at no moment may somebody else read it, nor anybody half of it.
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(f"{json.dumps(passwords, indent=2)}\n")
    new.replace(path)
