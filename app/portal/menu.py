"""The side menu of the guide: circles, searches, and what was asked for."""

from dataclasses import dataclass

from app.auth.sessions import principal
from app.i18n import _
from app.models import PrincipalKind


@dataclass(frozen=True, slots=True)
class Entry:
    """One place that the menu leads to."""

    endpoint: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of the menu and what stands below it."""

    name: str
    entries: tuple[Entry, ...]


def side_menu() -> tuple[Group, ...]:
    """What the caller may do; a unique sees only itself and gets no menu."""
    kind = principal().scope.kind
    searches = [Entry("search.uniques", _("ユニーク検索")), Entry("search.phones", _("電話番号検索"))]
    circles: list[Entry] = []
    if kind is PrincipalKind.ACCOUNT:
        circles = [
            Entry("portal.circles", _("サークル一覧")),
            Entry("requests.add_circle", _("サークル追加")),
            Entry("requests.cancel_circle", _("サークル解約")),
        ]
        searches.insert(1, Entry("search.circles", _("サークル検索")))
    elif kind is not PrincipalKind.CIRCLE:
        return ()
    groups = (Group(_("サークル"), tuple(circles)), Group(_("検索"), tuple(searches)))
    return tuple(group for group in groups if group.entries)
