"""The portal with a rule that is wrong on purpose: what is not known is shown as a phone that is not registered.

It is how peers do it. A soak that finds nothing here would find nothing anywhere.
"""

from dataclasses import replace
from typing import Any

import wsgi
from app.domain import sign
from app.domain.sign import Sign, SignKind
from app.store import lines

_right = sign.decide


def _wrong(*arguments: Any, **known: Any) -> Sign:
    shown = _right(*arguments, **known)
    if shown.kind is not SignKind.UNKNOWN:
        return shown
    return replace(shown, kind=SignKind.NOT_REGISTERED, stale=False, as_of=known["now"], problem=None)


setattr(lines, "decide", _wrong)  # noqa: B010 - what the checker would call no part of that module
app = wsgi.app
