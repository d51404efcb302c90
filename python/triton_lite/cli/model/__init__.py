"""`triton-lite model`: what one does with models, on disk and on a running server."""
