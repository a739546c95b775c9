// Makes calls with the real npm package `openai`, one after the other, and prints what each came to as one JSON array.
// argv: folder with node_modules, JSON {baseURL, apiKey, options{}, calls: [{model, prompt, max_tokens, stream}]}
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, task] = [process.argv[2], JSON.parse(process.argv[3])];
const { default: OpenAI } = await import(pathToFileURL(createRequire(folder + '/').resolve('openai')));
const client = new OpenAI({ baseURL: task.baseURL, apiKey: task.apiKey, ...task.options });
const errors = ['AuthenticationError', 'PermissionDeniedError', 'NotFoundError', 'BadRequestError', 'RateLimitError', 'InternalServerError', 'APIError'];

async function answer({ prompt, stream, ...rest }) {
  const body = { messages: [{ role: 'user', content: prompt }], ...rest };
  if (!stream) {
    const whole = await client.chat.completions.create(body);
    return { text: whole.choices[0].message.content, finish: whole.choices[0].finish_reason, output_tokens: whole.usage.completion_tokens };
  }
  const result = { text: '', finish: null, chunks: 0 };
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
    result.chunks++;
    result.text += chunk.choices[0]?.delta.content ?? '';
    result.finish ??= chunk.choices[0]?.finish_reason ?? null;
  }
  return result;
}

const outcomes = [];
for (const call of task.calls) {
  const started = performance.now();
  const outcome = await answer(call).catch(e => ({
    error: errors.find(name => e instanceof OpenAI[name]) ?? e.constructor.name,
    status: e.status, code: e.code, type: e.type, message: e.message, request_id: e.requestID,
    retry_after: e.headers?.get('retry-after') ?? null, body: e.error ?? null,
  }));
  outcomes.push({ ...outcome, seconds: (performance.now() - started) / 1000 });
}
console.log(JSON.stringify(outcomes));
