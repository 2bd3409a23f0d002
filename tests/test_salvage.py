"""Salvage: response text to datapoints, with what was lost and why."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synthner.generation.formats import render_datapoint
from synthner.generation.paper_rule import salvage_by_paper_rule
from synthner.generation.responses import read_responses
from synthner.generation.salvage import PARSE_PATHS, salvage
from synthner.schema.labels import LabelSet

LABELS = LabelSet.of_types(("PER", "LOC"))
FUNMI = '{"tokens": ["Funmi", "sings"], "ner_tags": [1, 0]}'
ILESA = '{"tokens": ["In", "Ilesa"], "ner_tags": [0, 3]}'
BOTH = [(["Funmi", "sings"], [1, 0]), (["In", "Ilesa"], [0, 3])]


def pairs_found(text: str) -> list[tuple]:
    return [(found.tokens, found.tags) for found in salvage(text).found if found.fault is None]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(f'{{"ner_datapoints": [{FUNMI}, {ILESA}]}}', "json", id="wrapped"),
        pytest.param(f"[{FUNMI}, {ILESA}]", "json", id="list"),
        pytest.param(f'{{"a": {{"b": [[{FUNMI}], {{"c": {ILESA}}}]}}}}', "json", id="nested"),
        pytest.param(f"Here you are:\n```json\n[{FUNMI},\n{ILESA}]\n```\nEnjoy!", "fenced", id="fenced"),
        pytest.param(f"```\n```json\n```\n[{FUNMI}, {ILESA}]\n```\n```", "fenced", id="nested fences"),
        pytest.param(f"Sure [as asked]: [{FUNMI}, {ILESA}] {{done}}", "embedded", id="prose"),
        pytest.param(
            f"<|start_header_id|>assistant<|end_header_id|>\n\n[{FUNMI}, {ILESA}]<|eot_id|>",
            "embedded",
            id="chat header",
        ),
        pytest.param(f"{FUNMI}{ILESA}", "lines", id="run-on"),
        pytest.param(f'{{"data": [{FUNMI}]}} {{"data": [{ILESA}]}}', "lines", id="two documents"),
        pytest.param(f"1. {FUNMI}\n2. {ILESA}\n", "lines", id="numbered"),
        pytest.param(f"<EOS_TOKEN>}}{FUNMI}, {ILESA}]", "lines", id="unopened list"),
        pytest.param(f'{{"data": [{FUNMI}, {ILESA}', "truncated", id="unclosed"),
        pytest.param(f"[{FUNMI}, {ILESA}".replace('"]', '",]'), "mended", id="trailing commas"),
        pytest.param(str([json.loads(FUNMI), json.loads(ILESA)]), "mended", id="Python literals"),
        pytest.param(
            "[" + FUNMI.replace('"Funmi"', "“Funmi”") + ILESA.replace('"In"', "“In”") + "]",
            "mended",
            id="typographic quotes",
        ),
        pytest.param(f"[{FUNMI}, {ILESA}]".replace('"], "ner', '", "ner'), "mended", id="list left open"),
        pytest.param(f"- {FUNMI[1:-1]}**\n- {ILESA[1:-1]}**", "mended", id="no braces"),
        pytest.param(f'"data": [{FUNMI}, {ILESA}]', "embedded", id="no outer brace"),
    ],
)
def test_every_layout_gives_the_datapoints_in_order(text, path):
    result = salvage(text)
    assert [(found.tokens, found.tags) for found in result.found] == BOTH
    assert [found.item for found in result.found] == [0, 1]
    assert path in {found.parse_path for found in result.found}
    assert {found.parse_path for found in result.found} <= set(PARSE_PATHS)
    assert not result.lost
    assert result.strict is (path == "json")


@pytest.mark.parametrize(
    ("text", "tokens", "tags"),
    [
        pytest.param('{"tokens": ["a"], "ner_tags": ["B-PER"]}', ["a"], ["B-PER"], id="names"),
        pytest.param('{"tokens": ["a"], "ner_tags": ["1"]}', ["a"], ["1"], id="digits as text"),
        pytest.param('{"id": "7", "words": ["a"], "labels": [1]}', ["a"], [1], id="words and labels"),
        pytest.param('{"tokens": ["a"], "tags": [1], "n": {"x": 1}}', ["a"], [1], id="tags"),
        pytest.param('{"words": [["a", "B-PER"], ["b", 0]]}', ["a", "b"], ["B-PER", 0], id="pairs"),
        pytest.param(
            '{"words": [{"token": "a", "label": "B-PER"}, {"token": "b", "label": "O"}]}',
            ["a", "b"],
            ["B-PER", "O"],
            id="pairs as objects",
        ),
        pytest.param('[["a", "B-PER"], ["b", "O"]]', ["a", "b"], ["B-PER", "O"], id="pairs alone"),
        pytest.param(
            '{"sentence": "<PER>a b</PER>, c"}',
            ["a", "b", ",", "c"],
            ["B-PER", "I-PER", "O", "O"],
            id="spans",
        ),
        pytest.param('["<PER>a</PER> b"]', ["a", "b"], ["B-PER", "O"], id="list of sentences"),
        pytest.param(
            '{"tokens": ["{", "}]", "a\\"{"], "ner_tags": [0, 0, 1]}',
            ["{", "}]", 'a"{'],
            [0, 0, 1],
            id="braces",
        ),
        pytest.param('{"tokens": ["\\ud800"], "ner_tags": [0]}', ["\ud800"], [0], id="lone surrogate"),
        pytest.param('x {"tokens": ["a\tb"], "ner_tags": [0]}', ["a\tb"], [0], id="control character"),
        pytest.param(
            "{'tokens': ['it\\'s', '\"'], 'ner_tags': [0, 0]}", ["it's", '"'], [0, 0], id="single quotes"
        ),
    ],
)
def test_datapoints_are_taken_as_written(text, tokens, tags):
    assert pairs_found(text) == [(tokens, tags)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param('{"tokens": ["a"]}', "no tags", id="no tags"),
        pytest.param('{"ner_tags": [0]}', "no tokens", id="no tokens"),
        pytest.param('{"tokens": "a", "ner_tags": [0]}', "tokens are no list", id="text for tokens"),
        pytest.param('{"tokens": ["a"], "ner_tags": null}', "tags are no list", id="null for tags"),
        pytest.param(
            '{"tokens": ["a"], "tags": [0], "labels": [1]}', "several lists of tags", id="two lists"
        ),
        pytest.param('{"words": [["a", "O"], ["b"]]}', "not every word has a label", id="pair without label"),
        pytest.param('{"sentence": "<PER>a"}', "markup not closed", id="open markup"),
        pytest.param('{"sentence": "a b", "entities": [{"text": "a"}]}', "no markup", id="other annotation"),
        pytest.param('{"datapoints": ["a b", "c d"]}', "no markup", id="bare sentences"),
        pytest.param('{"tokens": ["a"], "tokens": ["b"], "ner_tags": [0]}', "repeated keys", id="repeated"),
    ],
)
def test_an_object_that_is_no_datapoint_says_why(text, fault):
    result = salvage(text)
    assert {found.fault for found in result.found} == {fault}
    assert all(found.source for found in result.found)


def test_repeated_keys_lose_nothing():
    run_on = FUNMI[:-1] + ", " + ILESA[1:]
    assert pairs_found(run_on) == BOTH
    assert pairs_found(f"Here: {run_on}") == BOTH
    cut = salvage(run_on[:-1] + ', "tokens": ["one", "mo')
    assert [(found.tokens, found.tags) for found in cut.found] == BOTH
    assert cut.lost == {"cut at the end": 1}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param('{"tokens": ["a" "b"], "ner_tags": [0, 0]}', "malformed object", id="missing comma"),
        pytest.param('{"tokens": ["a, "b"], "ner_tags": [0, 0]}', "malformed object", id="missing quote"),
        pytest.param(
            '{"tokens": ["a", "b], "ner_tags": [0, 0]}', "malformed object", id="missing last quote"
        ),
        pytest.param('{"tokens": ["say "a""], "ner_tags": [0]}', "malformed object", id="quotes in a token"),
        pytest.param('{"tokens": ["a", "]", "ner_tags": [0]}', "malformed object", id="misquoted bracket"),
        pytest.param('{"tokens": ["a"], "ner_tags\': [0]}', "malformed object", id="mixed quotes"),
        pytest.param('{"tokens": ["a"], "ner_tags": [0}', "malformed object", id="wrong bracket"),
        pytest.param('{"tokens": ["\\u{c3}"], "ner_tags": [0]}', "bad escape in a string", id="bad escape"),
        pytest.param('{"tokens": ["a", ...], "ner_tags": [0, ...]}', "elided with `...`", id="elided"),
        pytest.param('{"tokens": ["a\n"], "ner_tags": [0]}', "malformed object", id="line break in a token"),
    ],
)
@pytest.mark.parametrize("layout", ["[{}, {}, {}]", "{}\n{}\n{}", '{{"d": [{},{},{}]}}', "{}{}{}"])
def test_a_broken_object_loses_only_itself(broken, reason, layout):
    result = salvage(layout.format(FUNMI, broken, ILESA))
    assert [(found.tokens, found.tags) for found in result.found] == BOTH
    assert result.lost == {reason: 1}
    assert result.fragments[0].source.startswith(broken[:10])


@pytest.mark.parametrize("end", range(1, len(ILESA)))
def test_a_cut_datapoint_is_lost_and_never_completed(end):
    result = salvage(f'{{"data": [{FUNMI}, {ILESA[:end]}')
    assert [(found.tokens, found.tags) for found in result.found] == BOTH[:1]
    assert result.lost == {"cut at the end": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty response"),
        ("<EOS_TOKEN>}", "empty response"),
        ("<|start_header_id|>assistant<|end_header_id|>\n", "empty response"),
        ("I cannot help with that.", "no datapoint in the response"),
        ("[]", "no datapoint in the response"),
        ('{"labels": ["O", "B-PER"]}', "no datapoint in the response"),
    ],
)
def test_a_response_without_datapoints_is_counted(text, reason):
    result = salvage(text)
    assert not result.found
    assert result.lost == {reason: 1}


def test_a_cut_list_of_sentences_keeps_the_complete_ones():
    result = salvage('{"sentences": ["<PER>Funmi</PER> sings", "In <LOC>Ile')
    assert [(found.tokens, found.tags) for found in result.found] == [(["Funmi", "sings"], ["B-PER", "O"])]
    assert result.lost == {"cut at the end": 1}


def test_the_pairs_of_a_cut_datapoint_are_no_datapoint():
    whole = '{"words": [["Funmi", "B-PER"], ["sings", "O"]]}'
    result = salvage(f"[{whole}, {whole[:-12]}")
    assert len(result.found) == 1
    assert result.lost == {"cut at the end": 1}


def test_listings_without_json_hold_no_datapoint():
    text = '1. Sentence: "Funmi lives in {Ilesa}."\nNamed Entities: [Funmi (person), Ilesa (location)]\n'
    assert salvage(text).lost == {"no datapoint in the response": 1}


token = st.text(
    st.characters(exclude_categories=["Cs", "Zl", "Zp"]), min_size=1, max_size=6
) | st.sampled_from(
    ["{", "}", "[", "]", '"', "\\", "'", ",", ":", "```", "<PER>", '{"tokens":', '"],"ner_tags":[', "…", "//"]
)
datapoint = st.lists(st.tuples(token, st.integers(0, 4)), min_size=1, max_size=5)
datapoints = st.lists(datapoint, min_size=1, max_size=4)
prose = st.sampled_from(["", "Here you are:\n", "<|im_start|>assistant\n", "**Note** [1]: it's {done}.\n"])


@st.composite
def layouts(draw) -> tuple[list[tuple], list[str], str, str]:
    """Draw datapoints, each written as JSON, with what goes before, between and after them."""
    drawn = draw(datapoints)
    escape, indent = draw(st.booleans()), draw(st.sampled_from([None, 2]))
    written = [
        json.dumps(
            {"tokens": [word for word, _ in one], "ner_tags": [tag for _, tag in one]},
            ensure_ascii=escape,
            indent=indent,
        )
        for one in drawn
    ]
    expected = [([word for word, _ in one], [tag for _, tag in one]) for one in drawn]
    before, between, after = draw(
        st.sampled_from(
            [
                ('{"data": [', ", ", "]}"),
                ("[", ",\n", "]"),
                ("", "\n", ""),
                ("", "", ""),
                ("```json\n[", ", ", "]\n```"),
            ]
        )
    )
    return expected, written, draw(prose) + before, between + "\0" + after + draw(prose)


@settings(max_examples=300, deadline=None)
@given(layouts(), st.data())
def test_exactly_the_complete_datapoints_come_back_however_the_text_is_cut(layout, data):
    expected, written, before, rest = layout
    between, after = rest.split("\0", 1)
    text = before + between.join(written) + after
    assert pairs_found(text) == expected

    cut = data.draw(st.integers(0, len(text)))
    ends, position = [], len(before)
    for one in written:
        position += len(one)
        ends.append(position)
        position += len(between)
    assert pairs_found(text[:cut]) == expected[: sum(end <= cut for end in ends)]


@settings(max_examples=300, deadline=None)
@given(layouts(), st.data())
def test_one_wrong_character_in_an_object_costs_no_other(layout, data):
    expected, written, before, rest = layout
    between, after = rest.split("\0", 1)
    broken = data.draw(st.integers(0, len(written) - 1))
    place = data.draw(st.integers(0, len(written[broken]) - 1))
    stray = data.draw(st.sampled_from(["", *"\"[]{},:\\'\n x0“"]))
    length = data.draw(st.integers(0, 1))
    one = written[broken]
    written[broken] = one[:place] + stray + one[place + length :]

    found = pairs_found(before + between.join(written) + after)
    others = expected[:broken] + expected[broken + 1 :]
    assert not Counter(map(repr, others)) - Counter(map(repr, found))
    assert len(found) <= len(expected)


@settings(max_examples=200, deadline=None)
@given(datapoints, st.sampled_from(["paper", "pairs", "spans"]))
def test_what_prompts_show_is_read_back(drawn, format_):
    labels = LabelSet.of_types(("PER", "LOC"))
    rows = []
    for one in drawn:
        words = ["".join(word.split()) or "x" for word, _ in one]
        rows.append((words, ["O" if tag == 0 else f"B-{labels.types[tag % 2]}" for _, tag in one]))
    text = "\n".join(render_datapoint(format_, words, tags, labels) for words, tags in rows)
    expected = [(words, labels.encode(tags) if format_ == "paper" else tags) for words, tags in rows]
    assert pairs_found(text) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*"[]{}\",:\\'“” \n0a", '"tokens":', '"ner_tags":[0]', FUNMI]), max_size=40).map(
        "".join
    )
)
@example('{"tokens": ["a, ' + FUNMI + "]")
def test_any_text_is_survived_and_no_sound_object_is_found_twice(text):
    result = salvage(text)
    assert sum(found.tokens == ["Funmi", "sings"] for found in result.found) <= text.count(FUNMI)
    assert sum(result.lost.values()) >= len(result.fragments)


@pytest.mark.parametrize("pattern", ["[", "{", '"', "\\", "'", " "])
def test_ten_megabytes_of_one_character_end_soon(pattern):
    started = time.perf_counter()
    result = salvage(pattern * 10_000_000)
    assert time.perf_counter() - started < 10  # it takes about one second
    assert not result.found


@pytest.mark.parametrize(
    "pattern",
    ['{"', '["', '["\\', '{"a":', '"a":[', '{"tokens":["', '["a', "{'", '{"a"', "“{'", '{"tokens":["a, "'],
)
def test_work_grows_linearly_with_the_text(pattern):
    def seconds(size: int) -> float:
        text = pattern * (size // len(pattern))
        runs = []
        for _ in range(2):
            started = time.process_time()
            salvage(text)
            runs.append(time.process_time() - started)
        return min(runs)

    assert seconds(40_000) < 16 * seconds(5_000) + 0.05  # quadratic work would take 64 times as long


def test_deep_nesting_is_no_error():
    deep = "[" * 5_000 + FUNMI + "]" * 5_000
    assert pairs_found(deep) == BOTH[:1]
    assert pairs_found("[" * 500 + FUNMI + "]" * 500) == BOTH[:1]


def test_the_list_of_fragments_is_bounded_and_the_count_is_not():
    result = salvage('{"tokens": ["a" "b"]}\n' * 1500)
    assert result.lost == {"malformed object": 1500}
    assert len(result.fragments) == 1000


@pytest.mark.parametrize(
    ("model", "language", "labels", "found", "lost"),
    [
        ("gpt-4", "sv", 7, 4991, {"malformed object": 1}),
        ("Llama-3.1-8B-Instruct", "yor", 9, 4583, None),
        ("aya-expanse-32b", "da", 7, 1468, None),
    ],
)
def test_recorded_responses_give_all_that_the_paper_kept_and_more(
    shared, model, language, labels, found, lost
):
    folder: Path = shared / "data" / "llm_responses" / "kamath_vajjala" / model
    (path,) = folder.glob(f"{language}_train_*raw*")
    total, counted, recovered = 0, Counter(), 0
    for response in read_responses(path):
        assert response.text is not None
        result = salvage(response.text)
        total += len(result.found)
        counted += result.lost
        sound = [one for one in result.found if one.fault is None]
        ours = Counter(repr(([str(word) for word in one.tokens or ()], one.tags)) for one in sound)
        rule = salvage_by_paper_rule(response.text, structured=response.structured, labels=labels)
        theirs = Counter(repr(kept) for kept in rule.kept)
        assert not theirs - ours
        recovered += sum(ours.values()) - sum(theirs.values())
    assert total == found
    assert lost is None or counted == lost
    assert recovered > 0
