"""What a test sees of an open page, told by the page itself: asking it again and again would be late."""

from playwright.sync_api import Page

from tests.browser.stack import Line

# htmx first gives a new element the attributes of the old one with its id: a sign has turned when its class has.
_KIND = """
const kind = id => document.querySelector(`#c${id} .sign`)?.classList[1];
const watch = (id, look) => {
  look(kind(id));
  const observer = new MutationObserver(() => look(kind(id)));
  // Not its body: a page that is only just coming has none yet.
  observer.observe(document, {subtree: true, childList: true, attributeFilter: ['class']});
  return observer;
};
"""
_HISTORY = f"""unique_id => {{
  {_KIND}
  const seen = [], said = [];
  window.tests = {{seen, said}};
  watch(unique_id, now => {{ if (now !== seen.at(-1)) seen.push(now); }});
  const announce = document.getElementById('announce');
  new MutationObserver(() => said.push(announce.textContent)).observe(announce, {{subtree: true, childList: true}});
}}"""
_WAIT = f"""([unique_id, wanted, patience]) => {{
  {_KIND}
  return new Promise((resolve, reject) => {{
    let observer = null;
    const look = now => {{ if (now === wanted) {{ observer?.disconnect(); resolve(Date.now() / 1000); }} }};
    observer = watch(unique_id, look);
    if (kind(unique_id) === wanted) observer.disconnect();
    const late = () => {{ observer.disconnect(); reject(new Error(`${{kind(unique_id)}}, not ${{wanted}}`)); }};
    setTimeout(late, patience);
  }});
}}"""


def wait_for_sign(page: Page, line: Line, kind: str, seconds: float = 10) -> float:
    """Wait until the sign of a line is of this kind; the time at which it was so, in seconds since the epoch."""
    return float(page.evaluate(_WAIT, [line.id, kind, seconds * 1000]))


def keep_history(page: Page, line: Line) -> None:
    """From now on remember every sign of a line, and everything that a screen reader is told. A reload forgets it."""
    page.evaluate(_HISTORY, line.id)


def seen(page: Page) -> list[str]:
    """The signs so far, each once in a row. Raises when the page was loaded anew."""
    return [str(kind) for kind in page.evaluate("window.tests.seen")]


def said(page: Page) -> list[str]:
    """What a screen reader was told so far."""
    return [str(words) for words in page.evaluate("window.tests.said")]


def focused(page: Page) -> str:
    """The id of the element that has the focus."""
    return str(page.evaluate("document.activeElement.id"))
