// Vercel AI SDK: a tool loop whole and streamed, over responses and chat completions, typed answers, and faults.
import readline from "node:readline";

import { openai } from "@ai-sdk/openai";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const system = "You are a weather assistant.";
const Place = z.object({ city: z.string() });
const stopWhen = stepCountIs(5);
const tools = {
  get_weather: tool({
    description: "The weather in a city, now.",
    inputSchema: Place,
    execute: async ({ city }) => {
      see({ tool: "get_weather", city });
      return `It is 11 degrees in ${city}.`;
    },
  }),
};

const seen = [];
const see = (shown) => seen.push(shown);
const user = (text) => ({ role: "user", content: text });

async function converse(model, said) {
  const messages = [];
  for (const text of said) {
    messages.push(user(text));
    const answer = await generateText({ model, system, messages, tools, stopWhen });
    const { finishReason, steps, usage } = answer;
    see({ text: answer.text, finishReason, steps: steps.length, tokens: usage.outputTokens });
    messages.push(...answer.response.messages);
  }
}

async function attempt(ask) {
  const heard = [];
  try {
    await ask((piece) => heard.push(piece));
    see({ text: heard.join("") });
  } catch (error) {
    const { name = "none", message, statusCode: status } = error;
    see({ error: name, status, message, text: heard.join("") });
  }
}

async function faults(model, said) {
  for (const prompt of said) {
    await attempt(async (hear) => hear((await generateText({ model, prompt, maxRetries: 3 })).text));
    await attempt(async (hear) => {
      const { fullStream } = streamText({ model, prompt, maxRetries: 3, onError: () => {} });
      for await (const part of fullStream) {
        if (part.type === "text-delta") hear(part.text);
        if (part.type === "error") throw part.error;
      }
    });
  }
}

const ways = {
  responses: (said) => converse(openai("gpt-4o"), said),
  chat: (said) => converse(openai.chat("gpt-4o"), said),
  responses_faults: (said) => faults(openai("gpt-4o"), said),
  chat_faults: (said) => faults(openai.chat("gpt-4o"), said),

  async stream(said) {
    const messages = [];
    for (const text of said) {
      messages.push(user(text));
      const answer = streamText({ model: openai.chat("gpt-4o"), system, messages, tools, stopWhen });
      const parts = [];
      for await (const part of answer.fullStream) parts.push([part.type, part.text ?? part.input ?? null]);
      see({ parts, tokens: (await answer.totalUsage).outputTokens });
      messages.push(...(await answer.response).messages);
    }
  },

  async structured(said) {
    for (const prompt of said) {
      const { object } = await generateObject({ model: openai("gpt-4o"), schema: Place, prompt });
      see({ parsed: object });
    }
  },
};

const [, way] = process.argv;
for await (const line of readline.createInterface({ input: process.stdin })) {
  await ways[way](JSON.parse(line));
  console.log(JSON.stringify(seen.splice(0)));
}
