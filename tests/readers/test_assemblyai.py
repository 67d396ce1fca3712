"""AssemblyAI's JSON."""

import json

from convemo.readers import read_transcript

WORDS = [
    {"text": "Hi.", "start": 250, "end": 500, "confidence": 0.9, "speaker": "A"},
    {"text": "Ho.", "start": 1500, "end": 2125, "confidence": 0.8, "speaker": "B"},
]
UTTERANCES = [{**word, "words": [word]} for word in WORDS]


def test_milliseconds_become_seconds_and_speakers_stay(saved):
    given = {"id": "t1", "language_code": "en_us", "text": "Hi. Ho.", "utterances": UTTERANCES, "words": WORDS}
    transcript = read_transcript(saved(json.dumps(given), "a.json"))
    assert (transcript.source, transcript.id, transcript.language) == ("assemblyai", "t1", "en")
    assert [(s.speaker, s.text, s.start, s.end, s.confidence) for s in transcript.segments] == [
        ("A", "Hi.", 0.25, 0.5, 0.9),
        ("B", "Ho.", 1.5, 2.125, 0.8),
    ]
    assert [(w.text, w.start, w.end) for s in transcript.segments for w in s.words] == [("Hi.", 0.25, 0.5), ("Ho.", 1.5, 2.125)]


def test_the_least_of_such_files_is_known(saved):
    given = {"utterances": [{"speaker": "A", "text": "Hi.", "start": 250, "end": 1500}], "text": "Hi."}
    assert [(s.speaker, s.end) for s in read_transcript(saved(json.dumps(given))).segments] == [("A", 1.5)]


def test_without_speaker_labels_the_words_are_one_segment(saved):
    words = [{**word, "speaker": None} for word in WORDS]
    (segment,) = read_transcript(saved(json.dumps({"text": "Hi. Ho.", "utterances": None, "words": words}))).segments
    assert (segment.text, segment.speaker, segment.start, segment.end, len(segment.words)) == ("Hi. Ho.", None, 0.25, 2.125, 2)


def test_utterances_in_seconds_are_still_ours(saved):
    transcript = read_transcript(saved('{"utterances": [{"speaker": "A", "text": "Hi.", "start": 1, "end": 2}]}'))
    assert (transcript.source, transcript.segments[0].end) == ("convemo", 2.0)
