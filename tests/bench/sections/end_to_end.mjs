// From a JPEG's bytes to its embedding in a browser: clip-vision beside transformers.js.

import { clipVision, transformersJs } from "../lib/contenders.mjs";
import { cosine, summary } from "../lib/statistics.mjs";
import { nearOne, ratio, spread } from "../lib/table.mjs";
import { startAll, takeTurns } from "../lib/turns.mjs";
import { readModel } from "../setup/models.mjs";

const MODEL = "b32";
const PHOTOS = ["640x480.jpg", "1920x1280.jpg", "4000x3000.jpg"];
const CONTENDERS = [1, 2].flatMap((threads) => ["f32", "int8"].map((kind) => [kind, threads]));

/** The photos one after the other: `{ ms, cosine }` each. */
const embedPhotos = (references) => async (runner) => {
  const answers = [];
  for (const photo of PHOTOS) {
    const { ms, embedding } = await runner.call("embedPhoto", photo);
    answers.push({ ms, cosine: cosine(embedding, references.get(photo)) });
  }
  return answers;
};

export default {
  name: "jpeg",
  what: "from a JPEG's bytes to the embedding in Chromium, ViT-B/32",
  needs: ["browser"],
  models: [MODEL],
  rounds: 7,
  async run(bench) {
    const { photoReferences } = readModel(MODEL);
    const contenders = CONTENDERS.flatMap(([kind, threads]) => [
      clipVision(bench, MODEL, kind, threads),
      transformersJs(bench, MODEL, kind, threads),
    ]);
    const started = await startAll(contenders, bench.say);
    for (const { runner } of started) for (const photo of PHOTOS) await runner?.call("readPhoto", photo);
    const timed = await takeTurns(started, embedPhotos(photoReferences), { rounds: bench.rounds, warmUp: 4 });
    for (const { runner } of timed) await runner?.stop();

    const timesOf = ({ values }, photo) => summary(values.map((answers) => answers[photo].ms));
    const results = timed.filter(({ reason }) => !reason);
    const rows = results.map((result) => {
      const peer = results.find(({ name, threads }) => name === `transformers.js ${result.kind}` && threads === result.threads);
      const cells = PHOTOS.flatMap((_, photo) => {
        const time = timesOf(result, photo);
        return [spread(time), ratio(time.median / (peer ? timesOf(peer, photo).median : NaN))];
      });
      return [result.name, result.threads, ...cells, nearOne(Math.min(...result.values[0].map(({ cosine }) => cosine)))];
    });
    return [
      {
        title: "Whole way, milliseconds",
        columns: ["", "threads", ...PHOTOS.flatMap((photo) => [photo.replace(".jpg", ""), "÷ transformers.js"]), "worst cosine"],
        rows,
        skipped: timed.filter(({ reason }) => reason).map(({ name, threads, reason }) => ({ name: `${name}, threads: ${threads}`, reason })),
        notes: [
          "The cosine is to torch's embedding of what Pillow decodes and transformers prepares. clip-vision is called from the " +
            "page, the messages to its worker included; transformers.js runs, and is timed, in a worker.",
        ],
        raw: timed.map(({ runner, ...rest }) => rest),
      },
    ];
  },
};
