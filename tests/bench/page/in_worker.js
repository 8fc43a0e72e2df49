// A peer in a worker, as an application runs it that keeps its page alive: `start` names the module, and every function
// of what that starts can be called from here.

export async function start({ module, ...options }) {
  const worker = new Worker("/peer_worker.js", { type: "module" });
  const pending = new Map();
  let ids = 0;
  const fail = (message) => pending.forEach(({ reject }) => reject(new Error(message)));
  worker.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  };
  worker.onerror = (event) => fail(`the worker failed: ${event.message}`);
  const call = (name, ...values) =>
    new Promise((resolve, reject) => {
      ids += 1;
      pending.set(ids, { resolve, reject });
      worker.postMessage({ id: ids, name, values });
    });
  const { facts, functions } = await call("start", module, options);
  return { facts, ...Object.fromEntries(functions.map((name) => [name, (...values) => call(name, ...values)])) };
}
