"""Benchmarks: everything is measured in one run, alternating with a reference on the same machine, as ratios."""
