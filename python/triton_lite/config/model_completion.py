"""Takes over what a model says of its own configuration (`auto_complete_config`)."""

from __future__ import annotations

from triton_lite.proto import messages

_SCHEDULERS = "scheduling_choice"


def take_over(config: messages.ModelConfig, completed: messages.ModelConfig) -> None:
    """Complete `config` by the model's own version of it: batch size, tensors, scheduler, transaction policy.

    The model was given `config` and may have changed anything; nothing else is taken over, and nothing at all from one
    that has another scheduler than was configured, as in Triton.
    """
    chosen, asked = config.WhichOneof(_SCHEDULERS), completed.WhichOneof(_SCHEDULERS)
    if chosen is not None and chosen != asked:
        return
    if chosen is None and asked is not None:
        getattr(config, asked).CopyFrom(getattr(completed, asked))
    config.max_batch_size = completed.max_batch_size
    for field in ("input", "output"):
        config.ClearField(field)
        getattr(config, field).extend(getattr(completed, field))
    if completed.HasField("model_transaction_policy"):
        config.model_transaction_policy.decoupled = completed.model_transaction_policy.decoupled
