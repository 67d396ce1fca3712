"""A language model in an analysis: a channel beside text and voice, told of wherever it is missing, shown nobody who is excluded."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convemo import Analysis, Analyzer, AnalyzerConfig, ConfigError, EngineUnavailable, Transcript, TranscriptSegment, registry
from convemo.commands import prompts
from convemo.errors import AudioError, ConvemoError
from convemo.export import table
from convemo.llm.channel import Unavailable
from convemo.llm.prompt import Prompt
from convemo.llm.transcript import line
from convemo.scoring import open_channel, score

from . import fakes
from .fakes import FakeEngine
from .test_transcript import hostile
from .tiny_lm import stories_folder

EXAMPLES = Path(__file__).parents[2] / "examples"
CALL, TRANSCRIPT = EXAMPLES / "support_call.flac", EXAMPLES / "support_call.vtt"
CHAT = Transcript(
    (
        TranscriptSegment("Hello, how can I help?", speaker="Ana"),
        TranscriptSegment("I am furious about this secret thing.", speaker="Ben"),
        TranscriptSegment("That is wonderful!", speaker="Ben"),
        TranscriptSegment("?!", speaker="Ben"),
    )
)


class AbsentEngine(FakeEngine):
    """Needs what is not here."""

    def __init__(self, argument: str = ""):
        raise EngineUnavailable("a server", "connection refused", "Start it.")


@pytest.fixture(autouse=True)
def fake_engines(monkeypatch):
    """``fake:`` and ``absent:`` as if a package had registered them."""
    fakes.AbsentEngine = AbsentEngine
    monkeypatch.setitem(registry.BUILT_IN["llm"], "fake", f"{fakes.__name__}:FakeEngine")
    monkeypatch.setitem(registry.BUILT_IN["llm"], "absent", f"{fakes.__name__}:AbsentEngine")


def analyzer(**settings) -> Analyzer:
    return Analyzer(**({"llm": "fake:m", "offline": True, "asr": "none"} | settings))


def asked_of(made: Analyzer) -> str:
    """Everything that was sent."""
    return "\n".join(question.static + question.user for question in made._channels["llm"][0].engine.asked)


def test_it_is_a_channel_of_its_own_beside_text():
    analysis = analyzer().analyze(CHAT)
    assert list(analysis.channels) == ["text", "acoustic", "llm"] and analysis.fused is not None
    assert max(p := analysis[1].channels["llm"], key=lambda label: p[label]) == "anger"
    assert "llm" in analysis[1].contributions and "llm" in analysis[1].why


def test_without_one_nothing_is_asked_and_nothing_changes():
    assert AnalyzerConfig().channels == ("text", "acoustic", "fused")
    assert "llm" not in analyzer(llm=None).analyze(CHAT).channels


def test_it_can_be_the_only_opinion():
    analysis = analyzer(channels="llm").analyze(CHAT)
    assert [u.label for u in analysis] == ["neutral", "anger", "joy", None] and analysis[3].reason == "no words"


def test_a_model_that_nobody_fitted_joins_with_a_small_weight_and_that_is_told():
    analysis = analyzer().analyze(CHAT)
    assert not analysis.fused.calibrated and not analysis.channels["llm"].calibrated and analysis[1].prediction_set is None
    assert any("not fitted on fake-model+zero-shot-1+k7" in note and "(0.3)" in note for note in analysis.notes)


def test_the_provenance_says_which_model_was_asked_how():
    told = analyzer(llm_permutations=3, llm_prompt="few-shot").analyze(CHAT).provenance["llm"]
    assert (told["engine"], told["prompt"], told["permutations"]) == ("fake:model", "few-shot-1", 3)
    assert len(told["prompt_sha256"]) == len(told["model_sha256"]) == 64 and told["answers"] == {"logprobs": 9}


def test_the_same_input_gives_the_same_result():
    made = analyzer()
    assert made.analyze(CHAT) == made.analyze(CHAT) == analyzer().analyze(CHAT)


def test_what_was_saved_loads_back_equal_and_tables_have_it(tmp_path):
    analysis = analyzer().analyze(CHAT)
    assert Analysis.load(analysis.save(tmp_path / "a.json")) == analysis
    assert {"llm_label", "llm_confidence"} <= set(table.columns(analysis))
    rows = list(table.rows(analysis))
    assert [row["llm_label"] for row in rows] == ["neutral", "anger", "joy", None]
    analysis.save(tmp_path / "a.csv"), analysis.save(tmp_path / "a.jsonl")
    line = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[1])
    assert line["channels"]["llm"]["anger"] == pytest.approx(rows[1]["llm_confidence"], abs=1e-3)


class TestMissing:
    def test_a_model_that_is_not_there_ends_nothing_and_is_told(self):
        analysis = analyzer(llm="absent:m").analyze(CHAT)
        assert analysis[1].label is not None
        assert analysis.channels["llm"].reasons == ("the language model is unavailable: connection refused",) * 4
        assert any("The llm channel has no scores" in note and "Start it." in note for note in analysis.notes)

    def test_nor_where_it_was_the_only_opinion(self):
        analysis = analyzer(llm="absent:m", channels="llm").analyze(CHAT)
        assert {u.reason for u in analysis} == {"the language model is unavailable: connection refused"}

    def test_the_others_judge_as_if_it_had_not_been_asked(self):
        with_it, without = analyzer(llm="absent:m").analyze(CHAT), analyzer(llm=None).analyze(CHAT)
        assert np.array_equal(with_it.fused.log_probs, without.fused.log_probs)
        assert with_it.fused.calibrated == without.fused.calibrated and with_it[0].prediction_set == without[0].prediction_set

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"llm": "gpt:x"}, "openai, transformers, vllm"),
            ({"llm_prompt": "none.toml"}, r"none\.toml"),
            ({"llm": "openai:localhost:8000"}, "a server's address"),
            ({"llm": "openai:http://elsewhere.example/v1"}, "a server on this machine"),
            ({"llm": "transformers:m?dtype=float3"}, "float3"),
            ({"llm": "vllm:m?tensor_parallel_size=many"}, "tensor_parallel_size"),
            ({"fusion": "no such folder"}, "no such folder"),
        ],
    )
    def test_a_mistake_is_told_before_anything_is_read(self, settings, said):
        with pytest.raises(ConvemoError, match=said) as told:
            analyzer(**settings).analyze("no such recording.wav")
        assert not isinstance(told.value, AudioError)

    def test_a_channel_that_cannot_be_is_told_before_anything_is_transcribed(self, monkeypatch):
        monkeypatch.setattr(Analyzer, "_listen", lambda *_: pytest.fail("it listened"))
        with pytest.raises(EngineUnavailable):
            analyzer(text="default:/nowhere").analyze(CHAT)

    def test_it_is_tried_again_at_the_next_analysis(self, monkeypatch):
        made = analyzer(llm="absent:m")
        assert made.analyze(CHAT).channels["llm"].reasons[1] is not None
        text = made._channels["text"]
        monkeypatch.setattr(AbsentEngine, "__init__", FakeEngine.__init__)  # somebody started it
        monkeypatch.setattr(Unavailable, "rested", True)
        assert made.analyze(CHAT).channels["llm"].reasons[1] is None and made._channels["text"] is text

    def test_but_not_so_often_that_it_costs_more_than_the_analyses(self, monkeypatch):
        now, error = 0.0, EngineUnavailable("a server", "connection refused")
        monkeypatch.setattr("time.monotonic", lambda: now)
        silent = Unavailable(error, Prompt.load(), took_s=2.0)
        assert not silent.rested and Unavailable(error, Prompt.load()).rested
        now = 20.0
        assert silent.rested


class TestPolicy:
    def test_nobody_who_is_excluded_is_shown_to_it_not_even_as_history(self):
        made = analyzer(policy="exclude:Ben")
        analysis = made.analyze(CHAT)
        assert "secret" not in asked_of(made) and "Hello, how can I help?" in asked_of(made)
        assert analysis.channels["llm"].reasons[1:] == ("excluded by the policy",) * 3

    def test_names_do_not_reach_it(self):
        made = analyzer()
        made.analyze(CHAT)
        assert "Ana" not in asked_of(made) and "Ben" not in asked_of(made)

    def test_it_is_told_how_a_voice_sounds_where_the_prompt_says_so(self):
        made = analyzer(llm_prompt="speech-described", channels="llm")
        analysis = made.analyze(CALL, transcript=TRANSCRIPT)
        assert '"voice": "' in asked_of(made) and analysis[0].voice is None

    def test_but_not_where_no_voice_may_be_judged(self):
        made = analyzer(llm_prompt="speech-described", channels="llm", policy="text-only")
        analysis = made.analyze(CALL, transcript=TRANSCRIPT)
        assert '"voice": "' not in asked_of(made) and any("no voice may be heard" in note for note in analysis.notes)


class TestConfig:
    def test_it_stands_in_a_file(self, tmp_path):
        (tmp_path / "c.toml").write_text('llm = "fake:m"\nllm_prompt = "few-shot"\nllm_permutations = 2\nllm_calibration = "null"\n')
        config = AnalyzerConfig.from_toml(tmp_path / "c.toml")
        assert config.channels == ("text", "acoustic", "llm", "fused") and config.llm_permutations == 2

    def test_a_config_made_from_one_with_a_model_can_leave_it_out(self):
        assert AnalyzerConfig.make(AnalyzerConfig(llm="fake:m"), llm=None).channels == ("text", "acoustic", "fused")

    def test_channels_that_were_named_stay(self):
        assert AnalyzerConfig(llm="fake:m", channels="text,fused").channels == ("text", "fused")

    @pytest.mark.parametrize(
        "settings", [{"channels": "llm"}, {"llm": "a:b", "llm_permutations": 0}, {"llm": "a:b", "llm_calibration": "platt"}]
    )
    def test_what_makes_no_sense_is_refused(self, settings):
        with pytest.raises(ConfigError):
            AnalyzerConfig.make(**settings)


class TestEvaluation:
    @pytest.mark.parametrize(
        ("name", "spec"), [("llm", "fake:m"), ("llm", "llm:fake:m"), ("gpt", "llm:fake:m?prompt=few-shot&permutations=2")]
    )
    def test_a_spec_opens_it(self, name, spec):
        channel = open_channel(name, spec)
        assert channel.name == "llm" and channel.prompt.id == ("few-shot" if "few" in spec else "zero-shot")

    def test_it_is_shown_no_reference_and_needs_no_sound(self):
        dialogue = analyzer(llm=None).analyze(CHAT).dialogue

        def no_sound(dialogue):
            raise AssertionError("nobody listens")

        said = score([dialogue], {"gpt": open_channel("gpt", "llm:fake:m")}, hear=no_sound)
        assert said[0].results["gpt"].probabilities(1)["anger"] > 0.4 and said[0].results["gpt"].channel == "gpt"


class TestPromptsCommand:
    def test_every_prompt_is_listed(self, capsys):
        prompts.show_all(json=False)
        shown = capsys.readouterr().out
        assert all(name in shown for name in ("zero-shot-1", "few-shot-1", "speech-described-1", "speaker-profile-1"))
        prompts.show_all(json=True)
        assert {"id", "sha256", "instruction"} <= json.loads(capsys.readouterr().out.splitlines()[0]).keys()

    def test_what_it_shows_is_what_is_sent(self, capsys):
        prompts.show("zero-shot", str(TRANSCRIPT), utterance=5, order=2, policy=None)
        shown = capsys.readouterr().out
        made = analyzer(channels="llm")
        made.analyze(TRANSCRIPT)
        question = made._channels["llm"][0].engine.asked[4 * 7 + 1]
        assert question.static in shown and question.user in shown and f"A is {question.labels[0]}" in shown

    def test_utterances_are_counted_as_an_analysis_shows_them_whomever_the_policy_hides(self, capsys):
        analysis = analyzer(llm=None).analyze(TRANSCRIPT)
        number = next(n for n, u in enumerate(analysis.dialogue, 1) if n > 2 and u.speaker == "Customer Tom")
        prompts.show("zero-shot", str(TRANSCRIPT), utterance=number, order=1, policy="exclude:agent")
        shown = capsys.readouterr().out
        assert json.dumps(analysis.dialogue[number - 1].text)[1:-1] in shown.rpartition("{")[2]
        assert analysis.dialogue[0].speaker == "Agent Maya" and analysis.dialogue[0].text not in shown
        with pytest.raises(ConfigError, match="number 1: excluded by the policy"):
            prompts.show("zero-shot", str(TRANSCRIPT), utterance=1, order=1, policy="exclude:agent")

    @pytest.mark.parametrize("where", [{"utterance": 0}, {"utterance": 99}, {"order": 9}])
    def test_what_is_not_there_is_an_error(self, where):
        with pytest.raises(ConfigError):
            prompts.show("zero-shot", str(TRANSCRIPT), **({"utterance": 1, "order": 1, "policy": None} | where))


class TestCommandLine:
    @pytest.fixture
    def convemo(self):
        from typer.testing import CliRunner

        from convemo.cli import app

        return lambda *arguments: CliRunner().invoke(app, [*arguments, "--offline"])

    def test_it_is_asked_for_by_two_options(self, convemo):
        done = convemo("analyze", str(TRANSCRIPT), "--llm", "fake:m", "--llm-prompt", "few-shot", "--channels", "llm", "--json")
        told = json.loads(done.stdout)
        assert done.exit_code == 0 and told["provenance"]["llm"]["prompt"] == "few-shot-1"
        assert told["utterances"][15]["label"] == "joy"

    def test_one_that_is_not_there_is_told_and_ends_nothing(self, convemo):
        done = convemo("analyze", str(TRANSCRIPT), "--llm", "absent:m", "--channels", "text,llm,fused")
        assert done.exit_code == 0 and "The llm channel has no scores" in done.stdout

    def test_a_mistake_in_the_settings_is_an_error(self, convemo):
        assert isinstance(convemo("analyze", str(TRANSCRIPT), "--channels", "llm").exception, ConfigError)
        done = convemo("analyze", str(TRANSCRIPT), "--llm", "fake:m", "--llm-prompt", "none-such")
        assert done.exit_code == 1 and "none-such" in done.output


class TestForReal:
    """With a language model of 260,000 parameters, where it is here: it knows nothing of emotions, but everything runs."""

    spec = "transformers:{}?prompt=compact&permutations=2"

    def test_every_utterance_with_words_is_judged(self):
        analysis = analyzer(llm=self.spec.format(stories_folder()), channels="text,llm,fused").analyze(CHAT)
        assert analysis.channels["llm"].reasons == (None, None, None, "no words")
        assert all(sum(u.channels["llm"].values()) == pytest.approx(1) for u in analysis[:3])
        assert analysis.provenance["llm"]["answers"] == {"logprobs": 6} and analysis.provenance["llm"]["prompt"] == "compact-1"

    def test_what_was_asked_together_changes_no_answer(self):
        channel = open_channel("llm", self.spec.format(stories_folder()))
        dialogue = analyzer(llm=None, channels="text").analyze(TRANSCRIPT).dialogue
        dialogue = replace(dialogue, utterances=dialogue.utterances[:8])
        whole, parts = channel.predict(dialogue), []
        for n in range(len(dialogue)):
            channel._kept.clear()
            parts.append(channel.predict(replace(dialogue, utterances=dialogue.utterances[: n + 1]), since=n).log_probs[0])
        assert np.abs(whole.log_probs - parts).max() <= 1e-3

    def test_no_hostile_word_becomes_a_token_of_its_template(self):
        from transformers import AutoTokenizer

        tokenizer, draw = AutoTokenizer.from_pretrained(stories_folder()), random.Random(2)
        special = set(tokenizer.all_special_ids)
        assert special & set(tokenizer.encode("</s>", add_special_tokens=False))
        for _ in range(300):
            assert not special & set(tokenizer.encode(line(1, 1, hostile(draw)), add_special_tokens=False))
