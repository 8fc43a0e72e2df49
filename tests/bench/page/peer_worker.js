// The worker's half of in_worker.js.

import "./memory_spy.js";

let contender;

async function start(module, options) {
  const { start } = await import(`./${module}.js`);
  contender = await start(options);
  const { facts, ...functions } = contender;
  return { facts, functions: Object.keys(functions) };
}

globalThis.onmessage = async ({ data: { id, name, values } }) => {
  try {
    postMessage({ id, result: await (name === "start" ? start(...values) : contender[name](...values)) });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
};
