"""The text model's card: where it comes from, how good it is, what it is not good at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convemo.data import emobank, emorynlp, goemotions, xed
from convemo.training.card import Card, Figures, Source, command
from convemo.training.text_config import TextConfig
from convemo.training.text_data import DIMENSIONS
from convemo.training.text_init import MINILM, Start
from convemo.types import LABELS

OWN_DATA = "LicenseRef-own-data"
"""Stands in a licence for data of the user's own, of which only the user knows what may be done with them."""
SOURCES = {
    "emorynlp": Source("EmoryNLP", emorynlp.LICENCE, emorynlp.SOURCE.split()[0], "scenes of *Friends*"),
    "xed": Source("XED, English", xed.LICENCE, "https://github.com/Helsinki-NLP/XED", "film subtitles; anticipation and trust left out"),
    "goemotions": Source(
        "GoEmotions", goemotions.LICENCE, "https://arxiv.org/abs/2005.00547", "Reddit comments, 27 emotions to seven labels"
    ),
    "meld": Source("MELD", "GPL-3.0-only", "https://github.com/declare-lab/MELD", "scenes of *Friends*; for the benchmark only"),
    "support": Source("support turns written for convemo", "Apache-2.0", "", "invented support conversations (eval/data)"),
    "emobank": Source("EmoBank", emobank.LICENCE, "https://github.com/JULIELab/EmoBank", "valence, arousal, dominance"),
}
ENCODER = Source(
    "all-MiniLM-L6-v2",
    "Apache-2.0",
    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    "the encoder that everything began from",
)
LIMITS = (
    "It reads words, not intentions: irony, politeness over anger, and quoted speech mislead it.",
    "Annotators of these corpora agree only moderately among themselves, which bounds every figure above.",
    "The probabilities are not calibrated by themselves: rare emotions weighed a little more in training. Fusion calibrates them.",
)
OF_FRIENDS = (
    "EmoryNLP and MELD are cut from the same show: a figure on either, of a model that has met the other, is not one on unseen data. Of "
    "MELD's 280 test dialogues 75 have a sentence of four words or more that EmoryNLP's train part has too, 48 have two or more."
)
OF_CORPORA = (
    "It reads English only.",
    "It was taught by sitcom scenes, film subtitles and Reddit comments. Calls and meetings are plainer: expect more neutral, and fit "
    "fusion on labelled turns of your own before you rely on it.",
    "Courtesy is read by its words: an agent's apology comes out as sadness, thanks as joy, a question as fear or surprise now and then.",
)
OF_DIMENSIONS = (
    "Valence, arousal and dominance come from edited sentences rather than speech, and keep to the narrow middle of [-1, 1], as the "
    "judgements of EmoBank do; read them as higher or lower than another utterance, not as shares of a scale."
)
OF_CONTEXT = {
    "none": "It reads one utterance at a time; what was said before enters in fusion.",
    "cross-encoder": "It reads up to {turns} earlier utterances with the one that it judges, and nothing before them.",
    "dialogue": "It looks back at {turns} earlier utterances at most, and never ahead.",
}
NARROWEST_FIRST = ("GPL-3.0-only", "CC-BY-SA-4.0", "CC-BY-4.0", "Apache-2.0")


def command_of(config: Path, data: Path, init: str | None, seed: int | None) -> str:
    """The command that makes a model, without this machine's paths.

    >>> command_of(Path("mine.toml"), Path("/home/me/data"), "default", 3)
    'convemo train text mine.toml --data DATA --out OUT --init default --seed 3'
    """
    given = f" --init {init if init == 'default' else Path(init).name}" if init else ""
    return command("text", config, data.name if data.is_file() else "DATA") + given + (f" --seed {seed}" if seed is not None else "")


def licence(settings: TextConfig, start: Start) -> str:
    """The licence of the weights: the narrowest of what they are made from, and the user's own where their data are among them."""
    theirs = {SOURCES[name].licence for name in settings.corpora if name in SOURCES}
    theirs |= set(start.licence.split(" AND "))
    own = OWN_DATA in theirs or not set(settings.corpora) <= SOURCES.keys()
    narrowest = next((known for known in NARROWEST_FIRST if known in theirs), ENCODER.licence)
    return f"{narrowest} AND {OWN_DATA}" if own else narrowest


def _why(sources: Sequence[str], terms: str) -> str:
    reasons = ["Attribution is owed to the sources below."]
    if "emobank" in sources:
        reasons.insert(
            0, "EmoBank is share-alike, so weights trained on it are too; everything else they are made from is as free or freer."
        )
    if "meld" in sources:
        reasons.insert(0, "MELD is published under the GPL and cut from a show under copyright: these weights are for its benchmark only.")
    elif OWN_DATA not in terms:
        reasons.append("Commercial use is allowed.")
    if OWN_DATA in terms:
        reasons.append("What the data of your own allow, only you know.")
    return " ".join(reasons)


def card(settings: TextConfig, start: Start, labels: Sequence[str], made_by: str, figures: Mapping[str, Any]) -> Card:
    """The model's card, from its measured figures."""
    emotions, dimensions = [], []
    for part in ("dev", "test"):
        for name, found in figures.get(part, {}).items():
            for key, how in (("written", "as written"), ("raw", "raw ASR text")):
                s = found[key]
                if "macro_f1" in s:
                    weighted, macro = (f"{s[m]:.3f} [{low:.3f}, {high:.3f}]" for m in F1S for low, high in [s[f"{m}_interval"]])
                    emotions.append((name, part, how, s["labelled"], s["accuracy"], s["ua"], weighted, macro, s["nll"], s["ece"]))
                if "valence_ccc" in s:
                    dimensions.append((name, how, found["texts"], *(s[f"{d}_{m}"] for d in DIMENSIONS for m in ("ccc", "mae"))))
    sources = list(dict.fromkeys([*settings.corpora, *start.trained_on]))
    terms = licence(settings, start)
    parity, shipped = figures["parity"], set(sources) <= SOURCES.keys()
    context = OF_CONTEXT[settings.context].format(turns=settings.turns)
    what = "seven emotions" if tuple(labels) == tuple(LABELS) else ", ".join(labels)
    what += " an utterance expresses" + (", and its valence, arousal and dominance" if dimensions else "")
    return Card(
        id=settings.id,
        title="convemo text model" if shipped else f"Text model {settings.id}",
        summary=f"A small encoder that says which of {what}. "
        f"{context} int8 weights: {parity['same_label']:.1%} of {parity['rows']} dev texts keep the label that the float32 network "
        f"gives (largest difference of a log-probability {parity['max_difference']:.2f}, mean {parity['mean_difference']:.3f}).",
        licence=terms,
        why_licence=_why(sources, terms),
        command=made_by,
        sources=[*(SOURCES.get(name) or Source(name, OWN_DATA, "", "data of your own") for name in sources), *_begun(start)],
        figures=[
            Figures(
                "Emotions",
                ("corpus", "part", "text", "utterances", "accuracy", "UA", "weighted F1", "macro F1", "NLL", "ECE"),
                emotions,
                NOTE,
            ),
            *(
                [Figures("Dimensions, test parts", ("corpus", "text", "texts", *_dimension_columns()), dimensions, "Scale [-1, 1].")]
                * bool(dimensions)
            ),
        ],
        limits=[
            context,
            *(OF_CORPORA if shipped else ()),
            *LIMITS,
            *([OF_FRIENDS] if {"emorynlp", "meld"} & set(sources) else ()),
            *([OF_DIMENSIONS] if dimensions else ()),
        ],
    )


F1S = ("weighted_f1", "macro_f1")
NOTE = (
    "Utterances with one label after mapping (`convemo.data.mappings`), chosen among all labels of the model, so figures on a corpus with "
    "other labels of its own do not compare. The checkpoint was chosen on dev parts; intervals (95 %) by bootstrap over dialogues; one "
    "seed. Raw ASR text has no punctuation and no capitals. XED has no official parts; ours are by hash of the text. Macro F1 counts a "
    "label that was predicted though the corpus has none of it as 0."
)


def _dimension_columns() -> tuple[str, ...]:
    return tuple(f"{dimension} {metric}" for dimension in DIMENSIONS for metric in ("CCC", "MAE"))


def _begun(start: Start) -> list[Source]:
    """What training began from, and the encoder that all models of its shape go back to."""
    if start.folder or not start.id:
        return [ENCODER]
    same = all(start.shape.get(name) == size for name, size in MINILM.items())
    return [Source(start.id, start.licence, "", "the model that training began from"), *([ENCODER] if same else [])]
