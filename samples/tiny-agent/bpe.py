"""Byte-level BPE in the shape of Qwen's tokenizer: training, encoding, and the tokenizer.json that carries it."""

import collections
import json
import re

# The regular expression of Qwen2 and Qwen3. Python's re has no \p{..}; on ASCII text the second pattern splits alike.
QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
_ASCII_SPLIT = re.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
_SPECIAL_SPLIT = re.compile("(" + "|".join(re.escape(token) for token in SPECIAL_TOKENS) + ")")


def byte_alphabet():
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


ALPHABET = byte_alphabet()


def words(text):
    """The pieces that merges never cross, in the byte alphabet."""
    if not text.isascii():
        raise ValueError(f"Only ASCII text can be split here: {text!r}.")
    for part in _ASCII_SPLIT.findall(text):
        yield "".join(ALPHABET[byte] for byte in part.encode())


def train(texts, vocabulary_size):
    """Learns merges until the vocabulary, special tokens included, is full.

    A space is never merged with a capital letter, so that a name has the same tokens after a space and at the start of a turn.
    """
    counts = collections.Counter()
    for text in texts:
        for part in _SPECIAL_SPLIT.split(text):
            if part not in SPECIAL_TOKENS:
                counts.update(words(part))
    splits = {word: tuple(word) for word in counts}
    merges = []
    while 256 + len(merges) + len(SPECIAL_TOKENS) < vocabulary_size:
        pairs = collections.Counter()
        for word, pieces in splits.items():
            for pair in zip(pieces, pieces[1:]):
                if not (pair[0] == ALPHABET[32] and pair[1][0].isupper()):
                    pairs[pair] += counts[word]
        if not pairs or pairs.most_common(1)[0][1] < 2:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, pieces in splits.items():
            splits[word] = _merge(pieces, best)
    return merges


def _merge(pieces, pair):
    merged, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == pair:
            merged.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            merged.append(pieces[i])
            i += 1
    return tuple(merged)


class Tokenizer:
    def __init__(self, merges):
        pieces = [ALPHABET[byte] for byte in sorted(ALPHABET, key=lambda byte: ord(ALPHABET[byte]))]
        pieces += [left + right for left, right in merges]
        self.merges = merges
        self.vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
        self.special = {token: len(self.vocabulary) + i for i, token in enumerate(SPECIAL_TOKENS)}
        self._ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
        self._cache = {}
        bytes_of = {char: byte for byte, char in ALPHABET.items()}
        self._bytes = {i: bytes(bytes_of[char] for char in piece) for piece, i in self.vocabulary.items()}
        self._bytes.update({i: token.encode() for token, i in self.special.items()})

    @classmethod
    def load(cls, path):
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        return cls([tuple(pair) for pair in model["merges"]])

    def __len__(self):
        return len(self.vocabulary) + len(self.special)

    def encode(self, text):
        ids = []
        for part in _SPECIAL_SPLIT.split(text):
            if part in self.special:
                ids.append(self.special[part])
                continue
            for word in words(part):
                if word not in self._cache:
                    self._cache[word] = [self.vocabulary[piece] for piece in self._merge_all(word)]
                ids += self._cache[word]
        return ids

    def decode(self, ids):
        return b"".join(self._bytes[i] for i in ids).decode(errors="replace")

    def _merge_all(self, word):
        pieces = tuple(word)
        while len(pieces) > 1:
            best = min(zip(pieces, pieces[1:]), key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            pieces = _merge(pieces, best)
        return pieces

    def to_json(self):
        """The content of a Hugging Face tokenizer.json."""
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        return {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [
                {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                 "special": token.startswith("<|")}
                for token, i in self.special.items()],
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": QWEN_SPLIT}, "behavior": "Isolated", "invert": False}, byte_level]},
            "post_processor": byte_level, "decoder": byte_level,
            "model": {
                "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                "vocab": self.vocabulary, "merges": [list(pair) for pair in self.merges]},
        }
