"""Composed dialogues, and the fusion that is fitted on them."""

import json

import numpy as np
import pytest

from convemo.errors import ConfigError, DataError
from convemo.fusion import Fusion
from convemo.fusion.loglinear import log_softmax
from convemo.training.compose import NO_CLIP, Clip, Reading, compose, read_clips, read_texts, split_actors
from convemo.training.fusion import train
from convemo.types import LABELS, Dialogue, Evidence, Speaker, Utterance

THEIRS = {"neutral": "Neutral", "joy": "Joyful", "sadness": "Sad", "anger": "Mad", "fear": "Scared", None: "Powerful"}


def scene(id, labels, speakers=("ana", "ben")):
    utterances = [Utterance(f"{id}-{i}", speakers[i % len(speakers)], "words", label=label) for i, label in enumerate(labels)]
    return Dialogue(id, tuple(utterances), tuple(Speaker(s) for s in speakers))


def read(*ids, confidences=(None,)):
    """Every utterance read as often as there are confidences, each reading marked by its number."""
    return {id: [Reading(np.full(7, float(i)), Evidence(asr_confidence=c)) for i, c in enumerate(confidences)] for id in ids}


def marked_clips(corpora=("ravdess", "nemo"), actors=4, takes=3):
    """Clips whose scores tell which clip it was: the numbers of corpus, actor, label and take."""
    return [
        Clip(corpus, f"{corpus}-{a}", label, np.array([c, a, LABELS.index(label), t, 0, 0, 0], float), Evidence(snr_db=10.0 * t))
        for c, corpus in enumerate(corpora)
        for a in range(actors)
        for label in LABELS[:5]
        for t in range(takes)
    ]


def test_a_speaker_is_one_actor_and_a_dialogue_one_corpus_and_every_clip_has_the_label():
    dialogues = [scene(f"d{i}", ["joy", "anger", None, "fear", "neutral", "joy"]) for i in range(20)]
    corpora = set()
    for dialogue, channels in zip(*compose(dialogues, {}, marked_clips(), seed=0)):
        voice = channels["acoustic"]
        drawn = [tuple(voice.log_probs[i, :3].astype(int)) for i in range(6) if voice.valid[i]]
        labels = [LABELS.index(u.label) for u in dialogue if u.label]
        assert [d[2] for d in drawn] == labels
        assert len({d[0] for d in drawn}) == 1
        corpora.add(drawn[0][0])
        ana, ben = ({drawn[i][1] for i in places} for places in ((0, 3), (1, 2, 4)))
        assert len(ana) == len(ben) == 1 and ana != ben
    assert corpora == {0, 1}


def test_an_utterance_whose_label_was_dropped_has_text_only():
    _, (channels,) = compose([scene("d", ["joy", None])], read("d-0", "d-1"), marked_clips(), seed=0)
    assert channels["acoustic"].reasons == (None, NO_CLIP)
    assert channels["text"].valid.all()


def test_without_clips_there_is_no_acoustic_channel_and_without_a_score_no_text():
    _, (channels,) = compose([scene("d", ["joy", "fear"])], read("d-0"), [], seed=0)
    assert list(channels) == ["text"]
    assert channels["text"].reasons == (None, "no text score")


def test_every_utterance_has_the_evidence_of_what_was_drawn_for_it():
    original, ids = scene("d", ["joy", "fear", None] * 20), [f"d-{i}" for i in range(60)]
    (dialogue,), (channels,) = compose([original], read(*ids, confidences=(0.4, 0.9)), marked_clips(), seed=0)
    takes, readings = channels["acoustic"].log_probs[:, 3], channels["text"].log_probs[:, 0]
    for u, take, reading, voice in zip(dialogue, takes, readings, channels["acoustic"].valid):
        assert u.evidence == Evidence(snr_db=10.0 * take if voice else None, asr_confidence=(0.4, 0.9)[int(reading)])
    assert set(readings) == {0.0, 1.0} and set(takes) == {0.0, 1.0, 2.0}
    assert [u.label for u in dialogue] == [u.label for u in original]


def test_a_crowd_shares_its_actors():
    crowd = scene("d", ["joy"] * 9, speakers=tuple("abcdefghi"))
    _, (channels,) = compose([crowd], {}, marked_clips(actors=4), seed=0)
    assert channels["acoustic"].valid.all()
    assert len(set(channels["acoustic"].log_probs[:, 1])) == 4


def test_the_seed_is_the_casting():
    dialogues = [scene("d", ["joy", "fear"] * 10)]
    rolls = [compose(dialogues, {}, marked_clips(), seed=seed)[1][0]["acoustic"].log_probs for seed in (1, 1, 2)]
    assert np.array_equal(rolls[0], rolls[1]) and not np.array_equal(rolls[0], rolls[2])


def test_no_actor_is_heard_both_in_the_fit_and_in_the_report():
    first, second = split_actors(marked_clips(actors=5), seed=1)
    actors = [{(c.corpus, c.actor) for c in half} for half in (first, second)]
    assert not actors[0] & actors[1] and len(actors[0] | actors[1]) == 10
    assert {corpus for corpus, _ in actors[0]} == {corpus for corpus, _ in actors[1]} == {"ravdess", "nemo"}
    assert len(first) + len(second) == len(marked_clips(actors=5))


ROW = {
    "corpus": "nemo", "actor": "nemo-1", "label": "joy", "trained_on": ["ravdess"], "room": "degraded",
    "evidence": {"snr_db": 3.0}, "log_probs": [-2.0] * 7,
}  # fmt: skip


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_clips_are_read_with_their_evidence_one_room_at_a_time(tmp_path):
    path = written(tmp_path / "clips.jsonl", ROW, {**ROW, "room": "recorded", "actor": "nemo-2"})
    (clip,) = read_clips(path, "degraded")
    assert (clip.actor, clip.evidence) == ("nemo-1", Evidence(snr_db=3.0))
    assert [c.actor for c in read_clips(path, "recorded")] == ["nemo-2"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**ROW, "trained_on": ["ravdess", "nemo"]}, "trained on it"),
        ({**ROW, "log_probs": [0.0]}, "seven labels"),
        ({**ROW, "log_probs": [float("nan")] * 7}, "seven labels"),
        ({**ROW, "evidence": {"loudness": 1.0}}, "loudness"),
        ({"corpus": "nemo"}, "seven labels"),
        (7, "seven labels"),
    ],
)
def test_scores_that_cannot_be_used_are_refused_with_their_line(tmp_path, row, says):
    with pytest.raises(DataError, match=rf"line 2.*{says}"):
        read_clips(written(tmp_path / "clips.jsonl", ROW, row), "degraded")


def test_texts_are_read_one_way_at_a_time_and_their_absence_is_a_clear_error(tmp_path):
    with pytest.raises(DataError, match=r"no such file.*convemo train scores"):
        read_texts(tmp_path / "text_dev.jsonl", "written")
    row = {"utterance": "u", "reading": "misheard", "evidence": {"asr_confidence": 0.6}, "log_probs": [-2.0] * 7}
    path = written(tmp_path / "text_test.jsonl", row, row, {**row, "reading": "written", "evidence": {}})
    assert [r.evidence.asr_confidence for r in read_texts(path, "misheard")["u"]] == [0.6, 0.6]
    assert len(read_texts(path, "written")["u"]) == 1 and read_texts(path, "raw") == {}


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    """A little EmoryNLP, scores of its dev and test utterances, cross-corpus scores, and a configuration that names them."""
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(0)

    def seen(label, clarity, said=None):
        index = LABELS.index(label) if label else 0
        x = clarity * np.eye(7)[index] + random.normal(size=7)
        return np.round(log_softmax(2.0 * (said or clarity) * x), 5).tolist()

    (folder / "emorynlp").mkdir()
    for split, scenes in (("train", 5), ("dev", 16), ("test", 8)):
        rows = ["Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time"]
        scores = []
        for s in range(scenes):
            for u in range(12):
                label = list(THEIRS)[random.integers(6)]
                speaker = ["Ana", "Ben"][u % 2]
                rows.append(f"words,['{speaker}'],{THEIRS[label]},{s},{u},1,1,00:00:0{u % 10}.000,00:00:0{u % 10}.500")
                row = {"utterance": f"emorynlp-{split}-s01e01-{s:02}-{u:03}", "evidence": {}}
                scores += [{**row, "reading": how, "log_probs": seen(label, c)} for how, c in (("written", 1.5), ("raw", 1.0))]
                for sure in random.uniform(0.4, 1.0, 2).round(3).tolist():  # what was misheard says the less, the less sure its words are
                    clarity = 2.5 * (sure - 0.4)
                    misheard = {"reading": "misheard", "evidence": {"asr_confidence": sure}, "log_probs": seen(label, clarity, said=1.5)}
                    scores.append({**row, **misheard})
        (folder / "emorynlp" / f"emorynlp_{split}_final.csv").write_text("\n".join(rows) + "\n")
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(s) + "\n" for s in scores))
    clips = [
        {"corpus": corpus, "actor": f"{corpus}-{a}", "label": label, "trained_on": [other], "room": room, "evidence": {"snr_db": snr_db}}
        | {"log_probs": seen(label, clarity, said=1.0)}
        for corpus, other in (("ravdess", "nemo"), ("nemo", "ravdess"))
        for a in range(4)
        for label in LABELS
        for room, snr_db, clarity in [("recorded", 40.0, 1.0)] * 5 + [("degraded", 0.0, 0.1), ("degraded", 20.0, 1.0)] * 3
    ]
    (folder / "clips.jsonl").write_text("".join(json.dumps(c) + "\n" for c in clips))
    common = f'text_dev = "{folder}/dev.jsonl"\ntext_test = "{folder}/test.jsonl"\nfolds = 2\ncompositions = 2\nresamples = 20\n'
    (folder / "both.toml").write_text(f'id = "both"\nclips = "{folder}/clips.jsonl"\n{common}')
    (folder / "text.toml").write_text(f'id = "text"\n{common}')
    return folder


def test_training_leaves_a_model_folder_that_loads_and_fuses(small_world):
    out, stages = small_world / "out", []
    figures = train(small_world / "both.toml", small_world, out, progress=lambda *stage: stages.append(stage[0]))
    assert json.loads((out / "model" / "figures.json").read_text()).keys() == figures.keys()
    fusion = Fusion.load(out)
    assert (fusion.model.id, fusion.model.licence) == ("both", "CC-BY-NC-SA-4.0")
    assert set(fusion.parameters.patterns) == {"text", "acoustic", "text+acoustic"}
    assert fusion.parameters.patterns["text+acoustic"].weights["acoustic"] > 0
    dialogue = scene("d", ["joy", "anger"])
    (dialogue,), (channels,) = compose([dialogue], read("d-0", "d-1"), read_clips(small_world / "clips.jsonl", "degraded"), seed=0)
    assert fusion.fuse(dialogue, channels).result.valid.all()
    assert set(stages) == {"fit", "report"}
    assert fusion.parameters.channels["acoustic"].gate["snr_db"] > 0
    assert figures["test"]["misheard, bad sound"]["gain by gates"]["acoustic"]["NLL"]["value"] < 0
    found = figures["test"]["as written"]
    assert found["systems"]["text + acoustic, full trust"]["NLL"]["value"] < found["systems"]["text"]["NLL"]["value"]
    for metrics in found["systems"].values():
        assert all(m["low"] <= m["value"] <= m["high"] for m in metrics.values())
    card = (out / "model" / "CARD.md").read_text()
    assert "EmoryNLP test, text as raw ASR" in card and "Acted speech flatters" in card and "surprise and disgust" in card
    assert "What the gates bring, text misheard, bad sound" in card and "gate of acoustic" in card


def test_no_row_compares_a_channel_without_a_gate_to_itself(small_world):
    gated = {name: bool(c.gate) for name, c in Fusion.load(small_world / "out").parameters.channels.items()}
    assert gated["acoustic"]
    for found in json.loads((small_world / "out" / "model" / "figures.json").read_text())["test"].values():
        assert ("text, no gates" in found["systems"]) == gated["text"] and "acoustic, no gates" in found["systems"]


def test_a_fusion_for_text_alone_owes_nothing_to_the_clips(small_world):
    train(small_world / "text.toml", small_world, small_world / "text_out")
    fusion = Fusion.load(small_world / "text_out")
    assert fusion.model.licence == "Apache-2.0"
    assert list(fusion.parameters.channels) == ["text"]
    assert "RAVDESS" not in (small_world / "text_out" / "model" / "CARD.md").read_text()


def test_an_unknown_setting_is_refused(small_world, tmp_path):
    (tmp_path / "wrong.toml").write_text((small_world / "text.toml").read_text() + "trusst = 1\n")
    with pytest.raises(ConfigError, match="trusst"):
        train(tmp_path / "wrong.toml", small_world, tmp_path)
