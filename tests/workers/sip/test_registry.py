import pytest

from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.registry import FAMILIES, adapter_for

ENDPOINTS = {
    "kamailio": "http://127.0.0.1:9/RPC",
    "opensips": "http://127.0.0.1:9/mi",
    "asterisk": "tcp://127.0.0.1:9",
    "freeswitch": "tcp://127.0.0.1:9",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_an_adapter_that_reaches_nobody_without_a_server(family: str) -> None:
    adapter = adapter_for(family, Endpoint(ENDPOINTS[family], "sip.example.jp", user="portal", password="geheim"))
    assert adapter.capabilities
    assert adapter.check().problems


def test_an_unknown_family() -> None:
    with pytest.raises(SipError) as raised:
        adapter_for("drums", Endpoint("http://127.0.0.1:9/", "sip.example.jp"))
    assert raised.value.problem is Problem.CONFIGURATION
    assert raised.value.permanent
