// What Anthropic's own client makes of the server: node anthropic.mjs URL CHECK. Exits with 0 where it is what an agent expects.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const [url, check] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: "secret", authToken: null, maxRetries: 0 });
const base = { model: "tiny", max_tokens: 512 };
const user = content => [{ role: "user", content }];
const calculator = {
  name: "calculator",
  description: "Computes.",
  input_schema: { type: "object", properties: { expression: { type: "string" } }, required: ["expression"] },
};

const checks = {
  async messages() {
    const answer = await client.messages.create({ ...base, system: [{ type: "text", text: "Be brief." }], messages: user([{ type: "text", text: "Is it so?" }]) });
    assert.deepEqual(answer.content, [{ type: "text", text: "yes" }]);
    assert.deepEqual([answer.stop_reason, answer.stop_sequence], ["end_turn", null]);
    const { input_tokens } = await client.messages.countTokens({ model: base.model, system: "Be brief.", messages: user("Is it so?") });
    assert.equal(answer.usage.input_tokens + answer.usage.cache_read_input_tokens, input_tokens);
  },

  async streaming() {
    const texts = [];
    const stream = client.messages.stream({ ...base, messages: user("Say it slowly.") }).on("text", text => texts.push(text));
    const answer = await stream.finalMessage();
    assert.equal(answer.content[0].text, "o".repeat(100));
    assert.equal(texts.join(""), answer.content[0].text);
    assert.ok(texts.length > 10);
    assert.deepEqual([answer.stop_reason, answer.stop_sequence], ["end_turn", null]);
    assert.ok(answer.usage.output_tokens > 10);
  },

  async stops() {
    const short = await client.messages.create({ ...base, max_tokens: 3, messages: user("Say it slowly.") });
    assert.equal(short.stop_reason, "max_tokens");
    const stopped = await client.messages.stream({ ...base, messages: user("Is it so?"), stop_sequences: ["es"] }).finalMessage();
    assert.deepEqual([stopped.content[0].text, stopped.stop_reason, stopped.stop_sequence], ["y", "stop_sequence", "es"]);
  },

  async tools() {
    const messages = user("Please calculate.");
    const asking = await client.messages.create({ ...base, messages, tools: [calculator] });
    assert.equal(asking.stop_reason, "tool_use");
    const use = asking.content.find(block => block.type === "tool_use");
    assert.deepEqual([use.name, use.input], ["calculator", { expression: "1+1" }]);
    messages.push({ role: "assistant", content: asking.content }, { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: [{ type: "text", text: "2" }] }] });
    assert.equal((await client.messages.create({ ...base, messages, tools: [calculator] })).content[0].text, "yes");
  },

  async streamed_tools() {
    const answer = await client.messages.stream({ ...base, messages: user("Please calculate."), tools: [calculator] }).finalMessage();
    assert.equal(answer.stop_reason, "tool_use");
    assert.deepEqual(answer.content.map(block => [block.type, block.name, block.input]), [["tool_use", "calculator", { expression: "1+1" }]]);
  },

  async errors() {
    await assert.rejects(client.messages.create({ ...base, model: "other", messages: user("x") }), error =>
      error instanceof Anthropic.NotFoundError && error.error.error.type === "not_found_error");
    await assert.rejects(client.messages.create({ ...base, messages: user([{ type: "image", source: { type: "url", url: "http://127.0.0.1/x" } }]) }), error =>
      error instanceof Anthropic.BadRequestError && error.message.includes("type 'image'"));
    await assert.rejects(new Anthropic({ baseURL: url, apiKey: "wrong", maxRetries: 0 }).messages.create({ ...base, messages: user("x") }), Anthropic.AuthenticationError);
  },

  async leaving() {
    const stream = await client.messages.create({ ...base, messages: user("Go on endlessly."), stream: true });
    for await (const event of stream) {
      if (event.type === "content_block_delta") break;
    }
  },
};

await checks[check]();
