"""Faults of a registrar, all at once, each behind an open page: what is not known is never shown as ✗, and it heals."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from tests.browser.faults.conftest import Watch
from tests.browser.faults.record import Record
from tests.support.breakable import INTERVAL, POLL, FaultStack, Site
from tests.support.kamailio import Kamailio
from tests.support.proxy import PASS, Mode
from tests.support.wait import until

SLACK = 8.0
"""Seconds that a loaded machine may be late."""
UNKNOWN_WITHIN = 6 * INTERVAL + POLL + SLACK
HEALS_WITHIN = 2 * INTERVAL + POLL + SLACK
STRANGERS = ("7001", "7002", "7003", "7004", "7005")
TOLD_APART = 4
"""Seconds between two starts of a server, which tells them in whole ones, that are surely two."""
_PATIENCE = 30_000


@dataclass(frozen=True)
class Fault:
    """How a registrar is broken and mended, and what support is told of it."""

    begin: Callable[[Site], None]
    problem: str
    """The word of why its answers are not believed."""
    end: Callable[[Site], None] = lambda site: site.proxy.become(PASS)


def _becomes(mode: Mode) -> Callable[[Site], None]:
    return lambda site: site.proxy.become(mode)


FAULTS = {
    "stopped": Fault(_becomes(Mode(refuse=True)), "refused"),
    "silent": Fault(_becomes(Mode(hang=True)), "timeout"),
    "half": Fault(_becomes(Mode(cut_after=300)), "truncated"),
    "rubbish": Fault(_becomes(Mode(rubbish=b"\x00\xff{]\r\n" * 40)), "garbage"),
    "slow": Fault(_becomes(Mode(delay=10.0)), "timeout"),
}


@pytest.fixture(scope="module")
def sites(stack: FaultStack) -> dict[str, Site]:
    return {name: stack.site(name) for name in (*FAULTS, "other")}


def test_what_is_not_known_is_never_a_cross(stack: FaultStack, sites: dict[str, Site], watch: Watch) -> None:
    stranger, frozen = stack.registrar("stranger"), stack.registrar("frozen-one")
    stranger.subscribe(**dict.fromkeys(STRANGERS, "x"))
    with stranger, frozen:
        _strangers_register(stranger)
        sites |= {"frozen": stack.site("freezing", frozen)}
        home = stack.kamailio.address
        faults = FAULTS | {
            "other": Fault(
                lambda site: site.proxy.become(PASS, stranger.address),
                "foreign",
                lambda site: site.proxy.become(PASS, home),
            ),
            "frozen": Fault(lambda _site: frozen.freeze(), "timeout", lambda _site: frozen.thaw()),
        }
        pages = {name: watch(sites[name]) for name in faults}
        began = time.time()
        for name, fault in faults.items():
            fault.begin(sites[name])
        for name, page in pages.items():
            for line in sites[name].lines:
                page.page.locator(f"#c{line} .sign.unknown").wait_for(timeout=_PATIENCE)
        told = {name: stack.state(sites[name]).problem for name in faults}
        ended = time.time()
        for name, fault in faults.items():
            fault.end(sites[name])
        for name, page in pages.items():
            _healed(page, sites[name])
        assert told == {name: fault.problem for name, fault in faults.items()}
        for name, page in pages.items():
            _judge(page, sites[name], began, ended)
            state = stack.state(sites[name])
            assert state.problem is None
            assert state.refused is not None


def _strangers_register(registrar: Kamailio) -> None:
    for user in STRANGERS:
        with registrar.phone(user) as phone:
            assert phone.register() == 200


def _healed(record: Record, site: Site) -> None:
    for line in site.here:
        record.page.locator(f"#c{line} .sign.registered").wait_for(timeout=_PATIENCE)
    record.page.locator(f"#c{site.away} .sign.not-registered").wait_for(timeout=_PATIENCE)


def _judge(record: Record, site: Site, began: float, ended: float) -> None:
    for line in site.here:
        assert record.kinds(line) == ["registered", "unknown", "registered"], site.name
        assert record.since(line, "unknown") - began < UNKNOWN_WITHIN, site.name
        assert record.since(line, "registered") - ended < HEALS_WITHIN, site.name
        unknown = next(one for one in record.shown(line) if one.kind == "unknown")
        assert "最終確認" in unknown.remark
        assert "サーバーから応答がない" in unknown.meaning
    assert record.kinds(site.away) == ["not-registered", "unknown", "not-registered"], site.name
    assert record.news()[-1] == "", site.name


def test_a_restarted_registrar_is_told_apart(stack: FaultStack, watch: Watch) -> None:
    with stack.registrar("restarting") as registrar:
        site = stack.site("restarted", registrar)
        record = watch(site)
        until(lambda: (stack.state(site).uptime or 0) >= TOLD_APART, 10, "it has run for a while")
        registrar.kill()
        registrar.start()
        for line in site.here:
            record.page.locator(f"#c{line} .sign.not-registered").wait_for(timeout=_PATIENCE)
        expect(record.page.locator("#news .news")).to_contain_text("再起動しました", timeout=_PATIENCE)
        # At no moment was it anything else that they have in common.
        before, words = record.news()
        assert before == ""
        assert "サーバーが" in words
        assert "3台" in words
        assert stack.state(site).restarted_at is not None
        site.register()
        _healed(record, site)
        record.page.locator("#news .news").wait_for(state="detached")


@pytest.mark.parametrize("shift", ["-5m", "+5m"])
def test_a_clock_that_is_five_minutes_off(stack: FaultStack, watch: Watch, shift: str) -> None:
    """A registration of two minutes would have ended, or never end, by such a clock."""
    with stack.registrar(f"clock{shift}", shift=shift) as registrar:
        site = stack.site(f"clock{'-slow' if shift[0] == '-' else '-fast'}", registrar, source="htable")
        site.register(expires=120)
        record = watch(site)
        phone = site.phones[0]
        assert phone.unregister() == 200
        gone = time.time()
        record.page.locator(f"#c{site.here[0]} .sign.not-registered").wait_for(timeout=_PATIENCE)
        assert record.since(site.here[0], "not-registered") - gone < HEALS_WITHIN
        assert phone.register(expires=120) == 200
        record.page.locator(f"#c{site.here[0]} .sign.registered").wait_for(timeout=_PATIENCE)
        assert record.kinds(site.here[0]) == ["registered", "not-registered", "registered"]
        assert record.kinds(site.here[1]) == ["registered"]
        skew = stack.state(site).skew
        assert skew is not None
        assert abs(abs(skew) - 300) < 3
