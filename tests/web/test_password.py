"""Overwriting a device password: typed twice or generated, sealed on its way, shown once, kept nowhere."""

import json
import re
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.config import Config
from app.device_password import LONGEST, SHORTEST
from app.models import AuditEntry, PrincipalKind
from app.password_words import WORDS
from app.store import abilities, passwords
from app.store.passwords import PATIENCE, UNCONFIRMED
from app.store.sealing import unseal
from app.throttle import PASSWORD
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.portal import Portal
from tests.support.redis import RedisServer
from tests.web.given import HX, csrf_of, logged_in
from workers.sip.base import Problem

NUMBER = LINE_NUMBERS["live"]
GOOD = "tsubame-Kaze.42"
BECAUSE = {problem: str(words) for problem, words in WORDS.items()}


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/uniques/{customers.uniques['live']}/password"


@pytest.fixture
def server_id(customers: Customers) -> int:
    return customers.servers[LIVE_HOST]


@pytest.fixture
def queue(redis: "Redis") -> Queue:
    return Queue("lookups", connection=redis, serializer=JSONSerializer)


def send(client: Portal, path: str, password: str = GOOD, again: str | None = None) -> TestResponse:
    return client.submit(client.get(path), path, password=password, again=password if again is None else again)


def generate(client: Portal, path: str) -> TestResponse:
    return client.post(f"{path}/generated", data={"csrf_token": csrf_of(client)})


def shown(answer: TestResponse) -> str:
    """The generated password."""
    found = re.search(r'id="made">(\w+)</output>', answer.text)
    assert found
    return found[1]


def everything(redis: "Redis") -> bytes:
    """All keys and values of Redis, as they lie in its file."""
    return b"".join(key + (redis.dump(key) or b"") for key in cast("list[bytes]", redis.keys("*")))


def ended(redis: "Redis", queue: Queue, server_id: int, clock: Clock, problem: str | None = None) -> None:
    """What the worker notes."""
    _, _, _, ticket = queue.jobs[-1].args
    passwords.take(redis, ticket)
    passwords.end(redis, server_id, NUMBER, ticket, clock(), problem)


class TestTyped:
    def test_it_goes_to_a_worker_sealed(
        self,
        owner: Portal,
        path: str,
        queue: Queue,
        redis: "Redis",
        server_id: int,
        customers: Customers,
        config: Config,
    ) -> None:
        answer = send(owner, path)
        assert (answer.status_code, answer.location) == (303, path)
        (job,) = queue.jobs
        assert job.func_name == "workers.jobs.set_password"
        *whose, ticket = job.args
        assert whose == [server_id, NUMBER, customers.circles["tokyo"]]
        assert GOOD not in str(job.to_dict())
        sealed = passwords.take(redis, ticket)
        assert sealed is not None
        assert json.loads(unseal(config.secret_key, sealed)) == [server_id, NUMBER, GOOD]

    def test_it_is_recorded_without_the_password(self, owner: Portal, path: str, session: Session) -> None:
        send(owner, path)
        (entry,) = session.scalars(select(AuditEntry)).all()
        assert (entry.action, entry.target, entry.who, entry.address) == (
            "unique.password",
            NUMBER,
            "owner",
            "127.0.0.1",
        )
        assert json.loads(entry.detail) == {"generated": False}

    @pytest.mark.parametrize(
        ("password", "again", "words"),
        [
            (GOOD, GOOD + "x", "2つの入力が同じではありません。"),
            ("", "", f"{SHORTEST}文字以上にしてください。"),
            ("short", "short", f"{SHORTEST}文字以上にしてください。"),
            (GOOD * 3, GOOD * 3, f"{LONGEST}文字以下にしてください。"),
            (GOOD + '"', GOOD + '"', "使えるのは、半角の英字と数字、および記号"),
            ("password1234", "password1234", "推測されやすいパスワードです。"),
            (NUMBER + "x", NUMBER + "x", "推測されやすいパスワードです。"),
        ],
    )
    def test_what_is_refused(
        self, owner: Portal, path: str, queue: Queue, session: Session, password: str, again: str, words: str
    ) -> None:
        answer = send(owner, path, password, again)
        assert answer.status_code == 422
        assert words in answer.text
        assert len(password) < SHORTEST or password not in answer.text.replace(NUMBER + "<", "")
        assert queue.jobs == []
        assert session.scalars(select(AuditEntry)).all() == []

    def test_how_strong_is_said_when_refused_and_when_taken(
        self, owner: Portal, path: str, customers: Customers
    ) -> None:
        assert "<span>弱い</span>" in send(owner, path, "password1234").text
        send(owner, path)
        assert "とても強い" in owner.get(path).text

    def test_how_strong_while_it_is_typed(self, owner: Portal, path: str) -> None:
        token = csrf_of(owner)
        for typed, word in (("", ""), ("pass", "とても弱い"), (GOOD, "とても強い"), (NUMBER, "とても弱い")):
            data = {"csrf_token": token, "password": typed}
            answer = owner.post(f"{path}/strength", data=data, headers=HX)
            assert answer.status_code == 200
            assert (word in answer.text) if word else ("<meter" not in answer.text)


class TestGenerated:
    def test_it_is_shown_once_and_set(
        self, owner: Portal, path: str, queue: Queue, redis: "Redis", server_id: int, config: Config
    ) -> None:
        answer = generate(owner, path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        # Nothing may take the page away by itself.
        assert "Refresh" not in answer.headers
        made = shown(answer)
        (job,) = queue.jobs
        sealed = passwords.take(redis, job.args[-1])
        assert sealed is not None
        assert json.loads(unseal(config.secret_key, sealed)) == [server_id, NUMBER, made]
        assert made not in owner.get(path).text
        assert made not in owner.get(path.removesuffix("/password")).text

    def test_each_is_another(
        self, owner: Portal, path: str, queue: Queue, redis: "Redis", server_id: int, clock: Clock
    ) -> None:
        first = shown(generate(owner, path))
        ended(redis, queue, server_id, clock)
        assert shown(generate(owner, path)) != first

    def test_it_is_recorded(self, owner: Portal, path: str, session: Session) -> None:
        made = shown(generate(owner, path))
        (entry,) = session.scalars(select(AuditEntry)).all()
        assert json.loads(entry.detail) == {"generated": True}
        assert made not in entry.detail


class TestHowItStands:
    def test_under_way_then_done(
        self, owner: Portal, path: str, queue: Queue, redis: "Redis", server_id: int, clock: Clock
    ) -> None:
        assert "password-state" not in owner.get(path).text
        send(owner, path)
        page = owner.get(path)
        assert "上書きしています…" in page.text
        assert page.headers["Refresh"] == "2"
        assert f'hx-get="{path}/state"' in page.text
        assert owner.get(f"{path}/state", headers=HX).status_code == 204
        ended(redis, queue, server_id, clock)
        fragment = owner.get(f"{path}/state", headers=HX)
        assert "上書きしました。" in fragment.text
        assert "hx-get" not in fragment.text
        page = owner.get(path)
        assert "上書きしました。" in page.text
        assert "Refresh" not in page.headers

    @pytest.mark.parametrize("problem", sorted({*Problem, "expired", UNCONFIRMED}))
    def test_failed_because(
        self, owner: Portal, path: str, queue: Queue, redis: "Redis", server_id: int, clock: Clock, problem: str
    ) -> None:
        send(owner, path)
        ended(redis, queue, server_id, clock, problem)
        for page in (owner.get(path), owner.get(f"{path}/state", headers=HX)):
            assert "上書きできませんでした。" in page.text
            assert BECAUSE[problem] in page.text
        # Whatever it was, another try is not barred.
        assert send(owner, path).status_code == 303

    def test_a_lost_job(self, owner: Portal, path: str, clock: Clock) -> None:
        send(owner, path)
        clock.advance(PATIENCE.total_seconds() + 1)
        fragment = owner.get(f"{path}/state", headers=HX).text
        assert "上書きできませんでした。" in fragment
        assert "もう一度上書きしてください。" in fragment

    def test_two_at_once_are_one(
        self, owner: Portal, app: Flask, path: str, queue: Queue, customers: Customers
    ) -> None:
        send(owner, path)
        other = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        answer = send(other, path)
        assert answer.status_code == 409
        assert BECAUSE["under_way"] in answer.text
        assert len(queue.jobs) == 1
        assert generate(other, path).status_code == 409


class TestWhoAndWhere:
    def test_a_server_that_can_not_says_whom_to_ask(
        self, owner: Portal, path: str, redis: "Redis", server_id: int, queue: Queue
    ) -> None:
        page = owner.get(path)
        abilities.keep(redis, server_id, ["lookup", "snapshot"])
        refused = owner.submit(page, path, password=GOOD, again=GOOD)
        assert refused.status_code == 409
        for answer in (owner.get(path), refused):
            assert "ポータルから上書きできません。クラウドPBXサポートまでご連絡ください。" in answer.text
            assert 'name="password"' not in answer.text
            assert f"{path}/generated" not in answer.text
        assert queue.jobs == []

    @pytest.mark.parametrize("name", ["room", "unassigned"])
    def test_a_line_without_a_password(self, owner: Portal, customers: Customers, name: str, queue: Queue) -> None:
        path = f"/uniques/{customers.uniques[name]}/password"
        assert "この回線には端末パスワードがありません。" in owner.get(path).text
        assert generate(owner, path).status_code == 409
        assert queue.jobs == []

    def test_a_line_may_overwrite_its_own(self, app: Flask, path: str, customers: Customers, session: Session) -> None:
        client = logged_in(app, PrincipalKind.UNIQUE, customers.uniques["live"])
        assert send(client, path).status_code == 303
        (entry,) = session.scalars(select(AuditEntry)).all()
        assert (entry.kind, entry.account_id) == (PrincipalKind.UNIQUE, customers.accounts["owner"])

    def test_a_stranger_does_nothing(self, stranger: Portal, path: str, queue: Queue) -> None:
        assert stranger.get(path).status_code == 404
        assert generate(stranger, path).status_code == 404
        assert queue.jobs == []

    def test_a_limit(
        self, owner: Portal, path: str, queue: Queue, redis: "Redis", server_id: int, clock: Clock
    ) -> None:
        for _ in range(PASSWORD.limit.amount):
            assert send(owner, path).status_code == 303
            ended(redis, queue, server_id, clock)
        answer = send(owner, path)
        assert (answer.status_code, BECAUSE["limited"] in answer.text) == (429, True)
        assert len(queue.jobs) == PASSWORD.limit.amount

    def test_without_redis(self, owner: Portal, path: str, breakable_redis: RedisServer, session: Session) -> None:
        page = owner.get(path)
        breakable_redis.stop()
        answer = owner.submit(page, path, password=GOOD, again=GOOD)
        assert answer.status_code == 503
        assert BECAUSE["store"] in answer.text
        assert session.scalars(select(AuditEntry)).all() == []
        assert owner.get(path).status_code == 200


def test_the_portal_keeps_nothing_of_it(
    owner: Portal,
    path: str,
    queue: Queue,
    redis: "Redis",
    server_id: int,
    clock: Clock,
    config: Config,
    caplog: pytest.LogCaptureFixture,
) -> None:
    send(owner, path)
    ended(redis, queue, server_id, clock)
    made = shown(generate(owner, path))
    database = Path(config.database_url.removeprefix("sqlite:///"))
    kept = everything(redis) + b"".join(file.read_bytes() for file in database.parent.iterdir() if file.is_file())
    assert not [password for password in (GOOD, made) if password.encode() in kept or password in caplog.text]
    assert NUMBER.encode() in kept
