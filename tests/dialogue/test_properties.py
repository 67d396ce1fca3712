"""What holds for every transcript and every diarization, however odd."""

import os
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.dialogue.align import align
from convemo.dialogue.split import SplitRules
from convemo.types import Diarization, Speaker, Transcript, TranscriptSegment, Turn, Word

quick = settings(max_examples=int(os.environ.get("CONVEMO_EXAMPLES", "40")), deadline=None)
NAMES = ("ana", "ben", "cleo")
TEXTS = ("yes", "I", "don't", "know.", "Really?", "well…", "Dr.", "3.5", "そうです。", "(no)", "mm-hm,")
# Multiples of 1/64 s: sums of them are exact, so that shifting all times changes no comparison.
moments = st.integers(0, 64 * 60).map(lambda ticks: ticks / 64)
lengths = st.integers(0, 64 * 20).map(lambda ticks: ticks / 64)


@st.composite
def given_words(draw, timed):
    text, speaker = draw(st.sampled_from(TEXTS)), draw(st.sampled_from((None, None, *NAMES)))
    start = draw(moments) if timed else None
    return Word(text, start, start + draw(lengths) if timed else None, speaker=speaker)


@st.composite
def given_segments(draw, timed, words):
    found = tuple(draw(st.lists(words, max_size=6)))
    text = " ".join(word.text for word in found) or draw(st.sampled_from(("", "One. Two… three", "そうです。はい。")))
    start = draw(moments) if timed else None
    end = start + draw(lengths) if timed else None
    voice = draw(st.sampled_from((None, None, 1, 2)))
    return TranscriptSegment(text, start, end, speaker=draw(st.sampled_from((None, *NAMES))), words=found, voice=voice)


def transcripts_of(segments):
    return st.lists(segments, max_size=6).map(lambda found: Transcript(tuple(found)))


transcripts = transcripts_of(given_segments(True, given_words(True) | given_words(False)))
timed_transcripts = transcripts_of(given_segments(True, given_words(True)).filter(lambda segment: segment.words))
chats = transcripts_of(given_segments(False, given_words(False)))
turn_lists = st.lists(st.builds(lambda a, d, s: Turn(a, a + d, s), moments, lengths, st.sampled_from(NAMES)), max_size=8)
diarizations = st.none() | turn_lists.map(lambda turns: Diarization(tuple(sorted(turns)), tuple(map(Speaker, NAMES))))


def letters(texts):
    return sorted("".join(texts).replace(" ", ""))


def marked(transcript):
    """The transcript with every word told apart by its confidence."""
    number, segments = 0, []
    for segment in transcript.segments:
        found = []
        for word in segment.words:
            number += 1
            found.append(replace(word, confidence=number / 1000))
        segments.append(replace(segment, words=tuple(found)))
    return Transcript(tuple(segments)), number


@quick
@given(transcripts | chats, diarizations)
def test_every_word_is_in_exactly_one_utterance(transcript, diarization):
    transcript, count = marked(transcript)
    dialogue = align(transcript, diarization)
    assert sorted(word.confidence for u in dialogue for word in u.words) == [n / 1000 for n in range(1, count + 1)]
    assert {word for u in dialogue for word in u.words} == {word for s in transcript.segments for word in s.words}


@quick
@given(transcripts | chats, diarizations)
def test_no_letter_of_the_text_is_lost_or_doubled(transcript, diarization):
    dialogue = align(transcript, diarization)
    assert letters(u.text for u in dialogue) == letters(s.text for s in transcript.segments)


@quick
@given(transcripts, diarizations)
def test_times_cover_the_words_and_are_in_order(transcript, diarization):
    dialogue = align(transcript, diarization)
    for u in dialogue:
        assert u.start <= u.end
        assert all(u.start <= word.start and word.end <= u.end for word in u.words if word.start is not None)
    assert all((a.start, a.end) <= (b.start, b.end) for a, b in pairwise(dialogue))
    assert [u.id for u in dialogue] == [f"u{n}" for n in range(1, len(dialogue) + 1)]


@quick
@given(transcripts, diarizations)
def test_words_of_a_segment_keep_their_order_within_an_utterance(transcript, diarization):
    transcript, _ = marked(Transcript(tuple(sorted(transcript.segments, key=lambda s: s.start))))
    for u in align(transcript, diarization):
        order = [word.confidence for word in u.words]
        assert order == sorted(order)


@quick
@given(timed_transcripts, diarizations, st.integers(-3600, 36000))
def test_shifting_all_times_changes_nothing_else(transcript, diarization, shift):
    def later(start, end):
        return {"start": start + shift, "end": end + shift}

    moved = Transcript(tuple(
        replace(s, **later(s.start, s.end), words=tuple(replace(w, **later(w.start, w.end)) for w in s.words)) for s in transcript.segments
    ))  # fmt: skip
    turns = diarization and replace(diarization, turns=tuple(replace(t, **later(t.start, t.end)) for t in diarization.turns))
    before, after = align(transcript, diarization), align(moved, turns)
    assert [(u.speaker, u.text, u.start + shift, u.end + shift, u.evidence) for u in before] == [
        (u.speaker, u.text, u.start, u.end, u.evidence) for u in after
    ]


@quick
@given(st.lists(st.sampled_from(("I know", "Me too.", "no")), min_size=2, max_size=5), diarizations)
def test_unnamed_voices_of_one_cue_are_never_one_utterance(texts, diarization):
    cue = tuple(TranscriptSegment(text, i / 2, (i + 1) / 2, voice=i + 1) for i, text in enumerate(texts))
    named = TranscriptSegment("Hello", 0.0, 0.0, speaker="ana")
    said = [u.text for u in align(Transcript((named, *cue)), diarization)]
    whole = [u.text for u in align(Transcript((named, *cue))) if u.speaker.startswith("voice")]
    assert whole == texts
    assert not any(a + " " + b in text for a, b in pairwise(texts) for text in said)


@quick
@given(transcripts | chats, diarizations)
def test_the_same_input_gives_the_same_dialogue(transcript, diarization):
    assert align(transcript, diarization) == align(transcript, diarization)


@quick
@given(transcripts | chats, diarizations)
def test_every_utterance_has_a_speaker_of_the_dialogue_and_shares_that_are_shares(transcript, diarization):
    dialogue = align(transcript, diarization)
    for u in dialogue:
        assert dialogue.speaker(u.speaker).id == u.speaker
        shares = (u.evidence.overlap, u.evidence.speaker_confidence, u.evidence.asr_confidence)
        assert all(share is None or 0.0 <= share <= 1.0 for share in shares)


@quick
@given(transcripts_of(given_segments(False, given_words(False).map(lambda word: replace(word, speaker=None)))))
def test_a_chat_is_never_merged_or_reordered(chat):
    messages = [s for s in chat.segments if s.text.strip()]
    assert [u.text for u in align(chat)] == [" ".join(s.text.split()) for s in messages]


@quick
@given(turn_lists, st.none() | st.lists(st.tuples(moments, moments), max_size=8))
def test_turns_alone_give_pieces_of_at_most_the_longest_length(turns, speech):
    rules = SplitRules(max_s=5.0)
    dialogue = align(None, Diarization(tuple(sorted(turns)), tuple(map(Speaker, NAMES))), speech=speech, rules=rules)
    assert all(0 < u.duration_s <= rules.max_s + 1e-9 for u in dialogue)
    assert {u.speaker for u in dialogue} == {t.speaker for t in turns if t.duration_s > 0}


def test_ten_thousand_words_and_two_thousand_turns_need_no_quadratic_work():
    """One turn spans the whole recording, which makes a scan over neighbouring turns visit all of them."""
    count = 10_000
    heard = Transcript((TranscriptSegment(" ".join("w" for _ in range(count)), 0.0, count * 0.3, words=tuple(
        Word("w", i * 0.3, i * 0.3 + 0.3) for i in range(count))),))  # fmt: skip
    turns = (Turn(0.0, count * 0.3, "ana"), *(Turn(i * 1.5, i * 1.5 + 1.4, "ben") for i in range(2000)))
    assert sum(len(u.words) for u in align(heard, Diarization(turns, (Speaker("ana"), Speaker("ben"))))) == count
