"""What a card says of what methods found out about their own business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .markdown import Markdown, cell, code, count, table

Findings = Mapping[str, Any]

_DRAWN = {
    "class-uniform": "Each type was drawn as often as any other",
    "entity-uniform": "Each entity was drawn as often as any other",
}
_STEPS = {
    "sentence": "Answers with a sentence that came to nothing",
    "entities": "Answers with other entities that came to nothing",
}


def method_findings(configs: Mapping[str, Findings]) -> list[Markdown]:
    """Return what is to be shown of the findings of each config's method, where there is anything.

    Args:
        configs: Configs that a method made, as the manifest describes them.
    """
    return [
        text
        for name, config in configs.items()
        if config["method"] in _SHOWN and "method_findings" in config
        for text in _SHOWN[config["method"]](name, config["method_findings"])
    ]


def _entity_lists(name: str, findings: Findings) -> list[Markdown]:
    """Show how the lists of the entity-guided method grew, a table a split."""
    return [
        Markdown(
            f"<details>\n<summary>Entity lists of {cell(name)}, {cell(split)}</summary>\n\n"
            f"{_how_entities_were_drawn(findings)}\n\n{_growth_table(of_split)}\n\n"
            + "".join(f"- {line}\n" for line in _losses(of_split))
            + "\n</details>\n"
        )
        for split, of_split in findings["splits"].items()
    ]


def _how_entities_were_drawn(findings: Findings) -> Markdown:
    said = []
    if "sentence" in findings["steps"]:
        drawn, most = _DRAWN[findings["draw"]], count(findings["most_entities"])
        shown = "The same" if findings["fixed_examples"] else "Other"
        said += (
            f"{drawn}, {most} for a sentence at most.",
            f"{shown} gold sentences were shown in each prompt.",
        )
    if "entities" not in findings["steps"]:
        said.append("The lists did not grow: no other entities were asked for.")
    elif "sentence" not in findings["steps"]:
        said.append("Gold sentences got other entities.")
    said.append(
        "Words that a sentence left unlabelled and that the lists know with one type were labelled."
        if findings["relabel"]
        else "Words that a sentence left unlabelled stayed so."
    )
    return Markdown(" ".join(said))


def _growth_table(of_split: Findings) -> Markdown:
    gold = of_split["entities_in_gold"]
    header = ("Lists", "Sentences", "Of them masked", "New entities", *map(cell, gold))
    rows = [[Markdown("gold"), Markdown("–"), Markdown("–"), Markdown("–"), *map(count, gold.values())]]
    for number, grown in enumerate(of_split["rounds"], start=1):
        sentences = count(grown["sentences"]) if grown["sentences"] else Markdown("–")
        rows.append(
            [
                Markdown(f"round {number:,}"),
                *(sentences, count(grown["masked"]), count(sum(grown["new"].values()))),
                *(
                    Markdown(f"{count(grown['entities'][type_])} (+{count(grown['new'][type_])})")
                    for type_ in gold
                ),
            ]
        )
    return table([Markdown(text) for text in header], rows, "l" + "r" * (len(header) - 1))


def _losses(of_split: Findings) -> list[Markdown]:
    lines = [
        Markdown(f"{said}: {_reasons(of_split['dropped'][step])}.")
        for step, said in _STEPS.items()
        if step in of_split["dropped"]
    ]
    return [
        *lines,
        Markdown(f"Entities that were not taken into the lists: {_reasons(of_split['not_added'])}."),
    ]


def _reasons(counts: Mapping[str, int]) -> Markdown:
    by_number = sorted(counts.items(), key=lambda reason: (-reason[1], reason[0]))
    return Markdown(", ".join(f"{cell(reason)} {count(number)}" for reason, number in by_number) or "none")


def _labelled_texts(name: str, findings: Findings) -> list[Markdown]:
    """Show which texts few-shot tagging labelled, and what of them was left out, a table a config."""
    shown = "the same gold sentences" if findings["fixed_examples"] else "other gold sentences"
    return [
        Markdown(
            f"The sentences of {code(name)} are not invented: they come from a text, and each prompt showed "
            f"{shown} as examples.\n\n{_texts_table(findings)}\n"
        )
    ]


def _texts_table(findings: Findings) -> Markdown:
    header = ("Split", "Text", "sha256", "Licence", "Asked about", "Left out")
    rows = [
        [
            cell(split),
            code(text["file"]),
            code(text["sha256"]) if text["sha256"] else Markdown("–"),
            code(findings["license"]) if findings["license"] else Markdown("not stated"),
            count(text["sentences"]),
            _reasons(text["left_out"]),
        ]
        for split, text in findings["texts"].items()
    ]
    return table([Markdown(text) for text in header], rows, "llllrl")


def _teachers(name: str, findings: Findings) -> list[Markdown]:
    """Show who taught, and which texts were tagged, two tables a config."""
    header = ("Teacher", "Language", "Weight")
    rows = [
        [
            cell(teacher["name"]),
            cell(teacher["language"] or "–"),
            Markdown(f"{teacher['weight']:.3f}"),
        ]
        for teacher in findings["teachers"]
    ]
    weights = {"similarity": ", by how much its language is like the text"}.get(findings["weights"], "")
    return [
        Markdown(
            f"The sentences of {code(name)} come from a text, and these teachers tagged them. What a teacher "
            f"says counts by its weight{weights}.\n\n"
            f"{table([Markdown(text) for text in header], rows, 'llr')}\n\n{_texts_table(findings)}\n"
        )
    ]


def _paraphrased_mentions(name: str, findings: Findings) -> list[Markdown]:
    """Say whether the mentions of paraphrases are those of gold."""
    if findings["keep_mentions"]:
        said = "has the mentions of its gold sentence, word for word"
    else:
        said = "has the mentions that the model marked, which need not be those of its gold sentence"
    return [Markdown(f"Each paraphrase of {code(name)} {said}.\n")]


_CORRECTED = {
    "correct": "left as they were",
    "boundary": "given another boundary",
    "type": "given another type",
    "no entity": "removed",
    "unusable": "left as they were, for the answer could not be used",
}


def _listed_entities(name: str, findings: Findings) -> list[Markdown]:
    """Show what the attribute-guided method asked for, and what became of the entities that were listed."""
    lines = [
        Markdown(f"{said}, {cell(split)}: {_reasons(found)}.")
        for key, said in (("values", "Values asked for"), ("entities", "Entities asked for"))
        for split, found in findings[key].items()
        if found
    ]
    dropped = {reason: number for reason, number in findings["dropped_entities"].items() if number}
    lines += [
        Markdown(f"Entities listed: {count(findings['listed_entities'])}. Dropped: {_reasons(dropped)}."),
        Markdown(f"Further mentions of listed entities, labelled: {count(findings['repeated_mentions'])}."),
        _corrections(findings["corrections"]),
    ]
    return [
        Markdown(
            f"<details>\n<summary>Attributes, entities and corrections of {cell(name)}</summary>\n\n"
            + "".join(f"- {line}\n" for line in lines)
            + "\n</details>\n"
        )
    ]


def _corrections(findings: Findings) -> Markdown:
    if not findings["share"]:
        return Markdown("The model was not asked again about what it had listed.")
    if not findings["engine_gives_log_probabilities"]:
        return Markdown("Nothing was corrected: the engine gives no log-probabilities.")
    without = findings["answers_without_log_probabilities"]
    asked_about = count(findings["asked_about"])
    said = [f"Entities that the model was least sure of and was asked about again: {asked_about}."]
    if without:
        said.append(
            f"Of {count(findings['answers'])} answers, {count(without)} came without log-probabilities, and "
            "nothing in them was corrected."
        )
    became = [
        f"{_CORRECTED[outcome]} {count(number)}" for outcome, number in findings["outcomes"].items() if number
    ]
    if findings["not_answered"]:
        became.append(f"not answered {count(findings['not_answered'])}")
    if became:
        said.append(f"Of them {', '.join(became)}.")
    return Markdown(" ".join(said))


def _translated_gold(name: str, findings: Findings) -> list[Markdown]:
    """Show what was translated, and what of its labels arrived, a table a config."""
    source = findings["source_gold"]
    by_type = findings.get("types", {})
    title, language = cell(source["title"]), cell(source["name"])
    lines = [Markdown(f"Source: {count(source['sentences'])} sentences of {title}, {language}.")]
    if given := findings.get("translations"):
        lines.append(
            Markdown(
                f"Its translations were not made here: they are those of {code(given['file'])}, sha256 "
                f"{code(given['sha256'])}."
            )
        )
    if source["held_out"]:
        lines.append(
            Markdown(f"Left out, for held-out gold of the source has them: {count(source['held_out'])}.")
        )
    if source["types_left_out"]:
        lines.append(
            Markdown(f"Mentions of types that gold here does not have: {_reasons(source['types_left_out'])}.")
        )
    if way := findings.get("projection"):
        helpers = f", with the tagger {code(way['tagger'])}" if "tagger" in way else ""
        if "translator" in way:
            helpers += f", with scores by the translation model {code(way['translator']['model'])}"
        lines.append(
            Markdown(
                f"Words aligned by {code(findings['aligner'])}, labels projected by {code(way['method'])}"
                f"{helpers}."
            )
        )
    if "sentences" in findings:
        lines.append(Markdown(f"Sentences dropped: {_reasons(findings['sentences']['dropped'])}."))
    header = ("Type", "Entities", "Projected", "Dropped")
    rows = [
        [cell(type_), count(of_type["entities"]), count(of_type["projected"]), _reasons(of_type["dropped"])]
        for type_, of_type in by_type.items()
    ]
    return [
        Markdown(
            f"<details>\n<summary>Translated gold of {cell(name)}</summary>\n\n"
            + "".join(f"- {line}\n" for line in lines)
            + (f"\n{table([Markdown(text) for text in header], rows, 'lrrl')}\n" if rows else "")
            + "\n</details>\n"
        )
    ]


_SHOWN: Mapping[str, Callable[[str, Findings], list[Markdown]]] = {
    "attribute_guided": _listed_entities,
    "entity_guided": _entity_lists,
    "distillation": _teachers,
    "few_shot_tagging": _labelled_texts,
    "paraphrase": _paraphrased_mentions,
    "translate_train": _translated_gold,
    "translated_markers": _translated_gold,
    "back_translated_markers": _translated_gold,
    "constrained_decoding": _translated_gold,
    "generated_candidates": _translated_gold,
}
