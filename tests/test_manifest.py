import pytest

from synthner.builders.manifest import choose_license
from synthner.schema.errors import DataError
from synthner.schema.manifest import read_manifest
from synthner.schema.validation import first_error, json_schema, validator
from synthner.tests.built_dataset import ROWS, write_dataset


@pytest.mark.parametrize(
    ("given", "of_gold", "chosen", "problem"),
    [
        pytest.param(None, {"da": "mit", "sv": "mit"}, ("mit", "gold"), None, id="inherited"),
        pytest.param(
            None,
            {"sv": "mit", "da": "cc0-1.0"},
            (None, None),
            "the gold data disagrees (da: cc0-1.0; sv: mit)",
            id="gold disagrees",
        ),
        pytest.param(
            None,
            {"da": "mit", "sv": None},
            (None, None),
            "the gold data does not say (da: mit; sv: not stated)",
            id="not stated",
        ),
        pytest.param("mit", {"da": "mit"}, ("mit", "release.yaml"), None, id="given"),
        pytest.param(
            "mit",
            {"da": "cc-by-nc-4.0"},
            ("mit", "release.yaml"),
            "the release says mit, its gold data da: cc-by-nc-4.0",
            id="given against gold",
        ),
    ],
)
def test_the_licence(given, of_gold, chosen, problem):
    license_, origin = chosen
    assert choose_license(given, of_gold) == {
        "license": license_,
        "license_from": origin,
        "license_problem": problem,
    }


@pytest.mark.parametrize("name", ["manifest", "datapoint", "response"])
def test_the_schemas_are_schemas(name):
    type(validator(name)).check_schema(json_schema(name))


@pytest.mark.parametrize(
    ("datapoint", "valid"),
    [
        ({"id": "a", "tokens": ["Ida"], "ner_tags": ["B-PER"]}, True),
        ({"id": "a", "tokens": ["Ida"], "ner_tags": [1]}, True),
        ({"id": "a", "tokens": [], "ner_tags": []}, False),
        ({"id": "a", "tokens": ["Ida"], "ner_tags": ["PER"]}, False),
        ({"id": "a", "tokens": ["Ida"], "ner_tags": [True]}, False),
        ({"tokens": ["Ida"], "ner_tags": [1]}, False),
    ],
)
def test_the_datapoint_schema(datapoint, valid):
    assert (first_error("datapoint", datapoint) is None) is valid


@pytest.mark.parametrize(
    ("response", "valid"),
    [
        ({"call_idx": 0, "raw_output": "hm"}, True),
        ({"response": {"choices": [{"message": {"content": "hm"}}]}, "id": "x"}, True),
        ({"response": {"body": {"choices": []}, "status_code": 200}}, True),
        ({"response": None, "error": {"message": "no"}}, True),
        ({"choices": [{"message": {"content": "hm"}}]}, True),
        ({"text": "hm", "model": "m"}, True),
        ({"note": "hm"}, False),
        (["hm"], False),
    ],
)
def test_the_response_schema(response, valid):
    assert (first_error("response", response) is None) is valid


def test_a_manifest_of_a_former_build_is_read(tmp_path):
    manifest = write_dataset(tmp_path, {"yor_gpt4": ROWS})
    assert "cost" not in manifest["configs"]["yor_gpt4"]

    assert read_manifest(tmp_path) == manifest


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"manifest_version": 1}', '{"manifest_version": 2}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="manifest"):
        read_manifest(tmp_path)
