"""The signals that an engine understands beside those that end it."""

import signal

DRAIN_SIGNAL = signal.SIGUSR2
"""Makes an engine say that it is not ready any more, while it serves on."""

REPORT_SIGNAL = signal.SIGUSR1
"""Makes an engine write what the server does into the log."""
