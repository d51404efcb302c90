"""Plain Python functions as models: what is said of one, and the threads that run it."""
