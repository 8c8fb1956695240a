import json
import struct

import pytest

from agentrollout import ServerError, Tensor, TensorInfo
from serving import ROOT


def checkpoint(scale=1.0):
    """The shipped model's tensors as floats, times a factor."""
    data = (ROOT / "models/tiny-agent/model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        halves = struct.unpack(f"<{(end - begin) // 2}H", data[8 + length + begin:8 + length + end])
        floats = struct.unpack(f"<{len(halves)}f", struct.pack(f"<{len(halves)}I", *(half << 16 for half in halves)))
        tensors[name] = Tensor("F32", tuple(entry["shape"]), struct.pack(f"<{len(floats)}f", *(value * scale for value in floats)))
    return tensors


def sampled(client):
    rollout = client.rollouts.start(environment="arithmetic", task_set={"count": 2}, samples_per_task=2, seed=1)
    return sorted((t["id"].split("-", 1)[1], t["sequences"][0]["token_ids"], t["sequences"][0]["logprobs"]) for t in rollout.trajectories())


@pytest.mark.parametrize("direct", [False, True])
def test_sent_weights_are_those_that_sample(client, direct):
    version, before = client.weights.version, None
    client.weights.update(checkpoint())
    before = sampled(client)
    report = client.weights.update(checkpoint(1.01), direct=direct)
    assert report["version"] == client.weights.version == version + 2
    changed = sampled(client)
    assert changed != before
    client.weights.update(list(checkpoint().items()), direct=direct, running="continue")
    assert sampled(client) == before


def test_shards_come_from_several_senders(client):
    tensors, version = checkpoint(), client.weights.version
    client.weights.update(tensors)
    expected = client.weights.describe()["checksum"]
    update = client.weights.begin([TensorInfo(name, tensor.dtype, tensor.shape) for name, tensor in tensors.items()], version=version + 10)
    ranks = [update, client.weights.attach(update.id)]
    for name, tensor in tensors.items():
        half, row = tensor.shape[0] // 2, len(tensor.data) // tensor.shape[0]
        ranks[1].put(name, Tensor("F32", (tensor.shape[0] - half, *tensor.shape[1:]), tensor.data[half * row:]), row=half)
        if name != "model.norm.weight":
            ranks[0].put(name, Tensor("F32", (half, *tensor.shape[1:]), tensor.data[:half * row]))
    assert update.progress()["missing"] == ["model.norm.weight"]
    with pytest.raises(ServerError) as error:
        update.commit()
    assert error.value.code == "update_incomplete"
    norm = tensors["model.norm.weight"]
    update.put("model.norm.weight", norm)
    assert update.commit(checksum=expected)["version"] == version + 10


def test_a_tensor_that_does_not_fit_is_named_and_the_old_weights_stay(client):
    tensors, version = checkpoint(), client.weights.version
    name = "model.layers.0.mlp.down_proj.weight"
    tensors[name] = Tensor("F32", tensors[name].shape[::-1], tensors[name].data)
    with pytest.raises(ServerError) as error:
        client.weights.update(tensors)
    assert error.value.code == "weights_refused" and name in error.value.detail
    assert client.weights.version == version


def test_arrays_of_numpy_and_pytorch_are_sent_as_they_are():
    numpy = pytest.importorskip("numpy")
    values = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    tensor = Tensor.of(values.T)
    assert (tensor.dtype, tensor.shape, bytes(tensor.data)) == ("F32", (3, 2), values.T.copy().tobytes())
    torch = pytest.importorskip("torch")
    half = torch.tensor([1.0, -2.0], dtype=torch.bfloat16, requires_grad=True)
    assert (Tensor.of(half).dtype, bytes(Tensor.of(half).data)) == ("BF16", b"\x80\x3f\x00\xc0")
    with pytest.raises(TypeError):
        Tensor.of(numpy.array(["a"]))


def test_the_engine_pauses_and_lends_its_memory(client):
    before = sampled(client)
    client.engine.pause()
    client.engine.resume()
    assert client.engine.release_memory("kv_cache")["weight_bytes"] == 0
    client.engine.resume_memory()
    assert client.engine.flush_cache() >= 0
    assert sampled(client) == before
    assert client.engine.describe()["statistics"]["running"] == 0
