"""The demo's embedded registrar, started for a test in a folder of its own."""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.support.process import python
from tests.support.registrar import HOST, REALM, RegistrarProcess


class EmbeddedRegistrar(RegistrarProcess):
    """One instance. It reads its subscribers when it starts."""

    def _command(self) -> Sequence[str]:
        where = ["--host", HOST, "--port", str(self.port), "--realm", REALM]
        return python("-m", "demo.registrar", *where, "--users", str(self._users_file))

    def _write_users(self) -> None:
        self._users_file.write_text(json.dumps(self._users), encoding="utf-8")

    @property
    def _users_file(self) -> Path:
        return self._folder / "users.json"
