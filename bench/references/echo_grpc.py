"""A bare grpc.aio echo of raw bytes: python -m bench.references.echo_grpc PORT."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc


async def _echo(request: bytes, _: Any) -> bytes:
    return request


class Handler(grpc.GenericRpcHandler):
    """Answers every unary method with its request."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """No (de)serialiser: bytes in, bytes out."""
        return grpc.unary_unary_rpc_method_handler(_echo)


async def serve(port: int) -> None:
    """Serve until killed."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(options=unlimited)
    server.add_generic_rpc_handlers((Handler(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
