"""Writes the tiny random models of these tests that give one vector per sequence, with what a float64 forward pass gives for a few sequences.

usage: python3 make_pooling_fixtures.py        writes one folder per model beside this file. Needs NumPy.

expected.json: a list of {tokens, token_types, vector}: the embedding, or the outputs of the classification head.
"""
import json
import math
import os

import numpy as np

from make_fixtures import BASE, HERE, causal_hidden, random_tensor, round_to, shapes, write_safetensors

ENCODER = dict(hidden_size=36, num_hidden_layers=2, num_attention_heads=3, intermediate_size=70, vocab_size=120, max_position_embeddings=66,
               type_vocab_size=2, layer_norm_eps=1e-12, hidden_act='gelu', pad_token_id=0)
DECODER = {**BASE, 'vocab_size': 120}
LENGTHS = (1, 2, 15, 16, 17, 40, 60)

# name: dtype, configuration, pooling, normalised, labels
MODELS = {
    'pooled-bert-mean': ('f32', {**ENCODER, 'architectures': ['BertModel']}, 'mean', True, 0),
    'pooled-bert-classifier': ('f32', {**ENCODER, 'architectures': ['BertForSequenceClassification']}, 'cls', False, 3),
    'pooled-roberta-cls': ('bf16', {**ENCODER, 'architectures': ['RobertaModel'], 'type_vocab_size': 1, 'pad_token_id': 1}, 'cls', False, 0),
    'pooled-roberta-classifier': ('f16', {**ENCODER, 'architectures': ['XLMRobertaForSequenceClassification'], 'type_vocab_size': 1, 'pad_token_id': 1}, 'cls', False, 2),
    'pooled-qwen3-last': ('f32', {**DECODER, 'architectures': ['Qwen3ForCausalLM'], 'head_dim': 16}, 'last', True, 0),
    'pooled-llama-mean': ('f32', {**DECODER, 'architectures': ['LlamaModel'], 'tie_word_embeddings': False}, 'mean', False, 0),
    'pooled-qwen2-reward': ('bf16', {**DECODER, 'vocab_size': 320, 'architectures': ['Qwen2ForSequenceClassification']}, 'last', False, 1),
}
POOLING_KEY = {'mean': 'pooling_mode_mean_tokens', 'cls': 'pooling_mode_cls_token', 'last': 'pooling_mode_lasttoken'}


def encoder_shapes(c, prefix, labels):
    d, ff = c['hidden_size'], c['intermediate_size']
    for name, rows in (('word', c['vocab_size']), ('position', c['max_position_embeddings']), ('token_type', c['type_vocab_size'])):
        yield f'{prefix}embeddings.{name}_embeddings.weight', (rows, d)
    linears = [(f'encoder.layer.{i}.{part}', rows, columns) for i in range(c['num_hidden_layers']) for part, rows, columns in (
        ('attention.self.query', d, d), ('attention.self.key', d, d), ('attention.self.value', d, d), ('attention.output.dense', d, d),
        ('intermediate.dense', ff, d), ('output.dense', d, ff))]
    for name, rows, columns in linears:
        yield f'{prefix}{name}.weight', (rows, columns)
        yield f'{prefix}{name}.bias', (rows,)
    for norm in ('embeddings', *(f'encoder.layer.{i}.{part}' for i in range(c['num_hidden_layers']) for part in ('attention.output', 'output'))):
        yield f'{prefix}{norm}.LayerNorm.weight', (d,)
        yield f'{prefix}{norm}.LayerNorm.bias', (d,)
    head = ([('classifier.dense', d), ('classifier.out_proj', labels)] if is_roberta(c) else [('bert.pooler.dense', d), ('classifier', labels)]) if labels else []
    for name, rows in head if head or is_roberta(c) else [(f'{prefix}pooler.dense', d)]:
        yield f'{name}.weight', (rows, d)
        yield f'{name}.bias', (rows,)


def is_roberta(c):
    return 'oberta' in c['architectures'][0].lower()


def encode(c, w, prefix, ids, types):
    """Last hidden states [token, hidden] in float64."""
    heads, n = c['num_attention_heads'], len(ids)
    hd = c['hidden_size'] // heads
    linear = lambda x, name: x @ w[f'{prefix}{name}.weight'].T + w[f'{prefix}{name}.bias']

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + c['layer_norm_eps']) * w[f'{prefix}{name}.LayerNorm.weight'] + w[f'{prefix}{name}.LayerNorm.bias']

    first = c['pad_token_id'] + 1 if is_roberta(c) else 0
    e = prefix + 'embeddings.'
    x = w[e + 'word_embeddings.weight'][ids] + w[e + 'position_embeddings.weight'][first:first + n] + w[e + 'token_type_embeddings.weight'][types]
    x = norm(x, 'embeddings')
    gelu = np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))
    for i in range(c['num_hidden_layers']):
        p = f'encoder.layer.{i}.'
        q, k, v = (linear(x, f'{p}attention.self.{part}').reshape(n, heads, hd) for part in ('query', 'key', 'value'))
        s = np.einsum('qhd,khd->hqk', q, k) / math.sqrt(hd)
        s = np.exp(s - s.max(-1, keepdims=True))
        a = np.einsum('hqk,khd->qhd', s / s.sum(-1, keepdims=True), v).reshape(n, -1)
        x = norm(x + linear(a, p + 'attention.output.dense'), p + 'attention.output')
        x = norm(x + linear(gelu(linear(x, p + 'intermediate.dense')), p + 'output.dense'), p + 'output')
    return x


def vector(c, w, prefix, ids, types, pooling, normalized, labels):
    is_encoder = 'layer_norm_eps' in c
    x = encode(c, w, prefix, ids, types) if is_encoder else causal_hidden(c, {k if k.startswith('model.') else 'model.' + k: v for k, v in w.items()}, ids)
    x = {'mean': x.mean(0), 'cls': x[0], 'last': x[-1]}[pooling]
    linear = lambda x, name: w[name + '.weight'] @ x + w.get(name + '.bias', 0)
    if labels:
        if not is_encoder:
            return linear(x, 'score')
        dense, output = ('classifier.dense', 'classifier.out_proj') if is_roberta(c) else ('bert.pooler.dense', 'classifier')
        return linear(np.tanh(linear(x, dense)), output)
    return x / np.linalg.norm(x) if normalized else x


def write_sentence_transformers(folder, pooling, normalized):
    os.makedirs(os.path.join(folder, '1_Pooling'), exist_ok=True)
    modules = ['Transformer', 'Pooling'] + (['Normalize'] if normalized else [])
    with open(os.path.join(folder, 'modules.json'), 'w') as f:
        json.dump([{'idx': i, 'name': str(i), 'path': f'{i}_{m}' if i else '', 'type': f'sentence_transformers.models.{m}'} for i, m in enumerate(modules)], f)
    with open(os.path.join(folder, '1_Pooling', 'config.json'), 'w') as f:
        json.dump({'word_embedding_dimension': 0, **{key: mode == pooling for mode, key in POOLING_KEY.items()}}, f)


def main():
    for seed, (name, (dtype, config, pooling, normalized, labels)) in enumerate(MODELS.items()):
        folder, rng = os.path.join(HERE, name), np.random.default_rng(100 + seed)
        os.makedirs(folder, exist_ok=True)
        if labels:
            config = {**config, 'id2label': {str(i): f'LABEL_{i}' for i in range(labels)}}
        is_encoder = 'layer_norm_eps' in config
        family = 'roberta.' if is_roberta(config) else 'bert.'
        prefix = family if is_encoder and labels else ''
        if is_encoder:
            wanted = list(encoder_shapes(config, prefix, labels))
        else:
            wanted = [(n, s) for n, s in shapes({**config, 'architectures': [config['architectures'][0].split('For')[0].removesuffix('Model') + 'ForCausalLM']})
                      if n != 'lm_head.weight']
            wanted = wanted + [('score.weight', (labels, config['hidden_size']))] if labels else [(n.removeprefix('model.'), s) for n, s in wanted]
        tensors, weights = {}, {}
        for tensor, shape in wanted:
            value = 0.2 * rng.standard_normal(shape) if tensor.endswith('Norm.bias') else random_tensor(tensor.lower(), shape, rng)
            data, weights[tensor] = round_to(value, dtype)
            tensors[tensor] = (data, shape)
        write_safetensors(os.path.join(folder, 'model.safetensors'), tensors, dtype)
        with open(os.path.join(folder, 'config.json'), 'w') as f:
            json.dump(config, f, indent=2)
        if not labels:
            write_sentence_transformers(folder, pooling, normalized)
        expected = []
        for length in LENGTHS:
            ids = [int(t) for t in rng.integers(0, config['vocab_size'], length)]
            types = [int(i >= length // 2) for i in range(length)] if config.get('type_vocab_size') == 2 else [0] * length
            expected.append({'tokens': ids, 'token_types': types,
                             'vector': [float(v) for v in vector(config, weights, prefix, ids, types, pooling, normalized, labels)]})
        with open(os.path.join(folder, 'expected.json'), 'w') as f:
            json.dump(expected, f)
        print(name, len(tensors), 'tensors')


main()
