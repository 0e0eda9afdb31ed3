"""The simulated phones against the registrar, in one loop."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from demo import phones
from demo.phones import Behaviour, Line, Phone, read_plan
from demo.registrar.server import Server, serving
from tests.demo.messages import REALM
from tests.support.ports import free_port

NOW = 1_795_414_721
USERS = {f"10{n:02d}": f"password {n}" for n in range(40)}


class Pauses:
    """Every pause of a phone, held until the test lets it go on."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[tuple[float, asyncio.Event]] = asyncio.Queue()

    async def __call__(self, seconds: float) -> None:
        over = asyncio.Event()
        self.begun.put_nowait((seconds, over))
        await over.wait()

    async def next(self) -> tuple[float, asyncio.Event]:
        async with asyncio.timeout(10):
            return await self.begun.get()


def bound(server: Server) -> set[str]:
    return {aor for aor, _ in server.registrar.bindings.lines()}


def a_phone(port: int, behaviour: Behaviour, *, password: str = "password 1", user_agent: str = "T46") -> Phone:
    return Phone("1001", password, f"127.0.0.1:{port}", behaviour, user_agent)


def with_registrar(test: Callable[[Server, int], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(USERS, REALM, clock=lambda: float(NOW)) as (server, port):
            await test(server, port)

    asyncio.run(run())


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_many_come_up_together() -> None:
    async def story(server: Server, port: int) -> None:
        pauses = Pauses()
        plan = [Phone(user, password, f"127.0.0.1:{port}", Behaviour.STAYS, "T46") for user, password in USERS.items()]
        running = asyncio.create_task(phones.run(plan, 1, pauses))
        spread = [await pauses.next() for _ in plan]
        assert max(seconds for seconds, _ in spread) <= phones.FIRST_REGISTERS
        for _, over in spread:
            over.set()
        rests = [await pauses.next() for _ in plan]
        assert bound(server) == set(USERS)
        assert all(seconds < phones.EXPIRES for seconds, _ in rests)
        await cancelled(running)

    with_registrar(story)


def test_one_that_stays_refreshes_before_its_binding_ends() -> None:
    async def story(server: Server, port: int) -> None:
        pauses = Pauses()
        running = asyncio.create_task(phones.live(a_phone(port, Behaviour.STAYS), random.Random(1), pauses))
        seconds, over = await pauses.next()
        assert seconds < phones.EXPIRES
        (first,) = server.registrar.bindings.current("1001", NOW)
        over.set()
        await pauses.next()
        (second,) = server.registrar.bindings.current("1001", NOW)
        assert second.ruid == first.ruid
        assert second.origin.cseq > first.origin.cseq
        await cancelled(running)

    with_registrar(story)


def test_one_that_comes_and_goes_takes_its_binding_away() -> None:
    async def story(server: Server, port: int) -> None:
        pauses = Pauses()
        running = asyncio.create_task(phones.live(a_phone(port, Behaviour.COMES_AND_GOES), random.Random(1), pauses))
        for expected in (phones.UP, phones.AWAY, phones.UP):
            seconds, over = await pauses.next()
            assert expected[0] <= seconds <= expected[1]
            assert bound(server) == ({"1001"} if expected is phones.UP else set())
            over.set()
        await cancelled(running)

    with_registrar(story)


def test_one_with_a_wrong_password_is_refused_and_tries_slowly() -> None:
    async def story(server: Server, port: int) -> None:
        pauses = Pauses()
        phone = a_phone(port, Behaviour.WRONG_PASSWORD, password="wrong", user_agent="<img src=x onerror=alert(1)>")
        running = asyncio.create_task(phones.live(phone, random.Random(1), pauses))
        seconds, _ = await pauses.next()
        assert seconds >= phones.RETRY[0]
        assert bound(server) == set()
        (value,) = server.registrar.tables["authfail"].items.values()
        assert value.endswith("|<img src=x onerror=alert(1)>")
        await cancelled(running)

    with_registrar(story)


def test_a_stale_nonce_is_answered_at_once() -> None:
    async def run() -> None:
        now = [float(NOW)]
        async with serving(USERS, REALM, clock=lambda: now[0]) as (server, port):
            phone = a_phone(port, Behaviour.STAYS)
            transport, line = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Line(phone, random.Random(1)), remote_addr=("127.0.0.1", port)
            )
            assert await line.register(60) == 200
            now[0] += 10_000
            assert await line.register(60) == 200
            assert server.registrar.tables["authfail"].items == {}
            transport.close()

    asyncio.run(run())


def test_silence_is_noticed_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "_T1", 0.01)

    async def run() -> None:
        pauses = Pauses()
        phone = a_phone(free_port(), Behaviour.STAYS)
        running = asyncio.create_task(phones.live(phone, random.Random(1), pauses))
        seconds, _ = await pauses.next()
        assert phones.SILENCE[0] <= seconds <= phones.SILENCE[1]
        await cancelled(running)

    asyncio.run(run())


def test_the_same_seed_gives_the_same_day() -> None:
    async def first_rest(seed: int) -> float:
        async with serving(USERS, REALM) as (_, port):
            pauses = Pauses()
            running = asyncio.create_task(phones.run([a_phone(port, Behaviour.STAYS)], seed, pauses))
            (await pauses.next())[1].set()
            seconds, _ = await pauses.next()
            await cancelled(running)
            return seconds

    one, same, other = (asyncio.run(first_rest(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_a_broken_plan_is_refused_without_its_passwords(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('[{"user": "1", "password": "hush", "server": "h:1", "behaviour": "sings", "user_agent": ""}]')
    with pytest.raises(ValueError, match="is no plan") as refused:
        read_plan(plan)
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(a_phone(1, Behaviour.STAYS, password="hush"))
