"""Model repositories on disk: which models there are, their versions and their files. Reads, never writes."""
