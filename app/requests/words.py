"""Kinds and states of requests, in words."""

from typing import Final

from app.i18n import _l
from app.models import RequestKind, RequestState

KINDS: Final = {
    RequestKind.ADD_CIRCLE: _l("サークル追加"),
    RequestKind.CANCEL_CIRCLE: _l("サークル解約"),
    RequestKind.CANCEL_UNIQUE: _l("ユニーク解約"),
}
STATES: Final = {
    RequestState.REQUESTED: _l("申込中"),
    RequestState.UNDONE: _l("取消済"),
    RequestState.CARRIED_OUT: _l("完了"),
    RequestState.REFUSED: _l("お受けできません"),
}
