"""What is wrong with an option."""

from __future__ import annotations


class OptionError(ValueError):
    """An option that cannot be taken: the text says which, why, and where it was given."""
