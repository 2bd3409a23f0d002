from hypothesis import given
from hypothesis import strategies as st

from synthner.evaluation.name_lexicon import NameLexicon
from synthner.schema.example import Example


def example(text, tags):
    return Example(text, tuple(text.split()), tuple(tags.split()))


ADA = example("Ada of New Bern sings", "B-PER O B-LOC I-LOC O")
MORE = [example("she left New Bern", "O O B-LOC I-LOC"), example("New ideas", "O O")]


def test_a_name_is_known_with_its_type_word_by_word():
    features = NameLexicon([ADA, *MORE]).features(["near", "New", "Bern"])
    assert features[0] == ["unknown"]
    assert features[1][:2] == ["name:B-LOC", "name:B-LOC repeated pure"]
    assert features[2][:2] == ["name:I-LOC", "name:I-LOC repeated pure"]


def test_the_longest_name_counts():
    lexicon = NameLexicon([ADA, example("Bern is old", "B-LOC O O")])
    assert lexicon.features(["New", "Bern"])[1][0] == "name:I-LOC"
    assert lexicon.features(["in", "Bern"])[1][0] == "name:B-LOC"


def test_a_name_with_several_types_is_mixed():
    lexicon = NameLexicon([ADA, example("Ada is a town", "B-LOC O O O")])
    assert lexicon.features(["Ada"])[0][:2] == ["name:B-LOC", "name:B-LOC repeated mixed"]


def test_what_only_the_sentence_itself_says_is_left_out():
    lexicon = NameLexicon([ADA, *MORE])
    features = lexicon.features(ADA.tokens, without=ADA)
    assert features[0] == ["unknown"]
    assert features[2][:2] == ["name:B-LOC", "name:B-LOC once pure"]
    assert lexicon.features(ADA.tokens)[0] != ["unknown"]


def test_a_word_in_small_letters_is_no_name_by_itself():
    lexicon = NameLexicon([example("May sings", "B-PER O")] * 3)
    assert lexicon.features(["May"])[0][0] == "name:B-PER"
    assert not any(feature.startswith("name") for feature in lexicon.features(["may"])[0])


def test_the_shares_of_a_words_labels_are_told_in_steps():
    lexicon = NameLexicon([example("May", "B-PER"), *[example("may", "O")] * 3])
    assert lexicon.features(["may"]) == [["outside:3 repeated", "label:B-PER:0"]]


words = st.sampled_from(["Ada", "ada", "New", "Bern", "of", ""])
tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC"])
sentences = st.lists(
    st.lists(st.tuples(words, tags), min_size=1, max_size=6).map(
        lambda pairs: Example("x", tuple(word for word, _ in pairs), tuple(tag for _, tag in pairs))
    ),
    min_size=1,
    max_size=6,
)


@given(sentences)
def test_without_a_sentence_is_as_if_it_had_not_been_there(examples):
    first, *others = examples
    left_out = NameLexicon(examples).features(first.tokens, without=first)
    never_there = NameLexicon(others).features(first.tokens)
    assert left_out == never_there
