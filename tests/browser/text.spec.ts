/** Texts: what the page gets is what Python computed, and nothing is fetched for them before it is asked for. */

import { readFileSync } from "node:fs";
import { cosine, maxDifference, Safetensors } from "./golden.ts";
import { expect, test } from "./test.ts";

const read = (file: string): Buffer => readFileSync(new URL(`../golden/${file}`, import.meta.url));
const parse = <T>(file: string): T => JSON.parse(read(file).toString()) as T;
const { models, rows } = parse<{ models: string[]; rows: [string, ...number[][]][] }>("texts.json");
const texts = rows.map(([text]) => text);

for (const model of models) {
  test(`${model}: embeddings of texts and probabilities equal transformers'`, async ({ page }) => {
    const found = await page.evaluate(
      async ({ model, texts }) => {
        const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
        const embeddings = (await Promise.all(texts.map((text) => clip.embedText(text)))).map((one) => Array.from(one));
        const options = { template: "{}" };
        const photos = ["rgb-photo.png", "bits-text.png"];
        /** The scores in the labels' order, once it is known that they come with the best first. */
        const scores = async (photo: Parameters<typeof clip.classify>[0], labels: string[], more = {}) => {
          const found = await clip.classify(photo, labels, more);
          if (found.some(({ score }, index) => score > (found[index - 1]?.score ?? 1))) throw new Error("not the best first");
          return labels.map((label) => found.find((one) => one.label === label)!.score);
        };
        const url = (file: string) => `/golden/images/${file}`;
        const probabilities = await Promise.all(photos.map((file) => scores(url(file), texts, options)));
        const again = await scores(url(photos[0]!), [...texts].reverse(), options);
        const inTemplate = await scores(url(photos[0]!), ["dog", "cat"]);
        const written = await scores(url(photos[0]!), ["a photo of a dog", "a photo of a cat"], options);
        const details = await clip.embed(url(photos[0]!), { details: true });
        const ofEmbeddings = [await scores(details.embedding, texts, options), await scores(details, texts, options)];
        const together = (await clip.embedTexts(texts)).map((one) => Array.from(one));
        clip.close();
        return { embeddings, photos, probabilities, again, inTemplate, written, ofEmbeddings, together };
      },
      { model, texts },
    );
    const golden = new Safetensors(read(`expected_text/${model}.safetensors`));
    const expected = golden.values("embeddings")!;
    for (const [index, embedding] of found.embeddings.entries()) {
      const python = expected.subarray(index * embedding.length, (index + 1) * embedding.length);
      expect(cosine(embedding, python), texts[index]).toBeGreaterThanOrEqual(0.9999);
      expect(maxDifference(embedding, python), texts[index]).toBeLessThanOrEqual(1e-4);
    }
    for (const [index, file] of found.photos.entries()) {
      expect(maxDifference(found.probabilities[index]!, golden.values(`probabilities/${file}`)!), file).toBeLessThanOrEqual(1e-3);
    }
    expect(maxDifference([...found.again].reverse(), found.probabilities[0]!)).toBeLessThanOrEqual(1e-6);
    expect(found.inTemplate).toEqual(found.written);
    for (const one of found.ofEmbeddings) expect(maxDifference(one, found.probabilities[0]!)).toBeLessThanOrEqual(1e-6);
    for (const [index, one] of found.together.entries()) expect(maxDifference(one, found.embeddings[index]!)).toBeLessThanOrEqual(1e-5);
    expect(found.inTemplate[0]! + found.inTemplate[1]!).toBeCloseTo(1, 5);
  });
}

test("token ids in a worker equal transformers'", async ({ page }) => {
  const golden = parse<{ model: string; length: number; rows: [string, number[], number?][] }>("tokens.json");
  const all = golden.rows.map(([text, , times = 1]) => text.repeat(times));
  const ids = await page.evaluate(
    async ({ json, length, texts }) => {
      const worker = new Worker("/fixtures/tokenizing_worker.js", { type: "module" });
      const answer = new Promise<number[][]>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data as number[][]);
        worker.onerror = ({ message }) => reject(new Error(message));
      });
      worker.postMessage({ json, length, texts });
      return answer.finally(() => worker.terminate());
    },
    { json: `/golden/models/${golden.model}/tokenizer.json`, length: golden.length, texts: all },
  );
  expect(ids).toHaveLength(golden.rows.length);
  for (const [index, row] of golden.rows.entries()) expect(ids[index], JSON.stringify(row[0])).toEqual(row[1]);
});

test("the tokenizer and the text weights are fetched at the first text, once, with progress", async ({ page, server }) => {
  const files = /(tokenizer\.json|vocab\.json|merges\.txt|model\.safetensors)$/;
  // A file may be read in several ranges.
  const asked = () => server.requests.flatMap((path) => files.exec(path)?.[1] ?? []).filter((file, index, all) => file !== all[index - 1]);
  server.requests.length = 0;
  await page.evaluate(async () => {
    const clip = await clipVision.ClipVision.load("/golden/models/b32-tiny");
    await clip.embed("/golden/images/rgb-photo.png");
    Object.assign(globalThis, { clip });
  });
  expect(asked()).toEqual(["model.safetensors"]);
  const stages = await page.evaluate(async () => {
    const { clip } = globalThis as unknown as { clip: import("clip-vision").ClipVision };
    const heard: string[] = [];
    const onProgress = ({ stage, file }: { stage: string; file: string }) => void heard.push(`${stage} ${file}`);
    await Promise.all([clip.embedText("a", { onProgress }), clip.embedText("b"), clip.classify("/golden/images/gray.png", ["c"])]);
    await clip.embedText("d");
    clip.close();
    return [...new Set(heard)];
  });
  expect(asked()).toEqual(["model.safetensors", "tokenizer.json", "model.safetensors"]);
  expect(stages).toEqual(["config tokenizer.json", "weights model.safetensors"]);
});

test("the tokenizer's script comes with the first text, once; without it photos go on, and the next text asks again", async ({ page, server }) => {
  let refused = true;
  await page.context().route(/\/tokenizer\.js(\?|$)/, (route) => (refused ? route.abort() : route.continue()));
  const from = server.requests.length; // other tests have the same server
  const asked = () => server.requests.slice(from).filter((path) => /\/tokenizer\.js(\?|$)/.test(path)).length;
  await page.evaluate(async () => {
    const clip = await clipVision.ClipVision.load("/golden/models/b32-tiny");
    await clip.embed("/golden/images/rgb-photo.png");
    Object.assign(globalThis, { clip });
  });
  const text = () =>
    page.evaluate(async () => {
      const { clip } = globalThis as unknown as { clip: import("clip-vision").ClipVision };
      try {
        await Promise.all([clip.embedText("a"), clip.embedText("b")]);
        return (await clip.embed("/golden/images/rgb-photo.png")).length;
      } catch (error) {
        return `${(error as { code?: string }).code}: ${(error as Error).message}`;
      }
    });
  expect(await text()).toMatch(/^fetch: .*tokenizer\.js.* belongs beside worker\.js/);
  refused = false;
  expect(asked()).toBe(0);
  expect(await text()).toBe(64);
  expect(await text()).toBe(64);
  expect(asked()).toBe(1);
});

test("what can't be is said with a code, and photos go on", async ({ page }) => {
  const outcomes = await page.evaluate(async () => {
    const settle = async (work: Promise<unknown>): Promise<string> => {
      try {
        await work;
        return "fine";
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    };
    const load = (model: Parameters<typeof clipVision.ClipVision.load>[0]) => clipVision.ClipVision.load(model);
    const at = (file: string) => `/golden/models/b32-tiny/${file}`;
    const visionOnly = await load("/golden/models/odd-widths");
    const whole = await load({ config: at("config.json"), preprocessor: at("preprocessor_config.json"), weights: at("model.safetensors") });
    const aborted = AbortSignal.abort("enough");
    const photo = "/golden/images/gray.png";
    const all = {
      visionOnly: await settle(visionOnly.embedText("a")),
      noTokenizer: await settle(whole.embedText("a")),
      notText: await settle(whole.embedText(7 as never)),
      noPlace: await settle(whole.classify(photo, ["a"], { template: "a photo" })),
      oneString: await settle(whole.classify(photo, "abc")),
      badLabel: await settle(whole.classify(photo, [1] as never)),
      aborted: await settle(whole.embedText("a", { signal: aborted })),
      photo: await settle(whole.embed(photo)),
      closed: (whole.close(), await settle(whole.embedText("a"))),
    };
    visionOnly.close();
    return all;
  });
  expect(outcomes).toEqual({
    visionOnly: "invalid-argument",
    noTokenizer: "config",
    notText: "invalid-argument",
    noPlace: "invalid-argument",
    oneString: "invalid-argument",
    badLabel: "invalid-argument",
    aborted: "enough",
    photo: "fine",
    closed: "closed",
  });
});
