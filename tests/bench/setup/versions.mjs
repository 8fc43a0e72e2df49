// What was measured: the versions of everything that takes part in a section.

import { readFileSync } from "node:fs";
import { ask, inRoot } from "../../../scripts/lib.mjs";
import { lockedVersion } from "../../../scripts/setup.mjs";
import { peerVersion } from "./peers.mjs";
import { requirements } from "./python.mjs";

function pythonVersions(names) {
  const lines = readFileSync(requirements, "utf8").split("\n");
  const pinned = new Map(lines.map((line) => line.trim().split("==")));
  return Object.fromEntries(names.map((name) => [name, pinned.get(name)]));
}

/** Name and version of each, for a section and the browser it ran in, if it did. */
export function versionsOf({ needs }, browser) {
  return {
    "clip-vision": ask("git", ["describe", "--always", "--dirty"], { cwd: inRoot() }) ?? "",
    ...(browser && { [browser.version.split(" ")[0]]: browser.version.split(" ")[1] }),
    ...(needs.includes("browser") && { "onnxruntime-web": peerVersion("onnxruntime-web") }),
    ...((needs.includes("browser") || needs.includes("peers")) && { "transformers.js": peerVersion("@huggingface/transformers") }),
    ...((needs.includes("browser") || needs.includes("native")) && { candle: lockedVersion("candle-core") }),
    ...(needs.includes("python") && pythonVersions(needs.includes("native-images") ? ["pillow", "transformers"] : ["onnxruntime", "openvino", "torch", "transformers"])),
  };
}
