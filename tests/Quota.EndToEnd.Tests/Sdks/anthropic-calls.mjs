// Makes calls with the real npm package `@anthropic-ai/sdk`, one after the other, and prints what each came to as one JSON array.
// argv: folder with node_modules, JSON {baseURL, apiKey, options{}, calls: [{stream, body}]}
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, task] = [process.argv[2], JSON.parse(process.argv[3])];
const { default: Anthropic } = await import(pathToFileURL(createRequire(folder + '/').resolve('@anthropic-ai/sdk')));
const client = new Anthropic({ baseURL: task.baseURL, apiKey: task.apiKey, ...task.options });

async function answer({ stream, body }) {
  let [whole, events] = [null, 0];
  if (stream) {
    const running = client.messages.stream(body);
    for await (const _ of running) events++;
    whole = await running.finalMessage();
  } else {
    whole = await client.messages.create(body);
  }
  const { id, _request_id, ...seen } = whole;   // these two differ from call to call
  return { seen: { ...seen, events } };
}

const outcomes = [];
for (const call of task.calls) {
  const started = performance.now();
  const outcome = await answer(call).catch(e => ({
    error: e.constructor.name, own: e instanceof Anthropic.APIError, status: e.status, type: e.type, message: e.message,
    retry_after: e.headers?.get('retry-after') ?? null, body: e.error ?? null,
  }));
  outcomes.push({ ...outcome, seconds: (performance.now() - started) / 1000 });
}
console.log(JSON.stringify(outcomes));
