"""What an analysis says of itself, and that it comes back equal from where it was saved."""

import json
from dataclasses import replace

import numpy as np
import pytest

from convemo import LABELS, Analysis, ChannelResult, Dialogue, Recording, ResultError, Speaker, Utterance, Word
from convemo.results import Weighting
from convemo.types import Evidence, ModelInfo


def scored(name: str, *rows: dict[str, float] | str, valence: tuple[float, ...] = ()) -> ChannelResult:
    """A channel: a row of probabilities an utterance (the rest of the mass is spread), or the reason why there is none."""
    log_probs = np.zeros((len(rows), len(LABELS)))
    for i, row in enumerate(rows):
        if isinstance(row, dict):
            rest = (1 - sum(row.values())) / (len(LABELS) - len(row))
            log_probs[i] = np.log([row.get(label, rest) for label in LABELS])
    reasons = tuple(None if isinstance(row, dict) else row for row in rows)
    dimensions = {"valence": np.array(valence)} if valence else {}
    return ChannelResult(name, LABELS, log_probs, reasons, dimensions, ModelInfo(f"{name}-1", "ab" * 32, "Apache-2.0"), True)


@pytest.fixture
def analysis() -> Analysis:
    ana, ben = Speaker("ana", "Ana", "agent"), Speaker("ben", role="customer", channel=1)
    utterances = (
        Utterance("u1", "ana", "Hello.", 0.0, 0.5, (Word("Hello.", 0.0, 0.5, 0.9),), Evidence(speech_s=0.4)),
        Utterance("u2", "ben", "This is <b>terrible</b>!", 0.7, 2.0),
        Utterance("u3", "ben", None, 2.1, 2.2),
    )
    text = scored("text", {"neutral": 0.8}, {"anger": 0.6, "disgust": 0.2}, "no text", valence=(0.1, -0.7, np.nan))
    voice = scored("acoustic", {"joy": 0.4, "neutral": 0.3}, {"anger": 0.9}, "0.1 s long; needs 0.3 s")
    fused = scored("fused", {"neutral": 0.7}, {"anger": 0.8}, "no channel could score it", valence=(0.1, -0.7, np.nan))
    return Analysis(
        dialogue=Dialogue("call", utterances, (ana, ben), "en"),
        channels={"text": text, "acoustic": voice},
        fused=fused,
        contributions={"text": np.array([1.5, 2.0, 0.0]), "acoustic": np.array([-0.25, 0.5, 0.0]), "history": np.array([0.0, -0.125, 0.0])},
        prediction_sets=(("neutral", "joy"), ("anger",), None),
        abstained=(True, False, False),
        recording=Recording("call.wav", "cd" * 32, 2.2, 2, 8000, "wav/pcm_s16le"),
        provenance={"convemo": "0.1.0", "context": "causal"},
        notes=("No Whisper here.",),
    )


def test_an_utterance_says_who_what_when_which_how_sure_and_why(analysis):
    u = analysis[1]
    assert (u.name, u.role, u.text, u.start, u.label, round(u.confidence, 3)) == (
        "ben",
        "customer",
        "This is <b>terrible</b>!",
        0.7,
        "anger",
        0.8,
    )
    assert u.why.startswith("anger over ") and u.why.endswith(": text +2.00, acoustic +0.50, history -0.12")
    assert u.valence == -0.7 and u.arousal is None


def test_what_could_not_be_scored_is_none_and_says_what_each_channel_lacked(analysis):
    u = analysis[2]
    assert (u.label, u.confidence, u.probabilities, u.contributions, u.valence) == (None, None, None, None, None)
    assert u.reason == u.why == "text: no text; acoustic: 0.1 s long; needs 0.3 s"


def test_a_channel_that_fusion_heard_less_for_its_poor_material_says_so_and_why(analysis):
    poor, hardly = Weighting(0.42, ("0.4 s of speech", "3 dB SNR")), Weighting(0.95, ("18 dB SNR",))
    heard = replace(analysis, weighting={"acoustic": (hardly, poor, None)})
    assert heard[1].weighting == {"acoustic": poor}
    assert heard[1].why == analysis[1].why + "; acoustic counted for less (×0.4): 0.4 s of speech, 3 dB SNR"
    assert heard[0].why == analysis[0].why and heard[0].weighting == {"acoustic": hardly}
    assert Analysis.from_dict(heard.to_dict()) == heard


def test_a_file_from_before_bandwidth_and_weighting_still_loads(analysis):
    saved = analysis.to_dict()
    for row in saved["utterances"]:
        del row["weighting"], row["evidence"]["bandwidth_hz"]
    assert Analysis.from_dict(saved) == analysis


def test_channels_stand_beside_the_fused_result(analysis):
    assert analysis[0].label == "neutral"
    assert max(analysis[0].channels["acoustic"], key=analysis[0].channels["acoustic"].get) == "joy"


def test_without_fusion_the_first_channel_gives_the_label(analysis):
    alone = Analysis(analysis.dialogue, {"acoustic": analysis.channels["acoustic"]})
    assert [u.label for u in alone] == ["joy", "anger", None]
    assert alone[0].prediction_set is None and alone[0].abstained is False and alone[2].reason == "0.1 s long; needs 0.3 s"


def test_it_is_saved_and_loaded_back_equal(analysis, tmp_path):
    loaded = Analysis.load(analysis.save(tmp_path / "call.json"))
    assert loaded == analysis
    assert loaded.fused == analysis.fused and loaded.channels == analysis.channels and loaded.dialogue == analysis.dialogue


def test_a_change_is_a_difference(analysis, tmp_path):
    saved = json.loads(analysis.save(tmp_path / "call.json").read_text())
    saved["utterances"][1]["scores"]["text"]["log_probs"][0] -= 0.5
    assert Analysis.from_dict(saved) != analysis


def test_the_saved_form_is_strict_json_without_nan(analysis):
    json.dumps(analysis.to_dict(), allow_nan=False)


def test_features_of_any_number_type_are_saved_and_loaded_back_equal(analysis, tmp_path):
    features = {"f0_mean_hz": np.float32(181.5), "jitter": np.nan}
    dialogue = replace(
        analysis.dialogue, utterances=(replace(analysis.dialogue[0], features=features, label="joy"), *analysis.dialogue[1:])
    )
    measured = replace(analysis, dialogue=dialogue)
    loaded = Analysis.load(measured.save(tmp_path / "call.json"))
    assert loaded == measured != analysis
    assert loaded.dialogue[0].features["f0_mean_hz"] == 181.5 and np.isnan(loaded.dialogue[0].features["jitter"])


def test_what_a_data_set_says_of_a_dialogue_is_saved_and_loaded_back_equal(analysis, tmp_path):
    first = replace(analysis.dialogue[0], dimensions={"valence": -0.5}, voice={"hnr_db": None}, voice_deviation={"hnr_db": 0.3})
    dialogue = replace(analysis.dialogue, utterances=(first,), groups={"session": "Ses01"}, genders={"ana": "female"})
    judged = replace(analysis, dialogue=dialogue)
    assert Analysis.load(judged.save(tmp_path / "call.json")).dialogue == dialogue


def test_utterances_are_chosen_by_index_and_by_slice(analysis):
    assert analysis[-1].id == "u3"
    assert [u.id for u in analysis[:2]] == ["u1", "u2"]
    with pytest.raises(IndexError):
        analysis[3]


def test_an_utterance_prints_as_what_it_says(analysis):
    assert repr(analysis[0]) == "<u1 Ana [0.0-0.5] 'Hello.': neutral? 0.70>"


def test_another_schema_is_refused(analysis, tmp_path):
    file = tmp_path / "old.json"
    file.write_text(json.dumps(analysis.to_dict() | {"schema": 99}))
    with pytest.raises(ResultError, match="schema 99"):
        Analysis.load(file)


@pytest.mark.parametrize("name", ["call.docx", "call"])
def test_an_unknown_form_is_answered_with_the_known_ones(analysis, tmp_path, name):
    with pytest.raises(ResultError, match=r"\.json, .*\.TextGrid"):
        analysis.save(tmp_path / name)


def test_a_place_that_cannot_be_written_to_is_one_clear_error(analysis, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ResultError, match="expected a file that can be written"):
        analysis.save(tmp_path / "file" / "call.json")


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".vtt", ".srt", ".rttm", ".TextGrid", ".textgrid"])
def test_every_form_is_written(analysis, tmp_path, suffix):
    assert analysis.save(tmp_path / f"call{suffix}").stat().st_size > 0


def test_the_printed_table_holds_every_utterance_and_note(analysis, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    text = str(analysis)
    assert all(part in text for part in ("0:00.7", "terrible", "neutral?", "anger", "0.80", "Note: No Whisper here."))


def test_the_notebook_view_escapes_what_people_said(analysis):
    html = analysis._repr_html_()
    assert "&lt;b&gt;terrible" in html and "<b>terrible" not in html


def test_a_transcript_cannot_steer_the_terminal(analysis):
    first = replace(analysis.dialogue[0], text="Hello \x1b[2Jthere.\x9b2J")
    shown = str(replace(analysis, dialogue=replace(analysis.dialogue, utterances=(first, *analysis.dialogue[1:]))))
    assert "there" in shown and not {"\x1b", "\x9b"} & set(shown)


def test_a_data_frame_has_a_row_an_utterance(analysis):
    pytest.importorskip("pandas")
    frame = analysis.to_frame()
    assert len(frame) == 3 and frame["label"].tolist()[:2] == ["neutral", "anger"]


def test_a_trajectory_moves_towards_what_was_just_expressed(analysis):
    assert analysis.trajectories.keys() == {"ana", "ben"}
    (moment,) = analysis.trajectory("ben")
    assert moment.utterance == "u2" and moment.negative > 0.8 and moment.valence == -0.7


def test_a_trajectory_gives_an_utterance_half_its_weight_after_the_half_life(analysis):
    again = replace(analysis.dialogue, utterances=tuple(replace(u, speaker="ben") for u in analysis.dialogue))
    first, second = replace(analysis, dialogue=again).trajectory("ben", half_life=1.0)
    assert (first.valence, second.valence) == (0.1, pytest.approx((0.1 - 0.7) / 2))
    with pytest.raises(ValueError, match="half_life"):
        analysis.trajectory("ben", half_life=0.0)


def test_results_cannot_be_changed(analysis):
    with pytest.raises(AttributeError):
        analysis.notes = ()
    with pytest.raises(ValueError, match="read-only"):
        analysis.fused.log_probs[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        analysis.fused.dimensions["valence"][0] = 1.0
