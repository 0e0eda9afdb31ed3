"""`python -m demo`: the whole of Tsunagari on one machine, with made-up customers and simulated phones."""

import argparse
import os
import signal
import sys
from types import FrameType

from demo.settings import Settings, SetupError, check_ports, make_folders, make_secret
from demo.supervise import kamailio_program, run

_EPILOG = """environment: PORT (8080), SIP_PORT (5080, UDP and TCP), VAR_DIR (var), HOST (127.0.0.1; 0.0.0.0 lets
other machines in)"""


def main() -> int:
    """Run the demo until it is interrupted; 1 with one line when it cannot."""
    parser = argparse.ArgumentParser(prog="script/demo", description="Run Tsunagari's demo.", epilog=_EPILOG)
    parser.add_argument("--kamailio", action="store_true", help="use an installed Kamailio as the registrar")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _end)
    try:
        settings = Settings.from_env(dict(os.environ) | {"DEMO_KAMAILIO": "1" if arguments.kamailio else "0"})
        if settings.kamailio:
            kamailio_program()
        make_folders(settings)
        make_secret(settings)
        check_ports(settings)
        print("starting …", flush=True)
        return run(settings)
    except SetupError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    """The terminal was closed: end as if told to, in whatever state the demo is."""
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
