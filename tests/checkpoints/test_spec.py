"""What stands after ``transformers:``."""

import pytest

from convemo.checkpoints.spec import CheckpointSpec
from convemo.errors import ConfigError


def test_a_name_alone_is_enough():
    assert CheckpointSpec.parse("owner/name") == CheckpointSpec("owner/name")


def test_everything_else_stands_after_a_question_mark():
    found = CheckpointSpec.parse("my model?labels=neutral,joy,-&head=multi&dtype=bfloat16&weights=pickle")
    assert found == CheckpointSpec("my model", "neutral,joy,-", "multi", "bfloat16", True)


@pytest.mark.parametrize("argument", [None, "", "?labels=own"])
def test_a_checkpoint_must_be_named(argument):
    with pytest.raises(ConfigError, match="a checkpoint after 'transformers:'"):
        CheckpointSpec.parse(argument)


@pytest.mark.parametrize("query", ["label=joy", "dtype=int8", "head=two", "weights=any", "trust_remote_code=true"])
def test_an_unknown_setting_is_an_error(query):
    with pytest.raises(ConfigError):
        CheckpointSpec.parse(f"m?{query}")
