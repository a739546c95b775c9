// Makes calls of other endpoints with the real npm package `openai`, one after the other, and prints what the SDK parsed, hashed, as one JSON array.
// argv: folder with node_modules, JSON {baseURL, apiKey, azure, calls: [{kind, body, bytes}]}
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, task] = [process.argv[2], JSON.parse(process.argv[3])];
const { default: OpenAI, AzureOpenAI, toFile } = await import(pathToFileURL(createRequire(folder + '/').resolve('openai')));
const client = task.azure ? new AzureOpenAI({ endpoint: task.baseURL, apiKey: task.apiKey, apiVersion: task.azure }) : new OpenAI({ baseURL: task.baseURL, apiKey: task.apiKey });
const file = (bytes, name) => toFile(Buffer.alloc(bytes), name);

const all = async stream => {
  const events = [];
  for await (const event of stream)
    events.push(event);
  return events;
};

const kinds = {
  chat: async ({ body }) => (body.stream ? all(await client.chat.completions.create(body)) : client.chat.completions.create(body)),
  completions: async ({ body }) => (body.stream ? all(await client.completions.create(body)) : client.completions.create(body)),
  embeddings: ({ body }) => client.embeddings.create(body),
  images: ({ body }) => client.images.generate(body),
  edits: async ({ body, bytes }) => client.images.edit({ ...body, image: await file(bytes, 'a.png') }),
  speech: async ({ body }) => ({ bytes: (await (await client.audio.speech.create(body)).arrayBuffer()).byteLength }),
  transcriptions: async ({ body, bytes }) => {
    const answer = await client.audio.transcriptions.create({ ...body, file: await file(bytes, 'a.mp3') });
    return body.stream ? all(answer) : answer;
  },
  translations: async ({ body, bytes }) => client.audio.translations.create({ ...body, file: await file(bytes, 'a.mp3') }),
  moderations: ({ body }) => client.moderations.create(body),
  responses: async ({ body }) => (body.stream ? all(await client.responses.create(body)) : client.responses.create(body)),
};

// What is another each time: ids and times. Where the gateway asks for usage, chunks before it say that it is null.
const volatile = new Set(['id', 'created', 'created_at', 'item_id', '_request_id', 'output_text']);
const seen = value => JSON.parse(JSON.stringify(value, (key, it) => (volatile.has(key) || (key === 'usage' && it === null) ? undefined : it)));
// Lines of output are bounded: all of it as a hash, and how it begins.
const told = it => { const json = JSON.stringify(it); return { hash: createHash('sha256').update(json).digest('hex'), begins: json.slice(0, 150), error: it.error }; };
const outcomes = [];
for (const call of task.calls)
  outcomes.push(told(await Promise.resolve(kinds[call.kind](call)).then(seen, e => ({ error: e.message, status: e.status }))));
console.log(JSON.stringify(outcomes));
