// An MCP server of what is rare: tools that come while it runs, schemas with keywords that few enforce, results without text.
import { writeFileSync } from "node:fs";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const server = new Server({ name: "odd", version: "1.0.0" }, { capabilities: { tools: { listChanged: true } } });
const object = { type: "object", properties: {} };
const tools = [
  { name: "add.tool", description: "Adds a tool.", inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] } },
  { name: "dependent", inputSchema: { type: "object", properties: { a: { type: "string" }, b: { type: "string" } }, dependentRequired: { a: ["b"] } } },
  { name: "parts", description: "A result of all kinds of parts.", inputSchema: object },
  { name: "structured", description: "A result without text.", inputSchema: object },
  { name: "fails", description: "An error without text.", inputSchema: object },
  { name: "waits", description: "Writes a file and never answers.", inputSchema: { type: "object", properties: { file: { type: "string" } } } },
  { name: "refuses", description: "An error of the protocol.", inputSchema: object },
];

const answers = {
  "add.tool": ({ name }) => {
    tools.push({ name, description: "Added.", inputSchema: object });
    server.sendToolListChanged();
    return { content: [{ type: "text", text: "added" }] };
  },
  dependent: args => ({ content: [{ type: "text", text: JSON.stringify(args) }] }),
  parts: () => ({
    content: [
      { type: "text", text: "one" },
      { type: "audio", data: "AAAA", mimeType: "audio/wav" },
      { type: "resource", resource: { uri: "file:///two", text: "two" } },
      { type: "resource", resource: { uri: "file:///three", blob: "AAAA" } },
      { type: "resource_link", uri: "file:///four", name: "four" },
    ],
  }),
  structured: () => ({ content: [], structuredContent: { degrees: 21 } }),
  fails: () => ({ content: [], isError: true }),
  waits: ({ file }) => {
    writeFileSync(file, "");
    return new Promise(() => {});
  },
  refuses: () => { throw new Error("not today"); },
};

server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
server.setRequestHandler(CallToolRequestSchema, ({ params }) => answers[params.name](params.arguments));
await server.connect(new StdioServerTransport());
