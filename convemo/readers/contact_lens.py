"""Amazon Transcribe Call Analytics and Amazon Connect Contact Lens: turns with the participant's role.

    {"JobName", "LanguageCode", "Participants": [{"ParticipantId"?, "ParticipantRole": "AGENT"}], "CustomerMetadata"?: {"ContactId"},
     "Transcript": [{"ParticipantRole" or "ParticipantId", "Content", "BeginOffsetMillis", "EndOffsetMillis",
                     "Items"?: [{"Type", "Content", "Confidence", "BeginOffsetMillis", "EndOffsetMillis"}]}]}

Contact Lens names a participant by id, which `Participants` joins to a role; a chat has ``AbsoluteTime`` instead of offsets. What the
system writes (events, participants whose role is SYSTEM) is said by nobody and left out. Sentiment and loudness are not read.

https://docs.aws.amazon.com/transcribe/latest/dg/tca-output.html,
https://docs.aws.amazon.com/connect/latest/adminguide/contact-lens-example-output-files.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import one_each
from convemo.readers.languages import language_code
from convemo.readers.names import role_of
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import counted_from_first, glued
from convemo.readers.wording import letters, tidy
from convemo.types import Speaker, Transcript, TranscriptSegment, Word

SHAPES = Shapes(
    Shape(
        "AWS Call Analytics or Contact Lens",
        marks=("Transcript[].ParticipantRole | Transcript[].ParticipantId",),
        needs=("Transcript[].Content",),
    )
)
_MS = 1e-3
_NOBODY = "SYSTEM"
_MESSAGE = "MESSAGE"


@reader(SHAPES, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every contact in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> t, = read('{"Transcript": [{"ParticipantRole": "AGENT", "Content": "Hi.", "BeginOffsetMillis": 250}]}', "a.json")
    >>> t.segments[0].start, t.speakers[0].role
    (0.25, 'agent')
    """
    return one_each(text, path, "a Transcript", _transcript)


def _transcript(fields: Fields) -> Transcript:
    if not fields.has("Transcript", list):
        raise fields.wrong("Transcript", "a list of turns")
    stated = {id: role for p in fields.items("Participants") if (id := p.label("ParticipantId")) and (role := p.label("ParticipantRole"))}
    segments: list[TranscriptSegment] = []
    speakers: dict[str, Speaker] = {}
    for turn in fields.items("Transcript"):
        said = tidy(turn.text("Content") or "")
        id = turn.label("ParticipantId", "ParticipantRole")
        role = turn.label("ParticipantRole") or stated.get(id or "") or id
        if not said or role == _NOBODY or (turn.label("Type") or _MESSAGE) != _MESSAGE:
            continue
        if id is not None and id not in speakers:
            speakers[id] = Speaker(id, name=turn.label("DisplayName") or id, role=role_of(role))
        segments.append(TranscriptSegment(said, *_times(turn), id, _words(turn, said, id)))
    metadata = fields.inner("CustomerMetadata")
    id = (metadata.label("ContactId") if metadata else None) or fields.label("JobName")
    sharing = Counter(stated.values())
    listed = tuple(_named(speaker, stated.get(speaker.id), sharing) for speaker in speakers.values())
    return Transcript(counted_from_first(segments), listed, language_code(fields.text("LanguageCode")), "contact_lens", id)


def _times(turn: Fields) -> tuple[float | None, float | None]:
    if (at := turn.moment("AbsoluteTime")) is not None:
        return max(at[0], 0.0), None
    return turn.times(_MS, "BeginOffsetMillis", "EndOffsetMillis")


def _words(turn: Fields, said: str, speaker: str | None) -> tuple[Word, ...]:
    """The words with their punctuation, if they are all of the turn."""
    parts = []
    for item in turn.items("Items"):
        if written := tidy(item.text("Content") or ""):
            times, is_mark = item.times(_MS, "BeginOffsetMillis", "EndOffsetMillis"), item.text("Type") == "punctuation"
            parts.append((Word(written, *times, item.share("Confidence"), speaker), is_mark))
    words = glued(parts)
    return words if letters("".join(word.text for word in words)) == letters(said) else ()


def _named(speaker: Speaker, role: str | None, sharing: Mapping[str, int]) -> Speaker:
    """A participant whose id is a number without meaning goes by the role, where no one else has it."""
    alone = role is not None and sharing[role] == 1 and speaker.name == speaker.id
    return Speaker(speaker.id, role if alone else speaker.name, speaker.role)
