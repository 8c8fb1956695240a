#!/usr/bin/env python3
"""Trains two small unigram models on this repository's documents, with and without byte fallback, turns them into tokenizer.json the way
transformers' converters do, and says what SentencePiece makes of texts drawn with a fixed seed. Needs Debian's python3-sentencepiece.

usage, in this folder, after npm install --no-save tokenizers@0.23.2:
    python3 unigram_vectors.py ../../.. nmt-nfkc.charsmap | node unigram_vectors.mjs nmt-nfkc.charsmap > unigram-vectors.jsonl

The rules of normalization, which take most of a tokenizer.json, go to a file of their own:
    brotli -q 11 --rm nmt-nfkc.charsmap -o nmt-nfkc.br
"""
import glob
import json
import random
import sys
import tempfile

import sentencepiece

LINES = ["日本語の文章をここに書きます。", "カタカナとひらがなと漢字。", "Привет, как дела? Это тест.", "Grüße aus München, schöne Straße.",
         "naïve café résumé", "한국어 문장입니다.", "中文句子測試,全角!", "العربية لغة جميلة", "½ ① ﬁ ™ ㌔"]

PIECES = ["a", "Z", "the", " token", "izer", " a rollout", "s", "'", " ", "  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\u2581",
          "1", "23", "\u0664", "!", "--", "\u00e9", "e\u0301", "\u0301", "\u00aa\u0301", "\u0600\u00aa", "\ufb01", "\uff21", "\uff76\uff9e", "\u30ab\u3099",
          "\u65e5\u672c", "\uac00", "\u1100\u1161", "\U0001F600", "\U0001F468\u200d\U0001F469", "\U0001D7D8", "\u200d", "\ufeff", "\0", "\x01", "\x7f",
          "\ufffd", "<unk>", "<s>", "<0x41>", "\u0928\u094d\u0926", "\u0e01\u0e33", "\u00a9\u200d", "Привет", "日本語の", "ß"]

TEXTS = ["", " ", "Hello, world!", "the tokens of a trajectory", "  two  spaces   three ", "tabs\tand\nlines\r\nend\n", "naïve café", "日本語の文章",
         "ﬁne ﬂow Ⅳ ½ ① ™", "ＦＵＬＬ width", "xyzzy qqq", "\U0001F600\U0001F601 smile", "don't stop", "a" * 300, "Привет, мир!", "<unk>", "<s> text </s>"]


def fields(message):
    """The fields of a protobuf message: number and value, bytes as they are."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        length = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, message[position:position + length]
        position += length


def charsmap(model_path):
    with open(model_path, "rb") as file:
        normalizer_spec = dict(fields(file.read()))[3]
    return dict(fields(normalizer_spec))[2]


def train(sentences, folder, vocabulary_size, byte_fallback):
    prefix = f"{folder}/{vocabulary_size}"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_prefix=prefix, model_type="unigram", vocab_size=vocabulary_size, byte_fallback=byte_fallback,
        normalization_rule_name="nmt_nfkc", character_coverage=0.999, num_threads=1, minloglevel=2)
    return prefix + ".model"


def convert(processor, byte_fallback):
    """What transformers' SpmConverter and, with byte fallback, its GemmaConverter put together; without the rules of normalization."""
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    bytes_decoder = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": ""}, {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}]},
        "pre_tokenizer": metaspace, "post_processor": None, "decoder": bytes_decoder if byte_fallback else metaspace,
        "model": {"type": "Unigram", "unk_id": processor.unk_id(), "byte_fallback": byte_fallback,
                  "vocab": [[processor.id_to_piece(i), processor.get_score(i)] for i in range(processor.get_piece_size())]},
    }


def texts(generator, sentences, count):
    yield from TEXTS
    for _ in range(count):
        words = generator.choice(sentences).split()
        start = generator.randrange(max(1, len(words)))
        yield " ".join(words[start:start + generator.randrange(1, 8)])
        yield "".join(generator.choice(PIECES) for _ in range(generator.randrange(1, 9)))


def main(repository, charsmap_path, count=70):
    paths = [f"{repository}/README.md", *sorted(glob.glob(f"{repository}/docs/**/*.md", recursive=True))]
    sentences = [line.rstrip("\n") for path in paths for line in open(path, encoding="utf-8")] + LINES * 8
    sentences = [sentence for sentence in sentences if sentence]
    generator = random.Random(20)
    with tempfile.TemporaryDirectory() as folder:
        for vocabulary_size, byte_fallback in ((420, False), (620, True)):
            model_path = train(sentences, folder, vocabulary_size, byte_fallback)
            processor = sentencepiece.SentencePieceProcessor(model_file=model_path)
            with open(charsmap_path, "wb") as file:
                file.write(charsmap(model_path))
            rows = [{"text": text, "spm_ids": processor.encode(text), "spm_decoded": processor.decode(processor.encode(text))}
                    for text in texts(generator, sentences, count)]
            print(json.dumps({"tokenizer": convert(processor, byte_fallback), "rows": rows}, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
