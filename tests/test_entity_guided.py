"""The entity-guided method: sentences around entities, lists that grow, answers that are no such thing."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.generation.calls import Call
from synthner.generation.generate import generate
from synthner.generation.methods import METHODS, MethodContext
from synthner.generation.methods.entity_lists import (
    KNOWN,
    TOO_LONG,
    UNREADABLE,
    EntityLists,
    Relabelling,
)
from synthner.generation.methods.gold_words import GoldWords
from synthner.generation.methods.typed_mentions import (
    parse_typed_mentions,
    render_typed_mentions,
    type_names,
)
from synthner.generation.salvage import Salvage
from synthner.release import Release, read_release
from synthner.schema.errors import ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import Mention, mentions, tags_of, violations
from synthner.sources.gold import load_gold
from synthner.sources.readers import read_examples
from synthner.tests.chat_server import ChatServer
from synthner.tests.guided_model import (
    ENTITY,
    GuidedModel,
    Messages,
    asked,
    engine_environment,
    guided_release,
    is_for_entities,
)
from synthner.tests.small_release import PEOPLE, PLACES, gold_lines

NAMES = type_names(["PER", "LOC"])


@pytest.fixture
def model(monkeypatch):
    engine_environment(monkeypatch)
    with ChatServer() as server:
        yield GuidedModel(server)


def context_of(release: Release, **splits: Sequence[Example]) -> MethodContext:
    config = release.configs[0]
    gold = load_gold(config.gold, config.language.code)
    return MethodContext(config, gold, release.seed, release.folder, lambda _code: gold)


def planned(release: Release) -> list[Call]:
    """Return the calls that are known before any is answered."""
    return list(METHODS["entity_guided"].plan(context_of(release)))


def read(release: Release, text: str, number: int = 0) -> Salvage:
    """Read a text as the answer to a planned call."""
    context = context_of(release)
    calls = list(METHODS["entity_guided"].plan(context))
    reading = METHODS["entity_guided"].reading
    assert reading
    return reading(context)(calls[number], text)


def asking_for_entities(release: Release, number: int = 1) -> int:
    """Return the place of a planned call that asks for a sentence with so many entities or more."""
    return next(i for i, call in enumerate(planned(release)) if call.about["entities"] >= number)


def config_of(release: Release) -> Any:
    return json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))["configs"]["da_guided"]


def waterfall(release: Release, step: str, split: str = "train") -> Any:
    return next(each for each in config_of(release)["waterfall"][split] if each["step"] == step)


def rows(release: Release, split: str = "train") -> list[tuple[list[str], list[str]]]:
    """Return tokens and tags of a built split, as its users load them."""
    write_card(release.dataset)
    data: Any = load_dataset(str(release.dataset), "da_guided", split=split)
    names = data.features["ner_tags"].feature.names
    return [(row["tokens"], [names[tag] for tag in row["ner_tags"]]) for row in data]


def surfaces(tokens: Sequence[str], tags: Sequence[str]) -> list[tuple[str, str]]:
    return [(each.type, " ".join(tokens[each.start : each.end])) for each in mentions(tags)]


def drawn(messages: Messages) -> list[str]:
    return ENTITY.findall(asked(messages))


# From a release to a dataset


def test_a_release_ends_in_a_dataset_with_the_entities_that_were_drawn(tmp_path, model):
    release = guided_release(tmp_path, model)

    summary = generate(release)
    build(release)

    found = rows(release)
    assert summary.is_complete
    assert len(found) == 40  # twice as many as gold has
    sentences = [messages for messages in model.chats if not is_for_entities(messages)]
    assert len(sentences) == 40
    wanted = Counter(entity for messages in sentences for entity in drawn(messages))
    labelled = Counter(
        f'{NAMES[type_]}("{text}")' for tokens, tags in found for type_, text in surfaces(tokens, tags)
    )
    assert labelled == wanted
    assert all(violations(tags) == [] for _, tags in found)
    assert waterfall(release, "requested")["kept"] == 40
    assert waterfall(release, "returned")["lost"] == {}


def test_the_prompt_shows_gold_as_chat_turns_written_as_answers_are_to_be(tmp_path):
    call = planned(guided_release(tmp_path, None, examples=5))[0]
    roles = [message["role"] for message in call.messages]
    gold = {example.id: example for example in context_of(read_release(tmp_path)).gold.splits["train"]}

    assert roles == ["system", *["user", "assistant"] * 5, "user"]
    assert "Danish" in call.messages[0]["content"]
    assert "- Person: names of people" in call.messages[0]["content"]
    for place, id_ in enumerate(call.seed_ids):
        example = gold[id_]
        user, assistant = (call.messages[1 + 2 * place + turn]["content"] for turn in (0, 1))
        assert assistant == render_typed_mentions(example.tokens, example.ner_tags, NAMES)
        assert user == "Entities: " + ", ".join(ENTITY.findall(assistant))


BROKEN = {
    "two lines": ('Her bor Person("Maja") .\nOg her Person("Ida") .', "more than one line"),
    "unknown type": ('Her bor Hero("Maja") .', "an entity of an unknown type"),
    "label instead of its name": ('Her bor PER("Maja") .', "an entity of an unknown type"),
    "nested": (
        'Her bor Person("Maja fra Location("Thy")") .',
        "an entity within an entity",
    ),
    "no quotation marks": ("Her bor Person(Maja) .", "an entity that is not written as asked for"),
    "the mask again": ('Her bor Person(such as:"Maja") .', "an entity that is not written as asked for"),
    "curly quotation marks": ("Her bor Person(“Maja”) .", "an entity that is not written as asked for"),
    "not closed": ('Her bor Person("Maja .', "an entity that is not closed"),
    "without a word": ('Her bor Person(" ") .', "an entity without a word"),
    "prose": ("Her er en sætning, som du bad om.", "no entity, though some were asked for"),
    "refusal": ("I'm sorry, but I can't help with that.", "no entity, though some were asked for"),
}


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_such_sentence_is_dropped_with_its_reason(tmp_path, text, reason):
    release = guided_release(tmp_path, None)

    result = read(release, text, asking_for_entities(release))

    [found] = result.found
    assert (found.fault, found.tokens, found.tags) == (reason, None, None)


@pytest.mark.parametrize("text", ["", " \n "], ids=["empty", "blank"])
def test_an_empty_answer_holds_nothing(tmp_path, text):
    result = read(guided_release(tmp_path, None), text)

    assert result.found == []
    assert dict(result.lost) == {"empty response": 1}


def test_a_run_with_broken_answers_counts_every_one_of_them(tmp_path, model):
    texts = [text for text, _ in BROKEN.values()] + [""]

    def instead(messages: Messages) -> str | None:
        broken = not is_for_entities(messages) and drawn(messages)
        return texts.pop() if broken and texts else None

    model.instead = instead
    release = guided_release(tmp_path, model, settings={"round_size": 40}, openai=one_at_a_time(model))
    generate(release)
    build(release)

    reasons = Counter(reason for _, reason in BROKEN.values())
    assert waterfall(release, "schema")["lost"] == dict(reasons)
    assert waterfall(release, "returned")["lost"] == {"empty response": 1}
    assert len(rows(release)) == 40 - len(BROKEN) - 1
    of_split = config_of(release)["method_findings"]["splits"]["train"]
    assert of_split["dropped"]["sentence"] == dict(reasons) | {"empty response": 1}
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert "no entity, though some were asked for 2" in card
    assert "| round 1 |" in card


def one_at_a_time(model: GuidedModel) -> dict[str, Any]:
    return {"base_url": model.server.base_url, "concurrency": 1}


def test_entities_asked_for_in_no_prompt_are_kept_as_the_model_labels_them(tmp_path):
    release = guided_release(tmp_path, None, settings={"relabel": False})
    result = read(release, 'I Location("Skagen") møder hun Person("Eva \\"Ro\\" Dam").')

    [found] = result.found
    assert found.tokens == ["I", "Skagen", "møder", "hun", "Eva", '"', "Ro", '"', "Dam", "."]
    assert found.tags == ["O", "B-LOC", "O", "O", "B-PER", *["I-PER"] * 4, "O"]


# Lists that grow


def test_later_rounds_draw_from_what_answers_brought_and_the_first_from_gold_alone(tmp_path, model):
    release = guided_release(tmp_path, model, settings={"round_size": 10}, calls={"train": 30})
    generate(release)

    gold = {f'Person("{name}")' for name in PEOPLE} | {f'Location("{name}")' for name in PLACES}
    sentences = [messages for messages in model.chats if not is_for_entities(messages)]
    first, later = sentences[:10], sentences[10:]
    assert gold.issuperset(entity for messages in first for entity in drawn(messages))
    new = {entity for messages in later for entity in drawn(messages)} - gold
    assert new
    assert all("Nyt" in entity for entity in new)


def test_findings_tell_how_the_lists_grew_by_type_and_round(tmp_path, model):
    release = guided_release(tmp_path, model, settings={"round_size": 15}, calls={"train": 30})
    generate(release)
    build(release)

    of_split = config_of(release)["method_findings"]["splits"]["train"]
    assert of_split["entities_in_gold"] == {"PER": 5, "LOC": 4}
    masks = [messages for messages in model.chats if is_for_entities(messages)]
    new = Counter(
        type_
        for messages in masks
        for type_ in NAMES
        for _ in range(asked(messages).count(f"{NAMES[type_]}(such as:"))
    )
    first, second = of_split["rounds"]
    assert {type_: first["new"][type_] + second["new"][type_] for type_ in new} == dict(new)
    assert second["entities"] == {type_: of_split["entities_in_gold"][type_] + new[type_] for type_ in new}
    assert (first["sentences"], first["masked"] + second["masked"]) == (15, len(masks))
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert f"| {second['entities']['PER']} (+{second['new']['PER']}) |" in card


def test_the_entities_of_a_sentence_are_masked_as_examples_of_their_type(tmp_path, model):
    model.instead = lambda messages: None if is_for_entities(messages) else 'Per Person("Eva \\"Ro\\" Dam").'
    generate(guided_release(tmp_path, model, calls={"train": 1}))

    masks = [asked(messages) for messages in model.chats if is_for_entities(messages)]
    assert masks == ['Per Person(such as:"Eva \\" Ro \\" Dam") .']
    [messages] = [messages for messages in model.chats if is_for_entities(messages)]
    for user, assistant in zip(messages[1:-1:2], messages[2::2], strict=True):
        assert "(such as:" in user["content"]
        # Masked with other entities of gold, and answered by gold itself.
        assert set(MASKED.findall(user["content"])).isdisjoint(ENTITY.findall(assistant["content"]))
        assert MASKED.sub("_", user["content"]) == ENTITY.sub("_", assistant["content"])


MASKED = re.compile(r'\w+\(such as:"(?:\\.|[^"\\])*"\)')


@pytest.mark.parametrize(
    ("words", "why_not"),
    [
        (("Eva",), None),
        (("Maja",), KNOWN),
        (("Eva", *"abcdefghi"), None),
        (("Eva", *"abcdefghij"), TOO_LONG),
        (("E" * 101,), TOO_LONG),
        (("...",), UNREADABLE),
        (("Eva", "\x07"), UNREADABLE),
        (("\ud800a",), UNREADABLE),
    ],
    ids=["new", "known", "ten words", "eleven words", "long word", "punctuation", "control", "surrogate"],
)
def test_lists_take_in_entities_and_no_sentences(words, why_not):
    lists = EntityLists(["PER"], [Example("1", ("Maja",), ("B-PER",))])

    assert lists.add("PER", words) == why_not
    assert lists.sizes == {"PER": 1 if why_not else 2}


def test_a_type_may_have_entities_as_long_as_golds_longest():
    long = tuple(f"ord{number}" for number in range(14))
    lists = EntityLists(["LAW", "PER"], [Example("1", long, ("B-LAW", *["I-LAW"] * 13))])

    assert lists.add("LAW", tuple(reversed(long))) is None
    assert lists.add("PER", tuple(reversed(long))) == TOO_LONG


def test_answers_that_are_no_entities_do_not_get_into_the_lists(tmp_path, model):
    sentence = " ".join(f"ord{number}" for number in range(20))

    def instead(messages: Messages) -> str | None:
        return (
            f'Person("{sentence}") og Person("Maja") og Person("--")' if is_for_entities(messages) else None
        )

    model.instead = instead
    release = guided_release(tmp_path, model, calls={"train": 4})
    generate(release)
    build(release)

    of_split = config_of(release)["method_findings"]["splits"]["train"]
    masked = sum(grown["masked"] for grown in of_split["rounds"])
    assert masked > 0
    assert of_split["not_added"] == {TOO_LONG: masked, KNOWN: masked, UNREADABLE: masked}
    assert of_split["rounds"][-1]["entities"] == of_split["entities_in_gold"]


@pytest.mark.parametrize("most", [1, 3, 5, 7, 9, 11])
def test_a_sentence_has_up_to_n_entities_and_each_number_alike(tmp_path, most):
    # With so many entities in gold, hardly any is drawn twice.
    release = guided_release(
        tmp_path, None, settings={"steps": ["sentence"], "most_entities": most}, calls={"train": 600}
    )
    calls = planned(release)

    numbers = Counter(call.about["entities"] for call in calls)
    assert max(numbers) <= min(most, len(PEOPLE) + len(PLACES))
    assert 600 / (most + 1) * 0.6 < numbers[0] < 600 / (most + 1) * 1.5
    if most == 1:
        assert set(numbers) == {0, 1}
    assert all(len(drawn(list(map(dict, call.messages)))) == call.about["entities"] for call in calls)


@pytest.mark.parametrize(
    ("draw", "share"), [("class-uniform", 0.5), ("entity-uniform", 0.9)], ids=["class", "entity"]
)
def test_types_come_alike_or_as_often_as_they_have_entities(tmp_path, draw, share):
    release = guided_release(
        tmp_path,
        None,
        settings={"steps": ["sentence"], "draw": draw, "most_entities": 1},
        calls={"train": 1000},
        examples=1,
    )
    people = "\n\n".join(f"Navn{number} B-PER\nsynger O\n. O" for number in range(90))
    places = "\n\n".join(f"By{number} B-LOC\nbrænder O\n. O" for number in range(10))
    (tmp_path / "gold" / "train.conll").write_text(f"{people}\n\n{places}\n", encoding="utf-8")

    entities = [entity for call in planned(release) for entity in drawn(list(map(dict, call.messages)))]

    assert len(entities) > 400
    assert sum(entity.startswith("Person") for entity in entities) / len(entities) == pytest.approx(
        share, abs=0.06
    )


# Labels for what a sentence leaves unlabelled


def lists_of(**surfaces: Sequence[str]) -> EntityLists:
    lists = EntityLists(surfaces)
    for type_, texts in surfaces.items():
        for text in texts:
            assert lists.add(type_, tuple(text.split())) is None
    return lists


RELABELLED = {
    "a known entity": ("Hun bor i Thy", "O O O O", "O O O B-LOC"),
    "the longer one": ("Nørre Snede og Snede", "O O O O", "B-LOC I-LOC O B-LOC"),
    "the longest wherever it begins": ("Ny Snede By Skole", "O O O O", "O B-LOC I-LOC I-LOC"),
    "the first of two that overlap": ("Snede Snede Snede", "O O O", "B-TEAM I-TEAM B-LOC"),
    "what is labelled stays": ("Thy Ibsen", "B-PER I-PER", "B-PER I-PER"),
    "no part of what is labelled": ("Snede Snede", "O B-PER", "B-LOC B-PER"),
    "several types": ("Maja og Thy", "O O O", "O O B-LOC"),
    "within several types": ("Store Thy er her", "O O O O", "O O O O"),
    "as written": ("thy THY", "O O", "O O"),
}


@pytest.mark.parametrize(("text", "before", "after"), RELABELLED.values(), ids=RELABELLED)
def test_unlabelled_words_that_the_lists_know_are_labelled(text, before, after):
    lists = lists_of(
        LOC=["Thy", "Snede", "Nørre Snede", "Snede By Skole", "Store Thy"],
        TEAM=["Snede Snede", "Ny Snede", "Store Thy"],
        PER=["Maja"],
        SHIP=["Maja"],
    )

    tags, changes = Relabelling(lists).relabelled(text.split(), before.split())

    assert tags == after.split()
    assert [(change["position"], change["before"], change["after"]) for change in changes] == [
        (place, old, new)
        for place, (old, new) in enumerate(zip(before.split(), tags, strict=True))
        if old != new
    ]


WORDS = st.sampled_from(["a", "b", "c", "d"])


@given(
    known=st.lists(
        st.tuples(st.sampled_from(["X", "Y"]), st.lists(WORDS, min_size=1, max_size=3)), max_size=8
    ),
    tokens=st.lists(WORDS, min_size=1, max_size=12),
    data=st.data(),
)
def test_relabelling_adds_whole_mentions_and_changes_none(known, tokens, data):
    lists = EntityLists(["X", "Y"])
    for type_, surface in known:
        lists.add(type_, tuple(surface))
    tags = data.draw(tags_for(len(tokens), ["X", "Y"]))

    after, changes = Relabelling(lists).relabelled(tokens, tags)

    assert violations(after) == []
    assert set(mentions(after)) >= set(mentions(tags))
    added = set(mentions(after)) - set(mentions(tags))
    types = lists.by_surface()
    assert all({each.type} == types[tuple(tokens[each.start : each.end])] for each in added)
    assert {change["position"] for change in changes} == {
        position for each in added for position in range(each.start, each.end)
    }
    # Nothing unambiguous is left, unless within what is ambiguous.
    for position, token in enumerate(tokens):
        if after[position] == "O" and len(types.get((token,), ())) == 1:
            assert any(len(of) > 1 and token in surface for surface, of in types.items())


def test_relabelled_words_stand_in_provenance_and_can_be_switched_off(tmp_path, model):
    model.instead = lambda messages: (
        None if is_for_entities(messages) else f'{len(model.chats)} Person("Eva") ser Maja og Nørre Snede .'
    )
    for relabel in (True, False):
        folder = tmp_path / str(relabel)
        release = guided_release(folder, model, calls={"train": 2}, settings={"relabel": relabel})
        generate(release)
        build(release)
        expected = "O B-PER O B-PER O B-LOC I-LOC O" if relabel else "O B-PER O O O O O O"
        assert {" ".join(tags) for _, tags in rows(release)} == {expected}
        provenance = pq.read_table(release.dataset / "provenance" / "da_guided.parquet").to_pylist()
        changes = [json.loads(row["repairs"]) for row in provenance]
        steps = [
            (each["step"], each["position"], each["before"], each["after"]) for row in changes for each in row
        ]
        one = [("relabel", 3, "O", "B-PER"), ("relabel", 5, "O", "B-LOC"), ("relabel", 6, "O", "I-LOC")]
        assert steps == (one * 2 if relabel else [])


def test_entities_of_the_last_round_are_looked_up_in_the_first_sentences(tmp_path, model):
    def instead(messages: Messages) -> str | None:
        if is_for_entities(messages):
            return 'Person("Zara Holm") er her .'
        return f'{len(model.chats)} Person("Eva") og Zara Holm .'

    model.instead = instead
    release = guided_release(tmp_path, model, calls={"train": 2})
    generate(release)
    build(release)

    assert {" ".join(tags) for _, tags in rows(release)} == {"O B-PER O B-PER I-PER O"}


# Configuration


def test_without_the_second_step_lists_stay_as_gold_has_them(tmp_path, model):
    release = guided_release(tmp_path, model, settings={"steps": ["sentence"]})
    generate(release)
    build(release)

    assert len(model.chats) == len(rows(release)) == 40
    assert not any(map(is_for_entities, model.chats))
    assert config_of(release)["method_findings"]["splits"]["train"]["rounds"] == []
    assert "The lists did not grow" in write_card(release.dataset).read_text(encoding="utf-8")


def test_the_second_step_alone_gives_gold_sentences_other_entities(tmp_path, model):
    release = guided_release(tmp_path, model, settings={"steps": ["entities"]})
    generate(release)
    build(release)

    found = rows(release)
    assert len(model.chats) == len(found) == 40
    for tokens, tags in found:
        assert [each.type for each in mentions(tags)] == ["PER", "LOC"]
        assert tokens[-2] in {str(year) for year in range(1900, 1920)}
    assert all("Nyt" in text for tokens, tags in found for _, text in surfaces(tokens, tags))
    gold = [example.tokens for example in context_of(release).gold.splits["train"]]
    for call in planned(release):
        shown = [message["content"] for message in call.messages if message["role"] == "assistant"]
        year = asked(list(map(dict, call.messages))).split()[-2]
        assert len(shown) == 5
        assert not any(year in text.split() for text in shown), "the answer itself is shown"
    assert len({tokens[-2] for tokens in gold}) == 20


def test_gold_sentences_without_an_entity_are_not_masked(tmp_path):
    release = guided_release(tmp_path, None, settings={"steps": ["entities"]}, examples=2)
    text = "Maja B-PER\nsynger O\n\nDet O\nregner O\n\nIda B-PER\nler O\n\nBo B-PER\nser O\n"
    (tmp_path / "gold" / "train.conll").write_text(text, encoding="utf-8")

    last = Counter(call.messages[-1]["content"] for call in planned(release))

    assert last == {
        'Person(such as:"Maja") synger': 3,
        'Person(such as:"Ida") ler': 3,
        'Person(such as:"Bo") ser': 2,
    }


def test_nobody_asks_for_entities_that_nothing_needs(tmp_path, model):
    settings = {"round_size": 10, "relabel": False}
    generate(guided_release(tmp_path, model, settings=settings, calls={"train": 20}))

    kinds = [is_for_entities(messages) for messages in model.chats]
    assert kinds[:10] == [False] * 10
    assert kinds[-10:] == [False] * 10
    assert any(kinds)


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "random"])
def test_examples_are_fixed_or_drawn_for_each_prompt(tmp_path, fixed):
    release = guided_release(
        tmp_path, None, settings={"fixed_examples": fixed, "steps": ["sentence"]}, examples=3
    )
    calls = planned(release)

    assert all(len(set(call.seed_ids)) == 3 for call in calls)
    assert (len({call.seed_ids for call in calls}) == 1) == fixed


def test_more_calls_add_to_those_planned_before(tmp_path, model):
    few = guided_release(tmp_path, model, calls={"train": 12}, settings={"round_size": 8})
    generate(few)
    asked_before = len(model.chats)
    more = guided_release(tmp_path, model, calls={"train": 30}, settings={"round_size": 8})
    generate(more)

    chats = [json.dumps(messages) for messages in model.chats]
    assert len(set(chats)) == len(chats)
    sentences = [messages for messages in model.chats[asked_before:] if not is_for_entities(messages)]
    assert len(sentences) == 18
    build(more)
    assert len(rows(more)) == 30


def test_the_same_release_plans_the_same_and_another_seed_does_not(tmp_path):
    release = guided_release(tmp_path, None)
    context = context_of(release)
    other = MethodContext(context.config, context.gold, 12, context.folder, context.gold_of)

    assert planned(release) == planned(release)
    assert {call.key for call in planned(release)}.isdisjoint(
        call.key for call in METHODS["entity_guided"].plan(other)
    )


def test_splits_have_lists_and_examples_of_their_own(tmp_path, model):
    release = guided_release(
        tmp_path,
        model,
        gold={"train": 20, "validation": 3},
        calls={"train": 10, "validation": 10},
        seeds_from={"validation": "validation"},
        examples=3,
    )
    generate(release)
    build(release)

    findings = config_of(release)["method_findings"]["splits"]
    assert findings["train"]["entities_in_gold"] == {"PER": 5, "LOC": 4}
    assert findings["validation"]["entities_in_gold"] == {"PER": 3, "LOC": 1}
    context = context_of(release)
    ids = {split: {each.id for each in gold} for split, gold in context.gold.splits.items()}
    for call in METHODS["entity_guided"].plan(context):
        assert ids[call.split].issuperset(call.seed_ids)
    assert len(rows(release)) == len(rows(release, "validation")) == 10


def test_answers_for_a_split_that_the_release_names_no_more_can_still_be_read(tmp_path, model):
    settings = {"round_size": 4}
    both = guided_release(tmp_path, model, calls={"train": 4, "validation": 4}, settings=settings)
    generate(both)
    build(guided_release(tmp_path, model, calls={"train": 4}, settings=settings))

    assert len(rows(both)) == len(rows(both, "validation")) == 4


def test_what_cannot_be_published_is_not_masked(tmp_path, model):
    model.instead = lambda messages: None if is_for_entities(messages) else 'Her \ud800 Person("Eva") .'
    release = guided_release(tmp_path, model, calls={"train": 4})

    assert generate(release).is_complete
    assert not any(map(is_for_entities, model.chats))


def test_a_gold_sentence_that_is_held_out_as_well_is_no_example(tmp_path):
    release = guided_release(tmp_path, None, gold={"train": 20, "test": 4}, calls={"train": 10})
    (tmp_path / "gold" / "test.conll").write_text(gold_lines(9), encoding="utf-8")

    shown = " ".join(str(call.messages) for call in planned(release))

    years = set(re.findall(r"\b19\d\d\b", shown))
    assert years
    assert years <= {str(1909 + number) for number in range(11)}


def test_a_gold_sentence_that_a_model_knows_is_neither_masked_nor_published(tmp_path, model):
    test = 'Person("Ida Østergaard") flyttede til Location("Læsø") i 2979 .'
    model.instead = lambda messages: None if is_for_entities(messages) or not drawn(messages) else test
    release = guided_release(tmp_path, model, gold={"train": 20, "test": 80}, calls={"train": 10})
    assert "2979" in (tmp_path / "gold" / "test.conll").read_text(encoding="utf-8")
    generate(release)
    build(release)

    assert not any(is_for_entities(messages) and "2979" in str(messages) for messages in model.chats)
    assert not any("2979" in tokens for tokens, _ in rows(release))
    assert config_of(release)["contamination"]["gold_test"]["exact"] == 1


REFUSED = {
    "datapoints": ({"datapoints": 3}, "has no use for it"),
    "format": ({"format": "pairs"}, "has no use for it"),
    "unknown setting": ({"entity_guided": {"most": 3}}, "most"),
    "no step": ({"entity_guided": {"steps": []}}, "steps"),
    "another way to draw": ({"entity_guided": {"draw": "uniform"}}, "uniform"),
}


@pytest.mark.parametrize(("keys", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_release_may_not_say_is_refused(tmp_path, keys, message):
    with pytest.raises(ReleaseError, match=message):
        guided_release(tmp_path, None, **keys)


def test_gold_that_is_too_small_or_has_no_mention_is_named(tmp_path):
    with pytest.raises(ReleaseError, match="5 examples are to be shown, and gold train has 4"):
        planned(guided_release(tmp_path / "small", None, gold={"train": 4}))
    release = guided_release(tmp_path / "empty", None, examples=1)
    (tmp_path / "empty" / "gold" / "train.conll").write_text("Maja B-PER\n", encoding="utf-8")
    assert planned(release)
    (tmp_path / "empty" / "gold" / "test.conll").write_text("Det O\nregner O\n", encoding="utf-8")
    described = json.loads(release.path.read_text(encoding="utf-8"))
    described["languages"]["da"]["gold"]["files"]["test"] = "gold/test.conll"
    described["generators"]["guided"] |= {"calls": {"test": 1}, "seeds_from": {"test": "test"}}
    release.path.write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(ReleaseError, match="gold test has no mention"):
        planned(read_release(release.path))


# How sentences are written and read


@pytest.mark.parametrize(
    ("types", "names"),
    [
        (
            ["PER", "ORG", "LOC", "DATE", "MISC"],
            ["Person", "Organization", "Location", "Date", "Miscellaneous"],
        ),
        (["creative-work", "politicalparty", "NEP"], ["CreativeWork", "Politicalparty", "NEP"]),
        (["PER", "Person", "person", "PERSON"], ["Person", "Person2", "Person3", "PERSON"]),
        (["A.b", "A-b", "A_b", "(", '")'], ["AB", "AB2", "A_b", "Entity", "Entity2"]),
        (["கட்சி"], ["கட்சி"]),
    ],
    ids=["customary", "several words", "the same", "signs", "Tamil"],
)
def test_every_type_has_a_readable_name_of_its_own(types, names):
    assert list(type_names(types).values()) == names


WRITTEN = {
    "glued punctuation": ('Person("Eva"), som bor i Location("Thy").', "Eva|,|som|bor|i|Thy|."),
    "quotation marks around": ('"Hej," sagde Person("Eva").', '"|Hej|,|"|sagde|Eva|.'),
    "brackets": ('Person("Eva") (fra Location("Thy")) ler [meget]!', "Eva|(|fra|Thy|)|ler|[|meget|]|!"),
    "brackets that belong to a word": ("side(r) af (u)orden", "side(r)|af|(u)orden"),
    "initials and dots": ('Person("J. R. Dam") i U.S.A. ... ja', "J.|R.|Dam|i|U.S.A.|...|ja"),
    "several marks": ("Hvad?! Nej...", "Hvad|?|!|Nej|..."),
    "within words": ("1.5 kg d'Or 50% #ro @eva http://x.dk", "1.5|kg|d'Or|50%|#ro|@eva|http://x.dk"),
    "ending glued to an entity": ('Location("Thy")s kyst', "Thys|kyst"),
    "what is no ending": ('Person("Eva")\'s hus og Location("Thy")-drengen', "Eva|'s|hus|og|Thy|-drengen"),
    "vowel signs": ('Location("சென்னை")யில் மழை.', "சென்னையில்|மழை|."),
    "danda": ("राम घर गया। वह सोया॥", "राम|घर|गया|।|वह|सोया|॥"),
    "tone marks": ("Adé lọ́ sílé.", "Adé|lọ́|sílé|."),
    "a full stop that is a word elsewhere": ("Dr. Bo, sagde han.. ja .", "Dr.|Bo|,|sagde|han..|ja|."),
    "brackets that are words elsewhere": ("a) b ) (c ( d", "a)|b|)|(c|(|d"),
    "Arabic": ("ذهب الولد، ثم عاد؟", "ذهب|الولد|،|ثم|عاد|؟"),
    "no blanks": ("彼は東京に住む。", "彼は東京に住む|。"),
    "line end": ('Person("Eva") ler\n', "Eva|ler"),
    "plain brackets after a word": ('f(x) Foo (Person("Eva"))', "f(x)|Foo|(|Eva|)"),
    "escaped": (r"sti \\ og \" og kald\(x)", r'sti|\|og|"|og|kald(x)'),
}


@pytest.mark.parametrize(("text", "words"), WRITTEN.values(), ids=WRITTEN)
def test_free_text_becomes_words(text, words):
    tokens, tags = parse_typed_mentions(text, NAMES, GoldWords([]))

    assert "|".join(tokens) == words
    assert len(tags) == len(tokens)


def test_gold_says_what_is_a_word():
    gold = [("Dr.", "Dam", "kom", "d.", "3.", "maj", "."), ("Hvad:)", "."), ("ord་", "ord་"), ("kr.,",)]

    words = GoldWords(gold)

    assert words.split("Dr. Bo kom d. 4. maj.") == ["Dr.", "Bo", "kom", "d.", "4.", "maj", "."]
    assert words.split("Hvad:) nyt་ kr.,") == ["Hvad:)", "nyt་", "kr.,"]
    assert GoldWords([]).split("den 4. nu") == ["den", "4", ".", "nu"]
    assert GoldWords([("Han", "kom."), ("Hun", "gik.")]).split("De løb.") == ["De", "løb."]


TOKENS = st.one_of(
    st.text(min_size=1, max_size=6),
    st.sampled_from(
        ['Person("', '")', '"', "\\", '\\"', "Person(", "(", ")", 'Person("x")', "X(y", '("', "."]
    ),
).filter(lambda token: token.split() == [token])

TYPES = st.lists(
    st.one_of(st.sampled_from(["PER", "Person", "creative-work"]), st.text(min_size=1, max_size=4)).filter(
        lambda type_: type_.strip() == type_
    ),
    min_size=1,
    max_size=4,
    unique=True,
)


@st.composite
def tags_for(draw: Any, length: int, types: Sequence[str]) -> list[str]:
    spans, position = [], 0
    while position < length:
        size = draw(st.integers(0, 3))
        if size:
            end = min(length, position + size)
            spans.append(Mention(position, end, draw(st.sampled_from(types))))
            position = end
        else:
            position += 1
    return tags_of(spans, length)


@given(types=TYPES, tokens=st.lists(TOKENS, min_size=1, max_size=10), data=st.data())
def test_what_is_written_is_read_again(types, tokens, data):
    tags = data.draw(tags_for(len(tokens), types))
    names = type_names(types)

    written = render_typed_mentions(tokens, tags, names)

    assert parse_typed_mentions(written, names, GoldWords([tokens])) == (tokens, tags)


PIECES = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(), max_size=8),
        st.sampled_from(
            [
                'Person("',
                'Location("',
                '")',
                '"',
                "\ud800",
                "(such as:",
                "\\",
                " ",
                "\n",
                "Maja",
                "Thy",
                "Nørre Snede",
                ".",
            ]
        ),
    ),
    max_size=20,
).map("".join)


@pytest.fixture(scope="module")
def a_reading(tmp_path_factory):
    release = guided_release(tmp_path_factory.mktemp("reading"), None)
    context = context_of(release)
    reading = METHODS["entity_guided"].reading
    assert reading
    return reading(context), list(METHODS["entity_guided"].plan(context))


@given(text=PIECES, number=st.integers(0, 7))
def test_reading_an_answer_never_raises_and_gives_sound_datapoints_or_a_reason(a_reading, text, number):
    reading, calls = a_reading

    result = reading(calls[number], text)

    assert len(result.found) + result.lost.total() == 1
    for found in result.found:
        if found.fault is not None:
            assert found.tokens is found.tags is None
            continue
        assert len(found.tokens) == len(found.tags) > 0
        assert violations(found.tags) == []
        assert set(found.tags) <= {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, 'Person("' * 30_000, 'a("' * 50_000, "(" * 200_000, "." * 200_000, '\\"' * 100_000],
    ids=["letters", "openings", "unknown openings", "brackets", "dots", "escapes"],
)
def test_long_nonsense_is_read_in_no_time(a_reading, text):
    reading, calls = a_reading

    assert len(reading(calls[0], text).found) == 1


# Real gold


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("masakhaner2/yor/train.txt.gz", "masakhaner2/yor/test.txt.gz"),
        ("uner/da_ddt/da_ddt-ud-train.iob2.gz", "uner/da_ddt/da_ddt-ud-test.iob2.gz"),
        ("multiner_en_si_ta/Final_Tamil.txt.gz", "multiner_en_si_ta/Final_Tamil.txt.gz"),
        ("crossner/politics/train.txt.gz", "crossner/politics/test.txt.gz"),
    ],
    ids=["yor", "da", "ta", "politics"],
)
def test_real_sentences_come_back_word_for_word(shared, train, test):
    gold = list(islice(read_examples(shared / "data" / train), 20))
    words = GoldWords(example.tokens for example in gold)
    sentences = [list(each.tokens) for each in islice(read_examples(shared / "data" / test), 20, 1000)]

    same = [
        parse_typed_mentions(" ".join(tokens), NAMES, words)[0] == " ".join(tokens).split()
        for tokens in sentences
    ]

    assert len(same) > 500
    assert sum(same) / len(same) > 0.99


@pytest.mark.parametrize(
    "file", ["masakhaner2/yor/train.txt.gz", "crossner/politics/train.txt.gz"], ids=["yor", "politics"]
)
def test_real_gold_is_written_and_read_again(shared, file):
    gold = list(read_examples(shared / "data" / file))
    names = type_names({mention.type: None for example in gold for mention in example.mentions})
    words = GoldWords(example.tokens for example in gold)

    assert len(gold) >= 200
    for example in gold:
        clean = tags_of(example.mentions, len(example.tokens))
        written = render_typed_mentions(example.tokens, clean, names)
        assert parse_typed_mentions(written, names, words) == (list(example.tokens), clean)
