"""Any sequence classifier as the text channel."""

import numpy as np
import pytest

from convemo import registry
from convemo.errors import EngineFailed
from convemo.text.transformers import TransformersText, halves, with_history
from convemo.types import LABELS, Dialogue, Speaker, Utterance
from tests.checkpoints.tiny import TEXT, text_checkpoint

SAID = ("Wonderful!", "so sad", "What? No!", "I am happy , it is great .", "so sad", "…", None, "", "oh no", "yes")


def talk(*texts):
    said = (Utterance(f"u{i}", "ab"[i % 2], text) for i, text in enumerate(texts))
    return Dialogue("d", tuple(said), (Speaker("a"), Speaker("b")))


@pytest.fixture(scope="module", params=TEXT)
def channel(request, tmp_path_factory):
    folder = text_checkpoint(tmp_path_factory.mktemp("text") / request.param, request.param)
    return TransformersText(str(folder), device="cpu", offline=True)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return text_checkpoint(tmp_path_factory.mktemp("text") / "bert")


def test_every_architecture_scores_what_has_words_and_says_why_it_leaves_out_the_rest(channel):
    result = channel.predict(talk(*SAID))
    assert result.labels == LABELS and not result.calibrated
    assert [reason for reason in result.reasons if reason] == ["no words", "no text", "no text"]
    assert np.allclose(np.exp(result.log_probs[result.valid]).sum(axis=1), 1, atol=1e-4)


def test_a_score_does_not_depend_on_what_else_is_scored(channel):
    together = channel.predict(talk(*SAID)).log_probs
    for i, text in enumerate(SAID):
        assert together[i] == pytest.approx(channel.predict(talk(text)).log_probs[0], abs=1e-4)


def test_scoring_from_the_middle_on_gives_the_rows_of_the_whole(channel):
    whole = channel.predict(talk(*SAID)).log_probs
    assert whole[3:] == pytest.approx(channel.predict(talk(*SAID), since=3).log_probs, abs=1e-4)


def test_different_words_score_differently(channel):
    assert np.abs(np.diff(channel.predict(talk("wonderful", "terrible")).log_probs, axis=0)).max() > 0.01


def test_a_long_text_is_read_to_its_end_in_windows(channel):
    begun = "i am happy . " * 30
    a, b = channel.predict(talk(begun + "wonderful " * 40, begun + "terrible " * 40)).log_probs
    assert np.abs(a - b).max() > 0.01


def test_a_text_of_one_endless_word_is_read_too(channel):
    assert channel.predict(talk("ha" * 50_000)).reasons == (None,)


def test_what_was_said_before_is_read_along_where_the_checkpoint_was_made_so(bert, tmp_path):
    import shutil

    folder = shutil.copytree(bert, tmp_path / "turns")
    (folder / "convemo.json").write_text('{"turns": 2}')
    alone, along = TransformersText(str(bert), device="cpu"), TransformersText(str(folder), device="cpu")
    after_good, after_bad = talk("wonderful", "great", "oh"), talk("terrible", "awful", "oh")
    assert alone.predict(after_good).log_probs[2] == pytest.approx(alone.predict(after_bad).log_probs[2])
    assert np.abs(along.predict(after_good).log_probs[2] - along.predict(after_bad).log_probs[2]).max() > 0.001
    assert along.predict(after_good, since=2).log_probs[0] == pytest.approx(along.predict(after_good).log_probs[2], abs=1e-4)
    longer = Dialogue("d", after_good.utterances + talk("a", "b", "c", "terrible").utterances[3:], after_good.speakers)
    assert along.predict(longer).log_probs[2] == pytest.approx(along.predict(after_good).log_probs[2], abs=1e-4)


def test_earlier_turns_give_way_to_what_is_said_now(bert, tmp_path):
    import shutil

    folder = shutil.copytree(bert, tmp_path / "turns")
    (folder / "convemo.json").write_text('{"turns": 2}')
    channel, long = TransformersText(str(folder), device="cpu"), "so sad " * 40
    assert channel.predict(talk(long, long, "oh no")).log_probs[2] == pytest.approx(channel.predict(talk("oh no")).log_probs[0], abs=1e-4)


def test_speakers_are_told_apart_by_letters_never_by_names():
    before, said = with_history(talk("Hi!", "Oh.", " ", "Yes."), 3, turns=3)
    assert (before, said) == (("B: Hi!", "A: Oh."), "Yes.")


def test_half_precision_says_nearly_the_same(bert):
    full, half = (
        TransformersText(f"{bert}?dtype={dtype}", device="cpu").predict(talk(*SAID)).log_probs for dtype in ("float32", "bfloat16")
    )
    assert np.abs(np.exp(full) - np.exp(half)).max() < 0.05


def test_a_network_that_breaks_is_one_error(bert, monkeypatch):
    channel = TransformersText(str(bert), device="cpu")
    monkeypatch.setattr(channel._model, "forward", lambda **_: 1 / 0)
    with pytest.raises(EngineFailed, match="ZeroDivisionError"):
        channel.predict(talk("oh"))


def test_a_checkpoint_may_keep_its_own_labels(tmp_path):
    folder = text_checkpoint(tmp_path / "own", labels=("upset", "content", "curious"))
    result = TransformersText(f"{folder}?labels=own", device="cpu").predict(talk("oh no"))
    assert result.labels == ("upset", "content", "curious") and sum(result.probabilities(0).values()) == pytest.approx(1)


def test_goemotions_twenty_eight_become_seven(tmp_path):
    from convemo.data.mappings import GOEMOTIONS

    folder = text_checkpoint(tmp_path / "28", labels=tuple(GOEMOTIONS.labels), problem_type="multi_label_classification")
    channel = TransformersText(str(folder), device="cpu")
    assert (
        channel.labels == LABELS
        and "admiration + amusement" in channel.notes[0]
        and "caring, confusion, desire are dropped" in channel.notes[0]
    )
    assert np.exp(channel.predict(talk("so sad")).log_probs).sum() == pytest.approx(1, abs=1e-4)


def test_it_is_registered(bert):
    assert registry.build("text", f"transformers:{bert}", device="cpu").model.id.startswith("transformers:bert@")


def test_halves_lose_nothing():
    assert "".join(halves("abcd")) == "abcd" and halves("a b") == ("a", "b")
