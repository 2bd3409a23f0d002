"""The papers' corpora by name: where they are, what they hold, under which licence, how to cite them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..schema.errors import DataError
from ..schema.languages import language
from ..schema.validation import nearest
from .hub import PARQUET_REVISION

UNKNOWN_LICENSE = "unknown"


@dataclass(frozen=True)
class Corpus:
    """A corpus known by name.

    Attributes:
        name: The name that releases use.
        title: The name that people use.
        hub: Its id on the Hub.
        types: Its entity types.
        license: Hub licence id; `other` or `unknown` where none fits or nobody says, with a `note`.
        citation: BibTeX.
        homepage: Where it comes from.
        revision: Where on the Hub it is read; None for `main`.
        config: The config of every language, with `{language}` for the language's BCP-47 tag or `{code}` for
            its code as written; None where `configs` says it or a release must.
        configs: Configs by language code, where they follow no rule.
        choices: Configs to choose from, where language does not decide.
        tag_names: The names behind integer tags, where the data on the Hub does not hold them.
        note: What a user of the corpus should know.
    """

    name: str
    title: str
    hub: str
    types: tuple[str, ...]
    license: str
    citation: str
    homepage: str
    revision: str | None = None
    config: str | None = None
    configs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    choices: tuple[str, ...] = ()
    tag_names: tuple[str, ...] | None = None
    note: str = ""

    def config_of(self, language_code: str) -> str | None:
        """Return the config of a language.

        Raises:
            DataError: If the corpus does not have the language, or its config must be named.
        """
        if self.config is not None:
            return self.config.format(language=language(language_code).tag, code=language_code)
        if self.choices:
            raise DataError(
                f"the corpus {self.name} has several configs for one language",
                hint=f"Name one with `config`: {', '.join(self.choices)}.",
            )
        for code in (language_code, language(language_code).tag):
            if code in self.configs:
                return self.configs[code]
        if self.configs:
            raise DataError(
                f"the corpus {self.name} has no language `{language_code}`",
                hint=f"It has {', '.join(self.configs)}.",
            )
        return None


def corpus(name: str) -> Corpus:
    """Return a corpus by its name.

    Raises:
        DataError: If there is none of that name.
    """
    if name not in CORPORA:
        raise DataError(f"no corpus is known by the name `{name}`", hint=nearest(name, CORPORA))
    return CORPORA[name]


_CORPORA = (
    Corpus(
        name="masakhaner2",
        title="MasakhaNER 2.0",
        hub="masakhane/masakhaner2",
        revision=PARQUET_REVISION,
        config="{code}",
        types=("PER", "ORG", "LOC", "DATE"),
        license="cc-by-nc-4.0",
        note="The data repository says CC BY-NC 4.0, the card on the Hub afl-3.0; the stricter one is given.",
        homepage="https://github.com/masakhane-io/masakhane-ner",
        citation="""@inproceedings{adelani-etal-2022-masakhaner,
  title = {{M}asakha{NER} 2.0: {A}frica-centric Transfer Learning for Named Entity Recognition},
  author = {Adelani, David Ifeoluwa and others},
  booktitle = {Proceedings of EMNLP 2022},
  year = {2022},
  url = {https://aclanthology.org/2022.emnlp-main.298}
}""",
    ),
    Corpus(
        name="universal_ner",
        title="Universal NER",
        hub="universalner/universal_ner",
        revision=PARQUET_REVISION,
        configs=MappingProxyType(
            {
                "ceb": "ceb_gja",
                "da": "da_ddt",
                "de": "de_pud",
                "en": "en_ewt",
                "hr": "hr_set",
                "pt": "pt_bosque",
                "ru": "ru_pud",
                "sk": "sk_snk",
                "sr": "sr_set",
                "sv": "sv_talbanken",
                "tl": "tl_trg",
                "zh": "zh_gsd",
            }
        ),
        types=("PER", "ORG", "LOC"),
        license="cc-by-sa-4.0",
        note="The largest set of each language; ceb, de, ru, tl have only a test split. PUD is CC BY-SA 3.0.",
        homepage="https://www.universalner.org",
        citation="""@inproceedings{mayhew-etal-2024-universal,
  title = {Universal {NER}: A Gold-Standard Multilingual Named Entity Recognition Benchmark},
  author = {Mayhew, Stephen and Blevins, Terra and Liu, Shuheng and others},
  booktitle = {Proceedings of NAACL 2024},
  year = {2024},
  url = {https://aclanthology.org/2024.naacl-long.243}
}""",
    ),
    Corpus(
        name="naamapadam",
        title="Naamapadam",
        hub="ai4bharat/naamapadam",
        revision=PARQUET_REVISION,
        config="{language}",
        types=("PER", "ORG", "LOC"),
        license="cc0-1.0",
        note="Train and validation were labelled by projection from English; test was corrected by people.",
        homepage="https://ai4bharat.iitm.ac.in/datasets/naamapadam",
        citation="""@inproceedings{mhaske-etal-2023-naamapadam,
  title = {Naamapadam: A Large-Scale Named Entity Annotated Data for {I}ndic Languages},
  author = {Mhaske, Arnav and Kedia, Harshit and Doddapaneni, Sumanth and others},
  booktitle = {Proceedings of ACL 2023},
  year = {2023},
  url = {https://aclanthology.org/2023.acl-long.582}
}""",
    ),
    Corpus(
        name="wikiann",
        title="WikiANN",
        hub="unimelb-nlp/wikiann",
        config="{language}",
        types=("PER", "ORG", "LOC"),
        license=UNKNOWN_LICENSE,
        note="Labelled automatically, not gold. Copies exist under ODC-BY; the card on the Hub says unknown.",
        homepage="https://github.com/afshinrahimi/mmner",
        citation="""@inproceedings{pan-etal-2017-cross,
  title = {Cross-lingual Name Tagging and Linking for 282 Languages},
  author = {Pan, Xiaoman and Zhang, Boliang and May, Jonathan and others},
  booktitle = {Proceedings of ACL 2017},
  year = {2017},
  url = {https://aclanthology.org/P17-1178}
}

@inproceedings{rahimi-etal-2019-massively,
  title = {Massively Multilingual Transfer for {NER}},
  author = {Rahimi, Afshin and Li, Yuan and Cohn, Trevor},
  booktitle = {Proceedings of ACL 2019},
  year = {2019},
  url = {https://aclanthology.org/P19-1015}
}""",
    ),
    Corpus(
        name="conll2003",
        title="CoNLL-2003",
        hub="eriktks/conll2003",
        revision=PARQUET_REVISION,
        config="conll2003",
        types=("PER", "ORG", "LOC", "MISC"),
        license="other",
        note="The annotation is free for research; the Reuters text is under NIST's Reuters agreement.",
        homepage="https://www.clips.uantwerpen.be/conll2003/ner/",
        citation="""@inproceedings{tjong-kim-sang-de-meulder-2003-introduction,
  title = {Introduction to the {C}o{NLL}-2003 Shared Task: Language-Independent Named Entity Recognition},
  author = {Tjong Kim Sang, Erik F. and De Meulder, Fien},
  booktitle = {Proceedings of CoNLL-2003},
  year = {2003},
  url = {https://aclanthology.org/W03-0419}
}""",
    ),
    Corpus(
        name="wnut17",
        title="WNUT-17",
        hub="leondz/wnut_17",
        revision=PARQUET_REVISION,
        config="wnut_17",
        types=("corporation", "creative-work", "group", "location", "person", "product"),
        license="cc-by-4.0",
        homepage="https://noisy-text.github.io/2017/emerging-rare-entities.html",
        citation="""@inproceedings{derczynski-etal-2017-results,
  title = {Results of the {WNUT}2017 Shared Task on Novel and Emerging Entity Recognition},
  author = {Derczynski, Leon and Nichols, Eric and van Erp, Marieke and Limsopatham, Nut},
  booktitle = {Proceedings of the 3rd Workshop on Noisy User-generated Text},
  year = {2017},
  url = {https://aclanthology.org/W17-4418}
}""",
    ),
    Corpus(
        name="crossner",
        title="CrossNER",
        hub="DFKI-SLT/cross_ner",
        revision=PARQUET_REVISION,
        choices=("ai", "literature", "music", "politics", "science", "conll2003"),
        types=(),
        license="mit",
        note="The licence is the repository's; the card on the Hub names none. Types differ by domain.",
        homepage="https://github.com/zliucr/CrossNER",
        citation="""@inproceedings{liu-etal-2021-crossner,
  title = {{C}ross{NER}: Evaluating Cross-Domain Named Entity Recognition},
  author = {Liu, Zihan and Xu, Yan and Yu, Tiezheng and Dai, Wenliang and Ji, Ziwei and others},
  booktitle = {Proceedings of AAAI 2021},
  year = {2021},
  url = {https://arxiv.org/abs/2012.04373}
}""",
    ),
    Corpus(
        name="bc5cdr",
        title="BC5CDR",
        hub="tner/bc5cdr",
        revision=PARQUET_REVISION,
        config="bc5cdr",
        types=("Chemical", "Disease"),
        tag_names=("O", "B-Chemical", "B-Disease", "I-Disease", "I-Chemical"),
        license="other",
        note="Sources disagree: `other` on this card, public domain in BigBIO, CC BY 4.0 with other copies.",
        homepage="https://biocreative.bioinformatics.udel.edu/resources/corpora/biocreative-v-cdr-corpus/",
        citation="""@article{li-etal-2016-biocreative,
  title = {{B}io{C}reative {V} {CDR} task corpus: a resource for chemical disease relation extraction},
  author = {Li, Jiao and Sun, Yueping and Johnson, Robin J. and others},
  journal = {Database},
  year = {2016},
  doi = {10.1093/database/baw068}
}""",
    ),
    Corpus(
        name="ontonotes5",
        title="OntoNotes 5.0",
        hub="tner/ontonotes5",
        revision=PARQUET_REVISION,
        config="ontonotes5",
        types=(
            *("CARDINAL", "DATE", "PERSON", "NORP", "GPE", "LAW", "ORG", "PERCENT", "ORDINAL", "MONEY"),
            *("WORK_OF_ART", "FAC", "TIME", "LOC", "QUANTITY", "PRODUCT", "EVENT", "LANGUAGE"),
        ),
        tag_names=(
            *("O", "B-CARDINAL", "B-DATE", "I-DATE", "B-PERSON", "I-PERSON", "B-NORP", "B-GPE", "I-GPE"),
            *(
                "B-LAW",
                "I-LAW",
                "B-ORG",
                "I-ORG",
                "B-PERCENT",
                "I-PERCENT",
                "B-ORDINAL",
                "B-MONEY",
                "I-MONEY",
            ),
            *("B-WORK_OF_ART", "I-WORK_OF_ART", "B-FAC", "B-TIME", "I-CARDINAL", "B-LOC", "B-QUANTITY"),
            *("I-QUANTITY", "I-NORP", "I-LOC", "B-PRODUCT", "I-TIME", "B-EVENT", "I-EVENT", "I-FAC"),
            *("B-LANGUAGE", "I-PRODUCT", "I-ORDINAL", "I-LANGUAGE"),
        ),
        license="other",
        note="Licensed by the Linguistic Data Consortium, which does not allow the text to be passed on.",
        homepage="https://catalog.ldc.upenn.edu/LDC2013T19",
        citation="""@inproceedings{hovy-etal-2006-ontonotes,
  title = {{O}nto{N}otes: The 90\\% Solution},
  author = {Hovy, Eduard and Marcus, Mitchell and Palmer, Martha and Ramshaw, Lance and Weischedel, Ralph},
  booktitle = {Proceedings of HLT-NAACL 2006},
  year = {2006},
  url = {https://aclanthology.org/N06-2015}
}""",
    ),
    Corpus(
        name="tweebank",
        title="Tweebank-NER",
        hub="tner/tweebank_ner",
        revision=PARQUET_REVISION,
        config="tweebank_ner",
        types=("LOC", "MISC", "PER", "ORG"),
        tag_names=("B-LOC", "B-MISC", "B-ORG", "B-PER", "I-LOC", "I-MISC", "I-ORG", "I-PER", "O"),
        license="apache-2.0",
        note="The licence is the authors' repository's; the card on the Hub says other. Texts are tweets.",
        homepage="https://github.com/mit-ccc/TweebankNLP",
        citation="""@inproceedings{jiang-etal-2022-annotating,
  title = {Annotating the {T}weebank Corpus on Named Entity Recognition and Building {NLP} Models
           for Social Media Analysis},
  author = {Jiang, Hang and Hua, Yining and Beeferman, Doug and Roy, Deb},
  booktitle = {Proceedings of LREC 2022},
  year = {2022},
  url = {https://arxiv.org/abs/2201.07281}
}""",
    ),
    Corpus(
        name="mit_restaurant",
        title="MIT Restaurant",
        hub="tner/mit_restaurant",
        revision=PARQUET_REVISION,
        config="mit_restaurant",
        types=("Rating", "Amenity", "Location", "Restaurant_Name", "Price", "Hours", "Dish", "Cuisine"),
        tag_names=(
            *("O", "B-Rating", "I-Rating", "B-Amenity", "I-Amenity", "B-Location", "I-Location"),
            *("B-Restaurant_Name", "I-Restaurant_Name", "B-Price", "B-Hours", "I-Hours", "B-Dish", "I-Dish"),
            *("B-Cuisine", "I-Price", "I-Cuisine"),
        ),
        license=UNKNOWN_LICENSE,
        note="The authors' page names no licence; the card on the Hub says other.",
        homepage="https://groups.csail.mit.edu/sls/downloads/restaurant/",
        citation="""@inproceedings{liu-etal-2013-asgard,
  title = {Asgard: A portable architecture for multilingual dialogue systems},
  author = {Liu, Jingjing and Pasupat, Panupong and Cyphers, Scott and Glass, Jim},
  booktitle = {Proceedings of ICASSP 2013},
  year = {2013},
  doi = {10.1109/ICASSP.2013.6639301}
}""",
    ),
)

CORPORA: Mapping[str, Corpus] = MappingProxyType({entry.name: entry for entry in _CORPORA})
"""Every corpus, by the name that releases use."""
