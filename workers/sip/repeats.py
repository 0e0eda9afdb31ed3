"""Which of a million keys come more than once, found in a few megabytes."""

from collections.abc import Iterable

_BITS = 26
_BIT = tuple(1 << number for number in range(8))


class Repeats:
    """Notes keys. A key that came once may be taken for one that came twice, at a million keys one of seventy."""

    def __init__(self, bits: int = _BITS) -> None:
        self._mask = (1 << bits) - 1
        self._seen = bytearray(1 << (bits - 3))
        self._repeated: set[int] = set()

    def note(self, keys: Iterable[bytes]) -> None:
        """Some keys came."""
        mask, seen, again = self._mask, self._seen, self._repeated.add
        for key in keys:
            place = hash(key) & mask
            at, bit = place >> 3, _BIT[place & 7]
            if seen[at] & bit:
                again(place)
            else:
                seen[at] |= bit

    def __contains__(self, key: bytes) -> bool:
        return hash(key) & self._mask in self._repeated
