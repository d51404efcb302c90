"""The metrics that Prometheus collects."""
