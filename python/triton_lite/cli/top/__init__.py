"""`triton-lite top`: what a running server does, as it does it."""
