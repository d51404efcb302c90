"""The configuration of a model: reading config.pbtxt, its rules, completing it, and what the data plane gets of it."""
