/** Wrong inputs: each a clear error with its code, and nothing lost, since the next call works. */

import type { Page } from "@playwright/test";
import { MODEL } from "./both/tab.ts";
import { coded, testWorker } from "./both/worker.ts";
import { Safetensors, modelFile } from "./golden.ts";
import { expect, open, test } from "./test.ts";

interface Failure {
  name: string;
  code?: string;
  message: string;
  isError: boolean;
}

/** The error of a load, in the page. */
const loadFailure = (page: Page, source: string, options: { script?: string } & Record<string, unknown> = {}): Promise<Failure | undefined> =>
  page.evaluate(
    async ({ source, options: { script, ...options } }) => {
      try {
        const worker = script === undefined ? {} : { worker: () => new Worker(script, { type: "module" }) };
        (await clipVision.ClipVision.load(source, { ...options, ...worker })).close();
        return undefined;
      } catch (error) {
        const { name, message, code } = error as InstanceType<typeof clipVision.ClipVisionError>;
        return { name, message, code, isError: error instanceof clipVision.ClipVisionError };
      }
    },
    { source, options },
  );

testWorker(test);

test.describe("photos", () => {
  test("over the limit are too large", async ({ page }) => {
    const answer = await page.evaluate(async (model) => {
      const clip = await clipVision.ClipVision.load(`/golden/models/${model}`, { limits: { maxPixels: 1000 } });
      await clip.embed("/golden/images/rgb-20x13.png");
      const photos = ["/golden/images/rgb-photo.png", { data: new Uint8Array(1200 * 3), width: 60, height: 20, channels: 3 } as const];
      const codes = await Promise.all(photos.map((photo) => clip.embed(photo).catch(({ code }) => code as string)));
      clip.close();
      return codes;
    }, MODEL);
    expect(answer).toEqual(["too-large", "too-large"]);
  });
});

test.describe("models", () => {
  /** Serves a model that differs from a good one in some files. */
  const mutant = (files: Map<string, Uint8Array | string>, name: string, changed: Record<string, Uint8Array | string>) => {
    for (const file of ["config.json", "preprocessor_config.json", "model.safetensors"]) {
      files.set(`/made/${name}/${file}`, changed[file] ?? modelFile(MODEL, file));
    }
    return `/made/${name}`;
  };
  const weights = (): Buffer => modelFile(MODEL, "model.safetensors");
  const config = (changes: object): string => {
    const good = JSON.parse(modelFile(MODEL, "config.json").toString()) as object;
    return JSON.stringify({ ...good, ...changes });
  };
  const changed = (change: (tensors: Safetensors) => void): Buffer => {
    const tensors = new Safetensors(weights());
    change(tensors);
    return tensors.toBytes();
  };
  const renamed = (entries: Safetensors["entries"]): void => {
    entries.set("another.name", entries.get(NAME)!);
    entries.delete(NAME);
  };
  const NAME = "vision_model.encoder.layers.1.mlp.fc1.weight";

  const cases: [string, Record<string, Uint8Array | string>, string, RegExp][] = [
    ["0-byte weights", { "model.safetensors": "" }, "weights", /./],
    ["weights cut short", { "model.safetensors": weights().subarray(0, -100) }, "weights", /./],
    ["weights cut in their header", { "model.safetensors": weights().subarray(0, 50) }, "weights", /./],
    ["no safetensors", { "model.safetensors": Buffer.alloc(5000, 7) }, "weights", /./],
    ["a missing tensor", { "model.safetensors": changed(({ entries }) => renamed(entries)) }, "weights", /mlp\.fc1\.weight/],
    [
      "a wrong shape",
      { "model.safetensors": changed(({ entries }) => entries.get(NAME)!.shape.reverse()) },
      "weights",
      /mlp\.fc1\.weight.*(53.*30|30.*53)/,
    ],
    ["an unknown activation", { "config.json": config({ hidden_act: "swish" }) }, "config", /swish/],
    ["another model's type", { "config.json": config({ model_type: "bert" }) }, "config", /bert/],
    ["a configuration that is not JSON", { "config.json": "{" }, "config", /config\.json/],
    ["a preprocessor configuration that is not JSON", { "preprocessor_config.json": "[" }, "config", /./],
  ];
  for (const [what, files, code, message] of cases) {
    test(what, async ({ page, server }) => {
      expect(await loadFailure(page, mutant(server.files, what.replaceAll(" ", "-"), files))).toEqual(coded(code, message));
    });
  }

  const folder = `golden/models/${MODEL}`;
  const addresses: [string, string, string, RegExp][] = [
    ["a 404", "/golden/models/nothing", "fetch", /http:.*nothing\/config\.json answered 404/],
    ["a server's error", `/status/503/${folder}`, "fetch", /config\.json answered 503/],
    ["HTML pages for every file", `/page/${folder}`, "fetch", /config\.json answered with an HTML page/],
    ["a connection that breaks", `/cut/300/${folder}`, "fetch", /config\.json/],
    ["no address", "http://", "invalid-argument", /neither a URL/],
  ];
  for (const [what, source, code, message] of addresses) {
    test(what, async ({ page }) => {
      expect(await loadFailure(page, source)).toEqual(coded(code, message));
    });
  }

  test("an HTML page, and a connection that breaks, for the weights alone", async ({ page }) => {
    const codes = await page.evaluate(async (folder) => {
      const files = { config: `/${folder}/config.json`, preprocessor: `/${folder}/preprocessor_config.json` };
      const broken = [`/page/${folder}/model.safetensors`, `/cut/70000/${folder}/model.safetensors`, new Blob(["<!doctype html>"])];
      return Promise.all(
        broken.map((weights) => clipVision.ClipVision.load({ ...files, weights }).catch(({ code, message }) => `${code}: ${message}`)),
      );
    }, folder);
    expect(codes[0]).toMatch(/^fetch: .*model\.safetensors answered with an HTML page/);
    expect(codes[1]).toMatch(/^fetch: .*model\.safetensors broke after \d+ of \d+ bytes/);
    expect(codes[2]).toMatch(/^weights: /);
  });

  test("an unknown option", async ({ page }) => {
    expect(await loadFailure(page, `/${folder}`, { precision: "f8" })).toEqual(coded("invalid-argument", /f8/));
    expect(await loadFailure(page, `/${folder}`, { limits: { maxPixels: -1 } })).toEqual(coded("invalid-argument", /maxPixels/));
    expect(await loadFailure(page, `/${folder}`, { limits: { pixels: 1 } })).toEqual(coded("invalid-argument", /limits has no option pixels/));
    expect(await loadFailure(page, `/${folder}`, { hub: "https://hub.test" })).toEqual(coded("invalid-argument", /hub must be \{ endpoint, revision \}/));
  });
});

test.describe("the worker and the wasm file", () => {
  const source = `/golden/models/${MODEL}`;

  test("that are not there", async ({ page }) => {
    expect(await loadFailure(page, source, { script: "/dist/nothing.js" })).toEqual(coded("worker-crashed", /could not be started/));
    expect(await loadFailure(page, source, { script: "/page/worker.js" })).toEqual(coded("worker-crashed", /could not be started/));
    expect(await loadFailure(page, source, { wasmUrl: "/dist/nothing.wasm" })).toEqual(coded("fetch", /nothing\.wasm answered 404/));
    expect(await loadFailure(page, source, { wasmUrl: "/dist/index.js" })).toEqual(coded("fetch", /index\.js .*not this package's wasm/));
  });

  test("of another origin", async ({ page, serve }) => {
    const other = await serve({ shared: true });
    expect(await loadFailure(page, source, { script: `${other.url}dist/worker.js` })).toEqual(coded("worker-crashed", /./));
    expect(await loadFailure(page, source, { wasmUrl: `${other.url}dist/wasm/simd/clip_vision_bg.wasm` })).toBeUndefined();
  });

  test("that a policy forbids", async ({ page, serve }) => {
    const noWorkers = await serve({ policy: "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'" });
    await open(page, noWorkers);
    expect(await loadFailure(page, source)).toEqual(coded("worker-crashed", /Content Security Policy/));
    const noWasm = await serve({ policy: "script-src 'self'" });
    await open(page, noWasm);
    expect(await loadFailure(page, source)).toEqual(coded("unsupported-browser", /wasm-unsafe-eval/));
  });
});
