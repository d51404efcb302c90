"""A bare Falcon ASGI echo: gunicorn -k asgi bench.references.echo_http:app."""

from __future__ import annotations

import falcon.asgi


class Echo:
    """Answers with the request's body."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, model: str) -> None:
        """Echo."""
        resp.data = await req.stream.read()
        resp.content_type = "application/octet-stream"


app = falcon.asgi.App()
app.add_route("/v2/models/{model}/infer", Echo())
