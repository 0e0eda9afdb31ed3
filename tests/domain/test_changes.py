"""Changes of state and the mark of an unsteady line: four changes within ten minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import UNSTEADY, WINDOW, Changes, changed, unsteady_until

AT = 1_795_418_081


def after(*moments: int) -> Changes:
    """What is remembered when a line changed at these seconds."""
    found: Changes = ()
    for moment in moments:
        found = changed(found, AT + moment)
    return found


# When it changed -> until when it counts as unsteady, in seconds after AT.
UNTIL: dict[tuple[int, ...], int | None] = {
    (): None,
    (0,): None,
    (0, 1, 2): None,
    (0, 1, 2, 3): 600,
    (0, 200, 400, 599): 600,
    # The first is just out of the window when the fourth comes.
    (0, 200, 400, 600): None,
    (0, 200, 400, 601): None,
    (0, 0, 0, 0): 600,
    # The mark stays while the last four are close together: each change moves it.
    (0, 1, 2, 3, 100): 601,
    (0, 1, 2, 3, 100, 500): 602,
    (0, 1, 2, 3, 602): None,
    # One that rests for ten minutes begins anew.
    (0, 1, 2, 3, 4, 700): None,
    (0, 1, 2, 3, 700, 701, 702): None,
    (0, 1, 2, 3, 700, 701, 702, 703): 1300,
}


@pytest.mark.parametrize(("moments", "until"), UNTIL.items())
def test_four_changes_in_ten_minutes(moments: tuple[int, ...], until: int | None) -> None:
    assert unsteady_until(after(*moments)) == (None if until is None else AT + until)


@pytest.mark.parametrize("moments", [(500, 0), (1000, 0, 1, 2)])
def test_what_is_of_a_time_to_come_does_not_count(moments: tuple[int, ...]) -> None:
    """Somebody set a clock back."""
    found = after(*moments)
    assert AT + moments[0] not in found
    assert unsteady_until(found) is None


@given(moments=st.lists(st.integers(0, 3000), min_size=1, max_size=30))
def test_no_more_is_kept_than_the_mark_needs(moments: list[int]) -> None:
    ordered = sorted(moments)
    found = after(*ordered)
    assert found[0] == AT + ordered[-1]
    assert 1 <= len(found) <= UNSTEADY
    assert list(found) == sorted(found, reverse=True)
    assert found[0] - found[-1] < WINDOW
    # As if all had been kept.
    last = [AT + moment for moment in ordered[-UNSTEADY:]]
    flaps = len(last) == UNSTEADY and last[-1] - last[0] < WINDOW
    assert unsteady_until(found) == (last[0] + WINDOW if flaps else None)
