"""A mail server that keeps what it is given; over TCP, with TLS and a login where a test wants them."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

USER, PASSWORD = "portal", "p@ss:word"


class _Conversation(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        server = cast("MailServer", self.server)
        server.conversations += 1
        if server.implicit:
            self._encrypt(server)
        self._say("220 mail.test")
        while line := self.rfile.readline().decode().strip():
            word, _, rest = line.partition(" ")
            answer: Callable[[str], bool] = getattr(self, f"on_{word.lower()}", self._ok)
            if not answer(rest):
                return

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def on_ehlo(self, _rest: str) -> bool:
        server = cast("MailServer", self.server)
        encrypted = isinstance(self.request, ssl.SSLSocket)
        offers = ["STARTTLS"] if server.tls and not encrypted else ["AUTH PLAIN"] if encrypted else []
        for offer in ["mail.test", *offers][:-1]:
            self._say(f"250-{offer}")
        return self._say(f"250 {['mail.test', *offers][-1]}")

    def on_starttls(self, _rest: str) -> bool:
        self._say("220 go")
        self._encrypt(cast("MailServer", self.server))
        return True

    def on_auth(self, rest: str) -> bool:
        given = base64.b64decode(rest.partition(" ")[2]).decode()
        return self._say("235 welcome" if given == f"\0{USER}\0{PASSWORD}" else "535 no")

    def on_rcpt(self, _rest: str) -> bool:
        return self._say(cast("MailServer", self.server).recipients)

    def on_data(self, _rest: str) -> bool:
        self._say("354 go")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=default)
        cast("MailServer", self.server).received.append(message)
        return self._say("250 kept")

    def on_quit(self, _rest: str) -> bool:
        self._say("221 bye")
        return False

    def _ok(self, _rest: str) -> bool:
        return self._say("250 ok")

    def _say(self, line: str) -> bool:
        self.wfile.write(f"{line}\r\n".encode())
        self.wfile.flush()
        return True

    def _encrypt(self, server: "MailServer") -> None:
        assert server.tls is not None
        self.request = server.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on a free port from its making to `stop`."""

    daemon_threads = False
    allow_reuse_address = True

    def __init__(self, *, tls: ssl.SSLContext | None = None, implicit: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.tls, self.implicit = tls, implicit
        self.received: list[EmailMessage] = []
        self.conversations = 0
        self.recipients = "250 ok"
        """What it answers to each recipient."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, _request: object, _address: object) -> None:
        """A client that breaks off is no error of the server's."""
