"""Ten thousand conversations: one command, any number of interruptions, two tables.

inputs, manifest    what was given, as a stream of inputs
identity            what makes two results the same
ledger, lock        what is done; one run at a time
run                 the story: list, hand out, write down
book                what is written down, and in which order
work                what a worker does with one input
local, ray          where workers live
stages, cache       what is kept so that nothing is transcribed twice
redact              what nobody shall read
rows, calls         the tables' columns; a call in numbers
lacking             what a finished call has to do without
tables, parquet     the tables in parts, put together as they grow
flat, query         CSV, JSONL; SQL
"""

from convemo.batch.batch import Batch
from convemo.batch.inputs import Input
from convemo.batch.summary import Progress, Summary

__all__ = ["Batch", "Input", "Progress", "Summary"]
