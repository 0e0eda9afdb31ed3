"""A customer who overwrites the password of the softphone's line, and the phone that then needs the new one."""

import re
import urllib.parse
import urllib.request
from typing import Any

from tests.support.portal import forms
from tests.support.sip import Phone
from tests.support.wait import until

NEW = "tsubame-Kaze.42"
_PASSWORD_PAGE = re.compile(r"/uniques/\d+/password")
_SIGN = re.compile(r'class="sign ([\w-]+)" id="s\d+"')


def softphone(known: dict[str, Any], password: str) -> Phone:
    """The line's phone with this password."""
    host, port = known["softphone"]["server"].split(":")
    return Phone((host, int(port)), known["softphone"]["user"], password, domain=host)


def assert_overwriting_works(known: dict[str, Any], owner: urllib.request.OpenerDirector, home: str) -> None:
    """`home` is the page of the line, which `owner` is logged in to; the line's phone is not registered before."""
    (path,) = set(_PASSWORD_PAGE.findall(home))
    place = known["url"] + path
    line = place.removesuffix("/password")
    with softphone(known, known["softphone"]["password"]) as phone:
        assert phone.register() == 200
        assert phone.unregister() == 200
    until(lambda: _SIGN.findall(_read(owner, line)) == ["not-registered"], 30, "the sign ✗")

    form = next(form for form in forms(_read(owner, place)) if form.action == path)
    sent = urllib.parse.urlencode(form.fields | {"password": NEW, "again": NEW}).encode()
    owner.open(urllib.request.Request(place, sent, {"Origin": known["url"], "Referer": place}), timeout=10).close()
    until(lambda: "上書きしました。" in _read(owner, place), 30, "the password is overwritten")

    assert_needs_the_new_password(known)
    until(lambda: _SIGN.findall(_read(owner, line)) == ["registered"], 30, "the sign ✓")


def assert_needs_the_new_password(known: dict[str, Any]) -> None:
    """The phone registers with the customer's password and not with the one of the first start."""
    with softphone(known, known["softphone"]["password"]) as phone:
        assert phone.register() == 401
    with softphone(known, NEW) as phone:
        assert phone.register() == 200


def _read(opener: urllib.request.OpenerDirector, url: str) -> str:
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode())
