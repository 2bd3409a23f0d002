"""Reading release.yaml: expansion, paths, and errors that name file, line and key."""

from pathlib import Path

import pytest

from synthner.release import read_release
from synthner.schema.errors import ReleaseError

RELEASE = """\
name: community/synth-ner
seed: 7
languages:
  yor:
    gold:
      files: {train: gold/yor.conll, test: gold/yor-test.conll}
      license: cc-by-4.0
    labels: [PER, LOC]
  da:
    gold:
      corpus: universal_ner
generators:
  gpt4:
    method: seeded
    engine: openai
    model: gpt-4.1
    calls: {train: 5, test: 1}
    openai: {concurrency: 2}
  replay:
    method: seeded
    engine: recorded
    model: llama
    languages: [da]
    recorded: {responses: "raw/{language}.jsonl"}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "release.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_languages_times_generators_make_the_configs(tmp_path):
    release = read_release(write(tmp_path, RELEASE))

    assert [config.name for config in release.configs] == ["yor_gpt4", "da_gpt4", "da_replay"]
    yoruba = release.configs[0]
    assert yoruba.language.name == "Yoruba"
    assert yoruba.gold.files == {
        "train": tmp_path / "gold/yor.conll",
        "test": tmp_path / "gold/yor-test.conll",
    }
    assert yoruba.gold.labels is not None
    assert yoruba.gold.labels.types == ("PER", "LOC")
    assert yoruba.generator.settings == {"concurrency": 2}
    assert yoruba.generator.seeds_from == {"train": "train", "validation": "train", "test": "train"}
    assert (yoruba.generator.examples, yoruba.generator.datapoints) == (10, 20)


def test_the_folder_stands_for_its_release_file(tmp_path):
    write(tmp_path, RELEASE)

    release = read_release(tmp_path)

    assert release.journal == tmp_path / "work" / "journal.sqlite"
    assert release.dataset == tmp_path / "dataset"


def changed(before: str, after: str) -> str:
    assert before in RELEASE
    return RELEASE.replace(before, after)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            changed("    engine: openai", "    engin: openai"),
            15,
            "Did you mean `engine`?",
            id="mistyped key",
        ),
        pytest.param(
            changed("engine: openai", "engine: opanai"), 15, "Did you mean `openai`?", id="mistyped value"
        ),
        pytest.param(changed("seed: 7\n", ""), 1, "the key `seed` is missing", id="missing key"),
        pytest.param(changed("seed: 7", "seed: often"), 2, "`often` is no integer", id="wrong type"),
        pytest.param(
            changed("    calls: {train: 5, test: 1}\n", ""),
            13,
            "`calls` is missing",
            id="openai without calls",
        ),
        pytest.param(
            changed("[da]", "[dan]"), 23, "no language of this release", id="unknown language of a generator"
        ),
        pytest.param(
            changed("  yor:\n", "  xx:\n"), 4, "no language has the code `xx`", id="no such language"
        ),
        pytest.param(
            changed("  replay:", "  ../replay:"), 12, "`../replay` is not valid here", id="path in a name"
        ),
        pytest.param(
            changed("      corpus: universal_ner", "      {}"), 10, "exactly one of", id="no gold source"
        ),
        pytest.param(changed("seed: 7", "seed: 7\nseed: 8"), 3, "`seed` stands twice", id="repeated key"),
        pytest.param(changed("seed: 7", "seed: [7"), 3, "this is not YAML", id="broken YAML"),
        pytest.param("", 0, "the file is empty", id="empty"),
        pytest.param("- a\n- b\n", 1, "is no object", id="a list"),
        pytest.param("name: !!python/object/apply:os.system [ls]\n", 1, "not YAML", id="python object"),
    ],
)
def test_an_error_names_file_line_and_what_to_do(tmp_path, text, line, message):
    path = write(tmp_path, text)

    with pytest.raises(ReleaseError) as caught:
        read_release(path)

    assert message in str(caught.value)
    assert caught.value.where == (f"{path}:{line}" if line else str(path))


def test_a_yaml_bomb_is_refused_at_once(tmp_path):
    layers = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        layers.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")

    with pytest.raises(ReleaseError, match="unfolds to more than"):
        read_release(write(tmp_path, "\n".join(layers)))


def test_deep_nesting_is_refused_without_a_traceback(tmp_path):
    with pytest.raises(ReleaseError):
        read_release(write(tmp_path, "name: " + "[" * 50_000))


@pytest.mark.parametrize("data", [b"name: \xff\xfe", b"\x00\x01\x02binary"], ids=["no UTF-8", "binary"])
def test_what_is_no_text_is_refused(tmp_path, data):
    path = tmp_path / "release.yaml"
    path.write_bytes(data)

    with pytest.raises(ReleaseError, match="not"):
        read_release(path)


def test_a_missing_release_says_what_to_do(tmp_path):
    with pytest.raises(ReleaseError, match="no such file") as caught:
        read_release(tmp_path)
    assert "Name the release file" in str(caught.value)


EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_the_grid_of_kamath_and_vajjala_is_an_example():
    release = read_release(EXAMPLES / "kamath-vajjala")
    grid = release.grid
    assert len(release.configs) == len(grid.languages) * 3 == 33
    assert [source.name for source in grid.sources] == ["organic", "gpt4", "llama", "aya", "wikiann"]
    assert grid.settings == ("scratch", "fine-tuned", "zero-shot")
    assert (grid.sizes, grid.seeds) == ((100, 250, 500, 1000, 2500, 5000), 5)
    assert all(each.related in grid.gold for each in grid.languages)
    [tagger] = grid.taggers
    assert (tagger.kind, tagger.recipe) == ("encoder", "paper")


def test_a_release_that_says_nothing_about_evaluation_has_a_grid_all_the_same():
    grid = read_release(EXAMPLES / "quickstart").grid
    assert [(source.name, source.config) for source in grid.sources] == [
        ("organic", None),
        ("gpt4", "{language}_gpt4"),
        ("swap", "{language}_swap"),
    ]
    assert grid.settings == ("scratch", "gold+synthetic")
    assert [tagger.kind for tagger in grid.taggers] == ["crf"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        pytest.param("sources: {other: {generator: gpt5}}", "`gpt5` is no generator", id="generator"),
        pytest.param("languages: [swb]", "`swb` is no language", id="language"),
        pytest.param("related: {swa: kin}", "`kin` is no language", id="related"),
        pytest.param("settings: [scratched]", "scratched", id="setting"),
        pytest.param("sources: {other: {corpus: wikian}}", "wikian", id="corpus"),
        pytest.param("taggers: {crf: {recipe: paper}}", "recipe", id="a recipe without a model"),
        pytest.param("sources: {a: {train: x, generator: gpt4}}", "sources", id="two places"),
    ],
)
def test_mistakes_in_an_evaluation_are_refused_with_their_line(tmp_path, block, message):
    text = (EXAMPLES / "quickstart" / "release.yaml").read_text(encoding="utf-8")
    path = write(tmp_path, f"{text}\nevaluation:\n  {block}\n")
    with pytest.raises(ReleaseError, match=message) as caught:
        read_release(path)
    assert (caught.value.where or "").startswith(f"{path}:")
