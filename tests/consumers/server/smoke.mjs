// What a program does with the package outside browsers, in Node, Deno and Bun alike: a model of a folder and one of a server,
// a photo, a text, a collection, an error. What came of it is printed; nothing is closed, and the program has to end.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { ClipVision } from "clip-vision";
import { Embeddings } from "clip-vision/search";

const [, , model, photo, address, threads] = process.argv;
const clip = await ClipVision.load(model, { threads: Number(threads) });
const embedding = await clip.embed(photo);
const text = await clip.embedText("a dog on a beach");

const photos = new Embeddings();
await photos.addMany(["photo", "text"], [embedding, text]);
const folder = mkdtempSync(path.join(tmpdir(), "clip-vision-smoke-"));
const file = path.join(folder, "photos.clip-vision");
writeFileSync(file, new Uint8Array(await (await photos.toBlob()).arrayBuffer()));
const loaded = await Embeddings.load(file);
rmSync(folder, { recursive: true });

const warnings = [];
const served = await ClipVision.load(address, { onWarning: ({ code }) => warnings.push(code) });
const many = [];
for await (const result of served.embedMany([photo, new Blob(["no photo"]), photo])) many.push(result.error?.code ?? result.embedding.length);

console.log(JSON.stringify({
  embedding: Array.from(embedding),
  text: text.length,
  found: (await loaded.search(embedding, 1))[0].id,
  threads: clip.info.threads,
  missing: await clip.embed("nothing.png").catch(({ code }) => code),
  many,
  warnings,
}));
