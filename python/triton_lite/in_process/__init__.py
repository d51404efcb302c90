"""What the server in process is made of (`triton_lite.server`)."""
