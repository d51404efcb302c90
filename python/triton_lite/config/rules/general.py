"""Rules of a model as a whole."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from triton_lite.config.backends import ENSEMBLE, PLATFORMS_OF
from triton_lite.config.error import ConfigError
from triton_lite.errors import Code
from triton_lite.proto import messages

# The default of --repoagent-directory, where Triton looks for them.
_AGENT_DIRECTORY = "/opt/tritonserver/repoagents"


def agents_are_here(config: messages.ModelConfig) -> None:
    """Repository agents are libraries, of which there are none: a model that names one is not loaded without it."""
    for index, agent in enumerate(config.model_repository_agents.agents):
        raise ConfigError(
            f"unable to find 'libtritonrepoagent_{agent.name}.so' for repo agent '{agent.name}', searched:"
            f" {_AGENT_DIRECTORY}",
            field=("model_repository_agents", "agents", index),
            expected="no agents, which would have to change the files before they are loaded",
            write="no model_repository_agents",
        )


def has_name(config: messages.ModelConfig) -> None:
    """A model has a name."""
    if not config.name:
        raise ConfigError("model configuration must specify 'name'", field=("name",), write='name: "…"')


def has_backend_unless_ensemble(config: messages.ModelConfig) -> None:
    """Every model but an ensemble has a backend; an ensemble has none."""
    if not config.backend:
        if config.platform != ENSEMBLE:
            raise ConfigError(
                f"unexpected platform type '{config.platform}' for {config.name}",
                field=("platform",),
                expected="the name of a backend",
                write='backend: "onnxruntime" instead of platform',
            )
    elif config.platform == ENSEMBLE:
        raise ConfigError(
            f"Ensemble model '{config.name}' must have platform type '{ENSEMBLE}' and empty backend type",
            field=("backend",),
            expected="no backend in an ensemble",
            write="no backend at all",
        )


def platform_fits_backend(config: messages.ModelConfig) -> None:
    """A known backend goes with its own platforms only."""
    platforms = PLATFORMS_OF.get(config.backend)
    if platforms is not None and config.platform not in platforms:
        raise ConfigError(
            f"unexpected 'platform' and 'backend' pair, got:{config.platform}, {config.backend}",
            field=("platform",),
            expected=f"a platform of backend {config.backend}",
            write=" or ".join(f'platform: "{platform}"' for platform in sorted(platforms)),
        )


def batch_size_not_negative(config: messages.ModelConfig) -> None:
    """max_batch_size is 0 (no batching) or more."""
    if config.max_batch_size < 0:
        raise ConfigError(
            f"'max_batch_size' must be non-negative value for {config.name}",
            field=("max_batch_size",),
            expected="0 for a model without a batch dimension, or the largest batch",
            write="max_batch_size: 0",
        )


def decoupled_not_cached(config: messages.ModelConfig) -> None:
    """Models that answer many times are not cached."""
    if config.model_transaction_policy.decoupled and config.response_cache.enable:
        raise ConfigError(
            f"Response Cache does not currently support model {config.name} with 'decoupled' transaction policy."
            " Please disable the response cache.",
            field=("response_cache", "enable"),
            expected="no response cache for a decoupled model",
            write="response_cache { enable: false }",
        )


def metrics_are_complete(config: messages.ModelConfig) -> None:
    """Each metric control names its family and its buckets."""
    for index, control in enumerate(config.model_metrics.metric_control):
        field = ("model_metrics", "metric_control", index)
        text = ""
        if not control.HasField("metric_identifier"):
            text = "metric control must specify 'metric_identifier'"
        elif not control.metric_identifier.family:
            text = "metric identifier must specify non-empty 'family'"
        elif not control.HasField("histogram_options"):
            text = "metric control must specify 'histogram_options'"
        elif not control.histogram_options.buckets:
            text = "histogram options must specify non-empty 'buckets'"
        elif not _increase(control.histogram_options.buckets):
            text = f"buckets of metric family '{control.metric_identifier.family}' must increase"
        if text:
            raise ConfigError(
                text,
                field=field,
                write='metric_identifier { family: "…" } histogram_options { buckets: [ … ] }',
            )


def _increase(bounds: Sequence[float]) -> bool:
    return all(low < high for low, high in itertools.pairwise(bounds)) and all(map(math.isfinite, bounds))


def metric_tags_are_labels(config: messages.ModelConfig) -> None:
    """Tags become labels of metrics, which Prometheus takes letters, digits and underscores for."""
    for name in config.metric_tags:
        if not re.fullmatch(r"[a-zA-Z0-9_]+", name):
            raise ConfigError(
                f"metric tag '{name}' of model '{config.name}' is no name for a label",
                field=("metric_tags",),
                expected="letters, digits and underscores",
                write='metric_tags { key: "team" value: "vision" }',
            )


def configuration_is_given(config: messages.ModelConfig, provided: bool, completed: bool) -> None:
    """A model has a configuration: from a file, or from its backend, which completed it."""
    if not provided and not completed and not config.HasField("ensemble_scheduling"):
        raise ConfigError(
            f"model configuration is not provided for model '{config.name}'",
            code=Code.NOT_FOUND,
            expected=f"a configuration, since backend {config.backend} does not tell inputs and outputs",
            write="config.pbtxt with input and output",
        )


GENERAL_RULES = (agents_are_here, has_name, has_backend_unless_ensemble, platform_fits_backend, batch_size_not_negative)
CLOSING_RULES = (decoupled_not_cached, metrics_are_complete, metric_tags_are_labels)
