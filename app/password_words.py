"""How the overwriting of a device password stands, in words for a customer."""

from typing import Any, Final

from app.i18n import _l

_NOT_CHANGED: Final[dict[str, Any]] = {
    "limited": _l("操作が多すぎます。少し待ってから、もう一度お試しください。"),
    "store": _l("ただいま受け付けられません。パスワードは変わっていません。しばらくしてから、もう一度お試しください。"),
    "under_way": _l("前の上書きがまだ終わっていません。結果が出るまでお待ちください。"),
    "expired": _l("時間内に処理できませんでした。パスワードは変わっていません。もう一度お試しください。"),
    "unsupported": _l(
        "このログインサーバーの端末パスワードは、ポータルから上書きできません。クラウドPBXサポートまでご連絡ください。"
    ),
    "loading": _l("サーバーが起動中です。パスワードは変わっていません。数分たってから、もう一度お試しください。"),
}
_NOT_ACCEPTED: Final = _l("サーバーがパスワードを受け付けませんでした。クラウドPBXサポートまでご連絡ください。")
_UNREACHABLE: Final = _l(
    "サーバーに接続できませんでした。パスワードは変わっていません。しばらくしてから、もう一度お試しください。"
)
_OPERATORS: Final = _l(
    "サーバー側の設定のため、パスワードを変えられませんでした。クラウドPBXサポートまでご連絡ください。"
)
_UNCONFIRMED: Final = _l(
    "パスワードが変わったかどうかを確認できませんでした。もう一度上書きしてください。新しいほうのパスワードが有効になります。"
)
WORDS: Final[dict[str, Any]] = {
    **_NOT_CHANGED,
    **dict.fromkeys(("fault", "held", "outdated", "foreign"), _NOT_ACCEPTED),
    **dict.fromkeys(("no_route", "refused", "tls"), _UNREACHABLE),
    **dict.fromkeys(
        ("credentials", "permission", "command_missing", "table_missing", "configuration", "too_large", "clock_skew"),
        _OPERATORS,
    ),
    **dict.fromkeys(("unconfirmed", "timeout", "truncated", "garbage"), _UNCONFIRMED),
}
"""Every problem's word that an overwriting can end with."""


def because(problem: str | None) -> str:
    """Why it failed, and what to do."""
    return str(WORDS.get(problem or "", _UNCONFIRMED))
