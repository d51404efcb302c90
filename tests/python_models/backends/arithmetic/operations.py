"""A module beside the backend's code."""


def _refuse(left, right):
    raise ValueError("there is no answer")


OPERATIONS = {"plus": lambda left, right: left + right, "times": lambda left, right: left * right, "refuse": _refuse}
