"""The engine process: the data plane and the control plane that gives it models."""
