// Adds to the lines of unigram_vectors.py what Hugging Face's tokenizers make of the texts (npm tokenizers 0.23.2), and takes away what
// SentencePiece says where the two differ. usage: see unigram_vectors.py
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import tokenizers from 'tokenizers';

for await (const line of createInterface({ input: process.stdin })) {
  const { tokenizer, rows } = JSON.parse(line);
  const charsmap = readFileSync(process.argv[2]).toString('base64'); // written before the first line
  // The scores stay as Python wrote them: the last digits matter.
  const text = line.slice(line.indexOf('{', 1), line.lastIndexOf(', "rows": '));
  const reference = tokenizers.Tokenizer.fromString(text.replace('"precompiled_charsmap": ""', () => `"precompiled_charsmap": "${charsmap}"`));
  for (const row of rows) {
    row.ids = (await reference.encode(row.text, null, { addSpecialTokens: false })).getIds();
    row.decoded = await reference.decode(row.ids, false);
    if (String(row.ids) !== String(row.spm_ids)) delete row.spm_ids;
    if (row.decoded !== row.spm_decoded || !row.spm_ids) delete row.spm_decoded;
  }
  console.log(`{"tokenizer": ${text}, "rows": ${JSON.stringify(rows)}}`);
}
