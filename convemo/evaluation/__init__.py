"""How good channels and their fusion are, on whose data, and how sure that is: ``convemo eval``.

    benchmark    what is evaluated on: a suite, or your own dialogues; parts, folds, units
    lineup       who competes: channels, opened once, and the systems made of them
    conditions   how data reach the channels (degrade_text, degrade_audio, degrade_speakers, missing)
    fits         a temperature for a channel alone, a fusion for several, learned on dev or out of fold
    run          the story: score, fit, judge, count
    figures      every metric with its draws; slices: the same where it matters
    write        results.json, table.md, predictions.jsonl, report.html (table, page)
    robustness   the matrix of worse and worse conditions; compare: two evaluations side by side

>>> from convemo.evaluation import benchmark
>>> benchmark.load("support").unit
'dialogue'
"""
