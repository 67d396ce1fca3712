"""Who speaks when: one file an engine, all behind `convemo.diarize.base.Diarizer`."""
