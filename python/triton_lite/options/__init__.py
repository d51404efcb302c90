"""The options of the server: declared once, read from a command line, the environment and a file."""

from triton_lite.options.catalog import OPTIONS, find
from triton_lite.options.error import OptionError
from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.settings import ENVIRONMENT_PREFIX, Settings
from triton_lite.options.sources import load

__all__ = ["ENVIRONMENT_PREFIX", "OPTIONS", "Option", "OptionError", "Scope", "Settings", "Support", "find", "load"]
