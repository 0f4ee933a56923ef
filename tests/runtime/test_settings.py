"""What a door is told about its place, and what it says when it was not told."""

from datetime import timedelta

import pytest

from finops.runtime import settings, wiring


def test_a_setting_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BILLING_BUCKET", raising=False)

    with pytest.raises(settings.MissingSettingError, match="BILLING_BUCKET is not set"):
        settings.text("BILLING_BUCKET")


def test_settings_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_DAYS", "3")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example  https://b.example")
    monkeypatch.delenv("WAIT_SECONDS", raising=False)

    assert settings.number("KEEP_DAYS", 7) == 3
    assert settings.seconds("WAIT_SECONDS", 60) == timedelta(minutes=1)
    assert settings.words("ALLOWED_ORIGINS") == ("https://a.example", "https://b.example")


def test_a_client_is_made_once_and_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(service: str, **_: object) -> object:
        made.append(service)
        return object()

    monkeypatch.setattr("boto3.client", make)
    monkeypatch.setenv("BILLING_BUCKET", "billing-bucket")
    for port in (wiring.client, wiring.deliveries):
        port.cache_clear()
    try:
        assert made == []
        assert wiring.deliveries() is wiring.deliveries()
        assert made == ["s3"]
    finally:
        for port in (wiring.client, wiring.deliveries):
            port.cache_clear()
