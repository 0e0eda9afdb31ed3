"""Why a phone was refused and what to do about it, in the guide's words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.domain.failure import Failures
from app.domain.registration import FailureReason
from app.i18n import _l

_WORDS: Final[dict[FailureReason, tuple[Any, Any]]] = {
    FailureReason.WRONG_PASSWORD: (
        _l("REGISTER又はINVITEに含まれる認証パスワードが間違っているため、REGISTER又はINVITEの認証に失敗しました。"),
        _l(
            "設定されている端末パスワードが誤っている可能性があります。"
            "パスワードを失念された場合はユニーク詳細画面からパスワードの上書きを行ってください。"
        ),
    ),
    FailureReason.UNKNOWN_USER: (
        _l("REGISTER又はINVITEに含まれるユーザー名がサーバーに存在しないため、認証に失敗しました。"),
        _l("電話機に設定したユニーク番号(ユーザー名)に誤りがないか確認してください。"),
    ),
    FailureReason.WRONG_REALM: (
        _l("REGISTER又はINVITEに含まれるサーバー名(レルム)が異なるため、認証に失敗しました。"),
        _l("電話機に設定したログインサーバー名が、上に表示されているものと同じか確認してください。"),
    ),
    FailureReason.USER_MISMATCH: (
        _l("認証に使われたユーザー名が、登録しようとしたユニーク番号と異なるため、認証に失敗しました。"),
        _l("電話機の認証ユーザー名(認証ID)とユニーク番号が同じか確認してください。"),
    ),
    FailureReason.ADDRESS_REFUSED: (
        _l("許可されていない接続元アドレスからの要求のため、サーバーが拒否しました。"),
        _l(
            "電話機が接続しているネットワークを確認してください。心当たりがない場合はクラウドPBXサポートまでご連絡ください。"
        ),
    ),
    FailureReason.TOO_MANY_CONTACTS: (
        _l("登録できる電話機の数を超えているため、サーバーが拒否しました。"),
        _l("同じユニーク番号を設定した、使っていない電話機の電源を切るか、設定を消してください。"),
    ),
    FailureReason.OTHER: (
        _l("サーバーが認証を拒否しました。サーバーは理由を通知していません。"),
        _l("電話機のユニーク番号、ログインサーバー名、端末パスワードを確認してください。"),
    ),
}
_ASK_SUPPORT: Final = _l(
    "設定されている端末パスワードが誤っている可能性があります。"
    "パスワードを失念された場合はクラウドPBXサポートまでご連絡ください。"
    "このログインサーバーの端末パスワードは、ポータルから上書きできません。"
)
"""The remedy for a wrong password at a server whose passwords the portal can't overwrite."""


@dataclass(frozen=True, slots=True)
class LatestError:
    """最新のエラー情報: what the details page prints."""

    at: datetime
    message: str
    remedy: str
    password: bool
    """Whether overwriting the device password is the remedy."""
    count: int
    sources: tuple[str, ...]
    user_agent: str | None


def in_words(failures: Failures, *, overwritable: bool) -> LatestError:
    """The newest failure of a line in the reader's language; is its password one that the portal can overwrite?"""
    message, remedy = _WORDS[failures.newest.reason]
    wrong = failures.newest.reason is FailureReason.WRONG_PASSWORD
    if wrong and not overwritable:
        remedy = _ASK_SUPPORT
    return LatestError(
        failures.newest.at,
        str(message),
        str(remedy),
        wrong and overwritable,
        failures.count,
        failures.sources,
        failures.newest.user_agent,
    )
