"""Google Meet's transcript entries, as its programming interface lists them.

    {"transcriptEntries": [{"name": "conferenceRecords/C/transcripts/T/entries/E", "participant": "conferenceRecords/C/participants/P",
                            "text", "languageCode", "startTime": "2026-03-08T07:22:30.710Z", "endTime"}]}

Pages of entries as a list or one a line, or the entries by themselves. Who a participant is, only the account knows: ``participants/P``.

https://developers.google.com/workspace/meet/api/reference/rest/v2/conferenceRecords.transcripts.entries
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from convemo.readers.base import reader
from convemo.readers.instants import from_zero
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import objects_of
from convemo.readers.languages import language_code
from convemo.readers.names import speakers_of
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order
from convemo.readers.wording import tidy
from convemo.types import Transcript, TranscriptSegment

SHAPES = Shapes(
    Shape(
        "Google Meet",
        marks=("transcriptEntries[].participant | participant", "transcriptEntries[].startTime | startTime"),
        needs=("transcriptEntries[].text | text",),
    )
)
_RECORD = re.compile(r"conferenceRecords/([^/]{1,200})/")


@reader(SHAPES, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every meeting in the file; its id is that of the conference record.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> entry = '{"participant": "conferenceRecords/c/participants/7", "text": "Hi.", "startTime": "2026-03-08T07:22:30Z"}'
    >>> t, = read('{"transcriptEntries": [%s]}' % entry, "a.json")
    >>> t.id, t.segments[0].speaker, t.segments[0].start
    ('c', 'participants/7', 0.0)
    """
    of: dict[str | None, list[Fields]] = {}
    for _, fields in objects_of(text, path, "transcript entries"):
        for entry in fields.items("transcriptEntries") if fields.has("transcriptEntries") else [fields]:
            record = _RECORD.match(entry.text("name") or "") or _RECORD.match(entry.text("participant") or "")
            of.setdefault(record[1] if record else None, []).append(entry)
    return tuple(_transcript(entries, id) for id, entries in of.items())


def _transcript(entries: Sequence[Fields], id: str | None) -> Transcript:
    times = from_zero([(entry.moment("startTime"), entry.moment("endTime")) for entry in entries])
    segments = in_order(
        TranscriptSegment(said, *at, _RECORD.sub("", entry.label("participant") or "", count=1) or None)
        for entry, at in zip(entries, times)
        if (said := tidy(entry.text("text") or ""))
    )
    languages = Counter(code for entry in entries if (code := language_code(entry.text("languageCode"))))
    return Transcript(segments, speakers_of(segments), languages.most_common(1)[0][0] if languages else None, "google_meet", id)
