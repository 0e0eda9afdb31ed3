"""What moves one demo out of the way of another, from the environment; every process of a demo reads it alike."""

import contextlib
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from demo.customers import password
from demo.kamailio import reads_sqlite
from demo.servers import LIVE, SERVERS, LoginServer


def _sip_variable(server: LoginServer) -> str:
    return f"DEMO_{server.short.upper()}_PORT"


def _management_variable(server: LoginServer) -> str:
    return f"DEMO_{server.short.upper()}_MANAGEMENT_PORT"


_REDIS = "DEMO_REDIS_PORT"
_PORTS = (
    _REDIS,
    *(_sip_variable(server) for server in SERVERS if server.hostname != LIVE),
    *(_management_variable(server) for server in SERVERS if server.managed_apart),
)


class SetupError(Exception):
    """The demo cannot start; the text is one line for whoever started it."""


@dataclass(frozen=True)
class Settings:
    """One demo: where it writes and where it listens."""

    var: Path
    host: str
    port: int
    sip_port: int
    ports: Mapping[str, int]
    """What else is listened at, by the environment variable that says so."""
    kamailio: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment, and choose what it leaves open. Raises SetupError."""
        host = environ.get("HOST") or "127.0.0.1"
        taken: set[int] = set()
        return cls(
            var=Path(environ.get("VAR_DIR") or "var").resolve(),
            host=host,
            port=_port(environ, "PORT", 8080),
            sip_port=_port(environ, "SIP_PORT", 5080),
            ports={name: _chosen_port(environ, name, taken) for name in _PORTS},
            kamailio=environ.get("DEMO_KAMAILIO") == "1",
        )

    @cached_property
    def secret(self) -> str:
        """What cookies are signed with and passwords are made from. Raises OSError before `make_secret`."""
        return self.secret_file.read_text(encoding="ascii").strip()

    @property
    def secret_file(self) -> Path:
        """Where the secret lies."""
        return self.var / "secret-key"

    def kamailio_folder(self, server: str) -> Path:
        """What Kamailio reads and writes for one login server."""
        return self.var / f"kamailio-{server}"

    def subscribers(self, server: LoginServer) -> Path | None:
        """The table in which the portal can overwrite device passwords; None where the server reads no such table."""
        textual = self.kamailio and server.family == "kamailio" and not reads_sqlite()
        return self.var / f"subscribers-{server.short}.sqlite3" if server.keeps_hashes and not textual else None

    @property
    def url(self) -> str:
        """Where the portal is."""
        return f"http://{_reachable(self.host)}:{self.port}"

    @property
    def sip(self) -> str:
        """host:port of the live registrar, for softphones."""
        return f"{_reachable(self.host)}:{self.sip_port}"

    @property
    def redis_port(self) -> int:
        """Of the demo's own Redis."""
        return self.ports[_REDIS]

    def sip_port_of(self, server: LoginServer) -> int:
        """Where phones register at one login server."""
        return self.sip_port if server.hostname == LIVE else self.ports[_sip_variable(server)]

    def management_port_of(self, server: LoginServer) -> int:
        """Where one login server is managed, over TCP."""
        return self.ports[_management_variable(server)] if server.managed_apart else self.sip_port_of(server)

    @property
    def addresses(self) -> dict[str, str]:
        """host:port of each login server, for the simulated phones."""
        local = _reachable(self.host)
        return {server.hostname: f"{local}:{self.sip_port_of(server)}" for server in SERVERS}

    @property
    def management_urls(self) -> dict[str, str]:
        """Where the workers reach each login server; an interface with a port of its own is on the loopback."""
        local = _reachable(self.host)
        hosts = {server: "127.0.0.1" if server.managed_apart else local for server in SERVERS}
        return {
            server.hostname: server.url.format(f"{host}:{self.management_port_of(server)}")
            for server, host in hosts.items()
        }

    @property
    def redis_password(self) -> str:
        """Of the demo's own Redis."""
        return password(self.secret, "redis")

    def environment(self) -> dict[str, str]:
        """What every child needs: the portal's configuration, and the choices that were made here."""
        scratch = str(self.var / "tmp")
        return {
            "VAR_DIR": str(self.var),
            "HOST": self.host,
            "PORT": str(self.port),
            "SIP_PORT": str(self.sip_port),
            **{name: str(port) for name, port in self.ports.items()},
            **{
                server.credentials: f"{server.manager}:{password(self.secret, f'manager of {server.hostname}')}"
                for server in SERVERS
                if server.credentials
            },
            "DEMO_KAMAILIO": "1" if self.kamailio else "0",
            "DATABASE_URL": f"sqlite:///{self.var / 'tsunagari.sqlite3'}",
            "REDIS_URL": f"redis://:{self.redis_password}@127.0.0.1:{self.redis_port}/0",
            "SECRET_KEY_FILE": str(self.secret_file),
            "INSECURE_COOKIES": "1",
            "MAIL_URL": (self.var / "mail").as_uri(),
            "MAIL_FROM": "no-reply@tsunagari.example.jp",
            "PUBLIC_URL": self.url,
            "COOKIE_NAME": f"tsunagari-{self.port}",
            "TRUSTED_PROXIES": "0",
            "TMPDIR": scratch,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }


def make_folders(settings: Settings) -> None:
    """The folder for everything that a demo writes, readable to nobody else. Raises SetupError."""
    try:
        for folder in (settings.var, settings.var / "log", settings.var / "tmp"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = settings.var / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SetupError(f"VAR_DIR {settings.var} can't be written to: {error.strerror}") from None


def make_secret(settings: Settings) -> None:
    """Write the secret, unless an earlier start has."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(settings.secret_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))


def check_ports(settings: Settings) -> None:
    """Raises SetupError for one that is taken, naming the variable that moves it."""
    wanted = (
        ("PORT", socket.SOCK_STREAM, settings.port),
        ("SIP_PORT", socket.SOCK_DGRAM, settings.sip_port),
        ("SIP_PORT", socket.SOCK_STREAM, settings.sip_port),
    )
    for variable, kind, port in wanted:
        try:
            _try(kind, settings.host, port)
        except OSError as error:
            word = "udp" if kind == socket.SOCK_DGRAM else "tcp"
            raise SetupError(
                f"can't listen at {settings.host} {word} port {port} ({error.strerror}): set {variable} to another"
            ) from None


def _port(environ: Mapping[str, str], name: str, default: int = 0) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise SetupError(f"{name} must be a port between 1 and 65535, not {text!r}")
    return int(text)


def _chosen_port(environ: Mapping[str, str], name: str, taken: set[int]) -> int:
    """What the environment says, else a free one that is not among those `taken`."""
    while not environ.get(name):
        port = _free_port()
        if port not in taken:
            taken.add(port)
            return port
    return _port(environ, name)


def _free_port() -> int:
    """A number that is free for both UDP and TCP on the loopback."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):
                _try(socket.SOCK_DGRAM, "127.0.0.1", port)
                return port


def _try(kind: socket.SocketKind, host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, kind) as tried:
        if kind == socket.SOCK_STREAM:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((host, port))


def _reachable(host: str) -> str:
    return "127.0.0.1" if host == "0.0.0.0" else host
