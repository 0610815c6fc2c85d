// openai-node: chat completions and responses by the client's own methods.
import readline from "node:readline";

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const model = "gpt-4o";
const system = "You are a weather assistant.";
const description = "The weather in a city, now.";
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const tools = [{ type: "function", name: "get_weather", description, parameters, strict: true }];
const chatTools = [{ type: "function", function: { name: "get_weather", description, parameters } }];
const Place = z.object({ city: z.string() });

const client = new OpenAI({ maxRetries: 3 });
const seen = [];
const see = (shown) => seen.push(shown);
const user = (text) => ({ role: "user", content: text });

function getWeather({ city }) {
  see({ tool: "get_weather", city });
  return `It is 11 degrees in ${city}.`;
}

function results(output) {
  return output
    .filter((item) => item.type === "function_call")
    .map((item) => ({
      type: "function_call_output",
      call_id: item.call_id,
      output: getWeather(JSON.parse(item.arguments)),
    }));
}

async function attempt(ask) {
  const heard = [];
  try {
    await ask((piece) => heard.push(piece));
    see({ text: heard.join("") });
  } catch (error) {
    see({ error: error.constructor.name, status: error.status, message: error.message, text: heard.join("") });
  }
}

const ways = {
  async chat(said) {
    const messages = [{ role: "system", content: system }];
    for (const text of said) {
      messages.push(user(text));
      for (let calls = [null]; calls.length > 0; ) {
        const answer = await client.chat.completions.create({ model, messages, tools: chatTools });
        const { message, finish_reason: finish } = answer.choices[0];
        see({ text: message.content, finish, tokens: answer.usage.completion_tokens });
        calls = message.tool_calls ?? [];
        messages.push(message);
        for (const call of calls) {
          const content = getWeather(JSON.parse(call.function.arguments));
          messages.push({ role: "tool", tool_call_id: call.id, content });
        }
      }
    }
  },

  // The client's own tool loop, streamed.
  async chat_runner(said) {
    const runnable = { name: "get_weather", description, parameters, parse: JSON.parse, function: getWeather };
    let messages = [{ role: "system", content: system }];
    for (const text of said) {
      messages.push(user(text));
      const tools = [{ type: "function", function: runnable }];
      const runner = client.chat.completions.runTools({ model, messages, tools, stream: true });
      const pieces = [];
      runner.on("content", (piece) => pieces.push(piece));
      const answer = await runner.finalContent();
      see({ text: answer, pieces });
      messages = [...runner.messages];
    }
  },

  async chat_parse(said) {
    const messages = [];
    for (const text of said) {
      messages.push(user(text));
      const response_format = zodResponseFormat(Place, "place");
      const answer = await client.chat.completions.parse({ model, messages, response_format });
      const { message } = answer.choices[0];
      see({ parsed: message.parsed });
      messages.push({ role: "assistant", content: message.content });
    }
  },

  async chat_faults(said) {
    for (const text of said) {
      const messages = [user(text)];
      await attempt(async (hear) =>
        hear((await client.chat.completions.create({ model, messages })).choices[0].message.content),
      );
      await attempt(async (hear) => {
        const stream = await client.chat.completions.create({ model, messages, stream: true });
        for await (const chunk of stream) hear(chunk.choices[0].delta.content ?? "");
      });
    }
  },

  async responses(said) {
    const input = [];
    for (const text of said) {
      input.push(user(text));
      for (let returned = [null]; returned.length > 0; ) {
        const answer = await client.responses.create({ model, instructions: system, input, tools });
        see({ text: answer.output_text, status: answer.status, tokens: answer.usage.output_tokens });
        returned = results(answer.output);
        input.push(...answer.output, ...returned);
      }
    }
  },

  // Streamed, and only what is new sent after `previous_response_id`.
  async responses_stream(said) {
    let previous_response_id = null;
    for (const text of said) {
      for (let input = [user(text)]; input.length > 0; ) {
        const stream = client.responses.stream({ model, input, tools, previous_response_id });
        const events = [];
        for await (const event of stream) events.push([event.type, event.delta]);
        const answer = await stream.finalResponse();
        see({ events, status: answer.status, tokens: answer.usage.output_tokens });
        previous_response_id = answer.id;
        input = results(answer.output);
      }
    }
  },

  async responses_parse(said) {
    for (const text of said) {
      const format = zodTextFormat(Place, "place");
      const answer = await client.responses.parse({ model, input: text, text: { format } });
      see({ parsed: answer.output_parsed });
    }
  },

  async responses_faults(said) {
    for (const input of said) {
      await attempt(async (hear) => hear((await client.responses.create({ model, input })).output_text));
      await attempt(async (hear) => {
        const stream = await client.responses.create({ model, input, stream: true });
        for await (const event of stream) if (event.type === "response.output_text.delta") hear(event.delta);
      });
    }
  },
};

const [, way] = process.argv;
for await (const line of readline.createInterface({ input: process.stdin })) {
  await ways[way](JSON.parse(line));
  console.log(JSON.stringify(seen.splice(0)));
}
