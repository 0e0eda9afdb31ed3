"""What the environment must say, and what is told about it."""

import pytest

from app.config import Config, ConfigError

GOOD = {"SECRET_KEY": "x" * 32, "DATABASE_URL": "sqlite://", "REDIS_URL": "redis://127.0.0.1:1/0"}
MAIL = {"MAIL_URL": "smtp://user:geheim@mail.example.jp:587", "PUBLIC_URL": "https://portal.example.jp/"}


def test_mails_need_no_configuration_where_none_are_sent() -> None:
    config = Config.from_env(GOOD)
    assert (config.mail_url, config.mail_from, config.public_url) == ("", "", "")


def test_with_mails() -> None:
    config = Config.from_env(GOOD | MAIL)
    assert config.public_url == "https://portal.example.jp"
    assert config.mail_from == "no-reply@portal.example.jp"
    assert Config.from_env(GOOD | MAIL | {"MAIL_FROM": "support@example.jp"}).mail_from == "support@example.jp"


def test_no_secret_is_shown() -> None:
    assert "geheim" not in repr(Config.from_env(GOOD | MAIL))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"MAIL_URL": "mail.example.jp"}, "MAIL_URL"),
        ({"MAIL_URL": "smtp:///x"}, "MAIL_URL"),
        ({"MAIL_URL": "file://relative/path"}, "MAIL_URL"),
        ({"MAIL_URL": "http://x"}, "MAIL_URL"),
        ({"MAIL_URL": "smtp://x:99999"}, "MAIL_URL"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "portal.example.jp"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "javascript:x"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "https://x/?a=b"}, "PUBLIC_URL"),
        ({"MAIL_FROM": "nonsense"}, "MAIL_FROM"),
    ],
)
def test_nonsense_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        Config.from_env(GOOD | MAIL | changes)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("text", "days"), [(None, 90), ("1", 1), ("30", 30), ("3650", 3650)])
def test_how_long_changes_are_kept(text: str | None, days: int) -> None:
    assert Config.from_env(GOOD | ({"HISTORY_DAYS": text} if text else {})).history_days == days


@pytest.mark.parametrize("text", ["0", "-1", "x", "3651", "9" * 30, "1.5"])
def test_how_long_changes_can_not_be_kept(text: str) -> None:
    with pytest.raises(ConfigError, match="HISTORY_DAYS"):
        Config.from_env(GOOD | {"HISTORY_DAYS": text})
