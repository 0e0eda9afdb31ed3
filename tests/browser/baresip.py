"""A real baresip as a softphone without sound, which a person set up by hand."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.process import Child
from tests.support.registrar import HOST, REALM, RegistrarProcess

_MODULES = "/usr/lib/baresip/modules"
_CONFIG = f"""\
sip_listen {HOST}:0
module_path {_MODULES}
module g711.so
module_app account.so
module_app contact.so
module_app menu.so
"""


@contextmanager
def softphone(server: RegistrarProcess, folder: Path, user: str, password: str) -> Iterator[Child]:
    """It registers as `user` by itself, and tries again when it is refused, until it is closed."""
    program = shutil.which("baresip")
    assert program, "baresip is not installed: apt-get install baresip"
    folder.mkdir()
    account = f'<sip:{user}@{REALM}>;auth_pass={password};outbound="sip:{HOST}:{server.port}";regint=60'
    for name, text in {"config": _CONFIG, "accounts": account, "contacts": ""}.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    child = Child([program, "-f", str(folder)], folder / "baresip.log", env={"TERM": "dumb"})
    try:
        yield child
    finally:
        child.stop()
