"""What every training shares."""

import json

import pytest

from convemo.errors import EngineFailed
from convemo.training.run import RunLog


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_training_that_diverges_stops_and_says_what_to_change(tmp_path, loss):
    log = RunLog(tmp_path)
    log.write("step", step=25, loss=1.2)
    with pytest.raises(EngineFailed, match=r"a loss at step 50, found \S+: the training diverged.*learning_rate"):
        log.write("step", step=50, loss=loss)
    assert [json.loads(line)["step"] for line in log.path.read_text().splitlines()] == [25]
