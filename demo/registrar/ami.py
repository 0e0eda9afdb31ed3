"""Asterisk 22's manager interface (AMI) over the registrar's state: its actions, and its events."""

import time
from collections.abc import Callable

from demo.registrar import ami_blocks as blocks
from demo.registrar.ami_blocks import Fields, Headers
from demo.registrar.bindings import Binding
from demo.registrar.contacts import Address
from demo.registrar.digest import Outcome, parse_digest
from demo.registrar.happenings import Attempt, Change, Happening
from demo.registrar.registrar import Registrar

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
VERSION = "22.10.1"
_ACCOUNT_BYTES = 36
"""What Asterisk keeps of the name of somebody whom it does not know."""
_NOBODY = "<unknown>"
_SECURITY = (
    *("EventTV", "Severity", "Service", "EventVersion"),
    *("AccountID", "SessionID", "LocalAddress", "RemoteAddress"),
)
_STEPS = frozenset((Outcome.NO_CREDENTIALS, Outcome.STALE, Outcome.ERROR))

Told = tuple[str, bytes]
"""An event's class, and the event."""


class Ami:
    """What one Asterisk answers and tells whose SIP socket is `local`; endpoints are named like their AOR."""

    def __init__(self, registrar: Registrar, local: Address, started: float) -> None:
        self._registrar = registrar
        self._local = local
        self._started = started
        self._actions: dict[str, Callable[[Fields, float], bytes]] = {
            "ping": self._ping,
            "coresettings": self._settings,
            "corestatus": self._status,
            "dbgettree": self._tree,
            "pjsipshowcontacts": self._contacts,
            "pjsipshowregistrationinboundcontactstatuses": self._statuses,
            "pjsipshowendpoint": self._endpoint,
        }

    def answer(self, fields: Fields, now: float) -> bytes:
        """The blocks that answer an action of somebody who is logged in."""
        action = fields.get("Action", "")
        called = self._actions.get(action.lower())
        if called is None:
            hint = "Use Action: ListCommands to show available commands."
            return blocks.error(fields, f"Invalid/unknown command: {action}. {hint}")
        return called(fields, now)

    def booted(self, user: str, peer: Address, local: Address, now: float) -> list[Told]:
        """What a session that hears events is told of itself when it begins."""
        up = str(int(now - self._started))
        boot = [("Uptime", up), ("LastReload", up), ("Status", "Fully Booted")]
        moment = blocks.local_time(now)
        places = (blocks.address("TCP", local), blocks.address("TCP", peer))
        values = (moment, "Informational", "AMI", "1", user, f"{id(self):#x}", *places)
        login = [*zip(_SECURITY, values, strict=True), ("UsingPassword", "0"), ("SessionTV", moment)]
        return [
            ("system", blocks.event("FullyBooted", "system", boot)),
            ("security", blocks.event("SuccessfulAuth", "security", login)),
        ]

    def events(self, happening: Happening) -> list[Told]:
        """The events that tell of a happening; a refresh has none but its authentication."""
        if isinstance(happening, Attempt):
            return self._security(happening)
        if happening.change is Change.REFRESHED:
            return []
        status = "NonQualified" if happening.change is Change.CAME else "Removed"
        contact = [("URI", happening.binding.contact.uri), ("ContactStatus", status), ("AOR", happening.aor)]
        place = [("EndpointName", happening.aor), ("RoundtripUsec", "0")]
        return [("system", blocks.event("ContactStatus", "system", [*contact, *place]))]

    def _security(self, attempt: Attempt) -> list[Told]:
        outcome = attempt.verdict.outcome
        told = []
        account = attempt.user
        if not self._registrar.has_user(attempt.user):
            cut = attempt.user.encode("utf-8", "replace")[:_ACCOUNT_BYTES].decode("utf-8", "ignore")
            told.append(self._of_phone("InvalidAccountID", "Error", cut, attempt, []))
            account = _NOBODY
        if outcome in _STEPS:
            told.append(self._of_phone("ChallengeSent", "Informational", account, attempt, [("Challenge", "")]))
        elif outcome is Outcome.OK:
            told.append(self._of_phone("SuccessfulAuth", "Informational", account, attempt, [("UsingPassword", "1")]))
        else:
            given = parse_digest(next(iter(attempt.request.headers.all("authorization")), ""))
            proof = [("Challenge", given.get("nonce", "")), ("Response", given.get("response", ""))]
            rest = [*proof, ("ExpectedResponse", "")]
            told.append(self._of_phone("ChallengeResponseFailed", "Error", account, attempt, rest))
        return told

    def _of_phone(self, name: str, severity: str, account: str, attempt: Attempt, rest: Headers) -> Told:
        call_id = attempt.request.headers.first("call-id") or ""
        places = (blocks.address("UDP", self._local), blocks.address("UDP", attempt.source))
        values = (blocks.local_time(attempt.at), severity, "PJSIP", "1", account, call_id, *places)
        return "security", blocks.event(name, "security", [*zip(_SECURITY, values, strict=True), *rest])

    def _ping(self, fields: Fields, now: float) -> bytes:
        return blocks.response(fields, [("Ping", "Pong"), ("Timestamp", f"{now:.6f}")])

    def _settings(self, fields: Fields, _now: float) -> bytes:
        settings = [
            *(("AMIversion", "11.0.0"), ("AsteriskVersion", VERSION), ("SystemName", ""), ("CoreMaxCalls", "0")),
            *(("CoreMaxLoadAvg", "0.000000"), ("CoreRunUser", ""), ("CoreRunGroup", ""), ("CoreMaxFilehandles", "0")),
            *(("CoreRealTimeEnabled", "No"), ("CoreCDRenabled", "Yes"), ("CoreHTTPenabled", "Yes")),
            ("SoundsSearchCustomDir", "No"),
        ]
        return blocks.response(fields, settings)

    def _status(self, fields: Fields, _now: float) -> bytes:
        date, hour = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._started)).split()
        started = [("CoreStartupDate", date), ("CoreStartupTime", hour)]
        reloaded = [("CoreReloadDate", date), ("CoreReloadTime", hour)]
        return blocks.response(fields, [*started, *reloaded, ("CoreCurrentCalls", "0"), ("CoreProcessedCalls", "0")])

    def _tree(self, fields: Fields, _now: float) -> bytes:
        found = self._bindings() if fields.get("Family") == blocks.FAMILY else []
        items = [blocks.tree_item(aor, binding) for aor, binding in found]
        return blocks.listing(fields, "Result will follow", items, "DBGetTree")

    def _contacts(self, fields: Fields, _now: float) -> bytes:
        items = [blocks.contact_item(aor, binding) for aor, binding in self._bindings()]
        if not items:
            return blocks.error(fields, "No Contacts found", stray=True)
        words = "A listing of Contacts follows, presented as ContactList events"
        return blocks.listing(fields, words, items, "ContactList")

    def _statuses(self, fields: Fields, _now: float) -> bytes:
        items = [blocks.status_item(aor, binding) for aor, binding in self._bindings()]
        words = "Following are ContactStatusEvents for each Inbound registration"
        return blocks.listing(fields, words, items, "ContactStatusDetail")

    def _endpoint(self, fields: Fields, now: float) -> bytes:
        """One endpoint, without its AuthDetail: the demo tells nobody a password."""
        name = fields.get("Endpoint", "")
        if not name:
            return blocks.error(fields, "PJSIPShowEndpoint requires an endpoint name", stray=True)
        if not self._registrar.has_user(name):
            return blocks.error(fields, f"Unable to retrieve endpoint {name}", stray=True)
        found = dict(self._registrar.bindings.lines()).get(name, [])
        state = "Not in use" if any(binding.current(int(now)) for binding in found) else "Unavailable"
        items = [blocks.endpoint_item(name, state), blocks.aor_item(name, found)]
        items += [blocks.status_item(name, binding) for binding in found]
        words = "Following are Events for each object associated with the Endpoint"
        return blocks.listing(fields, words, items, "EndpointDetail")

    def _bindings(self) -> list[tuple[str, Binding]]:
        """All of them; expired ones stay listed until they are cleared away."""
        return [(aor, binding) for aor, found in self._registrar.bindings.lines() for binding in found]
