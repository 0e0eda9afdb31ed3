"""What to type into a phone."""

import pytest

from app.domain.phone import PhoneSettings, settings_of

HOST = "sip3.cldpbx.com"


@pytest.mark.parametrize(
    ("number", "aor", "user", "server"),
    [
        ("05010000001", "05010000001", "05010000001", HOST),
        ("A100", "a100", "A100", HOST),
        ("05010000001", "reception", "reception", HOST),
        ("05010000001", "05010000001@tenant.example.jp", "05010000001", "tenant.example.jp"),
        ("05010000001", "reception@tenant.example.jp", "reception", "tenant.example.jp"),
    ],
)
def test_the_user_and_the_server(number: str, aor: str, user: str, server: str) -> None:
    assert settings_of(number, aor, HOST, 5060, "udp") == PhoneSettings(user, server, 5060, "udp")


def test_all_of_it_as_one_address() -> None:
    made = settings_of("05010000001", "05010000001", HOST, 5061, "tls")
    assert made.uri == "sip:05010000001@sip3.cldpbx.com:5061;transport=tls"
