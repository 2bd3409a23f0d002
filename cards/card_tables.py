"""The tables of the dataset card. Their numbers are the manifest's, a share the quotient of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..schema.iob2 import OUTSIDE
from ..schema.manifest import generated_configs, is_joint, joint_configs
from ..schema.prices import ANSWER_TOKENS, PROMPT_TOKENS, counted_tokens
from ..schema.provenance import PROVENANCE_COLUMNS
from ..schema.splits import SPLITS
from .markdown import Markdown, cell, code, count, share, table
from .money import money

Manifest = Mapping[str, Any]
Config = Mapping[str, Any]

NONE = Markdown("–")

CONTAMINATION_KINDS = {
    "seed_copies": "Shown in the prompt",
    "gold_train": "Gold train",
    "gold_validation": "Gold validation",
    "gold_test": "Gold test",
}

PROVENANCE_MEANINGS = {
    "id": "The datapoint's id in its split.",
    "split": "The split it is published in.",
    "engine": "How the model was asked.",
    "model": "The model snapshot that the response names, else the model asked for.",
    "call_key": "sha256 of the complete request.",
    "item": "The datapoint's position in the response.",
    "seed_ids": "Ids of the gold examples shown in the prompt; empty where they are not known.",
    "seed_revision": "Revision of the gold data that those come from.",
    "operation": "What a method that asks no model did to that example; null where it does not say.",
    "prompt_sha256": "sha256 of the messages as sent; null where they are not known.",
    "sampling": "The sampling parameters as sent, as JSON.",
    "finish_reason": "Why the model stopped, in the server's word.",
    "parse_path": "How the datapoint was found in the response.",
    "repairs": "What was changed in it, as JSON: step, position, before and after.",
}


def splits_of(manifest: Manifest) -> list[str]:
    """Return the splits that any config was asked for, in the customary order."""
    asked = {split for config in manifest["configs"].values() for split in config["waterfall"]}
    return [split for split in SPLITS if split in asked]


def joined_configs(manifest: Manifest, joint: Config) -> dict[str, Config]:
    """Return the configs that a joint config joins, by the code of their language."""
    return {code: manifest["configs"][name] for code, name in joint["joins"].items()}


def language_names(manifest: Manifest, config: Config) -> dict[str, str]:
    """Return the names of the languages of a config, by their codes."""
    described = joined_configs(manifest, config).values() if is_joint(config) else (config,)
    return {each["language"]["code"]: each["language"]["name"] for each in described}


def joint_table(manifest: Manifest) -> Markdown:
    """Show what each joint config joins, and how many examples it has of each."""
    splits = splits_of(manifest)
    header = [Markdown(text) for text in ("Config", "`language`", "Language", "Joins", *splits)]
    rows = [
        [
            code(name),
            code(language),
            cell(language_names(manifest, joint)[language]),
            code(joined),
            *(
                count(joint["splits"][split]["languages"][language]) if split in joint["splits"] else NONE
                for split in splits
            ),
        ]
        for name, joint in joint_configs(manifest).items()
        for language, joined in joint["joins"].items()
    ]
    return table(header, rows, "llll" + "r" * len(splits))


def types_not_labelled(manifest: Manifest) -> list[tuple[str, str, str]]:
    """Return each joint config, entity type and language in which nobody labelled mentions of that type."""
    return [
        (name, label[2:], config["language"]["name"])
        for name, joint in joint_configs(manifest).items()
        for label in joint["labels"]
        if label.startswith("B-")
        for config in joined_configs(manifest, joint).values()
        if label not in config["labels"]
    ]


def summary_table(manifest: Manifest) -> Markdown:
    """Show what each config is and how many examples it has."""
    splits = splits_of(manifest)
    header = [Markdown(text) for text in ("Config", "Language", "Model", *splits)]
    rows = [
        [
            code(name),
            cell(", ".join(language_names(manifest, config).values())),
            cell(", ".join(_models(manifest, config))) or NONE,
            *(_examples(config, split) for split in splits),
        ]
        for name, config in manifest["configs"].items()
    ]
    return table(header, rows, "lll" + "r" * len(splits))


def usable_share_table(manifest: Manifest) -> Markdown:
    """Show how much of what was asked for could be published."""
    splits = splits_of(manifest)
    header = [Markdown(text) for text in ("Config", *splits, "all")]
    rows = [
        [
            code(name),
            *(_usable_of_split(config["waterfall"].get(split, ())) for split in splits),
            _usable(config["totals"]),
        ]
        for name, config in generated_configs(manifest).items()
    ]
    return table(header, rows, "l" + "r" * (len(splits) + 1))


def labels_table(config: Config) -> Markdown:
    """Show how often each entity type occurs in each split of a config."""
    splits = config["splits"]
    types = dict.fromkeys(label[2:] for label in config["labels"] if label != OUTSIDE)
    rows = [
        [cell(type_), *(count(facts["mentions"].get(type_, 0)) for facts in splits.values())]
        for type_ in types
    ]
    for title, key in (
        ("*examples*", "examples"),
        ("*examples without a mention*", "without_mentions"),
        ("*words*", "tokens"),
    ):
        rows.append([Markdown(title), *(count(facts[key]) for facts in splits.values())])
    return table([Markdown("Mentions"), *map(cell, splits)], rows, "l" + "r" * len(splits))


def calls_table(manifest: Manifest) -> Markdown:
    """Show how the model of each config was asked."""
    header = ("Config", "Model snapshots (calls)", "Shown (m)", "Asked for (n)", "Calls (k)", "Sampling")
    rows = [
        [
            code(name),
            _list(f"{cell(model)} ({count(calls)})" for model, calls in config["model_snapshots"].items()),
            NONE if config["prompt"] is None else count(config["examples"]),
            count(config["datapoints"]),
            _list(_calls(split, calls) for split, calls in config["calls"].items()),
            _list(f"{cell(key)} = {cell(value)}" for key, value in config["sampling"].items()),
        ]
        for name, config in generated_configs(manifest).items()
    ]
    return table([Markdown(text) for text in header], rows, "llrrll")


def costs_table(manifest: Manifest) -> Markdown:
    """Show what the calls of each config took and how they ended; columns that nobody has are left out.

    Empty where nobody has any.
    """
    generated = generated_configs(manifest)
    columns = [
        (heading, side, cells)
        for heading, side, of_config in _COST_COLUMNS
        if any(cells := [of_config(config) for config in generated.values()])
    ]
    if not columns:
        return Markdown("")
    header = [Markdown("Config"), *(Markdown(heading) for heading, _, _ in columns)]
    rows = [
        [code(name), *(cells[row] or NONE for _, _, cells in columns)] for row, name in enumerate(generated)
    ]
    return table(header, rows, "l" + "".join(side for _, side, _ in columns))


def _prompt_tokens(config: Config) -> Markdown:
    return count(counted_tokens(config["usage"], PROMPT_TOKENS))


def _answer_tokens(config: Config) -> Markdown:
    return count(counted_tokens(config["usage"], ANSWER_TOKENS))


def _cost(config: Config) -> Markdown:
    cost = config.get("cost")
    if cost is None:
        return Markdown("")
    unknown = cost["calls_without_known_cost"]
    more = f" and {count(unknown)} {'call' if unknown == 1 else 'calls'} of unknown cost" if unknown else ""
    return cell(f"{money(cost['known'], cost['currency'])}{more}")


def _cost_of_a_datapoint(config: Config) -> Markdown:
    cost = config.get("cost")
    if cost is None or cost["per_published_datapoint"] is None:
        return Markdown("")
    return cell(money(cost["per_published_datapoint"], cost["currency"]))


def _seconds(config: Config) -> Markdown:
    seconds = config.get("seconds")
    return Markdown("" if seconds is None else f"{seconds:,.0f} s")


def _endings(config: Config) -> Markdown:
    reasons = config.get("finish_reasons", {})
    by_number = sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    return Markdown("<br>".join(f"{cell(reason)} {count(number)}" for reason, number in by_number))


# What the columns say of a config, in this order; "" where it has nothing of the kind.
_COST_COLUMNS = (
    ("Tokens in", "r", _prompt_tokens),
    ("Tokens out", "r", _answer_tokens),
    ("Cost", "r", _cost),
    ("Cost per published datapoint", "r", _cost_of_a_datapoint),
    ("Time, all calls summed", "r", _seconds),
    ("Answers ended by", "l", _endings),
)


def contamination_table(manifest: Manifest) -> Markdown:
    """Show how many datapoints were dropped because they stand in gold data."""
    header = [Markdown(text) for text in ("Config", *CONTAMINATION_KINDS.values())]
    rows = [
        [
            code(name),
            *(
                _matches(config["contamination"][kind]) if _is_compared(manifest, config, kind) else NONE
                for kind in CONTAMINATION_KINDS
            ),
        ]
        for name, config in manifest["configs"].items()
    ]
    return table(header, rows, "lrrrr")


def curation_table(configs: Mapping[str, Config]) -> Markdown:
    """Show what each share of the data that was tried gains on folds of gold, and whether it was kept.

    Args:
        configs: The curated configs.
    """
    header = ("Config", "Share tried", "Gain in F1", "Standard error", "Kept")
    rows = [
        [
            code(name),
            share(float(tried)),
            Markdown(f"{gain['gain']:+.3f}"),
            Markdown(f"{gain['standard_error']:.3f}"),
            Markdown("yes" if float(tried) == config["curation"]["share"] else "no"),
        ]
        for name, config in configs.items()
        for tried, gain in config["curation"]["gains"].items()
    ]
    return table([Markdown(text) for text in header], rows, "lrrrl")


def curation_counts(step: Mapping[str, Any]) -> Markdown:
    """Say how many sentences went into a step of curation, and what became of them."""
    went_in, changed = step["kept"] + step["lost"], step["changed"]
    relabelled = f", {count(changed)} of them with other labels" if changed else ""
    return Markdown(
        f"Sentences that went in: {count(went_in)}. Dropped: {count(step['lost'])}. "
        f"Left: {count(step['kept'])}{relabelled}."
    )


def steps_that_did_something(config: Config) -> list[Mapping[str, Any]]:
    """Return the steps of a config's curation that dropped a sentence or changed a label."""
    return [step for step in config["curation"]["steps"] if step["lost"] or step["changed"]]


def steps_that_did_nothing(config: Config) -> list[str]:
    """Return the names of the other steps of a config's curation."""
    return [step["name"] for step in config["curation"]["steps"] if not (step["lost"] or step["changed"])]


def conflicts_table(config: Config) -> Markdown:
    """Show the surface forms that have several types in a config even after repair."""
    header = [Markdown(text) for text in ("Form", "Types after repair", "Types in gold train")]
    rows = [
        [cell(conflict["surface"]), *(_types(conflict[source]) for source in ("types", "gold"))]
        for conflict in config["curation"]["conflicts"]
    ]
    return table(header, rows, "lll")


def provenance_table() -> Markdown:
    """Show what the columns of the provenance files mean."""
    rows = [[code(column), Markdown(PROVENANCE_MEANINGS[column])] for column in PROVENANCE_COLUMNS]
    return table([Markdown("Column"), Markdown("Meaning")], rows, "ll")


def build_table(manifest: Manifest) -> Markdown:
    """Show what decides the bytes of the build."""
    release = manifest["release"]
    rows = [
        [Markdown("synthner"), cell(manifest["synthner"])],
        [Markdown("seed"), code(release["seed"])],
        [Markdown("sha256 of `release.yaml`"), code(release["sha256"])],
        *([cell(name), cell(version)] for name, version in manifest["versions"].items()),
    ]
    return table([Markdown("Built with"), Markdown("")], rows, "ll")


def gold_table(gold: Sequence[tuple[str, Mapping[str, Any]]]) -> Markdown:
    """Show the gold data that the release builds on.

    Args:
        gold: Name of the language and the manifest's facts, for each.
    """
    header = ("Language", "Gold data", "Source", "Revision", "Licence", *SPLITS)
    rows = [
        [
            cell(language),
            cell(facts["title"]),
            _source(facts),
            code(facts["revision"]) if facts["revision"] else NONE,
            code(facts["license"]) if facts["license"] else Markdown("not stated"),
            *(count(facts["splits"].get(split)) or NONE for split in SPLITS),
        ]
        for language, facts in gold
    ]
    return table([Markdown(text) for text in header], rows, "lllllrrr")


def _examples(config: Config, split: str) -> Markdown:
    return count(config["splits"][split]["examples"]) if split in config["splits"] else NONE


def _usable_of_split(steps: Sequence[Mapping[str, Any]]) -> Markdown:
    return _usable({step["step"]: step["kept"] for step in steps})


def _usable(kept: Mapping[str, int]) -> Markdown:
    requested, published = kept.get("requested"), kept.get("published")
    if not requested or published is None:
        return NONE
    return Markdown(f"{count(published)} of {count(requested)} = {share(published / requested)}")


def _calls(split: str, calls: Mapping[str, int]) -> str:
    failed = f", {count(calls['failed'])} failed" if calls["failed"] else ""
    return f"{split} {count(calls['answered'])} of {count(calls['planned'])}{failed}"


def _types(counts: Mapping[str, int]) -> Markdown:
    return _list(f"{cell(type_)} {count(number)}" for type_, number in counts.items())


def _is_compared(manifest: Manifest, config: Config, kind: str) -> bool:
    if is_joint(config):
        return kind in config["contamination"] and any(
            _is_compared(manifest, each, kind) for each in joined_configs(manifest, config).values()
        )
    if kind == "seed_copies":
        return config["prompt"] is not None
    return kind.removeprefix("gold_") in config["gold"]["splits"]


def _models(manifest: Manifest, config: Config) -> list[str]:
    """Return the models that wrote a config, or those that it joins."""
    described = joined_configs(manifest, config).values() if is_joint(config) else (config,)
    return list(dict.fromkeys(each["model"] for each in described if each["model"]))


def _matches(matches: Mapping[str, int]) -> Markdown:
    return Markdown(f"{count(matches['exact'])} + {count(matches['normalised'])}")


def _source(facts: Mapping[str, Any]) -> Markdown:
    if facts["hub"]:
        return code(facts["hub"])
    if facts["corpus"]:
        return cell(facts["corpus"])
    return Markdown("files")


def _list(texts: Any) -> Markdown:
    return Markdown("<br>".join(texts)) or NONE
