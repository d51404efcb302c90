"""In which order models are loaded: an ensemble after the models of its steps. Pure functions of who needs whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Graph = Mapping[str, Collection[str]]
"""Model -> the models that it needs."""


def find_circle(key: str, graph: Graph) -> str:
    """Find the ensemble through which `key` needs itself; empty when there is none."""
    seen: set[str] = set()
    waiting = [(needed, key) for needed in graph[key]]
    while waiting:
        needed, by = waiting.pop()
        if needed == key:
            return by
        if needed in seen or needed not in graph:
            continue
        seen.add(needed)
        waiting += [(further, needed) for further in graph[needed]]
    return ""


def levels(graph: Graph) -> list[list[str]]:
    """Sort models into levels: each needs only models of the levels before it, or outside the graph; circles last."""
    left = set(graph)
    result: list[list[str]] = []
    while left:
        level = sorted(key for key in left if not any(needed in left for needed in graph[key])) or sorted(left)
        result.append(level)
        left -= set(level)
    return result
