"""The manifest: every figure and version of a built dataset, without a trace of when it was built."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import __version__
from ..release import Release
from ..schema.manifest import MANIFEST_VERSION, is_joint
from ..sources.gold import Gold


def make_manifest(
    release: Release, gold: Mapping[str, Gold], configs: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Put a manifest together.

    Args:
        release: What was built.
        gold: Gold data by language code.
        configs: What each config's build says of itself.
    """
    return {
        "manifest_version": MANIFEST_VERSION,
        "synthner": __version__,
        "versions": {
            "unicode": unicodedata.unidata_version,
            "pyarrow": version("pyarrow"),
            "datasets": version("datasets"),
        },
        "release": {
            "name": release.name,
            "pretty_name": release.pretty_name,
            "description": release.description,
            "authors": list(release.authors),
            "contact": release.contact,
            "seed": release.seed,
            "sha256": hashlib.sha256(release.path.read_bytes()).hexdigest(),
        },
        **choose_license(
            release.license, {code: data.license for code, data in gold.items()} | _licenses_of_texts(configs)
        ),
        "gates": asdict(release.gates),
        "configs": {name: _in_currency(config, release.currency) for name, config in configs.items()},
    }


def _licenses_of_texts(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """Return the licences of what configs publish sentences of besides gold."""
    found = [(name, config.get("method_findings", {})) for name, config in configs.items()]
    return {f"text of {name}": findings["license"] for name, findings in found if "texts" in findings} | {
        source["language"]: source["license"]
        for _, findings in found
        if (source := findings.get("source_gold")) is not None
    }


def _in_currency(config: Mapping[str, Any], currency: str) -> dict[str, Any]:
    if is_joint(config):
        return dict(config)
    cost = config["cost"]
    return {**config, "cost": cost and {"currency": currency, **cost}}


def choose_license(given: str | None, of_gold: Mapping[str, str | None]) -> dict[str, str | None]:
    """Choose the dataset's licence: the one given, else that of gold where all gold has the same.

    Args:
        given: What the release says.
        of_gold: Licence of the gold data by language code.

    Returns:
        `license`, `license_from` and `license_problem`, as the manifest has them.
    """
    stated = "; ".join(f"{code}: {license_ or 'not stated'}" for code, license_ in sorted(of_gold.items()))
    found = set(of_gold.values())
    if given is not None:
        agrees = found == {given}
        problem = None if agrees else f"the release says {given}, its gold data {stated}"
        return {"license": given, "license_from": "release.yaml", "license_problem": problem}
    if len(found) == 1 and None not in found:
        return {"license": found.pop(), "license_from": "gold", "license_problem": None}
    reason = "the gold data does not say" if None in found else "the gold data disagrees"
    return {"license": None, "license_from": None, "license_problem": f"{reason} ({stated})"}


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people and machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
