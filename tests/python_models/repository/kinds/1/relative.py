"""A module of the package that the version folder is."""

RELATIVE = __name__
