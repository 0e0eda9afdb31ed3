"""`python -m demo.after PORT … -- COMMAND …` becomes the command once something listens at every port."""

import os
import socket
import sys
import time

PATIENCE = 30.0
_PAUSE = 0.1


def main(arguments: list[str]) -> int:
    """Wait, then become the command; it says itself what is missing if the wait was in vain."""
    split = arguments.index("--")
    ports, command = [int(port) for port in arguments[:split]], arguments[split + 1 :]
    end = time.monotonic() + PATIENCE
    while not all(listens(port) for port in ports) and time.monotonic() < end:
        time.sleep(_PAUSE)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def listens(port: int) -> bool:
    """Whether something accepts connections at this port of the loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
