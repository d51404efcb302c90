"""The configuration that a model may complete (auto_complete_config)."""

from __future__ import annotations

import json
from typing import Any

_INVALID = "TYPE_INVALID"


class ModelConfig:
    """A model configuration to build upon: what it already says can be confirmed, not changed."""

    def __init__(self, model_config: str) -> None:
        self._model_config: dict[str, Any] = json.loads(model_config)

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration, to read."""
        return self._model_config

    def set_max_batch_size(self, max_batch_size: int) -> None:
        """Set the largest batch; not below what the configuration has."""
        present = self._model_config["max_batch_size"]
        if present > max_batch_size:
            raise ValueError(
                f"configuration specified max_batch_size {present}, but in auto-complete-config function for model "
                f"'{self._name}' specified max_batch_size {max_batch_size}"
            )
        self._model_config["max_batch_size"] = max_batch_size

    def set_dynamic_batching(self) -> None:
        """Choose the dynamic batcher, where no other scheduler is chosen."""
        for scheduler in ("sequence_batching", "ensemble_scheduling"):
            if scheduler in self._model_config:
                raise ValueError(
                    f"Configuration specified scheduling_choice as '{scheduler}', but auto-complete-config function "
                    f"for model '{self._name}' tries to set scheduling_choice as 'dynamic_batching'"
                )
        self._model_config.setdefault("dynamic_batching", {})

    def add_input(self, input: dict[str, Any]) -> None:
        """Add an input, or complete the one of that name: name, data_type, dims, optional."""
        self._add(
            "input", input, ("name", "data_type", "dims", "optional"), "'name', 'data_type', 'dims' and 'optional'"
        )

    def add_output(self, output: dict[str, Any]) -> None:
        """Add an output, or complete the one of that name: name, data_type, dims."""
        self._add("output", output, ("name", "data_type", "dims"), "'name', 'data_type' and 'dims'")

    def set_model_transaction_policy(self, transaction_policy_dict: dict[str, Any]) -> None:
        """Set the transaction policy: decoupled or not."""
        for key in transaction_policy_dict:
            if key != "decoupled":
                raise ValueError(
                    f"model transaction property in auto-complete-config function for model '{self._name}' contains "
                    "property other than 'decoupled'."
                )
        policy = self._model_config.setdefault("model_transaction_policy", {})
        if "decoupled" in transaction_policy_dict:
            decoupled = transaction_policy_dict["decoupled"]
            if policy.get("decoupled", decoupled) != decoupled:
                raise ValueError(
                    f"trying to change decoupled property in auto-complete-config for model '{self._name}', which is "
                    f"already set to '{policy['decoupled']}'."
                )
            policy["decoupled"] = decoupled

    @property
    def _name(self) -> str:
        return str(self._model_config["name"])

    def _add(self, kind: str, tensor: dict[str, Any], properties: tuple[str, ...], listed: str) -> None:
        where = f"in auto-complete-config function for model '{self._name}'"
        if any(key not in properties for key in tensor):
            raise ValueError(f"{kind} '{tensor['name']}' {where} contains property other than {listed}.")
        if "name" not in tensor:
            raise ValueError(f"{kind} {where} is missing 'name' property.")
        for key in ("data_type", "dims"):
            if key not in tensor:
                raise ValueError(f"{kind} '{tensor['name']}' {where} is missing '{key}' property.")
        for present in self._model_config[kind]:
            if present["name"] == tensor["name"]:
                self._complete(kind, present, tensor)
                return
        self._model_config[kind].append(tensor)

    def _complete(self, kind: str, present: dict[str, Any], tensor: dict[str, Any]) -> None:
        name = tensor["name"]
        if present["data_type"] not in (_INVALID, tensor["data_type"]):
            raise ValueError(
                f"unable to load model '{self._name}', configuration expects datatype {present['data_type']} for "
                f"{kind} '{name}', model provides {tensor['data_type']}"
            )
        if present["dims"] and present["dims"] != tensor["dims"]:
            raise ValueError(
                f"model '{self._name}', tensor '{name}': the model expects dims {tensor['dims']} but the model "
                f"configuration specifies dims {present['dims']}"
            )
        if "optional" in present and "optional" in tensor and present["optional"] != tensor["optional"]:
            raise ValueError(
                f"model '{self._name}', tensor '{name}': the model expects optional {tensor['optional']} but the model "
                f"configuration specifies optional {present['optional']}"
            )
        present["data_type"] = tensor["data_type"]
        present["dims"] = tensor["dims"]
        if "optional" in tensor:
            present["optional"] = tensor["optional"]
