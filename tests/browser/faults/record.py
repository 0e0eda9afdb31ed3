"""Every sign that an open page has shown, and when: told by the page itself, which never misses one."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

_RECORD = """() => {
  const seen = [], last = {};
  const look = () => {
    for (const cell of document.querySelectorAll('.cell')) {
      const sign = cell.querySelector('.sign'), remark = cell.querySelector('.remark');
      const now = [sign?.classList[1] ?? '', remark?.textContent ?? '', sign?.getAttribute('title') ?? ''];
      if (last[cell.id] === now.join('|')) continue;
      last[cell.id] = now.join('|');
      seen.push([Date.now() / 1000, Number(cell.id.slice(1)), ...now]);
    }
  };
  const news = [];
  const read = () => {
    const words = document.getElementById('news')?.innerText ?? '';
    if (words !== news.at(-1)) news.push(words);
  };
  window.record = {seen, news};
  look();
  read();
  const all = {subtree: true, childList: true, characterData: true, attributeFilter: ['class', 'title']};
  new MutationObserver(() => { look(); read(); }).observe(document.body, all);
}"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One sign of one line, as it was shown from a moment on."""

    at: float
    """Epoch seconds."""
    line: int
    kind: str
    remark: str
    meaning: str


class Record:
    """What one page shows from now on. A reload forgets it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(_RECORD)

    def shown(self, line: int | None = None) -> list[Shown]:
        """Every sign of a line, or of all lines, in the order in which it came."""
        rows: list[list[Any]] = self.page.evaluate("window.record.seen")
        found = [Shown(*row) for row in rows]
        return [one for one in found if line is None or one.line == line]

    def kinds(self, line: int) -> list[str]:
        """The kinds of a line's signs, each once in a row."""
        kinds = [one.kind for one in self.shown(line)]
        return [kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind]

    def news(self) -> list[str]:
        """What the page said of several lines, in the order in which it came."""
        words: list[str] = self.page.evaluate("window.record.news")
        return words

    def since(self, line: int, kind: str) -> float:
        """When a line last came to be of this kind. Raises AssertionError where it never did."""
        before = ""
        found = None
        for one in self.shown(line):
            if one.kind == kind and before != kind:
                found = one.at
            before = one.kind
        assert found is not None, f"{kind} never came: {self.kinds(line)}"
        return found
