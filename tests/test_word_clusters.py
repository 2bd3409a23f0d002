from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from synthner.evaluation.word_clusters import SIZES, WordClusters

NAMES = ["Akua", "Bayo", "Cleo", "Dunja", "Elif", "Farai"]
TOWNS = ["Accra", "Bergen", "Cusco", "Dakar", "Esbjerg", "Fes"]
SENTENCES = [
    *([name, "waved", "at", "me"] for name in NAMES),
    *(["we", "live", "near", town, "now"] for town in TOWNS),
] * 4
WORDS = [["w" + str(one), "v" + str(other)] for one, other in product(range(40), range(3))] * 2


def test_words_in_the_same_places_are_in_the_same_clusters():
    clusters = WordClusters([*SENTENCES, *WORDS])
    assert len({clusters.of(name) for name in NAMES}) == 1
    assert len({clusters.of(town) for town in TOWNS}) == 1
    assert clusters.of(NAMES[0]) != clusters.of(TOWNS[0])


def test_each_word_has_a_cluster_of_each_size_whatever_its_case_and_accents():
    clusters = WordClusters([["Ọyọ", "is", "old"]] * 3)
    assert len(clusters.of("Ọyọ")) == len(SIZES)
    assert clusters.of("OYO") == clusters.of("Ọyọ")


def test_a_word_that_was_hardly_seen_has_none():
    clusters = WordClusters([["known", "word"]] * 3 + [["rare"]] * 2)
    assert clusters.of("known")
    assert clusters.of("rare") == clusters.of("never") == ()


def test_no_text_gives_no_clusters():
    assert WordClusters([]).of("word") == ()


def test_the_order_of_the_sentences_does_not_matter():
    shuffled = Random(3).sample(SENTENCES, len(SENTENCES))
    one, other = WordClusters(SENTENCES), WordClusters(shuffled)
    together = [
        {word for word in [*NAMES, *TOWNS] if each.of(word) == each.of("Akua")} for each in (one, other)
    ]
    assert together[0] == together[1]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "", "É", "e", "\ud800"]), max_size=6), max_size=12))
def test_any_text_is_clustered_and_always_alike(sentences):
    one, other = WordClusters(sentences), WordClusters(sentences)
    assert [one.of(token) for words in sentences for token in words] == [
        other.of(token) for words in sentences for token in words
    ]
