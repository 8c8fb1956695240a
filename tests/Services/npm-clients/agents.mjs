// Agents of their own, as people write them, many at once: node agents.mjs FILE openai|anthropic. The file names their base URLs, keys and questions,
// the tools that they offer, and what the tool answers.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";

const { agents, tools, results } = JSON.parse(readFileSync(process.argv[2]));
const calculate = ({ expression }) => results[expression] ?? `no result for ${expression}`;

const kinds = {
  async openai({ openai_base_url: baseURL, key: apiKey, question }) {
    const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
    const functions = tools.map(tool => ({ type: "function", function: tool }));
    const messages = [{ role: "user", content: question }];
    while (true) {
      const { choices: [{ message }] } = await client.chat.completions.create({ model: "any", messages, tools: functions, temperature: 0.3 });
      messages.push(message);
      if (!message.tool_calls) return;
      for (const call of message.tool_calls)
        messages.push({ role: "tool", tool_call_id: call.id, content: calculate(JSON.parse(call.function.arguments)) });
    }
  },

  async anthropic({ anthropic_base_url: baseURL, key: apiKey, question }) {
    const client = new Anthropic({ baseURL, apiKey, authToken: null, maxRetries: 0 });
    const offered = tools.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters }));
    const messages = [{ role: "user", content: question }];
    while (true) {
      const answer = await client.messages.stream({ model: "any", max_tokens: 1024, messages, tools: offered }).finalMessage();
      messages.push({ role: "assistant", content: answer.content });
      if (answer.stop_reason !== "tool_use") return;
      const calls = answer.content.filter(block => block.type === "tool_use");
      messages.push({ role: "user", content: calls.map(call => ({ type: "tool_result", tool_use_id: call.id, content: calculate(call.input) })) });
    }
  },
};

await Promise.all(agents.map(kinds[process.argv[3]]));
