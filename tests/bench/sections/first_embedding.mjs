// What a visitor waits for: requests, bytes and time until the first embedding, of clip-vision beside transformers.js, from the same
// repositories of a hub.

import { bytes, countedPages, repository, requests } from "../lib/counted_pages.mjs";
import { summary } from "../lib/statistics.mjs";
import { megabytes, milliseconds, spread } from "../lib/table.mjs";

const MODEL = "b32";
/** 50 Mbit a second. */
const LINE = 50e6 / 8;

const SMALL = ["config.json", "preprocessor_config.json"];
/** Repositories as transformers.js' users have them, each with one file of weights, so that everybody reads the same. */
export const REPOSITORIES = {
  "bench/b32-f32": repository(MODEL, [...SMALL, "onnx/vision_model.onnx"]),
  "bench/b32-fp16": repository(MODEL, [...SMALL, "onnx/vision_model_fp16.onnx"]),
  "bench/b32-q8": repository(MODEL, [...SMALL, "onnx/vision_model_quantized.onnx"]),
  "bench/b32-int8": repository(MODEL, [...SMALL, ["onnx/vision_model_int8.onnx", "onnx/vision_model_quantized.onnx"]]),
};

/** Which weights there are, and what each contender is asked for. */
const WEIGHTS = [
  { weights: "f32", precision: "f32", dtype: "fp32" },
  { weights: "fp16", precision: "f32", dtype: "fp16" },
  { weights: "q8", precision: "int8", dtype: "q8" },
  { weights: "int8", precision: "int8", dtype: "int8" },
];

const contenders = WEIGHTS.flatMap(({ weights, precision, dtype }) => [
  { name: "clip-vision", weights, asked: precision },
  { name: "transformers.js", weights, asked: dtype },
]);

export default {
  name: "first-embedding",
  what: "requests, bytes and time until a page's first embedding in Chromium, ViT-B/32's vision tower",
  needs: ["package", "peers"],
  models: [MODEL],
  rounds: 3,
  async run(bench) {
    const pages = await countedPages(bench.chrome, REPOSITORIES);
    const measured = contenders.map((contender) => ({ ...contender, fast: [] }));
    try {
      for (let round = 0; round < bench.rounds; round += 1) {
        for (const contender of measured) contender.fast.push(await visit(pages, contender, Infinity));
        bench.say(`round ${round + 1} of ${bench.rounds}`);
      }
      for (const contender of measured) contender.slow = await visit(pages, contender, LINE);
    } finally {
      await pages.close();
    }
    return [
      {
        title: "Until the first embedding",
        columns: [
          "", "weights", "requests", "scripts, kB", "wasm, MB", "weights, MB", "loopback, nothing kept, ms", "all kept, ms",
          "50 Mbit/s, nothing kept, ms", "all kept, ms", "bytes then, kB",
        ],
        rows: measured.map(rowOf),
        notes: [
          "From before a page's first script of the package to its first embedding of a JPEG of 640 × 480, as the quickstart of each has it, threads " +
            "as each decides. The hub is on this machine and sends weights from another host, to which it redirects; requests count redirects and " +
            "files that are not there. Scripts and wasm files are gzipped. \"All kept\": the same page once more, with the browser's cache and the " +
            "package's own. Each repository has one file of weights, the same for both; clip-vision computes in f32 from `f32` and `fp16` and " +
            "in int8 from `q8` and `int8`. The visits over 50 Mbit/s once each.",
        ],
      },
    ];
  },
};

function rowOf({ name, weights, fast, slow }) {
  const { counted } = fast[0].cold;
  return [
    name,
    weights,
    requests(counted),
    (bytes(counted, "code") / 1000).toFixed(0),
    megabytes(bytes(counted, "wasm")),
    megabytes(bytes(counted, "weights")),
    spread(summary(fast.map(({ cold }) => cold.ms))),
    spread(summary(fast.map(({ warm }) => warm.ms))),
    milliseconds(slow.cold.ms),
    milliseconds(slow.warm.ms),
    (bytes(slow.warm.counted) / 1000).toFixed(0),
  ];
}

/** Milliseconds that a page stays after its first embedding: what is kept may be written until then. */
const STAY = 1500;

/** A first visit and a second one. */
const visit = ({ server, visitor, open }, { name, weights, asked }, speed) =>
  visitor(async (context) => {
    const once = async () => {
      server.reset(speed);
      const page = await open(context, "first");
      const { ms } = await page.evaluate((asked) => globalThis.first.embed(...asked), [name, `bench/b32-${weights}`, asked]);
      const counted = server.counted();
      await page.waitForTimeout(STAY);
      await page.close();
      return { ms, counted };
    };
    return { cold: await once(), warm: await once() };
  });
