"""What a problem means to an operator, and what to look at first."""

from collections.abc import Mapping

from workers.sip.base import Problem

WORDS: Mapping[str, str] = {
    Problem.NO_ROUTE: "no route: the host of the management URL can't be found or reached",
    Problem.REFUSED: "refused: nothing listens at the management URL's port, or a firewall turns us away",
    Problem.TIMEOUT: "no answer in time: the server hangs, or is too slow for the option timeout",
    Problem.TLS: "TLS failed: the certificate is not trusted (option ca_file), or the port speaks no TLS",
    Problem.CREDENTIALS: "wrong password: the server refuses the user or password that --credentials names",
    Problem.PERMISSION: "not permitted: the user is known, but may not do this",
    Problem.COMMAND_MISSING: "command missing: the server does not know a command that we need; is its module loaded?",
    Problem.TABLE_MISSING: "table missing: the server or its database has no table or column of that name",
    Problem.TRUNCATED: "cut short: the answer ended before its end; is the server's send buffer too small for it?",
    Problem.GARBAGE: "not understood: what came is no answer of this server family",
    Problem.TOO_LARGE: "too large: the server holds too many lines for the source that the options choose",
    Problem.LOADING: "loading: the server has restarted and does not yet know its lines",
    Problem.OUTDATED: "outdated: what came is older than what is known already; did somebody set a clock?",
    Problem.HELD: "held: more than half of the lines are gone at once; the next pull must say so too",
    Problem.FOREIGN: "foreign: our lines are gone, and lines that nobody knows are there: is it another server?",
    Problem.CLOCK_SKEW: "clock skew: the server's clock and ours differ by more than 5 s",
    Problem.UNSUPPORTED: "unsupported: this server family, configured so, can't do that",
    Problem.CONFIGURATION: "configuration: what is entered about the server makes no sense",
    Problem.FAULT: "fault: the server reports an error, or the portal has one",
}


BELIEVE = "if all is right, flask servers pull --believe takes it as it is"
"""What an operator can do about a whole answer that is not believed."""
_IMPLAUSIBLE = frozenset((Problem.OUTDATED, Problem.HELD, Problem.FOREIGN))


def words_of(problem: str, detail: str, *, hint: bool = True) -> str:
    """One line for an operator; a word that another version stored stands for itself. `hint` says what to do."""
    words = WORDS.get(problem, problem)
    told = f"{words} ({detail})" if detail else words
    return f"{told}; {BELIEVE}" if hint and problem in _IMPLAUSIBLE else told
