// Counts what a worker asks of its GPU: dispatches, and pipelines that were made.

const counts = { dispatches: 0, pipelines: 0 };

function counted(owner, name, what) {
  const method = owner?.prototype[name];
  if (!method) return;
  owner.prototype[name] = function (...given) {
    counts[what] += 1;
    return method.apply(this, given);
  };
}

counted(globalThis.GPUComputePassEncoder, "dispatchWorkgroups", "dispatches");
counted(globalThis.GPUDevice, "createComputePipeline", "pipelines");
counted(globalThis.GPUDevice, "createComputePipelineAsync", "pipelines");

/** What was counted since it was asked last. */
globalThis.gpuCounts = () => {
  const now = { ...counts };
  Object.assign(counts, { dispatches: 0, pipelines: 0 });
  return now;
};
