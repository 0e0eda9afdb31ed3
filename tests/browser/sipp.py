"""The real SIPp as a phone."""

import shutil
import subprocess
from pathlib import Path

from tests.support.registrar import HOST, REALM, RegistrarProcess

_SCENARIO = Path(__file__).with_name("register.xml")


def register(server: RegistrarProcess, folder: Path, user: str, password: str, *, seconds: int = 3600) -> None:
    """REGISTER `user` once; 0 seconds un-register. Raises AssertionError unless it ends with a 200 OK."""
    program = shutil.which("sipp")
    assert program, "SIPp is not installed: apt-get install sip-tester"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [
            program, f"{HOST}:{server.port}", "-sf", str(_SCENARIO), "-i", HOST, "-m", "1", "-nostdin",
            "-s", user, "-au", user, "-ap", password, "-key", "realm", REALM, "-key", "seconds", str(seconds),
            "-timeout", "10s", "-timeout_error",
        ],
        cwd=folder,
        env={"TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"SIPp ended with {done.returncode}: {done.stderr[-1000:]}{done.stdout[-1000:]}"
