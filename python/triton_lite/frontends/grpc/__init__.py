"""The gRPC front end: `triton-lite-grpc`. It relays messages as bytes; only the engine decodes them."""
