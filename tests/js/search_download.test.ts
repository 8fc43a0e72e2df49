/** Collections from addresses: no more is read than `limits.maxBytes`, whatever the server announces. */

import { Embeddings } from "clip-vision/search";
import { afterEach, beforeAll, expect, it, vi } from "vitest";

const url = "https://photos.test/all.clip-vision";
let saved: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  const collection = new Embeddings();
  await collection.addMany(["a", "b"], new Float32Array([1, 0, 0, 1]));
  saved = new Uint8Array(await (await collection.toBlob()).arrayBuffer());
  collection.close();
});
afterEach(() => vi.unstubAllGlobals());

/** A server that sends pieces of the file, and, where it is `longer`, 100 of zeros after it; what was asked of it. */
function serving(longer: boolean, headers: Record<string, string> = {}) {
  const seen = { pieces: 0, canceled: false };
  const answer = () => {
    const pieces = Array.from({ length: 4 }, (_, i) => saved.slice((i * saved.length) / 4, ((i + 1) * saved.length) / 4));
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces[seen.pieces] ?? new Uint8Array(1000);
        if (seen.pieces >= pieces.length + (longer ? 100 : 0)) return controller.close();
        seen.pieces += 1;
        controller.enqueue(piece);
      },
      cancel() {
        seen.canceled = true;
      },
    }, { highWaterMark: 0 });
    return Promise.resolve(new Response(body, { headers }));
  };
  vi.stubGlobal("fetch", answer);
  return seen;
}

it("is read whole up to the limit", async () => {
  serving(false);
  const collection = await Embeddings.load(url, { limits: { maxBytes: saved.byteLength } });
  expect([...collection.ids()]).toEqual(["a", "b"]);
  collection.close();
});

it("ends where there is more, announced or not", async () => {
  const more = serving(true);
  const refused = expect.objectContaining({ code: "too-large", url, message: expect.stringContaining("the limit is 5000 (option limits: { maxBytes })") });
  await expect(Embeddings.load(url, { limits: { maxBytes: 5000 } })).rejects.toEqual(refused);
  expect(more).toEqual({ pieces: 4 + Math.ceil((5001 - saved.byteLength) / 1000), canceled: true });

  const announced = serving(true, { "content-length": "5001" });
  await expect(Embeddings.load(url, { limits: { maxBytes: 5000 } })).rejects.toEqual(refused);
  expect(announced).toEqual({ pieces: 0, canceled: true });

  const huge = serving(true, { "content-length": String(2 ** 31 + 1) });
  await expect(Embeddings.load(url)).rejects.toMatchObject({ code: "too-large", message: expect.stringContaining(String(2 ** 31)) });
  expect(huge.pieces).toBe(0);
});

it("refuses a limit that is none", async () => {
  for (const maxBytes of [0, -1, NaN, Infinity, "5" as never]) {
    await expect(Embeddings.load(url, { limits: { maxBytes } })).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining("maxBytes") });
  }
});
