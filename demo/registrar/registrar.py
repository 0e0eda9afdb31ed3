"""What the registrar answers to one SIP request: no sockets, no clock."""

from collections import OrderedDict

from demo.registrar.bindings import Bindings, RejectedError
from demo.registrar.contacts import MAX_USER_AGENT, Address, aor_of, origin, removes_all, wanted_contacts, written
from demo.registrar.digest import FAILURES, Authenticator, Outcome, Verdict
from demo.registrar.happenings import Attempt, Change, Happening, Listener, Moved, changes
from demo.registrar.replies import check, reply
from demo.registrar.sip import Request, Response, SipParseError, parse_name_addr, user_of

MAX_REMEMBERED = 10_000
_ALLOW = ("Allow", "REGISTER, OPTIONS")


class Table:
    """One of Kamailio's htables: text by key, bounded, the oldest entry making room."""

    def __init__(self) -> None:
        self.items: OrderedDict[str, str] = OrderedDict()

    def put(self, key: str, value: str) -> None:
        """Remember `value` as the newest entry."""
        self.items[key] = value
        self.items.move_to_end(key)
        if len(self.items) > MAX_REMEMBERED:
            self.items.popitem(last=False)


class Registrar:
    """One registrar for one realm. It remembers what phones told it, and nothing of any password."""

    def __init__(self, authenticator: Authenticator, bindings: Bindings) -> None:
        self.bindings = bindings
        self.accepted = 0
        self.rejected = 0
        self.tables = {"authfail": Table(), "authscan": Table(), "authok": Table()}
        """The newest failure and success by user@realm, the newest unknown user by source address."""
        self.listeners: list[Listener] = []
        """Who is told what happens, as it happens."""
        self._authenticator = authenticator

    def answer(self, request: Request, source: Address, now: float) -> Response | None:
        """The response, None where there is none to give. Raises SipParseError for what cannot even be refused."""
        check(request)
        if request.method == "ACK":
            return None
        if request.method == "OPTIONS":
            return reply(request, source, 200, "OK", _ALLOW)
        if request.method != "REGISTER":
            return reply(request, source, 405, "Method Not Allowed", _ALLOW)
        try:
            return self._register(request, source, now)
        except SipParseError as error:
            self.rejected += 1
            return reply(request, source, 400, "Bad Request", ("P-Registrar-Error", str(error)))

    def has_user(self, user: str) -> bool:
        """Whether somebody of this name may register."""
        return self._authenticator.knows(user)

    def expire(self, now: float) -> None:
        """Clear away the bindings that have expired, and tell of them."""
        for aor, binding in self.bindings.expire(int(now)):
            self._tell(Moved(aor, Change.EXPIRED, binding, now))

    def _register(self, request: Request, source: Address, now: float) -> Response:
        to = parse_name_addr(request.headers.first("to") or "").uri
        credentials = request.headers.all("authorization")
        verdict = self._authenticator.judge(request.method, credentials, user_of(to), now)
        self._tell(Attempt(user_of(to), verdict, request, source, now))
        if verdict.outcome is not Outcome.OK:
            self._remember_failure(verdict, user_of(to), request, source, int(now))
            challenge = self._authenticator.challenge(now, stale=verdict.outcome is Outcome.STALE)
            return reply(request, source, 401, "Unauthorized", ("WWW-Authenticate", challenge))
        self.tables["authok"].put(self._key(verdict.user), f"{int(now)}|udp:{source[0]}:{source[1]}")
        aor = aor_of(to)
        before = self.bindings.current(aor, int(now))
        answer = self._save(request, aor, source, int(now))
        for change, binding in changes(before, self.bindings.current(aor, int(now))):
            self._tell(Moved(aor, change, binding, now))
        return answer

    def _tell(self, happening: Happening) -> None:
        for listener in self.listeners:
            listener(happening)

    def _save(self, request: Request, aor: str, source: Address, now: int) -> Response:
        wanted = wanted_contacts(request)
        by = origin(request, source)
        try:
            if wanted is not None:
                self.bindings.register(aor, wanted, by, now)
            elif removes_all(request):
                self.bindings.clear(aor, by, now)
            else:
                raise SipParseError("* used in contact and expires is not zero")
        except RejectedError as error:
            self.rejected += 1
            detail = ("P-Registrar-Error", error.detail)
            return reply(request, source, error.status, error.reason, *self._bound(aor, now), detail)
        self.accepted += 1
        return reply(request, source, 200, "OK", *self._bound(aor, now))

    def _bound(self, aor: str, now: int) -> list[tuple[str, str]]:
        bound = ", ".join(written(binding, now) for binding in self.bindings.current(aor, now))
        return [("Contact", bound)] if bound else []

    def _remember_failure(self, verdict: Verdict, claimed: str, request: Request, source: Address, now: int) -> None:
        if verdict.outcome not in FAILURES:
            return
        told = f"{now}|{verdict.outcome}|udp:{source[0]}:{source[1]}"
        agent = (request.headers.first("user-agent") or "")[:MAX_USER_AGENT]
        if verdict.outcome is Outcome.WRONG_PASSWORD:
            self.tables["authfail"].put(self._key(verdict.user), f"{told}|{agent}")
        else:  # whoever it says that it is, it may be anybody
            self.tables["authscan"].put(source[0], f"{told}|{self._key(claimed)}|{agent}")

    def _key(self, user: str) -> str:
        return f"{user[:MAX_USER_AGENT]}@{self._authenticator.realm}"
