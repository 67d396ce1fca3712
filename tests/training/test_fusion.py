"""Composed dialogues, and the fusion that is fitted on them."""

import json

import numpy as np
import pytest

from convemo.errors import ConfigError, DataError
from convemo.fusion import Fusion
from convemo.fusion.loglinear import log_softmax
from convemo.training.compose import NO_CLIP, Clip, compose, read_clips, read_text_scores, split_actors
from convemo.training.fusion import train
from convemo.types import LABELS, Dialogue, Speaker, Utterance

THEIRS = {"neutral": "Neutral", "joy": "Joyful", "sadness": "Sad", "anger": "Mad", "fear": "Scared", None: "Powerful"}


def scene(id, labels, speakers=("ana", "ben")):
    utterances = [Utterance(f"{id}-{i}", speakers[i % len(speakers)], "words", label=label) for i, label in enumerate(labels)]
    return Dialogue(id, tuple(utterances), tuple(Speaker(s) for s in speakers))


def marked_clips(corpora=("ravdess", "nemo"), actors=4, takes=3):
    """Clips whose scores tell which clip it was: the numbers of corpus, actor, label and take."""
    return [
        Clip(corpus, f"{corpus}-{a}", label, np.array([c, a, LABELS.index(label), t, 0, 0, 0], float))
        for c, corpus in enumerate(corpora)
        for a in range(actors)
        for label in LABELS[:5]
        for t in range(takes)
    ]


def test_a_speaker_is_one_actor_and_a_dialogue_one_corpus_and_every_clip_has_the_label():
    dialogues = [scene(f"d{i}", ["joy", "anger", None, "fear", "neutral", "joy"]) for i in range(20)]
    corpora = set()
    for dialogue, channels in zip(dialogues, compose(dialogues, {}, marked_clips(), seed=0)):
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
    (channels,) = compose([scene("d", ["joy", None])], {"d-0": np.zeros(7), "d-1": np.zeros(7)}, marked_clips(), seed=0)
    assert channels["acoustic"].reasons == (None, NO_CLIP)
    assert channels["text"].valid.all()


def test_without_clips_there_is_no_acoustic_channel_and_without_a_score_no_text():
    (channels,) = compose([scene("d", ["joy", "fear"])], {"d-0": np.zeros(7)}, [], seed=0)
    assert list(channels) == ["text"]
    assert channels["text"].reasons == (None, "no text score")


def test_a_crowd_shares_its_actors():
    crowd = scene("d", ["joy"] * 9, speakers=tuple("abcdefghi"))
    (channels,) = compose([crowd], {}, marked_clips(actors=4), seed=0)
    assert channels["acoustic"].valid.all()
    assert len(set(channels["acoustic"].log_probs[:, 1])) == 4


def test_the_seed_is_the_casting():
    dialogues = [scene("d", ["joy", "fear"] * 10)]
    rolls = [compose(dialogues, {}, marked_clips(), seed=seed)[0]["acoustic"].log_probs for seed in (1, 1, 2)]
    assert np.array_equal(rolls[0], rolls[1]) and not np.array_equal(rolls[0], rolls[2])


def test_no_actor_is_heard_both_in_the_fit_and_in_the_report():
    first, second = split_actors(marked_clips(actors=5), seed=1)
    actors = [{(c.corpus, c.actor) for c in half} for half in (first, second)]
    assert not actors[0] & actors[1] and len(actors[0] | actors[1]) == 10
    assert {corpus for corpus, _ in actors[0]} == {corpus for corpus, _ in actors[1]} == {"ravdess", "nemo"}
    assert len(first) + len(second) == len(marked_clips(actors=5))


ROW = {"corpus": "nemo", "actor": "nemo-1", "label": "joy", "trained_on": "ravdess", "log_probs": [-2.0] * 7}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**ROW, "trained_on": "ravdess+nemo"}, "not trained on"),
        ({**ROW, "log_probs": [0.0]}, "seven labels"),
        ({**ROW, "log_probs": [float("nan")] * 7}, "seven labels"),
        ({"corpus": "nemo"}, "seven labels"),
        (7, "seven labels"),
    ],
)
def test_scores_that_cannot_be_used_are_refused_with_their_line(tmp_path, row, says):
    path = tmp_path / "cross_corpus.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps(row)}\n")
    with pytest.raises(DataError, match=rf"line 2.*{says}"):
        read_clips(path)


def test_missing_text_scores_are_a_clear_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_text_scores(tmp_path / "emorynlp_dev.jsonl")
    path = tmp_path / "emorynlp_test.jsonl"
    path.write_text('{"utterance": "u", "log_probs": [0, 0, 0, 0, 0, 0, 0]}\n')
    assert list(read_text_scores(path)) == ["u"]
    with pytest.raises(DataError, match=r"line 1.*log_probs_raw"):
        read_text_scores(path, "log_probs_raw")


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    """A little EmoryNLP, scores of its dev and test utterances, cross-corpus scores, and a configuration that names them."""
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(0)

    def seen(label, clarity):
        index = LABELS.index(label) if label else 0
        x = clarity * np.eye(7)[index] + random.normal(size=7)
        return np.round(log_softmax(2.0 * clarity * x), 5).tolist()

    (folder / "emorynlp").mkdir()
    for split, scenes in (("train", 5), ("dev", 16), ("test", 8)):
        rows = ["Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time"]
        scores = []
        for s in range(scenes):
            for u in range(12):
                label = list(THEIRS)[random.integers(6)]
                speaker = ["Ana", "Ben"][u % 2]
                rows.append(f"words,['{speaker}'],{THEIRS[label]},{s},{u},1,1,00:00:0{u % 10}.000,00:00:0{u % 10}.500")
                row = {"dialogue": f"emorynlp-{split}-s01e01-{s:02}", "utterance": f"emorynlp-{split}-s01e01-{s:02}-{u:03}"}
                scores.append({**row, "log_probs": seen(label, 1.5), "log_probs_raw": seen(label, 1.0)})
        (folder / "emorynlp" / f"emorynlp_{split}_final.csv").write_text("\n".join(rows) + "\n")
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(s) + "\n" for s in scores))
    clips = [
        {"corpus": corpus, "actor": f"{corpus}-{a}", "label": label, "trained_on": other, "log_probs": seen(label, 1.0)}
        for corpus, other in (("ravdess", "nemo"), ("nemo", "ravdess"))
        for a in range(4)
        for label in LABELS
        for _ in range(5)
    ]
    (folder / "clips.jsonl").write_text("".join(json.dumps(c) + "\n" for c in clips))
    common = f'text_dev = "{folder}/dev.jsonl"\ntext_test = "{folder}/test.jsonl"\nfolds = 2\ncompositions = 2\nresamples = 20\n'
    (folder / "both.toml").write_text(f'id = "both"\nacoustic = "{folder}/clips.jsonl"\n{common}')
    (folder / "text.toml").write_text(f'id = "text"\n{common}')
    return folder


def test_training_leaves_a_model_folder_that_loads_and_fuses(small_world):
    out, stages = small_world / "out", []
    figures = train(small_world / "both.toml", small_world, out, progress=lambda *stage: stages.append(stage[0]))
    assert json.loads((out / "figures.json").read_text()).keys() == figures.keys()
    fusion = Fusion.load(out)
    assert (fusion.model.id, fusion.model.licence) == ("both", "CC-BY-NC-SA-4.0")
    assert set(fusion.parameters.patterns) == {"text", "acoustic", "text+acoustic"}
    assert fusion.parameters.patterns["text+acoustic"].weights["acoustic"] > 0
    dialogue = scene("d", ["joy", "anger"])
    (channels,) = compose([dialogue], {"d-0": np.zeros(7), "d-1": np.zeros(7)}, read_clips(small_world / "clips.jsonl"), seed=0)
    assert fusion.fuse(dialogue, channels).result.valid.all()
    assert set(stages) == {"fit", "report"}
    found = figures["test"]["as written"]
    assert found["systems"]["text + acoustic, full trust"]["NLL"]["value"] < found["systems"]["text"]["NLL"]["value"]
    for metrics in found["systems"].values():
        assert all(m["low"] <= m["value"] <= m["high"] for m in metrics.values())
    card = (out / "CARD.md").read_text()
    assert "EmoryNLP test, text as raw ASR" in card and "Acted speech flatters" in card and "surprise and disgust" in card


def test_a_fusion_for_text_alone_owes_nothing_to_the_clips(small_world):
    train(small_world / "text.toml", small_world, small_world / "text_out")
    fusion = Fusion.load(small_world / "text_out")
    assert fusion.model.licence == "Apache-2.0"
    assert list(fusion.parameters.channels) == ["text"]
    assert "RAVDESS" not in (small_world / "text_out" / "CARD.md").read_text()


def test_an_unknown_setting_is_refused(small_world, tmp_path):
    (tmp_path / "wrong.toml").write_text((small_world / "text.toml").read_text() + "trusst = 1\n")
    with pytest.raises(ConfigError, match="trusst"):
        train(tmp_path / "wrong.toml", small_world, tmp_path)
