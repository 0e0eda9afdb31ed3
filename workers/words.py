"""What a problem means to an operator, and what to look at first."""

from workers.sip.base import Problem

WORDS = {
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
    Problem.FOREIGN: "foreign: the lines of ours are gone, and lines that nobody knows are there: is it another server?"
    " If all is right, flask servers pull --believe takes it as it is",
    Problem.CLOCK_SKEW: "clock skew: the server's clock and ours differ by more than 5 s",
    Problem.UNSUPPORTED: "unsupported: this server family, configured so, can't do that",
    Problem.CONFIGURATION: "configuration: what is entered about the server makes no sense",
    Problem.FAULT: "fault: the server reports an error, or the portal has one",
}


def words_of(problem: Problem, detail: str) -> str:
    """One line for an operator."""
    return f"{WORDS[problem]} ({detail})" if detail else WORDS[problem]
