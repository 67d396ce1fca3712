"""Speech to words: one file an engine, all behind `convemo.asr.base.Transcriber`."""
