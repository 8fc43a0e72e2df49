/** What warnings say besides, so that one knows what to do. */

/** What people look for that come from elsewhere, or from earlier releases. */
const HINTS: Readonly<Record<string, string>> = {
  dtype: 'precision: "f32" or "int8"',
  quantized: 'precision: "int8"',
  progress_callback: "onProgress",
  session_options: "threads",
  revision: "hub: { revision }",
  cache_dir: "cache",
  persist: "cache: { persist }",
  maxBytes: "limits: { maxBytes }",
  maxPixels: "limits: { maxPixels }",
  startTimeout: "limits: { startTimeout }",
  cancelTimeout: "limits: { cancelTimeout }",
  workerUrl: "worker: () => new Worker(…)",
  latestOnly: "clip.latest()",
};

/** What the warning of an option says besides: of one that is unknown, or of `threads`. */
export function hintFor(name: string): string {
  if (name === "threads") return `: ${whyNoThreads()}`;
  return Object.hasOwn(HINTS, name) ? `; use ${HINTS[name]}` : "";
}

function whyNoThreads(): string {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  if (isolated === false) return "threads need a page that is cross-origin isolated (docs/headers.md)";
  return typeof SharedArrayBuffer === "function" ? "no more could be started" : "this browser has no SharedArrayBuffer (docs/browsers.md)";
}
