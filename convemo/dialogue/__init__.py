"""The conversation itself: words and turns become utterances; utterances have speakers, roles and history."""
