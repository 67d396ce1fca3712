import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from convemo.audio.torchaudio import mend_torchaudio  # noqa: E402
from convemo.dialogue.transformer import DialogueTransformer  # noqa: E402
from convemo.errors import EngineUnavailable  # noqa: E402
from convemo.text.model import ExportedTextModel, TextModel, empty_encoder, encoder_folder, encoder_shape  # noqa: E402


@pytest.fixture
def model():
    torch.manual_seed(0)
    mend_torchaudio()
    config = transformers.BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    return TextModel(transformers.BertModel(config), labels=7, dimensions=3).eval()


def test_padding_changes_nothing(model):
    ids = torch.tensor([[2, 11, 12, 3]])
    padded = torch.tensor([[2, 11, 12, 3, 0, 0]])
    alone = model(ids, torch.ones_like(ids))
    in_company = model(padded, torch.tensor([[1, 1, 1, 1, 0, 0]]))
    for short, long in zip(alone, in_company):
        torch.testing.assert_close(short, long)


def test_the_mean_is_over_every_token_not_the_first(model):
    one, other = torch.tensor([[2, 11, 12, 3]]), torch.tensor([[2, 11, 13, 3]])
    assert not torch.allclose(model(one, torch.ones_like(one))[0], model(other, torch.ones_like(other))[0])


def test_with_a_target_the_mean_is_over_its_tokens_but_all_are_read(model):
    ids, mask = torch.tensor([[2, 11, 3, 12, 3]]), torch.ones(1, 5, dtype=torch.int64)
    target = torch.tensor([[0, 0, 0, 1, 1]])
    assert not torch.allclose(model(ids, mask, target)[0], model(ids, mask)[0])
    other = torch.tensor([[2, 30, 3, 12, 3]])
    assert not torch.allclose(model(ids, mask, target)[0], model(other, mask, target)[0])


def test_a_dialogue_transformer_adds_to_each_vector_what_went_before_it():
    torch.manual_seed(0)
    shape = {"model_type": "bert", "vocab_size": 50, "hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2}
    encoder = empty_encoder(shape | {"intermediate_size": 16})
    model = TextModel(encoder, 4, 0, dialogue=DialogueTransformer(12, 1, (1, 1, 1), 4)).eval()
    vectors, speakers = torch.randn(1, 3, 12), torch.tensor([[0, 1, 0]])
    changed = vectors.clone()
    changed[0, 2] += 1
    before, after = model.converse(vectors, speakers), model.converse(changed, speakers)
    torch.testing.assert_close(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])
    assert model.read(vectors)[1].shape == (1, 3, 0)  # no dimensions asked for
    assert encoder_shape(empty_encoder(encoder_shape(encoder))) == encoder_shape(encoder)


def test_what_is_exported_gives_log_probabilities_and_bounded_dimensions(model):
    model.dimension_scale.fill_(1000.0)
    ids = torch.tensor([[2, 11, 12, 3], [2, 30, 31, 3]])
    log_probs, dimensions = ExportedTextModel(model)(ids, torch.ones_like(ids))
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2))
    assert dimensions.abs().max() == 1.0


def test_an_encoder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EngineUnavailable, match=str(tmp_path)):
        encoder_folder(str(tmp_path))
