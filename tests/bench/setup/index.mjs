// What the benchmark's sections need, and how it comes to be there. A need that can't be met skips who needs it.

import { buildPackage } from "../../../scripts/build.mjs";
import { warn } from "../../../scripts/lib.mjs";
import { ensureBrowser, requireCargo, setUpBuild } from "../../../scripts/setup.mjs";
import { ensureCandle } from "./candle.mjs";
import { ensureModels } from "./models.mjs";
import { ensureNative } from "./native.mjs";
import { ensurePeers } from "./peers.mjs";
import { ensurePython } from "./python.mjs";

/**
 * Meets the needs of sections, and resolves to `{ chrome, native, images, python, missing }`: the paths of what was asked for,
 * and, by need, why something is not there. `needs` are of
 *
 *     package   the built package and Chromium
 *     peers     onnxruntime-web and transformers.js
 *     browser   all of these, and candle as wasm
 *     native    tests/bench/native.rs, compiled
 *     native-images    tests/bench/images.rs, compiled
 *     python    an interpreter with the packages of python/requirements.txt
 *
 * and `models` are make_models.py's names. Without the package, the browser or the models nothing can be measured, and
 * what went wrong there is thrown.
 */
export async function setUp(needs, models) {
  const missing = {};
  const attempt = async (need, work) => {
    try {
      return await work();
    } catch (error) {
      missing[need] = error.message;
      warn(`${need}: ${error.message}`);
      return undefined;
    }
  };
  const ready = { missing };
  if (models.size) await ensureModels([...models]);
  if (needs.has("package") || needs.has("browser")) {
    await setUpBuild();
    await buildPackage();
    await ensureBrowser();
    ready.chrome = process.env.CHROME;
    if (needs.has("browser") || needs.has("peers")) await attempt("peers", ensurePeers);
    if (needs.has("browser")) await attempt("candle", ensureCandle);
  }
  for (const [need, name] of [["native", "native"], ["native-images", "images"]]) {
    if (!needs.has(need)) continue;
    requireCargo();
    ready[name] = await ensureNative(name);
  }
  if (needs.has("python")) ready.python = await attempt("python", ensurePython);
  return ready;
}
