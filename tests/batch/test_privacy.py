"""What must not be read is written nowhere, and what is told of a batch holds no word of a conversation."""

import re

import pytest

from convemo import ConfigError, Dialogue, Speaker, Utterance, Word
from convemo.batch import Batch
from convemo.batch.failure import describe
from convemo.batch.inline import InlineEngine
from convemo.batch.redact import emails, find, numbers, redact
from convemo.errors import TranscriptError
from tests.batch.test_batch import batch, rows

SECRET = "4929-1234-5678"


def shout(text):
    return re.sub("secret", "***", text)


def everything_in(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def real_batch(tmp_path, **settings):
    return Batch(tmp_path / "in", tmp_path / "out", workers=InlineEngine(), offline=True, channels="text", **settings).run()


def test_what_is_redacted_is_in_no_file_of_the_results(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(f"Ana: My card is {SECRET}, and my mail ana99@example.org.\nBen: A secret, thank you.\n")
    real_batch(tmp_path, redact=["numbers", "emails", shout], formats=["csv", "jsonl"])
    assert [row["text"] for row in rows(tmp_path / "out")] == ["My card is [number], and my mail [email].", "A ***, thank you."]
    written = everything_in(tmp_path / "out")
    assert b"Ana" in written and not any(word in written for word in (SECRET.encode(), b"example.org", b"secret"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call me at +49 (30) 1234-567 now", "call me at [number] now"),
        ("it is 17.", "it is [number]."),
        ("four five six seven, please", "[number], please"),
        ("one or two of them", "one or two of them"),
        ("double seven, oh, three", "[number]"),
    ],
)
def test_numbers_in_digits_and_in_words(text, left):
    assert numbers(text) == left


def test_addresses_go_whole():
    assert emails("a.b+c@mail.example.co.uk, x@y") == "[email], x@y"


def test_speakers_who_are_known_by_their_numbers_stay_apart():
    dialogue = Dialogue(
        "d", (Utterance("1", "+49 30 1", "Hi."), Utterance("2", "+49 30 2", "Hello.")), (Speaker("+49 30 1"), Speaker("+49 30 2"))
    )
    assert [u.speaker for u in redact(dialogue, [numbers])] == ["[number]", "[number] 2"]


def test_words_with_times_go_with_the_text_they_were_in():
    words = (Word("card", 0.0, 0.5), Word("4929", 0.5, 1.0))
    dialogue = Dialogue(
        "d", (Utterance("1", "a", "card 4929", words=words), Utterance("2", "a", "fine", words=(Word("fine"),))), (Speaker("a"),)
    )
    assert [len(u.words) for u in redact(dialogue, [numbers])] == [0, 1]


def test_redactors_are_found_by_name_and_by_path():
    assert find(["emails", "convemo.batch.redact:numbers"]) == [emails, numbers]
    with pytest.raises(ConfigError):
        find(["nobody"])
    with pytest.raises(ConfigError, match="nowhere:f"):
        find(["nowhere:f"])


def test_what_is_told_of_failures_holds_no_word_of_a_conversation(tmp_path, capfd, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.vtt").write_text("WEBVTT\n\n00:01.000 -->\nthe canary sings\n")
    (tmp_path / "in" / "b.txt").write_text("Ana: the canary sings BREAK\n")
    (tmp_path / "in" / "c.json").write_text('{"canary": "the canary sings"}')
    (tmp_path / "in" / "d.csv").write_text("start,canary\n1,the canary sings\n")
    (tmp_path / "in" / "e.txt").write_text("the canary sings\n")

    heard = []

    class Hears:
        def progress(self, progress): ...

        def failed(self, failure):
            heard.append(failure.error)

        def note(self, text):
            heard.append(text)

    summary = batch(tmp_path / "in", out=tmp_path / "out", reporter=Hears())
    assert summary.failed >= 4
    told = " ".join([*heard, *(f.error for f in summary.failures), *capfd.readouterr(), caplog.text])
    assert "canary" not in told.replace("canary_sings", "") and "a.vtt, line" in told
    assert b"canary" not in (tmp_path / "out" / ".convemo" / "ledger.sqlite").read_bytes()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TranscriptError("a.vtt", "a transcript file", "no such file"), "a.vtt: expected a transcript file, found no such file."),
        (TranscriptError("a.vtt", "a cue", "'hello'", "Mend it.", line=3), "a.vtt, line 3: expected a cue. Mend it."),
        (TranscriptError("a.csv", "one conversation", "2 conversations: 'x'"), "a.csv: expected one conversation, found 2 conversations."),
    ],
)
def test_an_error_is_told_without_what_it_quotes(error, told):
    assert describe(error)[1] == told


def test_logs_of_a_real_batch_hold_no_word(tmp_path, capfd, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Ana: The canary sings beautifully today.\nBen: What a wonderful canary!\n")
    assert real_batch(tmp_path).ok
    assert "canary" not in caplog.text + "".join(capfd.readouterr())


def test_audio_is_never_copied(tmp_path):
    from shutil import copy

    from tests.batch.test_stages import CALL

    (tmp_path / "in").mkdir()
    copy(CALL, tmp_path / "in" / "a.flac")
    batch(tmp_path / "in", out=tmp_path / "out")
    sound = CALL.read_bytes()
    assert sound[len(sound) // 2 : len(sound) // 2 + 64] not in everything_in(tmp_path / "out")
