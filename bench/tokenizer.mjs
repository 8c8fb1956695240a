// Encodes and decodes a text in chunks of 4,096 characters on one thread with Hugging Face's Rust library or gpt-tokenizer; prints one JSON object.
// usage: npm install --ignore-scripts tokenizers@0.23.2 gpt-tokenizer; node tokenizer.mjs NODE_MODULES hf|gpt TEXT_FILE TOKENIZER_JSON REPEATS
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, engine, file, json, repeats] = process.argv.slice(2);
const require = createRequire(modules + '/');
const text = readFileSync(file, 'utf8');
const megabytes = Buffer.byteLength(text) / 1e6;
const chunks = [];
for (let start = 0; start < text.length; start += 4096) chunks.push(text.slice(start, start + 4096));
const median = values => values.sort((a, b) => a - b)[values.length >> 1];

async function measure(work) {
  const wall = [], cpu = [];
  for (let repeat = 0; repeat < +repeats; repeat++) {
    const usedBefore = process.cpuUsage(), started = process.hrtime.bigint();
    await work();
    wall.push(Number(process.hrtime.bigint() - started) / 1e6);
    const used = process.cpuUsage(usedBefore);
    cpu.push((used.user + used.system) / 1e3);
  }
  return { wallMs: median(wall), cpuMs: median(cpu) };
}

let encode, decode, loadMs = null;
if (engine === 'hf') {
  const { Tokenizer } = require('tokenizers');
  const started = process.hrtime.bigint();
  const tokenizer = Tokenizer.fromFile(json);
  loadMs = Number(process.hrtime.bigint() - started) / 1e6;
  encode = async chunk => (await tokenizer.encode(chunk, null, { addSpecialTokens: false })).getIds();
  decode = ids => tokenizer.decode(ids, false);
} else {
  const gpt = require('gpt-tokenizer/encoding/o200k_base');
  encode = async chunk => gpt.encode(chunk);
  decode = async ids => gpt.decode(ids);
}

const ids = [];
for (const chunk of chunks) ids.push(await encode(chunk));
const encoding = await measure(async () => { for (const chunk of chunks) await encode(chunk); });
for (const part of ids) await decode(part);
const decoding = await measure(async () => { for (const part of ids) await decode(part); });
console.log(JSON.stringify({
  tokens: ids.reduce((sum, part) => sum + part.length, 0),
  encode_mb_per_s: megabytes / encoding.wallMs * 1e3, encode_mb_per_cpu_s: megabytes / encoding.cpuMs * 1e3,
  decode_mb_per_s: megabytes / decoding.wallMs * 1e3, decode_mb_per_cpu_s: megabytes / decoding.cpuMs * 1e3,
  first_load_ms: loadMs,
}));
