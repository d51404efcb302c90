"""The HTTP front end: `gunicorn triton_lite.frontends.http:app`, with any worker."""

from triton_lite.frontends.http.application import Application

app = Application()
"""The application that servers import. Importing it starts nothing; it reads the options, so that a wrong one keeps the
server from starting."""
app.prepare()

__all__ = ["Application", "app"]
