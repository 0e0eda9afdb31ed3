"""Digest authentication: both sides agree, and nothing else passes."""

from hypothesis import given
from hypothesis import strategies as st

from demo.registrar.digest import NONCE_LIFETIME, Authenticator, Nonces, Outcome, answer, parse_digest, response

NOW = 1_795_414_721.0
NONCES = Nonces(b"k" * 32)
USERS = {"alice": "right", "bob": "other"}
DOOR = Authenticator("example.jp", USERS, NONCES)


def credentials(password: str = "right", *, user: str = "alice", challenge: str | None = None, at: float = NOW) -> str:
    asked = DOOR.challenge(at, stale=False) if challenge is None else challenge
    given_back = answer(asked, user=user, password=password, method="REGISTER", uri="sip:example.jp", cnonce="c")
    assert given_back is not None
    return given_back


def judge(authorization: str, to_user: str = "alice", now: float = NOW) -> Outcome:
    return DOOR.judge("REGISTER", [authorization], to_user, now).outcome


def test_the_example_of_rfc_2617() -> None:
    given_there = {
        "username": "Mufasa",
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "uri": "/dir/index.html",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "0a4f113b",
    }
    assert response(given_there, "Circle Of Life", "GET") == "6629fae49393a05397450978507c4ef1"


def test_the_right_password_passes() -> None:
    assert judge(credentials()) is Outcome.OK
    assert judge(credentials(), to_user="ALICE") is Outcome.OK


def test_a_challenge_without_qop_is_answered_too() -> None:
    old = f'Digest realm="example.jp", nonce="{NONCES.issue(NOW)}"'
    assert "cnonce" not in credentials(challenge=old)
    assert judge(credentials(challenge=old)) is Outcome.OK


def test_failures_are_told_apart() -> None:
    assert judge(credentials("wrong")) is Outcome.WRONG_PASSWORD
    assert judge(credentials(user="mallory")) is Outcome.UNKNOWN_USER
    assert judge(credentials("other", user="bob")) is Outcome.USER_MISMATCH
    assert judge(credentials().replace('nonce="', 'nonce="AAAA')) is Outcome.ERROR
    assert judge(credentials().replace("REGISTER", "x").replace("algorithm=MD5", "algorithm=SHA-256")) is (
        Outcome.WRONG_PASSWORD
    )
    assert DOOR.judge("INVITE", [credentials()], "alice", NOW).outcome is Outcome.WRONG_PASSWORD


def test_credentials_of_another_realm_are_none() -> None:
    assert judge(credentials().replace("example.jp", "example.com", 1)) is Outcome.NO_CREDENTIALS
    assert DOOR.judge("REGISTER", [], "alice", NOW).outcome is Outcome.NO_CREDENTIALS
    assert DOOR.judge("REGISTER", ["Basic x", credentials()], "alice", NOW).outcome is Outcome.OK


def test_an_old_nonce_is_stale_and_no_failure() -> None:
    given_back = credentials()
    assert judge(given_back, now=NOW + NONCE_LIFETIME) is Outcome.OK
    assert judge(given_back, now=NOW + NONCE_LIFETIME + 1) is Outcome.STALE
    assert DOOR.challenge(NOW, stale=True).endswith("stale=true")


def test_a_nonce_of_another_registrar_is_foreign() -> None:
    assert Nonces(b"x" * 32).judge(NONCES.issue(NOW), NOW) is Outcome.ERROR


def test_what_cannot_be_met_is_not_answered() -> None:
    for challenge in ("Basic realm=x", 'Digest realm="x"', 'Digest realm="x", nonce="n", algorithm=SHA-256', ""):
        assert answer(challenge, user="a", password="b", method="REGISTER", uri="sip:x", cnonce="c") is None


@given(st.text(max_size=80))
def test_no_header_breaks_the_door(header: str) -> None:
    assert DOOR.judge("REGISTER", [header, "Digest " + header], "alice", NOW).outcome is not Outcome.OK
    assert isinstance(parse_digest("Digest " + header), dict)


@given(st.text(max_size=40))
def test_no_text_passes_for_a_nonce(nonce: str) -> None:
    assert NONCES.judge(nonce, NOW) is Outcome.ERROR


@given(
    st.text(st.characters(exclude_characters='"\\\r\n', codec="utf-8"), min_size=1, max_size=20), st.text(max_size=20)
)
def test_both_sides_agree_for_any_user_and_password(user: str, password: str) -> None:
    door = Authenticator("example.jp", {user: password}, NONCES)
    given_back = answer(
        door.challenge(NOW, stale=False), user=user, password=password, method="REGISTER", uri="sip:x", cnonce="c"
    )
    assert given_back is not None
    assert door.judge("REGISTER", [given_back], user, NOW).outcome is Outcome.OK
