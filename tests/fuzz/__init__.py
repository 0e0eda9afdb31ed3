"""The fuzzer of the parsers: every parser of every family on mutations of every recording that it can meet."""
