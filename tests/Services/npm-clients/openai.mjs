// What OpenAI's own client makes of the server: node openai.mjs URL CHECK. Exits with 0 where it is what an agent expects.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [url, check] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "secret", maxRetries: 0 });
const model = "tiny";
const user = content => [{ role: "user", content }];
const calculator = {
  type: "function",
  function: {
    name: "calculator",
    description: "Computes.",
    parameters: { type: "object", properties: { expression: { type: "string" } }, required: ["expression"] },
  },
};

const checks = {
  async chat() {
    const answer = await client.chat.completions.create({ model, messages: [{ role: "developer", content: "Be brief." }, ...user("Is it so?")] });
    assert.equal(answer.choices[0].message.content, "yes");
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  },

  async streaming() {
    const pieces = [];
    const stream = await client.chat.completions.create({ model, messages: user("Say it slowly."), stream: true, stream_options: { include_usage: true } });
    for await (const piece of stream) pieces.push(piece);
    const text = pieces.map(piece => piece.choices[0]?.delta.content ?? "").join("");
    assert.equal(text, "o".repeat(100));
    assert.ok(pieces.filter(piece => piece.choices[0]?.delta.content).length > 10);
    assert.equal(pieces.at(-2).choices[0].finish_reason, "stop");
    assert.equal(pieces.at(-1).usage.completion_tokens > 10, true);
    const final = await client.chat.completions.stream({ model, messages: user("Is it so?"), n: 2 }).finalChatCompletion();
    assert.deepEqual(final.choices.map(choice => choice.message.content), ["yes", "yes"]);
  },

  async tools() {
    const asked = [];
    const run = client.chat.completions.runTools({
      model,
      messages: user("Please calculate."),
      tools: [{ type: "function", function: { ...calculator.function, parse: JSON.parse, function: ({ expression }) => { asked.push(expression); return "2"; } } }],
    });
    assert.equal(await run.finalContent(), "yes");
    assert.deepEqual(asked, ["1+1"]);
    const silent = await client.chat.completions.create({ model, messages: user("Please calculate."), tools: [calculator], tool_choice: "none" });
    assert.equal(silent.choices[0].message.tool_calls, undefined);
  },

  async streamed_tools() {
    const asked = [];
    const run = client.chat.completions.runTools({
      model,
      stream: true,
      messages: user("Please calculate."),
      tools: [{ type: "function", function: { ...calculator.function, parse: JSON.parse, function: ({ expression }) => { asked.push(expression); return "2"; } } }],
    });
    const pieces = [];
    run.on("chunk", piece => pieces.push(...(piece.choices[0]?.delta.tool_calls ?? [])));
    assert.equal(await run.finalContent(), "yes");
    assert.deepEqual(asked, ["1+1"]);
    assert.ok(pieces.length > 2);
    assert.equal(pieces.filter(piece => piece.id).length, 1);
  },

  async logprobs() {
    const answer = await client.chat.completions.create({ model, messages: user("Is it so?"), logprobs: true });
    const items = answer.choices[0].logprobs.content;
    assert.equal(items.length, answer.usage.completion_tokens);
    assert.ok(items.every(item => item.logprob < 0 && Array.isArray(item.top_logprobs)));
    assert.equal(Buffer.from(items.slice(0, -1).flatMap(item => item.bytes)).toString(), "yes");
  },

  async completions() {
    const answer = await client.completions.create({ model, prompt: ["Is it so?", "Really?"], logprobs: 0, max_tokens: 8 });
    assert.deepEqual(answer.choices.map(choice => choice.text), ["yes", "yes"]);
    assert.equal(answer.choices[0].logprobs.tokens.length, answer.choices[0].logprobs.token_logprobs.length);
    let text = "";
    for await (const piece of await client.completions.create({ model, prompt: "Is it so?", stream: true })) text += piece.choices[0].text;
    assert.equal(text, "yes");
  },

  async models() {
    const models = [];
    for await (const one of client.models.list()) models.push(one.id);
    assert.deepEqual(models, [model]);
    assert.equal((await client.models.retrieve(model)).object, "model");
  },

  async embeddings() {
    const models = [];
    for await (const one of client.models.list()) models.push(one.id);
    const [, embedding] = models;
    // The client asks for base64 unless it is told otherwise.
    const packed = await client.embeddings.create({ model: embedding, input: ["Is it so?", "no"] });
    const plain = await client.embeddings.create({ model: embedding, input: ["Is it so?", "no"], encoding_format: "float" });
    assert.deepEqual(packed.data.map(one => one.embedding), plain.data.map(one => one.embedding.map(Math.fround)));
    assert.ok(packed.data[0].embedding.length > 1 && packed.usage.total_tokens === packed.usage.prompt_tokens);
    await assert.rejects(client.embeddings.create({ model: embedding, input: "x", dimensions: 1 }), OpenAI.BadRequestError);
  },

  async errors() {
    await assert.rejects(client.chat.completions.create({ model: "other", messages: user("x") }), error =>
      error instanceof OpenAI.NotFoundError && error.code === "unknown_model" && error.message.includes("known models: tiny"));
    await assert.rejects(client.chat.completions.create({ model, messages: user("x"), response_format: { type: "json_object" } }), error =>
      error instanceof OpenAI.BadRequestError && error.type === "invalid_request_error");
    await assert.rejects(new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
  },

  async leaving() {
    const stream = await client.chat.completions.create({ model, messages: user("Go on endlessly."), stream: true });
    for await (const piece of stream) {
      if (piece.choices[0].delta.content) break;
    }
  },
};

await checks[check]();
