/** Wrong photos, taking back, crashes, closing: each a clear error, and nothing lost, since the next call works. */

import { expect } from "@playwright/test";
import { maxDifference } from "../golden.ts";
import { golden } from "./inputs.ts";
import { MODEL, type Test } from "./tab.ts";

export const coded = (code: string, message: RegExp) => ({
  name: "ClipVisionError",
  isError: true,
  code,
  message: expect.stringMatching(message) as unknown,
});

const WRONG: [what: string, photo: string, code: string, message: RegExp][] = [
  ["not an image", "/golden/broken/not-an-image.jpg", "unsupported-format", /./],
  ["a page in a photo's name", "/golden/broken/page.png", "fetch", /HTML page/],
  ["an empty file", "/golden/broken/empty.jpg", "unsupported-format", /empty|0 bytes|no bytes/i],
  ["a truncated JPEG", "/golden/broken/truncated.jpg", "decode", /./],
  ["a truncated PNG", "/golden/broken/truncated.png", "decode", /./],
  ["a JPEG cut off in its header", "/golden/broken/truncated-header.jpg", "decode", /./],
  ["a PNG cut off in its header", "/golden/broken/truncated-header.png", "decode", /./],
  ["an address where nothing is", "/golden/images/nothing.png", "fetch", /nothing\.png answered 404/],
  ["an HTML page", "/page/golden/images/rgb-photo.png", "fetch", /HTML page/],
  ["a connection that breaks", "/cut/500/golden/images/rgb-photo.png", "fetch", /broke|Could not fetch/],
  ["no address", "http://", "invalid-argument", /not a URL/],
];

export function testWorker(test: Test): void {
  test("wrong photos are refused with a code, and the next is embedded", async ({ tab }) => {
    const failures = await tab.evaluate(async (photos) => {
      const all: unknown[] = [];
      for (const photo of photos) {
        try {
          // Firefox makes something of what is cut short: this is about our decoders.
          await clip.embed(photo, { decoder: "rust" });
          all.push("embedded");
        } catch (error) {
          const { name, message, code } = error as InstanceType<typeof clipVision.ClipVisionError>;
          all.push({ name, message, code, isError: error instanceof clipVision.ClipVisionError });
        }
        await clip.embed("/golden/images/rgb-1x1.png");
      }
      return all;
    }, WRONG.map(([, photo]) => photo));
    for (const [index, [what, , code, message]] of WRONG.entries()) expect.soft(failures[index], what).toEqual(coded(code, message));
  });

  test("photos of another server are read if it allows that", async ({ tab, serve }) => {
    const [shared, closed] = [await serve({ shared: true }), await serve()];
    const answers = await tab.evaluate(
      async ({ open, shut }) => {
        const image = new Image();
        image.src = shut;
        const settle = (photo: string | HTMLImageElement) =>
          clip.embed(photo).then(({ length }) => String(length), ({ code, message }) => `${code}: ${message}`);
        return [await settle(open), await settle(shut), await settle(image)];
      },
      { open: `${shared.url}golden/images/rgb.bmp`, shut: `${closed.url}golden/images/rgb-1x1.png` },
    );
    expect(answers).toEqual([
      "37",
      expect.stringMatching(/^fetch: .*rgb-1x1\.png.*CORS/),
      expect.stringMatching(/^fetch: .*another server.*crossorigin/),
    ]);
  });

  test("what is canceled rejects at once", async ({ tab }) => {
    const outcome = await tab.evaluate(async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const calls = ["/never/photo.png", "/golden/images/rgb-photo.png"].map((photo) =>
        clip.embed(photo, { signal }).then(() => "done", (error: unknown) => error),
      );
      controller.abort("enough");
      return Promise.all(calls);
    });
    expect(outcome).toEqual(["enough", "enough"]);
  });

  for (const [bytes, code, message] of [
    ["PANIC", "decode", /decoder crashed.*a test's own panic/],
    ["ALLOC", "out-of-memory", /memory/],
  ] as const) {
    test(`a crash, ${bytes}: reaches its caller and everyone who waits, and the next call works`, async ({ tab, server }) => {
      const asked = server.requests.length;
      const answer = await tab.evaluate(
        async ({ model, bytes }) => {
          const crashing = await clipVision.ClipVision.load(`/golden/models/${model}`, { worker: () => new Worker("/fixtures/crashing_worker.js", { type: "module" }) });
          const photo = "/golden/images/rgb-photo.png";
          const settle = (work: Promise<unknown>) =>
            work.then(() => "done", ({ name, code, message }) => ({ name, code, message }) as { name: string; code: string; message: string });
          const before = await settle(crashing.embed(photo));
          const waiting = settle(crashing.embed("/never/photo.png"));
          const crashed = await settle(crashing.embed(new TextEncoder().encode(bytes)));
          const after = await crashing.embed(photo);
          crashing.close();
          return { before, waiting: await waiting, crashed, after: Array.from(after) };
        },
        { model: MODEL, bytes },
      );
      expect(answer.before).toBe("done");
      expect(answer.crashed).toMatchObject({ name: "ClipVisionError", code, message: expect.stringMatching(message) });
      expect(answer.waiting).toMatchObject({ name: "ClipVisionError", code: "worker-crashed" });
      expect(maxDifference(answer.after, golden())).toBeLessThanOrEqual(1e-4);
      expect(server.requests.slice(asked).filter((path) => path === "/fixtures/crashing_worker.js")).toHaveLength(2);
    });
  }

  test("an application's fetch reads the model and the photos", async ({ tab }) => {
    const answer = await tab.evaluate(async (model) => {
      const purposes: (string | undefined)[] = [];
      const read: NonNullable<import("clip-vision").LoadOptions["fetch"]> = (url, init, purpose) => {
        purposes.push(purpose);
        return fetch(url, init);
      };
      const fetching = await clipVision.ClipVision.load(`/golden/models/${model}`, { fetch: read, cache: false });
      const embedding = await fetching.embed("/golden/images/rgb-photo.png");
      fetching.close();
      return { embedding: Array.from(embedding), purposes: [...new Set(purposes)].sort() };
    }, MODEL);
    expect(maxDifference(answer.embedding, golden())).toBeLessThanOrEqual(1e-4);
    expect(answer.purposes).toEqual(["model", "photo"]);
  });

  test("`using` closes, where browsers know it and as compilers write it for others", async ({ tab }) => {
    const code = await tab.evaluate(async (model) => {
      const used = await clipVision.ClipVision.load(`/golden/models/${model}`);
      // As esbuild and Babel do it.
      const dispose: unknown = Symbol.dispose ?? Symbol.for("Symbol.dispose");
      used[dispose as typeof Symbol.dispose]();
      return used.embed("/golden/images/rgb-photo.png").catch(({ code }) => code as string);
    }, MODEL);
    expect(code).toBe("closed");
  });

  test("close ends whatever waits", async ({ tab }) => {
    const codes = await tab.evaluate(async (model) => {
      const closing = await clipVision.ClipVision.load(`/golden/models/${model}`);
      const settle = (work: Promise<unknown>) => work.then(() => "done", ({ code }) => code as string);
      const image = new Image();
      image.src = "/never/image.png";
      const pending = [settle(closing.embed("/never/photo.png")), settle(closing.embed(image)), settle(closing.embed("/golden/images/rgb-photo.png"))];
      closing.close();
      closing.close();
      const iterate = async () => {
        for await (const _ of closing.embedMany(["/golden/images/rgb-photo.png"]));
      };
      return Promise.all([...pending, settle(closing.embed("/golden/images/rgb-photo.png")), settle(closing.tensor("x")), settle(iterate())]);
    }, MODEL);
    expect(codes).toEqual(Array(6).fill("closed"));
  });
}
