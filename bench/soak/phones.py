"""Phones under churn: they register, refresh, move, let registrations run out, leave, and mistype their passwords."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from tests.support.registrar import REALM
from tests.support.sip import Address, Phone

SHORT = 6
"""Seconds of a registration that is going to run out."""
LONG = 3600
_FIRST = 0.9
_TAKEN = 200
_WEIGHTS = {"register": 6, "refresh": 3, "move": 2, "leave": 4, "expire": 2, "mistype": 1}


class Phones:
    """One thread that plays all of them, `rate` actions a second. What came of it the registrar says."""

    def __init__(
        self,
        address: Address,
        users: Sequence[str],
        password: str,
        rate: float,
        dice: random.Random,
        told: Callable[[str, bool], None],
    ) -> None:
        """`told` is told of each REGISTER that the registrar took: of which line, and whether it is registered now."""
        self._address, self._users, self._password = address, users, password
        self._told = told
        self._rate, self._dice = rate, dice
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.actions: Counter[str] = Counter()

    def register_most(self) -> None:
        """Nine of ten are registered when the soak begins."""
        for user in self._users:
            if self._dice.random() < _FIRST:
                self._act("register", user)

    def start(self) -> None:
        """Begin the churn."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        names, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while not self._stop.wait(self._dice.expovariate(self._rate)):
            (action,) = self._dice.choices(names, weights)
            self._act(action, self._dice.choice(self._users))

    def _act(self, action: str, user: str) -> None:
        usual = f"sip:{user}@192.0.2.1:5060"
        with Phone(self._address, user, self._password, domain=REALM, patience=2) as phone:
            try:
                if action == "leave":
                    status = phone.unregister_all()
                elif action == "mistype":
                    status = phone.register(contact=usual, password="mistyped")  # noqa: S106 - wrong on purpose
                elif action == "move":
                    status = phone.register(expires=LONG)
                else:
                    status = phone.register(contact=usual, expires=SHORT if action == "expire" else LONG)
                if status == _TAKEN:
                    self._told(user, action != "leave")
            except OSError:
                # The registrar is frozen or away.
                action += " unanswered"
        self.actions[action] += 1
