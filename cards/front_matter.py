"""The YAML at the top of the dataset card: what the Hub and `datasets` read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ..schema.manifest import generated_configs, is_joint
from ..schema.methods import has_soft_labels
from .markdown import legible
from .method_texts import METHODS_ON_TEXT

_SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)
_LARGEST_CATEGORY = "1B<n<10B"


def front_matter(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a card's metadata, in the order in which they are written.

    One whose value is None is not written, and a former card's is not kept.
    """
    configs = manifest["configs"]
    generated = generated_configs(manifest).values()
    tags = list(dict.fromkeys(config["language"]["tag"] for config in generated))
    languages = list(dict.fromkeys(tag.partition("-")[0] for tag in tags))
    infos = [_dataset_info(name, config) for name, config in configs.items()]
    return {
        "pretty_name": one_line(manifest["release"]["pretty_name"]),
        "language": languages,
        # The Hub's `language` takes codes without script or region.
        "language_details": tags if tags != languages else None,
        "license": one_line(manifest["license"]) if manifest["license"] else None,
        "tags": ["synthetic", "synthner"],
        "annotations_creators": ["machine-generated"],
        "language_creators": _language_creators(generated),
        "multilinguality": ["monolingual" if len(languages) == 1 else "multilingual"],
        "size_categories": [_size_category(manifest)],
        "source_datasets": _source_datasets(manifest),
        "task_categories": ["token-classification"],
        "task_ids": ["named-entity-recognition"],
        "configs": [
            {
                "config_name": name,
                "data_files": [{"split": split, "path": f"{name}/{split}-*"} for split in config["splits"]],
                **({"default": True} if place == 0 else {}),
            }
            for place, (name, config) in enumerate(configs.items())
        ],
        # `datasets` writes and reads one config as a mapping, several as a list.
        "dataset_info": infos[0] if len(infos) == 1 else infos,
    }


def as_yaml(values: Mapping[str, Any]) -> str:
    """Write metadata as YAML in which no value can end the block that it stands in."""
    return yaml.dump(dict(values), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**6)


def one_line(text: str) -> str:
    """Return a text in one line, with everything in it visible."""
    return legible(" ".join(text.split()))


def _dataset_info(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    splits = config["splits"]
    labels = {str(number): label for number, label in enumerate(config["labels"])}
    return {
        "config_name": name,
        "features": [
            {"name": "id", "dtype": "string"},
            {"name": "tokens", "list": "string"},
            {"name": "ner_tags", "list": {"class_label": {"names": labels}}},
            *_further_features(config),
        ],
        "splits": [
            {"name": split, "num_bytes": facts["num_bytes"], "num_examples": facts["examples"]}
            for split, facts in splits.items()
        ],
        "download_size": sum(shard["bytes"] for facts in splits.values() for shard in facts["files"]),
        "dataset_size": sum(facts["num_bytes"] for facts in splits.values()),
    }


def _further_features(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    if is_joint(config):
        return [{"name": "language", "dtype": "string"}]
    return (
        [{"name": "tag_probabilities", "list": {"list": "float32"}}]
        if has_soft_labels(config["method"])
        else []
    )


def _language_creators(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    found = {config["method"] in METHODS_ON_TEXT for config in configs}
    return [
        creator for is_text, creator in ((False, "machine-generated"), (True, "found")) if is_text in found
    ]


def _size_category(manifest: Mapping[str, Any]) -> str:
    # What a joint config holds is in the configs that it joins, too.
    examples = sum(
        split["examples"]
        for config in generated_configs(manifest).values()
        for split in config["splits"].values()
    )
    return next((name for limit, name in _SIZE_CATEGORIES if examples < limit), _LARGEST_CATEGORY)


def _source_datasets(manifest: Mapping[str, Any]) -> list[str]:
    hub_ids = [config["gold"]["hub"] for config in generated_configs(manifest).values()]
    extended = [f"extended|{one_line(hub_id)}" for hub_id in dict.fromkeys(hub_ids) if hub_id]
    return extended or ["original"]


class _Dumper(yaml.SafeDumper):
    """Writes every value out, and escapes texts that hold more than what is visible in one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that stands twice twice: not every reader of cards follows aliases."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    hidden = any(character != " " and unicodedata.category(character)[0] in "CZ" for character in text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if hidden else None)


_Dumper.add_representer(str, _represent_text)
