/** The package, and models, from other servers than the page's. */

import { expect } from "@playwright/test";
import { expected, maxDifference } from "../golden.ts";
import { MODEL, type Test } from "./tab.ts";

const golden = expected(MODEL).values("embedding/rgb-photo.png")!;

/** A page's policy that lets scripts and workers come from a CDN, and no more. */
const policyFor = (cdn: string, workers: string): string =>
  `default-src 'none'; script-src 'self' ${cdn} 'wasm-unsafe-eval'; worker-src ${workers}; connect-src 'self' http://127.0.0.1:*; img-src 'self'`;

export function testOrigins(test: Test): void {
  for (const isolated of [true, false]) {
    test(`from a CDN it works, ${isolated ? "with threads on an isolated page" : "without threads elsewhere"}`, async ({ serve, openTab }) => {
      const cdn = await serve({ shared: true });
      const tab = await openTab(await serve({ isolated, policy: policyFor(cdn.url, `'self' blob: ${cdn.url}`) }));
      const asked = cdn.requests.length;
      const answer = await tab.evaluate(
        async ({ cdn, model }) => {
          const { ClipVision } = await importModule<typeof import("clip-vision")>(`${cdn}dist/index.js`);
          const { Embeddings } = await importModule<typeof import("clip-vision/search")>(`${cdn}dist/search.js`);
          const warnings: string[] = [];
          const clip = await ClipVision.load(`/golden/models/${model}`, { threads: 2, onWarning: ({ code }) => warnings.push(code) });
          const embedding = await clip.embed("/golden/images/rgb-photo.png");
          const photos = new Embeddings<string>();
          await photos.add("photo", embedding);
          const [found] = await photos.search(embedding);
          clip.close();
          photos.close();
          const memory = typeof SharedArrayBuffer === "function"; // which WebKitGTK gives no page
          // Else a model is kept in the Cache API, by what is fetched for it.
          const files = await Promise.resolve().then(() => navigator.storage.getDirectory()).then(() => true, () => false);
          return { embedding: Array.from(embedding), threads: clip.info.threads, warnings, found: found?.id, memory, files };
        },
        { cdn: cdn.url, model: MODEL },
      );
      expect(maxDifference(answer.embedding, golden)).toBeLessThanOrEqual(1e-4);
      const threaded = isolated && answer.memory;
      expect(answer).toMatchObject({ threads: threaded ? 2 : 1, warnings: threaded ? [] : ["no-threads"], found: "photo" });
      const scripts = cdn.requests.slice(asked);
      expect(scripts.filter((file) => file.endsWith(".wasm"))).toHaveLength(1);
      // A few scripts, not one for each module.
      expect(new Set(scripts.filter((file) => file.endsWith(".js")))).toEqual(
        new Set([
          ...["index", "page", "common", "files", "search", "worker", "search_worker"].map((name) => `/dist/${name}.js`),
          ...(answer.files ? [] : ["/dist/seldom.js"]),
          ...(threaded ? [] : ["/dist/later.js"]), // which says why there are no threads
        ]),
      );
    });
  }

  test("from a CDN, where the page's policy forbids workers from Blobs, the error says so", async ({ serve, openTab }) => {
    const cdn = await serve({ shared: true });
    const tab = await openTab(await serve({ policy: policyFor(cdn.url, "'self'") }));
    const error = await tab.evaluate(
      async ({ cdn, model }) => {
        const { ClipVision } = await importModule<typeof import("clip-vision")>(`${cdn}dist/index.js`);
        return ClipVision.load(`/golden/models/${model}`).then(
          () => "loaded",
          ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
        );
      },
      { cdn: cdn.url, model: MODEL },
    );
    expect(error).toMatch(/^worker-crashed: .*dist\/worker\.js.*worker-src blob:/);
  });

  test("a token reaches the model's server, and neither where that redirects to nor a photo's", async ({ serve, openTab }) => {
    const [hub, files, photos] = [await serve({ shared: true }), await serve({ shared: true }), await serve({ shared: true })];
    const tab = await openTab(await serve());
    const port = new URL(files.url).port;
    const answer = await tab.evaluate(
      async ({ hub, photos, port, model }) => {
        const clip = await clipVision.ClipVision.load(`${hub}to/${port}/golden/models/${model}/`, { token: "hf_secret", cache: false });
        const embedding = await clip.embed(`${photos}golden/images/rgb-photo.png`);
        clip.close();
        return Array.from(embedding);
      },
      { hub: hub.url, photos: photos.url, port, model: MODEL },
    );
    expect(maxDifference(answer, golden)).toBeLessThanOrEqual(1e-4);
    expect(new Set(hub.authorized.map(([, token]) => token))).toEqual(new Set(["Bearer hf_secret"]));
    expect(hub.authorized.map(([path]) => path)).toContain(`/to/${port}/golden/models/${MODEL}/model.safetensors`);
    expect(files.requests).toContain(`/golden/models/${MODEL}/model.safetensors`);
    expect(files.authorized).toEqual([]);
    expect(photos.requests).toContain("/golden/images/rgb-photo.png");
    expect(photos.authorized).toEqual([]);
  });

  test("an error has the status and the address, on the page as in the worker", async ({ tab, server }) => {
    const errors = await tab.evaluate(async () => {
      const about = ({ code, status, url }: InstanceType<typeof clipVision.ClipVisionError>) => ({ code, status, url });
      return [
        await clipVision.ClipVision.load("/status/403/m").catch(about),
        await clip.embed("/status/404/cat.jpg?key=1").catch(about),
        await clip.embed(new Uint8Array(3)).catch(about),
      ];
    });
    expect(errors).toEqual([
      // Files of a folder are asked for at the same time: the first that is refused is named.
      { code: "fetch", status: 403, url: expect.stringMatching(/^http:[^?]*\/status\/403\/m\/\w+\.json$/) as unknown },
      { code: "fetch", status: 404, url: `${server.url}status/404/cat.jpg` },
      { code: "unsupported-format" },
    ]);
  });
}
