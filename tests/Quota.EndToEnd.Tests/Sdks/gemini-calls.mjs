// Makes calls with the real npm package `@google/genai`, one after the other, and prints what each came to as one JSON array.
// argv: folder with node_modules, JSON {baseURL, apiKey, calls: [{method, body}]}
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, task] = [process.argv[2], JSON.parse(process.argv[3])];
const { GoogleGenAI, ApiError } = await import(pathToFileURL(createRequire(folder + '/').resolve('@google/genai')));
const client = new GoogleGenAI({ apiKey: task.apiKey, httpOptions: { baseUrl: task.baseURL } });

async function answer({ method, body }) {
  if (method === 'list') {
    const names = [];
    for await (const model of await client.models.list()) names.push(model.name);
    return { names };
  }
  const result = await client.models[method](body);
  if (method !== 'generateContentStream') {
    const { text, candidates, usageMetadata, modelVersion, totalTokens, embeddings } = result;
    return { text, finish: candidates?.[0]?.finishReason, usage: usageMetadata, modelVersion, totalTokens, embeddings: embeddings?.length };
  }
  const seen = { text: '', chunks: 0 };
  for await (const chunk of result) {
    seen.text += chunk.text ?? '';
    seen.chunks++;
    Object.assign(seen, { finish: chunk.candidates?.[0]?.finishReason, usage: chunk.usageMetadata, modelVersion: chunk.modelVersion });
  }
  return seen;
}

const outcomes = [];
for (const call of task.calls) {
  outcomes.push(await answer(call).then(seen => ({ seen }), e => ({ error: e.constructor.name, own: e instanceof ApiError, status: e.status, message: e.message })));
}
console.log(JSON.stringify(outcomes));
