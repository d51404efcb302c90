"""The command line: `triton-lite serve` and what belongs to it."""
