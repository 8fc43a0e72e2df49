// npm run docs: the reference of both APIs in target/docs: javascript/ from the package's types (typedoc), rust/ from the
// crate's docs (rustdoc). Every public item has to be documented: what isn't is an error.

import { cpSync, rmSync, writeFileSync } from "node:fs";
import { buildPackage } from "./build/index.mjs";
import { main, note, seconds, step } from "./lib/log.mjs";
import { inRoot } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { ensureDocsTools, typedoc } from "./setup/docs.mjs";
import { setUpBuild } from "./setup/index.mjs";

const folder = inRoot("target", "docs");

await main(async () => {
  await buildPackage(await setUpBuild()); // the sources import what the builds of the wasm write
  await ensureDocsTools();

  step("Writing the reference of the npm package", "from the types and comments of web");
  await typedoc([
    ...["--entryPoints", "web/index.ts", "--tsconfig", "tsconfig.json", "--out", inRoot("target", "docs", "javascript")],
    ...["--name", "clip-vision", "--readme", "none", "--excludePrivate", "--excludeExternals", "--disableSources"],
    ...["--validation.notDocumented", "true", "--treatWarningsAsErrors", "--logLevel", "Warn"],
  ]);

  step("Writing the reference of the crate", "from the comments of src");
  const flags = { RUSTDOCFLAGS: "-D warnings" };
  await run("cargo", ["doc", "--locked", "--no-deps", "--workspace", "--features", "http,text,tokio"], { env: flags });
  rmSync(inRoot("target", "docs", "rust"), { recursive: true, force: true });
  cpSync(inRoot("target", "doc"), inRoot("target", "docs", "rust"), { recursive: true });

  const link = (place, text) => `<li><a href="${place}">${text}</a></li>`;
  const links = link("javascript/index.html", "the npm package") + link("rust/clip_vision/index.html", "the crate");
  writeFileSync(inRoot("target", "docs", "index.html"), `<!doctype html><title>clip-vision</title><ul>${links}</ul>\n`);
  note(`${folder}/index.html (${seconds()})`);
});
