"""Files that only the owner may read."""

import json
import os
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    """Text, whole or not at all."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def write_json(path: Path, value: Any) -> None:
    """The same for JSON."""
    write_private(path, json.dumps(value, ensure_ascii=False, indent=1))
