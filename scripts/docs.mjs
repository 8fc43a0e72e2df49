// npm run docs: docs/api.md, and the reference of both APIs in target/docs: javascript/ from the package's types (typedoc), rust/ from the
// crates' docs (rustdoc). Every public item has to be documented: what isn't is an error.

import { cpSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { apiPage } from "./api.mjs";
import { buildPackage } from "./build.mjs";
import { inRoot, main, note, run, seconds, step } from "./lib.mjs";
import { ensurePackages, setUpBuild } from "./setup.mjs";

const out = inRoot("target", "docs");

/**
 * typedoc, in target/docs-tools: it works with the TypeScript compiler as a library, which TypeScript 7 no longer is, so it
 * comes with the last one that was.
 */
const tools = {
  folder: inRoot("target", "docs-tools"),
  from: inRoot("scripts", "docs"),
  what: "typedoc",
  why: "it writes the reference of the npm package",
};

await main(async () => {
  await setUpBuild();
  await buildPackage(); // the sources import what the builds of the wasm write
  await ensurePackages("docs-npm", tools);

  writeFileSync(inRoot("docs", "api.md"), apiPage());

  step("Writing the reference of the npm package", "from the types and comments of web/");
  await run(process.execPath, [
    path.join(tools.folder, "node_modules", "typedoc", "bin", "typedoc"),
    ...["--entryPoints", "web/index.ts", "--entryPoints", "web/search/index.ts", "--tsconfig", "tsconfig.json", "--out", path.join(out, "javascript")],
    ...["--name", "clip-vision", "--readme", "none", "--excludePrivate", "--excludeExternals", "--disableSources"],
    ...["--validation.notDocumented", "true", "--treatWarningsAsErrors", "--logLevel", "Warn"],
  ]);

  step("Writing the reference of the crates", "from the comments of src/ and crates/");
  const flags = { RUSTDOCFLAGS: "-D warnings" };
  await run("cargo", ["doc", "--locked", "--no-deps", "--workspace", "--features", "candle,http,text,tokio,wgpu"], { env: flags });
  rmSync(path.join(out, "rust"), { recursive: true, force: true });
  cpSync(inRoot("target", "doc"), path.join(out, "rust"), { recursive: true });

  const link = (place, text) => `<li><a href="${place}">${text}</a></li>`;
  const links = link("javascript/index.html", "the npm package") + link("rust/clip_vision/index.html", "the crate");
  writeFileSync(path.join(out, "index.html"), `<!doctype html><title>clip-vision</title><ul>${links}</ul>\n`);
  note(`${out}/index.html (${seconds()})`);
});
