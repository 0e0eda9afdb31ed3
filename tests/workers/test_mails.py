"""Mails on their way: by SMTP, into a folder, again after an outage, and never silently lost."""

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.registry import FailedJobRegistry, ScheduledJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.mail import MailError, Post, compose
from app.models import LinkPurpose, MailedLink, PrincipalKind
from tests.support.customers import Customers
from tests.support.ports import free_port
from tests.support.smtp import PASSWORD, USER, MailServer
from workers import mails
from workers.runtime import Runtime, current
from workers.schedule import Scheduler

VALUES = {"kind": "アカウント", "login_id": "owner", "url": "https://portal.example.jp/links/password/x", "minutes": 30}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for localhost, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", "req", "-x509", *key, *files, *subject], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def server() -> Iterator[MailServer]:
    """One without TLS."""
    made = MailServer()
    yield made
    made.stop()


@pytest.fixture
def safe_server(tls: ssl.SSLContext) -> Iterator[MailServer]:
    """One that offers STARTTLS."""
    made = MailServer(tls=tls)
    yield made
    made.stop()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the servers' certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def post(url: str) -> Post:
    return Post(url, "no-reply@example.jp", "https://portal.example.jp")


def send(url: str) -> None:
    post(url).send("set_password", "ja", to="owner@example.jp", **VALUES)


class TestSending:
    def test_a_plain_server(self, server: MailServer) -> None:
        send(f"smtp://localhost:{server.port}")
        (mail,) = server.received
        assert (mail["To"], mail["From"]) == ("owner@example.jp", "no-reply@example.jp")
        assert mail["Subject"] == "[Tsunagari] パスワードの再設定"
        assert str(VALUES["url"]) in mail.get_content()
        assert mail["Message-ID"].endswith("@example.jp>")

    @pytest.mark.usefixtures("trusted")
    def test_starttls_and_a_login(self, safe_server: MailServer) -> None:
        send(f"smtp://{USER}:p%40ss%3Aword@localhost:{safe_server.port}")
        assert len(safe_server.received) == 1
        assert PASSWORD == "p@ss:word"

    @pytest.mark.usefixtures("trusted")
    def test_tls_from_the_start(self, tls: ssl.SSLContext) -> None:
        server = MailServer(tls=tls, implicit=True)
        try:
            send(f"smtps://localhost:{server.port}")
        finally:
            server.stop()
        assert len(server.received) == 1

    def test_a_certificate_that_nobody_trusts(self, safe_server: MailServer) -> None:
        with pytest.raises(MailError, match="SSLCertVerificationError"):
            send(f"smtp://localhost:{safe_server.port}")
        assert safe_server.received == []

    def test_a_password_never_goes_unencrypted(self, server: MailServer) -> None:
        with pytest.raises(MailError, match="offers no STARTTLS"):
            send(f"smtp://{USER}:secret@localhost:{server.port}")
        assert server.received == []

    @pytest.mark.usefixtures("trusted")
    def test_a_wrong_password_is_in_no_message(self, safe_server: MailServer) -> None:
        with pytest.raises(MailError) as caught:
            send(f"smtp://{USER}:geheim@localhost:{safe_server.port}")
        assert str(caught.value) == "the mail server answered 535"
        assert "geheim" not in repr(post("smtp://u:geheim@localhost"))

    def test_a_refused_recipient(self, server: MailServer) -> None:
        server.recipients = "550 no such user"
        with pytest.raises(MailError) as caught:
            send(f"smtp://localhost:{server.port}")
        assert "owner" not in str(caught.value)

    def test_nobody_listens(self) -> None:
        with pytest.raises(MailError, match="ConnectionRefusedError"):
            send(f"smtp://127.0.0.1:{free_port()}")

    def test_a_folder_that_only_its_owner_reads(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "mail box"
        folder.parent.mkdir()
        send(f"file://{tmp_path}/new/mail%20box")
        (file,) = folder.iterdir()
        assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)

    def test_a_folder_that_can_not_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(MailError, match="can't be written"):
            send(f"file://{tmp_path}/file")

    def test_the_console(self, capsys: pytest.CaptureFixture[str]) -> None:
        send("console:")
        assert str(VALUES["url"]) in capsys.readouterr().out

    def test_where_none_are_sent(self) -> None:
        with pytest.raises(MailError, match="MAIL_URL is not set"):
            send("")

    @pytest.mark.parametrize("to", ["a@example.jp\r\nBcc: b@example.jp", "a@example.jp\nX: y"])
    def test_an_address_makes_no_header(self, to: str) -> None:
        with pytest.raises(ValueError, match="linefeed"):
            compose("set_password", "en", sender="no-reply@example.jp", to=to, **VALUES)

    @pytest.mark.parametrize("template", ["set_password", "confirm_email", "email_changed"])
    @pytest.mark.parametrize("language", ["ja", "en"])
    def test_every_mail_in_both_languages(self, template: str, language: str) -> None:
        mail = compose(template, language, sender="x@example.jp", to="y@example.jp", **VALUES)
        assert mail["Subject"].startswith("[Tsunagari] ")
        assert "owner" in mail.get_content()
        assert "{{" not in mail.get_content()


class TestLinks:
    def test_expired_ones_are_swept(self, runtime: Runtime, session: Session, tmp_path: Path) -> None:
        old = MailedLink(
            digest="x", purpose=LinkPurpose.SET_PASSWORD, kind=PrincipalKind.ACCOUNT, principal_id=1,
            expires_at=runtime.clock() - timedelta(hours=2),
        )  # fmt: skip
        session.add(old)
        session.commit()
        made = replace(runtime, post=post(f"file://{tmp_path}/mail"))
        mails.reminder(made, PrincipalKind.ACCOUNT, "owner", "ja", "192.0.2.1")
        session.expire_all()
        (row,) = session.scalars(select(MailedLink))
        assert row.digest != "x"
        assert row.expires_at - runtime.clock() <= timedelta(minutes=30)

    def test_nobody_gets_none(self, runtime: Runtime, session: Session, tmp_path: Path) -> None:
        made = replace(runtime, post=post(f"file://{tmp_path}/mail"))
        for kind, login_id in ((PrincipalKind.ACCOUNT, "nobody"), (PrincipalKind.STAFF, "staff")):
            mails.reminder(made, kind, login_id, "ja", "192.0.2.1")
        mails.confirmation(made, PrincipalKind.ACCOUNT, 999, "x@example.jp", "ja")
        mails.notice(made, PrincipalKind.ACCOUNT, 999, "x@example.jp", "ja")
        assert session.scalars(select(MailedLink)).all() == []
        assert not (tmp_path / "mail").exists()


def work(redis: "Redis") -> None:
    """What the mails' worker does with everything that waits."""
    queue = Queue("mails", connection=redis, serializer=JSONSerializer)
    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="CRITICAL")


def test_an_outage_of_the_mail_server_delays_a_mail_and_loses_none(
    environ: dict[str, str],
    redis: "Redis",
    runtime: Runtime,
    customers: Customers,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As the web asks: a job with pauses between its tries. The scheduler brings it back; then it is sent, once."""
    del customers
    port = free_port()
    for name, value in (environ | {"MAIL_URL": f"smtp://127.0.0.1:{port}"}).items():
        monkeypatch.setenv(name, value)
    current.cache_clear()
    queue = Queue("mails", connection=redis, serializer=JSONSerializer)
    queue.enqueue(
        "workers.jobs.mail_reminder", "account", "owner", "ja", "192.0.2.1", retry=Retry(max=2, interval=[60, 600])
    )
    work(redis)
    waiting = ScheduledJobRegistry(queue=queue)  # type: ignore[no-untyped-call] # RQ's is untyped
    assert (len(queue), len(waiting)) == (0, 1)

    scheduler = Scheduler(runtime)
    scheduler.step(datetime.now(UTC) + timedelta(seconds=50))
    assert (len(queue), len(waiting)) == (0, 1)
    scheduler.step(datetime.now(UTC) + timedelta(seconds=70))
    assert (len(queue), len(waiting)) == (1, 0)

    monkeypatch.setenv("MAIL_URL", f"file://{tmp_path}/mail")
    current().redis.close()
    current().sessions.kw["bind"].dispose()
    current.cache_clear()
    work(redis)
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1
    assert (len(queue), len(waiting), len(FailedJobRegistry(queue=queue))) == (0, 0, 0)
    current().redis.close()
    current().sessions.kw["bind"].dispose()
    current.cache_clear()
