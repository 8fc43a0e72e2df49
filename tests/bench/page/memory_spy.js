// Imported before a contender: remembers every WebAssembly memory of this worker, and tells their bytes when asked.

const memories = new Set();

const remember = ({ instance, exports = instance?.exports }) => {
  for (const value of Object.values(exports ?? {})) if (value instanceof WebAssembly.Memory) memories.add(value);
};

WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(target, args, newTarget) {
    const memory = Reflect.construct(target, args, newTarget);
    memories.add(memory);
    return memory;
  },
});

for (const name of ["instantiate", "instantiateStreaming"]) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...args) => {
    const result = await original(...args);
    remember(result instanceof WebAssembly.Instance ? { exports: result.exports } : result);
    return result;
  };
}

globalThis.wasmMemory = () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
