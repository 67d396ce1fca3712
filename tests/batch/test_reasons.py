"""What is kept of a call beside its scores: why some are missing, and which file it is of."""

from convemo import Analysis, Policy
from convemo.batch import Batch
from convemo.batch.inline import InlineEngine
from convemo.batch.lacking import lacking
from tests.batch.test_lacking import calls
from tests.llm.fake_server import VLLM, FakeServer
from tests.report.builders import call


def test_what_asking_again_does_not_change_is_not_lacking():
    reasons = ("no words", "the prompt is longer than the model reads: 40 tokens, even without history", "the server is unavailable")
    analysis = call(texts=("…", "Fine.", "Thanks!"), angry=(0.1, 0.2, 0.3))
    result = analysis.channels["text"]
    analysis.channels["llm"] = type(result)("llm", result.labels, result.log_probs * 0, reasons)
    assert lacking(analysis, Policy()) == "llm: 1 of 3 utterances: the server is unavailable"


def test_other_rules_ask_nothing_again_of_a_call_with_an_utterance_without_words(tmp_path):
    calls(tmp_path)  # each ends with "…"
    (tmp_path / "rules.toml").write_text('[[alert]]\nname = "upset"\nemotions = ["anger"]\nat_least = 0.5\nutterances = 1\n')
    with FakeServer(VLLM) as server:
        settings = dict(channels="llm", llm=f"openai:{server.url}#m", llm_permutations=1, workers=InlineEngine())
        Batch(tmp_path / "in", tmp_path / "out", **settings).run()
        asked = len(server.seen)
        again = Batch(tmp_path / "in", tmp_path / "out", alerts=tmp_path / "rules.toml", **settings).run()
        assert again.calls == 3 and not any("This is call" in str(request) for request in server.seen[asked:])


def test_a_result_says_which_transcript_it_is_of(tmp_path):
    (tmp_path / "chats.csv").write_text("conversation_id,speaker,text\nc1,Ana,Hello.\nc2,Ben,Thanks!\n")
    (tmp_path / "calls.csv").write_text("transcript,conversation\nchats.csv,c2\n")
    assert Batch(tmp_path / "calls.csv", tmp_path / "out", workers=InlineEngine(), channels="text").run().done == 1
    analysis = Analysis.load(tmp_path / "out" / "analyses" / "chats.json")
    assert analysis[0].text == "Thanks!"
    assert analysis.provenance["transcript_path"].endswith("chats.csv") and len(analysis.provenance["transcript_sha256"]) == 64
