"""Signing in: the person this machine's installation comes with, and their token."""

import json
import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from finops.domain.errors import FinOpsError
from finops.local.installation import Installation

USERNAME = "financial.admin@example.com"
ROLE = "financial_admin"
SYMBOLS = "-_.!*"


class SignInError(FinOpsError):
    """Cognito did not let this person in; says why."""


@dataclass(frozen=True)
class Person:
    """Who signs in. The password is shown to nobody who prints a person."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Person({self.username})"


def kept(folder: Path) -> Path:
    """The file with this machine's sign-in; only its owner may read it."""
    return folder / "sign-in.json"


def local_person(folder: Path) -> Person | None:
    """Who may sign in to this machine's installation, once `finops local up` made them."""
    try:
        said = json.loads(kept(folder).read_text())
    except FileNotFoundError:
        return None
    return Person(said["username"], said["password"])


def make_local_person(installation: Installation, folder: Path) -> Person:
    """A financial admin with a password of their own, made once and kept in *folder*."""
    person = local_person(folder)
    if person is None:
        person = Person(USERNAME, _password())
        _keep(person, kept(folder))
    cognito = installation.client("cognito-idp")
    user = {"UserPoolId": installation.user_pool_id, "Username": person.username}
    try:
        cognito.admin_create_user(
            **user,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": person.username},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    except cognito.exceptions.UsernameExistsException:
        pass
    else:
        cognito.admin_set_user_password(**user, Password=person.password, Permanent=True)
    cognito.admin_add_user_to_group(**user, GroupName=ROLE)
    return person


def person_of(installation: Installation) -> Person:
    """Who signs in: FINOPS_USERNAME and FINOPS_PASSWORD, else this machine's own person."""
    username, password = os.environ.get("FINOPS_USERNAME"), os.environ.get("FINOPS_PASSWORD")
    if username and password:
        return Person(username, password)
    person = local_person(installation.local.folder) if installation.local else None
    if person is None:
        raise SignInError("nobody to sign in: set FINOPS_USERNAME and FINOPS_PASSWORD")
    return person


def token(installation: Installation, person: Person) -> str:
    """The ID token that the API asks for. Raises SignInError."""
    cognito = installation.client("cognito-idp")
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


def _keep(person: Person, path: Path) -> None:
    words = json.dumps({"username": person.username, "password": person.password}, indent=2)
    # Made with its mode: at no moment may somebody else read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(f"{words}\n")
