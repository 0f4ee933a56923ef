"""What goes out, on moto: events on the bus, sign-ins in the user pool, mails."""

import json
from collections.abc import Iterator
from email import message_from_string
from email.policy import default
from typing import Any

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from finops.adapters.cognito import CognitoSignIns
from finops.adapters.eventbridge import EventBridgeNotices
from finops.adapters.ses import SesMails
from finops.usecases.ports import Mail, Notice, SignIns
from tests.aws import REGION, client
from tests.fakes import InMemorySignIns
from tests.usecases.organisation import NOW

ADA = "ada@example.com"


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


# Notices ------------------------------------------------------------------------------------------


def _notice(number: int) -> Notice:
    return Notice("BudgetApproved", NOW, {"entity": f"budget#{number}", "reason": "Crédit"})


@pytest.fixture
def bus(aws: None) -> Any:
    """The address of a queue that hears all that is on the bus `notices`."""
    sqs, events = client("sqs"), client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.create_event_bus(Name="notices")
    pattern = json.dumps({"source": ["finops.center"]})
    events.put_rule(Name="all", EventBusName="notices", EventPattern=pattern)
    events.put_targets(
        Rule="all", EventBusName="notices", Targets=[{"Id": "1", "Arn": arn["QueueArn"]}]
    )
    return url


def _heard(url: str) -> list[Any]:
    heard: list[Any] = []
    while True:
        found = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        if not found.get("Messages"):
            return heard
        heard += [json.loads(one["Body"]) for one in found["Messages"]]
        for one in found["Messages"]:
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])


def test_all_of_many_events_are_told_with_when_they_happened(bus: str) -> None:
    untold = EventBridgeNotices(client("events"), "notices").tell([_notice(n) for n in range(23)])

    heard = _heard(bus)
    assert untold == []
    assert sorted(one["detail"]["entity"] for one in heard) == sorted(
        f"budget#{n}" for n in range(23)
    )
    assert {(one["detail-type"], one["source"]) for one in heard} == {
        ("BudgetApproved", "finops.center")
    }
    assert heard[0]["time"].startswith("2026-03-10T09:00:00")
    assert heard[0]["detail"]["reason"] == "Crédit"


def test_nothing_is_told_where_nothing_happened(bus: str) -> None:
    assert EventBridgeNotices(client("events"), "notices").tell([]) == []
    assert _heard(bus) == []


def test_what_did_not_go_out_is_numbered_over_all_calls() -> None:
    class Deaf:
        """A bus that takes no event of these entities."""

        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's
            assert len(Entries) <= 10
            deaf = {"budget#3", "budget#11", "budget#20"}
            return {
                "Entries": [
                    {"ErrorCode": "Throttled"}
                    if json.loads(one["Detail"])["entity"] in deaf
                    else {"EventId": "1"}
                    for one in Entries
                ]
            }

    untold = EventBridgeNotices(Deaf(), "notices").tell([_notice(n) for n in range(21)])

    assert untold == [3, 11, 20]


# Sign-ins -----------------------------------------------------------------------------------------


class Pool:
    """The port, and what its user pool says of somebody: None, or whether they may sign in."""

    def __init__(self, port: SignIns, pool: str | None) -> None:
        self.port = port
        self.pool = pool

    def state(self, email: str) -> bool | None:
        if isinstance(self.port, InMemorySignIns):
            return self.port.allowed.get(email)
        try:
            found = client("cognito-idp").admin_get_user(UserPoolId=self.pool, Username=email)
        except client("cognito-idp").exceptions.UserNotFoundException:
            return None
        return bool(found["Enabled"])


@pytest.fixture(params=["fake", "real"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "fake":
        yield Pool(InMemorySignIns(), None)
        return
    with mock_aws():
        made = client("cognito-idp").create_user_pool(
            PoolName="people", UsernameAttributes=["email"]
        )["UserPool"]["Id"]
        yield Pool(CognitoSignIns(client("cognito-idp"), made), made)


def test_who_is_invited_may_sign_in(pool: Pool) -> None:
    pool.port.invite(ADA, again=False)

    assert pool.state(ADA) is True


def test_an_invitation_that_comes_twice_is_one(pool: Pool) -> None:
    pool.port.invite(ADA, again=False)
    pool.port.invite(ADA, again=False)

    assert pool.state(ADA) is True
    if isinstance(pool.port, InMemorySignIns):
        assert pool.port.invited == [ADA]


def test_a_reminder_sends_it_again(pool: Pool) -> None:
    pool.port.invite(ADA, again=False)
    pool.port.invite(ADA, again=True)

    assert pool.state(ADA) is True
    if isinstance(pool.port, InMemorySignIns):
        assert pool.port.invited == [ADA, ADA]


def test_who_is_forbidden_is_out_until_they_are_allowed(pool: Pool) -> None:
    pool.port.invite(ADA, again=False)
    pool.port.forbid(ADA)
    pool.port.forbid(ADA)
    assert pool.state(ADA) is False

    pool.port.allow(ADA)
    assert pool.state(ADA) is True


def test_who_never_had_a_sign_in_needs_none_taken_away(pool: Pool) -> None:
    pool.port.forbid(ADA)

    assert pool.state(ADA) is None


@pytest.mark.parametrize("name", [ADA, "federated_ada", "3a1c-sub"])
def test_a_name_without_a_sign_in_is_allowed_nothing_and_invited_nowhere(
    pool: Pool, name: str
) -> None:
    """What the pool calls somebody is no address that a mail could go to."""
    pool.port.allow(name)

    assert pool.state(name) is None
    if isinstance(pool.port, InMemorySignIns):
        assert pool.port.invited == []


@pytest.mark.parametrize("pool", ["real"], indirect=True)
def test_the_address_of_an_invited_person_is_known_to_be_theirs(pool: Pool) -> None:
    pool.port.invite("ada+finops@example.com", again=False)
    found = client("cognito-idp").admin_get_user(
        UserPoolId=pool.pool, Username="ada+finops@example.com"
    )
    said = {one["Name"]: one["Value"] for one in found["UserAttributes"]}

    assert (said["email"], said["email_verified"]) == ("ada+finops@example.com", "true")


def test_who_has_signed_in_already_is_not_invited_again() -> None:
    asked: list[str] = []

    class ExistsError(Exception):
        """What Cognito says."""

    class Confirmed:
        """A pool in which everybody chose a password."""

        exceptions = type("Exceptions", (), {"UsernameExistsException": ExistsError})

        def admin_create_user(self, **said: Any) -> None:
            asked.append(said.get("MessageAction", "CREATE"))
            raise ExistsError

        def admin_get_user(self, **_: Any) -> dict[str, str]:
            return {"UserStatus": "CONFIRMED"}

    CognitoSignIns(Confirmed(), "pool").invite(ADA, again=True)

    assert asked == ["CREATE"]


# Mails --------------------------------------------------------------------------------------------


def test_a_mail_goes_to_one_person_as_html_and_as_text(aws: None) -> None:
    client("sesv2").create_email_identity(EmailIdentity="finops@example.com")

    SesMails(client("sesv2"), "finops@example.com").send(
        Mail(ADA, "Two steps — Crédit", "<p>Two</p>", "Two")
    )

    [sent] = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    assert sent.source == "finops@example.com"
    assert sent.destinations["ToAddresses"] == [ADA]
    assert sent.subject == "Two steps — Crédit"
    assert "<p>Two</p>" in sent.body


def test_a_mail_shows_its_images_where_it_names_them(aws: None) -> None:
    client("sesv2").create_email_identity(EmailIdentity="finops@example.com")
    html = '<p>Crédit</p><img src="cid:pace">'

    SesMails(client("sesv2"), "finops@example.com").send(
        Mail(ADA, "Two steps — Crédit", html, "Two", {"pace": b"\x89PNG"})
    )

    [sent] = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    message = message_from_string(sent.raw_data, policy=default)
    [picture] = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert message["Subject"] == "Two steps — Crédit"
    bodies = {
        part.get_content_type(): part.get_content().strip()
        for part in message.walk()
        if part.get_content_maintype() == "text"
    }
    assert bodies == {"text/plain": "Two", "text/html": html}
    assert picture["Content-ID"] == "<pace>"
    assert picture.get_content() == b"\x89PNG"
