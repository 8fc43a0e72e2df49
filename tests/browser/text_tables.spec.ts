/** Tables of tokens that are left in their files: rows are read by ranges when a text comes, and the cache keeps them. */

import { readFileSync } from "node:fs";
import { maxDifference } from "./golden.ts";
import { expect, test } from "./test.ts";

const TEXTS = ["a photo of a dog", "", "浜辺にいる犬", "two dogs on a beach, and a cat"];

for (const model of ["b32-tiny", "patch14-gelu", "nearest-f16"]) {
  test(`${model}: rows make the embeddings of the whole table`, async ({ page }) => {
    const [whole, rows] = await page.evaluate(
      async ({ model, texts }) => {
        const embed = async (table: "whole" | "ranges") => {
          const clip = await clipVision.ClipVision.load(`/golden/models/${model}`, { table, cache: false });
          const embeddings = (await clip.embedTexts(texts)).map((one) => Array.from(one));
          clip.close();
          return embeddings;
        };
        return [await embed("whole"), await embed("ranges")] as const;
      },
      { model, texts: TEXTS },
    );
    for (const [index, one] of rows.entries()) expect(maxDifference(one, whole[index]!), TEXTS[index]).toBe(0);
  });
}

test("a second text reads what is new, and a second load takes rows from the cache", async ({ page }) => {
  const ranges: string[] = [];
  page.context().on("request", (request) => {
    if (request.url().endsWith("b32-tiny/model.safetensors")) ranges.push(request.headers()["range"] ?? "all");
  });
  const load = (texts: string[], wait: number) =>
    page.evaluate(
      async ({ texts, wait }) => {
        const clip = await clipVision.ClipVision.load("/golden/models/b32-tiny", { table: "ranges" });
        const found = [];
        for (const text of texts) found.push(await clip.embedText(text, { details: true }));
        await new Promise((resolve) => setTimeout(resolve, wait));
        clip.close();
        return found.map(({ embedding, tokens, tableBytes }) => ({ embedding: Array.from(embedding), tokens, tableBytes }));
      },
      { texts, wait },
    );
  const [first, again, other] = await load(["a dog", "dog a", "zebra"], 2500);
  expect(first!.tableBytes).toBeGreaterThan(0);
  expect(first!.tokens).toBe(4);
  expect(again!.tableBytes).toBe(0);
  expect(other!.tableBytes).toBeGreaterThan(0);
  expect(ranges.length).toBeGreaterThan(0);
  const before = ranges.length;
  const [cached] = await load(["a dog"], 0);
  expect(cached!.tableBytes).toBe(0);
  expect(cached!.embedding).toEqual(first!.embedding);
  expect(ranges).toHaveLength(before);
});

const TOKENIZERS = ["gemma", "siglip2", "siglip", "xlm-v", "mt5", "mt5-old", "bert-cased", "bert-uncased"];

test("ids of two thousand strings in a worker equal transformers', by tokenizers of every family", async ({ page }) => {
  const read = (file: string): Buffer => readFileSync(new URL(`../golden/tokenizers/${file}`, import.meta.url));
  const { rows: texts } = JSON.parse(read("strings.json").toString()) as { rows: string[] };
  const tensors = read("ids.safetensors");
  const size = Number(tensors.readBigUInt64LE(0));
  const header = JSON.parse(tensors.subarray(8, 8 + size).toString()) as Record<string, { data_offsets: [number, number] }>;
  const values = (name: string) => {
    const [start, end] = header[name]!.data_offsets;
    return Array.from({ length: (end - start) / 2 }, (_, index) => tensors.readUInt16LE(8 + size + start + 2 * index));
  };
  for (const name of TOKENIZERS) {
    const ids = await page.evaluate(
      async ({ name, texts }) => {
        const worker = new Worker("/fixtures/tokenizing_worker.js", { type: "module" });
        const answer = new Promise<number[][]>((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data as number[][]);
          worker.onerror = ({ message }) => reject(new Error(message));
        });
        const folder = "/golden/tokenizers";
        worker.postMessage({ json: `${folder}/${name}.json`, charsmap: `${folder}/nmt_nfkc.txt`, length: 1e6, texts });
        return answer.finally(() => worker.terminate());
      },
      { name, texts },
    );
    const [all, lengths] = [values(`${name}/ids`), values(`${name}/lengths`)];
    let at = 0;
    for (const [index, length] of lengths.entries()) expect(ids[index], `${name}: ${texts[index]}`).toEqual(all.slice(at, (at += length)));
  }
});
