import json
import math

import numpy as np
import pytest

from convemo.errors import EngineUnavailable
from convemo.registry import build
from convemo.text.channel import SHIPPED, TextChannel
from convemo.types import LABELS, Dialogue, Speaker, Utterance


@pytest.fixture(scope="module")
def channel():
    return TextChannel(threads=1)


def dialogue(*texts, language=None):
    utterances = tuple(Utterance(f"u{i}", "ana", text) for i, text in enumerate(texts))
    return Dialogue("d", utterances, (Speaker("ana"),), language)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I'm so happy for you, this is wonderful!", "joy"),
        ("i am so happy for you this is wonderful", "joy"),
        ("I'm furious. This is outrageous, you people are useless!", "anger"),
        ("I'm terrified, please don't leave me alone here.", "fear"),
        ("I miss her so much. I can't stop crying.", "sadness"),
        ("The train leaves at nine from platform four.", "neutral"),
    ],
)
def test_plain_cases_are_read_as_anybody_would(channel, text, label):
    probabilities = channel.predict(dialogue(text)).probabilities(0)
    assert max(probabilities, key=probabilities.get) == label


def test_praise_is_more_pleasant_than_abuse(channel):
    valence = channel.predict(dialogue("What a lovely day, I love it.", "You disgusting liar, I hate you.")).dimensions["valence"]
    assert -1 <= valence[1] < 0 < valence[0] <= 1


def test_every_scored_row_is_a_distribution_over_the_default_labels(channel):
    result = channel.predict(dialogue("Hello.", "No way!"))
    assert result.labels == LABELS
    assert result.channel == "text"
    assert not result.calibrated
    assert np.exp(result.log_probs).sum(axis=1) == pytest.approx([1, 1], abs=1e-4)
    assert result.model.licence == "CC-BY-SA-4.0"
    assert len(result.model.sha256) == 64


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "no text"), ("", "no text"), ("  \n", "no text"), ("…?!", "no words"), ("1234", "no words"), ("👍", "no words")],
)
def test_an_utterance_without_words_has_a_reason_instead_of_a_score(channel, text, reason):
    result = channel.predict(dialogue("Hello.", text))
    assert result.reasons == (None, reason)
    assert result.probabilities(1) is None
    assert math.isnan(result.dimensions["valence"][1])


def test_a_transcript_in_another_language_is_not_guessed_at(channel):
    result = channel.predict(dialogue("Dzień dobry.", None, language="pl"))
    assert result.reasons == ("the text model reads English; this transcript is in 'pl'", "no text")


@pytest.mark.parametrize("language", ["en", "en-GB", "EN_us", None])
def test_english_by_any_tag_is_read(channel, language):
    assert channel.predict(dialogue("Hello.", language=language)).reasons == (None,)


def test_another_script_is_not_guessed_at(channel):
    assert channel.predict(dialogue("Я очень рад", "café")).reasons == (
        "the text model reads English; this text is in another script",
        None,
    )


SAID = ("Okay.", "I told you a hundred times that I never got the parcel!", "Sorry to hear that.", "Okay.")


def test_scoring_from_an_utterance_on_gives_what_scoring_from_the_beginning_gives(channel):
    whole = channel.predict(dialogue(*SAID))
    for since in range(len(SAID)):
        assert np.array_equal(channel.predict(dialogue(*SAID), since=since).log_probs, whole.log_probs[since:])


def test_what_is_said_later_changes_nothing(channel):
    whole = channel.predict(dialogue(*SAID))
    for length in range(1, len(SAID)):
        begun = channel.predict(dialogue(*SAID[:length])).log_probs
        assert begun == pytest.approx(whole.log_probs[:length], abs=1e-5)
        assert begun.argmax(axis=1).tolist() == whole.log_probs[:length].argmax(axis=1).tolist()


def test_what_was_said_before_counts(channel):
    whole = channel.predict(dialogue(*SAID))
    assert whole.log_probs[-1] != pytest.approx(whole.log_probs[0], abs=0.05)  # the same "Okay."


def test_a_text_longer_than_the_network_reads_at_once_is_read_to_its_end(channel):
    happy, furious = "I am so happy about this, thank you. " * 40, "I am furious, you liars, this is outrageous! " * 40
    start, end = (channel.predict(dialogue(text)) for text in (happy, happy + furious))
    anger = LABELS.index("anger")
    assert end.log_probs[0, anger] > start.log_probs[0, anger] + 1
    assert np.exp(end.log_probs[0]).sum() == pytest.approx(1, abs=1e-4)
    assert end.dimensions["valence"][0] < start.dimensions["valence"][0]


def test_nothing_to_score_gives_an_empty_result(channel):
    assert len(channel.predict(dialogue("Hello."), since=1)) == 0


def test_a_text_of_any_length_and_content_is_scored(channel):
    result = channel.predict(dialogue("help " * 5000, "a\x00b\u202e <script>", "x" * 10_000))
    assert result.reasons == (None, None, None)


def copy_of_the_model(folder, **changes):
    manifest = json.loads((SHIPPED / "model.json").read_text())
    for name in manifest["files"]:
        (folder / name).symlink_to(SHIPPED / name)
    (folder / "model.json").write_text(json.dumps(manifest | changes))
    return folder


def test_a_model_of_ones_own_is_taken_by_its_path(tmp_path, channel):
    own = build("text", f"default:{copy_of_the_model(tmp_path, id='my-own')}")
    assert own.model.id == "my-own"
    assert own.predict(dialogue("Hello.")).log_probs.tolist() == channel.predict(dialogue("Hello.")).log_probs.tolist()


def test_a_damaged_model_is_refused_and_named(tmp_path):
    copy_of_the_model(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineUnavailable, match=r"tokenizer\.json with sha256 .*damaged or altered"):
        TextChannel(str(tmp_path))
    availability = TextChannel.availability(str(tmp_path))
    assert not availability.usable
    assert "tokenizer.json" in availability.why


@pytest.mark.parametrize(
    ("changes", "found"), [({"channel": "acoustic"}, "one for 'acoustic'"), ({"files": {}}, "one without"), ({"licence": 3}, "licence")]
)
def test_a_folder_that_holds_something_else_is_refused(tmp_path, changes, found):
    with pytest.raises(EngineUnavailable, match=found):
        TextChannel(str(copy_of_the_model(tmp_path, **changes)))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EngineUnavailable, match=r"model\.json"):
        TextChannel(str(tmp_path))


def test_it_says_that_it_can_be_used():
    assert TextChannel.availability(offline=True).usable
