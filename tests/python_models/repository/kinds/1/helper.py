"""A module beside the model."""

NAME = "helper"
