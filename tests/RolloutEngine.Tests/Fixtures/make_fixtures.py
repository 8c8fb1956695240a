"""Writes the tiny random checkpoints of these tests, with the logits and greedy continuations of a float64 forward pass.

usage: python3 make_fixtures.py        writes one folder per model beside this file. Needs NumPy.

expected.json: prompt, greedy (64 ids that follow it).  logits.bin: float32 [prompt, vocabulary].
"""
import json
import math
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
PROMPT, GREEDY = 24, 64

BASE = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, vocab_size=256,
            max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act='silu', tie_word_embeddings=True, eos_token_id=7)

MODELS = {
    'llama-f32-sharded': dict(architectures=['LlamaForCausalLM'], tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
                              rope_scaling=dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                original_max_position_embeddings=64)),
    'mistral-f16-odd': dict(architectures=['MistralForCausalLM'], hidden_size=42, num_attention_heads=3, num_key_value_heads=1, head_dim=10,
                            intermediate_size=51, vocab_size=259, sliding_window=None, rope_scaling=dict(type='linear', factor=2.0)),
    'qwen2-bf16-yarn': dict(architectures=['Qwen2ForCausalLM'], max_position_embeddings=32, use_sliding_window=False, sliding_window=16,
                            rope_scaling=dict(rope_type='yarn', factor=4.0, original_max_position_embeddings=32)),
    'qwen3-f32': dict(architectures=['Qwen3ForCausalLM'], head_dim=16, rope_theta=None,
                      rope_parameters=dict(rope_type='default', rope_theta=1000000.0)),
    'qwen3-bf16': dict(architectures=['Qwen3ForCausalLM'], head_dim=16, num_attention_heads=8, tie_word_embeddings=False),
}


def round_to(x, dtype):
    """The bytes of x in a dtype, and the float64 values that they stand for."""
    x = x.astype(np.float32)
    if dtype == 'f32':
        return x.tobytes(), x.astype(np.float64)
    if dtype == 'f16':
        return x.astype(np.float16).tobytes(), x.astype(np.float16).astype(np.float64)
    bits = x.view(np.uint32)
    half = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return half.tobytes(), (half.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def shapes(c):
    """Name and shape of every tensor."""
    d, heads, kv, ff, vocab = (c[k] for k in ('hidden_size', 'num_attention_heads', 'num_key_value_heads', 'intermediate_size', 'vocab_size'))
    hd, family = head_dim(c), c['architectures'][0].removesuffix('ForCausalLM')
    yield 'model.embed_tokens.weight', (vocab, d)
    yield 'model.norm.weight', (d,)
    if not c['tie_word_embeddings']:
        yield 'lm_head.weight', (vocab, d)
    for i in range(c['num_hidden_layers']):
        p = f'model.layers.{i}.'
        yield p + 'input_layernorm.weight', (d,)
        yield p + 'post_attention_layernorm.weight', (d,)
        for name, rows, columns, bias in (('self_attn.q_proj', heads * hd, d, c.get('attention_bias') or family == 'Qwen2'),
                                          ('self_attn.k_proj', kv * hd, d, c.get('attention_bias') or family == 'Qwen2'),
                                          ('self_attn.v_proj', kv * hd, d, c.get('attention_bias') or family == 'Qwen2'),
                                          ('self_attn.o_proj', d, heads * hd, c.get('attention_bias')),
                                          ('mlp.gate_proj', ff, d, c.get('mlp_bias')),
                                          ('mlp.up_proj', ff, d, c.get('mlp_bias')),
                                          ('mlp.down_proj', d, ff, c.get('mlp_bias'))):
            yield p + name + '.weight', (rows, columns)
            if bias:
                yield p + name + '.bias', (rows,)
        if family == 'Qwen3':
            yield p + 'self_attn.q_norm.weight', (hd,)
            yield p + 'self_attn.k_norm.weight', (hd,)


def head_dim(c):
    return c.get('head_dim') or c['hidden_size'] // c['num_attention_heads']


def random_tensor(name, shape, rng):
    x = rng.standard_normal(shape)
    if 'norm' in name:
        return 1 + 0.1 * x
    # Small embeddings: a tied output layer would otherwise repeat the last token for ever.
    return 0.1 * x if len(shape) == 1 else x * (0.1 if 'embed' in name else 1.2 / math.sqrt(shape[1]))


def write_safetensors(path, tensors, dtype):
    header, offset = {'__metadata__': {'format': 'pt'}}, 0
    for name, (data, shape) in tensors.items():
        header[name] = {'dtype': dtype.upper(), 'shape': list(shape), 'data_offsets': [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for data, _ in tensors.values():
            f.write(data)


def rotary(c):
    """Frequencies and attention factor, after the definitions of transformers' modeling_rope_utils."""
    scaling = c.get('rope_parameters') or c.get('rope_scaling') or {}
    base, hd = scaling.get('rope_theta') or c['rope_theta'], head_dim(c)
    kind = scaling.get('rope_type') or scaling.get('type') or 'default'
    inv = np.array([base ** (-2 * i / hd) for i in range(hd // 2)])
    factor = scaling.get('factor')
    if kind == 'linear':
        return inv / factor, 1.0
    if kind == 'llama3':
        low, high, old = scaling['low_freq_factor'], scaling['high_freq_factor'], scaling['original_max_position_embeddings']
        out = []
        for f in inv:
            wavelength = 2 * math.pi / f
            if wavelength < old / high:
                out.append(f)
            elif wavelength > old / low:
                out.append(f / factor)
            else:
                s = (old / wavelength - low) / (high - low)
                out.append((1 - s) * f / factor + s * f)
        return np.array(out), 1.0
    if kind == 'yarn':
        old = scaling['original_max_position_embeddings']
        correction = lambda rotations: hd * math.log(old / (rotations * 2 * math.pi)) / (2 * math.log(base))
        low, high = max(math.floor(correction(32)), 0), min(math.ceil(correction(1)), hd - 1)
        ramp = np.clip((np.arange(hd // 2) - low) / ((high - low) or 0.001), 0, 1)
        return inv / factor * ramp + inv * (1 - ramp), 0.1 * math.log(factor) + 1
    return inv, 1.0


def causal_hidden(c, w, ids):
    """Vectors [token, hidden] behind the last norm, in float64."""
    heads, kv, hd, n = c['num_attention_heads'], c['num_key_value_heads'], head_dim(c), len(ids)
    norm = lambda x, g: x / np.sqrt((x * x).mean(-1, keepdims=True) + c['rms_norm_eps']) * g
    linear = lambda x, name: x @ w[name + '.weight'].T + w.get(name + '.bias', 0)
    inv, attention = rotary(c)
    angle = np.arange(n)[:, None] * inv
    cos, sin = attention * np.cos(angle)[:, None], attention * np.sin(angle)[:, None]

    def rope(x):
        a, b = x[..., :hd // 2], x[..., hd // 2:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    x = w['model.embed_tokens.weight'][ids]
    causal = np.triu(np.full((n, n), -np.inf), 1)
    for i in range(c['num_hidden_layers']):
        p = f'model.layers.{i}.'
        y = norm(x, w[p + 'input_layernorm.weight'])
        q, k, v = (linear(y, f'{p}self_attn.{s}_proj').reshape(n, -1, hd) for s in 'qkv')
        if p + 'self_attn.q_norm.weight' in w:
            q, k = norm(q, w[p + 'self_attn.q_norm.weight']), norm(k, w[p + 'self_attn.k_norm.weight'])
        q, k = rope(q), rope(k)
        k, v = np.repeat(k, heads // kv, 1), np.repeat(v, heads // kv, 1)
        s = np.einsum('qhd,khd->hqk', q, k) / math.sqrt(hd) + causal
        s = np.exp(s - s.max(-1, keepdims=True))
        a = np.einsum('hqk,khd->qhd', s / s.sum(-1, keepdims=True), v).reshape(n, -1)
        x = x + linear(a, p + 'self_attn.o_proj')
        y = norm(x, w[p + 'post_attention_layernorm.weight'])
        g = linear(y, p + 'mlp.gate_proj')
        x = x + linear(g / (1 + np.exp(-g)) * linear(y, p + 'mlp.up_proj'), p + 'mlp.down_proj')
    return norm(x, w['model.norm.weight'])


def forward(c, w, ids):
    """Logits [token, vocabulary] in float64."""
    return causal_hidden(c, w, ids) @ w['model.embed_tokens.weight' if c['tie_word_embeddings'] else 'lm_head.weight'].T


def main():
    for seed, (name, overrides) in enumerate(MODELS.items()):
        config = {k: v for k, v in {**BASE, **overrides}.items() if v is not None or k == 'sliding_window'}
        dtype, folder = name.split('-')[1], os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        rng, tensors, weights = np.random.default_rng(seed), {}, {}
        for tensor, shape in shapes(config):
            data, weights[tensor] = round_to(random_tensor(tensor, shape, rng), dtype)
            tensors[tensor] = (data, shape)
        if name.endswith('sharded'):
            names = list(tensors)
            parts = {'model-00001-of-00002.safetensors': names[::2], 'model-00002-of-00002.safetensors': names[1::2]}
            for file, part in parts.items():
                write_safetensors(os.path.join(folder, file), {n: tensors[n] for n in part}, dtype)
            with open(os.path.join(folder, 'model.safetensors.index.json'), 'w') as f:
                json.dump({'metadata': {}, 'weight_map': {n: file for file, part in parts.items() for n in part}}, f, indent=1)
        else:
            write_safetensors(os.path.join(folder, 'model.safetensors'), tensors, dtype)
        with open(os.path.join(folder, 'config.json'), 'w') as f:
            json.dump(config, f, indent=2)

        prompt = [int(t) for t in rng.integers(0, config['vocab_size'], PROMPT)]
        forward(config, weights, prompt).astype(np.float32).tofile(os.path.join(folder, 'logits.bin'))
        ids, margin = list(prompt), math.inf
        for _ in range(GREEDY):
            last = forward(config, weights, ids)[-1]
            best = np.sort(last)[-2:]
            margin = min(margin, best[1] - best[0])
            ids.append(int(last.argmax()))
        with open(os.path.join(folder, 'expected.json'), 'w') as f:
            json.dump({'prompt': prompt, 'greedy': ids[PROMPT:]}, f)
        print(name, f'smallest greedy margin {margin:.2e}', len(set(ids[PROMPT:])), 'different tokens')


if __name__ == '__main__':
    main()
