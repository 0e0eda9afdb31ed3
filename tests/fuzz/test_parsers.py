"""The whole table of `./script/fuzz`, small: a few mutations of each recording for each parser."""

import pytest

from tests.fuzz.run import run
from tests.fuzz.table import FAMILIES, cases, pool

MUTATIONS = 60
PARSERS = sorted({(family, case.parser) for family in FAMILIES for case in cases(family)})


@pytest.mark.parametrize(("family", "parser"), PARSERS)
def test_no_mutation_fools_a_parser(family: str, parser: str) -> None:
    results = [run(case, MUTATIONS, "suite", pool(family)) for case in cases(family) if case.parser == parser]
    assert not [finding for result in results for finding in result.findings]
    assert all(result.clean and result.mutations == MUTATIONS for result in results)
