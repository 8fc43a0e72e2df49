/** The command line of the npm package, run as a person runs it. */

import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ClipVision } from "clip-vision";
import { Embeddings } from "clip-vision/search";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { expected, maxDifference } from "../browser/golden.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cli = path.join(root, "dist", "node", "cli.js");
const golden = (...parts: string[]): string => path.join(root, "tests", "golden", ...parts);
const SHAPES = path.join(root, "models", "shapes");
const PHOTO = golden("images", "rgb-photo.png");
const folder = mkdtempSync(path.join(os.tmpdir(), "clip-vision-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

function run(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { cwd: root, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const lines = ({ stdout }: Outcome): Record<string, unknown>[] =>
  stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);

let clip: ClipVision;
beforeAll(async () => {
  clip = await ClipVision.load(SHAPES);
});
afterAll(() => clip.close());

describe("embed", () => {
  it("prints a line of JSON an image in their order, with every bit of each value", async () => {
    const photos = ["rgb-500x375.png", "gray.png", "photo-420.jpg"].map((name) => golden("images", name));
    const outcome = await run("embed", "--model", SHAPES, "--json", "--precision=f32", ...photos);
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
    const printed = lines(outcome);
    expect(printed.map((line) => line["path"])).toEqual(photos);
    for (const { path: photo, embedding } of printed) {
      expect(Float32Array.from(embedding as number[])).toEqual(await clip.embed(photo as string));
      for (const value of embedding as number[]) expect(Number(value.toPrecision(9))).toBe(value); // no digit that says nothing
    }
  });

  it("equals Python, and takes opacity and length as it is told to", async () => {
    const model = golden("models", "b32-tiny");
    const [line] = lines(await run("embed", "--model", model, "--json", PHOTO));
    const python = expected("b32-tiny").values("embedding/rgb-photo.png")!;
    expect(maxDifference(Float32Array.from(line!["embedding"] as number[]), python)).toBeLessThanOrEqual(1e-4);
    const long = lines(await run("embed", "--model", model, "--json", "--no-normalize", PHOTO))[0]!["embedding"] as number[];
    expect(Math.hypot(...long)).not.toBeCloseTo(1, 3);
    const rgba = golden("images", "rgba.png");
    for (const [argument, background] of [["#0A141e", [10, 20, 30]], ["drop", "drop"], ["ffffff", [255, 255, 255]]] as const) {
      const [over] = lines(await run("embed", "--model", SHAPES, "--json", "--background", argument, rgba));
      expect(Float32Array.from(over!["embedding"] as number[])).toEqual(await clip.embed(rgba, { background }));
    }
  });

  it("has a failed image's error on its line, and says so by its status", async () => {
    const [good, bad] = [golden("images", "gray.png"), golden("broken", "not-an-image.jpg")];
    const outcome = await run("embed", "--model", SHAPES, "--json", bad, good, "not/there.png");
    expect(outcome.status).toBe(1);
    const printed = lines(outcome);
    expect(printed.map((line) => [line["path"], Object.keys(line).sort()])).toEqual([
      [bad, ["error", "path"]],
      [good, ["embedding", "path"]],
      ["not/there.png", ["error", "path"]],
    ]);
    expect(printed[2]!["error"]).toContain("not/there.png");
    const plain = await run("embed", "--model", SHAPES, bad, good);
    expect(plain).toMatchObject({ status: 1, stderr: expect.stringContaining(`clip-vision: ${bad}: `) });
    expect(plain.stdout).toMatch(/^\S+gray\.png\t\S+( \S+)+\n$/);
  });

  it("says on stderr what is wrong with a model or a device", async () => {
    expect(await run("embed", "--model", "no/such/model", "--json", "cat.jpg")).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("no/such/model") });
    expect(await run("embed", "--model", SHAPES, "--device", "cuda", PHOTO)).toMatchObject({ status: 1, stderr: expect.stringContaining("--features cuda") });
    const model = path.join(folder, "without");
    mkdirSync(model);
    for (const file of ["config.json", "model.safetensors"]) cpSync(path.join(SHAPES, file), path.join(model, file));
    expect(await run("embed", "--model", model, PHOTO)).toMatchObject({ status: 0, stderr: expect.stringMatching(/^clip-vision: .*preprocessor_config\.json/) });
  });

  it("ends without an error if nobody reads on", async () => {
    const child = spawn(process.execPath, [cli, "embed", "--model", SHAPES, ...Array<string>(400).fill(PHOTO)], { cwd: root });
    child.stdout.once("data", () => child.stdout.destroy());
    let stderr = "";
    child.stderr.on("data", (text) => void (stderr += text));
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect(stderr).toBe("");
  });
});

it("embed-text prints a line a text, of any letters", async () => {
  const texts = ["a photo of a circle", "", "犬", "--json"];
  const outcome = await run("embed-text", "--model", SHAPES, "--json", "--", ...texts);
  expect(outcome.status).toBe(0);
  const printed = lines(outcome);
  expect(printed.map((line) => line["text"])).toEqual(texts);
  for (const { text, embedding } of printed) expect(Float32Array.from(embedding as number[])).toEqual(await clip.embedText(text as string));
  expect((await run("embed-text", "--model", SHAPES, "a circle")).stdout).toMatch(/^a circle\t/);
  expect(await run("embed-text", "--model", golden("models", "odd-widths"), "--json", "a dog")).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("vision tower alone") });
});

it("classify prints the labels' probabilities in their order, and the likeliest", async () => {
  const labels = ["a circle", "a square", "noise"];
  const outcome = await run("classify", "--model", SHAPES, "--json", "--labels", labels.join(","), "--template", "{}", PHOTO, "none.png");
  expect(outcome.status).toBe(1);
  const [line, failed] = lines(outcome) as [{ path: string; label: string; probabilities: number[] }, { error: string }];
  expect(Object.keys(line).sort()).toEqual(["label", "path", "probabilities"]);
  expect(line.probabilities).toHaveLength(3);
  expect(line.probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  expect(line.label).toBe(labels[line.probabilities.indexOf(Math.max(...line.probabilities))]);
  expect(failed.error).toContain("none.png");
  const plain = await run("classify", "--model", SHAPES, "--labels", labels.join(","), "--template", "{}", PHOTO);
  expect(plain.stdout).toMatch(new RegExp(`^${PHOTO}\t${line.label} [\\d.]{6}\t.* [\\d.]{6}\n$`));
});

it("embed reads names from standard input, one a line, as many as there are", async () => {
  const names = [PHOTO, "none.png", golden("images", "gray.png")];
  const child = spawn(process.execPath, [cli, "embed", "--model", SHAPES, "--json", "-", names[0]!], { cwd: root });
  child.stdin.end(names.join("\r\n"));
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect(status).toBe(1); // one of them is not there
  expect(lines({ status: 1, stdout, stderr: "" }).map((line) => [line["path"], "error" in line])).toEqual([...names, names[0]!].map((name) => [name, name === "none.png"]));
});

describe("index and search", () => {
  it("write a collection of folders and photos, and find texts and photos in it", async () => {
    const photos = path.join(folder, "photos");
    mkdirSync(path.join(photos, "more"), { recursive: true });
    for (const name of ["gray.png", "rgba.png", "photo-420.jpg"]) cpSync(golden("images", name), path.join(photos, "more", name));
    cpSync(PHOTO, path.join(photos, "first.png"));
    cpSync(golden("broken", "truncated.png"), path.join(photos, "broken.png"));
    cpSync(golden("images.json"), path.join(photos, "notes.json"));
    const out = path.join(folder, "photos.clip-vision");
    const written = await run("index", "--model", SHAPES, "--rows", "int8", "--out", out, "--json", photos, PHOTO);
    expect(written.status).toBe(1); // one of them is broken
    const names = ["broken.png", "first.png", "more/gray.png", "more/photo-420.jpg", "more/rgba.png"].map((name) => `${photos}/${name}`);
    expect(lines(written).map((line) => [line["path"], "error" in line])).toEqual([...names, PHOTO].map((name) => [name, name.endsWith("broken.png")]));
    expect(written.stderr).toContain(`5 photos in ${out}`);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    const collection = await Embeddings.load(out);
    expect([collection.precision, collection.ids()]).toEqual(["int8", [...names.slice(1), PHOTO]]);

    const found = await run("search", "--model", SHAPES, "--in", out, "--top", "3", "--json", "a red circle", PHOTO);
    expect(found.status).toBe(0);
    const [text, photo] = lines(found) as { query: string; found: { id: string; score: number }[] }[];
    const expectedOnes = await collection.search(await clip.embedText("a red circle"), 3);
    expect(text!.query).toBe("a red circle");
    expect(text!.found.map(({ id, score }) => ({ id, score: Math.fround(score) }))).toEqual(expectedOnes);
    expect(photo!.query).toBe(PHOTO);
    expect(photo!.found.slice(0, 2).map(({ id }) => id).sort()).toEqual([PHOTO, names[1]].sort());
    expect(photo!.found[0]!.score).toBeGreaterThan(0.999);
    const plain = await run("search", "--model", SHAPES, "--in", out, "--top", "2", "a red circle");
    expect(plain.stdout).toMatch(/^a red circle\t-?0\.\d{4}\t\S+\na red circle\t-?0\.\d{4}\t\S+\n$/);
    collection.close();
  });

  it("write what classify labels and duplicates compares", async () => {
    const photos = path.join(folder, "alike");
    mkdirSync(photos);
    for (const name of ["a.png", "b.png"]) cpSync(PHOTO, path.join(photos, name));
    cpSync(golden("images", "gray.png"), path.join(photos, "c.png"));
    const out = path.join(folder, "alike.clip-vision");
    expect(await run("index", "--model", SHAPES, "-q", "-o", out, photos)).toEqual({ status: 0, stdout: "", stderr: "" });
    const ids = ["a", "b"].map((name) => `${photos}/${name}.png`);
    const [group, ...others] = lines(await run("duplicates", "--in", out, "--threshold", "0.9999", "--json"));
    expect(group!["ids"]).toEqual(ids);
    expect(group!["similarity"]).toBeCloseTo(1, 5);
    expect(others).toEqual([]);
    expect((await run("duplicates", "--in", out, "--threshold", "0.9999")).stdout).toBe(`1.0000\t${ids.join("\t")}\n`);
    const labels = ["--labels", "a circle,a square", "--labels", "noise", "--json"];
    const ofCollection = lines(await run("classify", "--model", SHAPES, ...labels, "--in", out));
    const ofFolder = lines(await run("classify", "--model", SHAPES, ...labels, photos));
    expect(ofCollection).toHaveLength(3);
    expect(ofCollection.map((line) => [line["path"], line["label"]])).toEqual(ofFolder.map((line) => [line["path"], line["label"]]));
    const [ofOne, ofOther] = [ofCollection, ofFolder].map((all) => all[0]!["probabilities"] as number[]);
    expect(ofOne).toHaveLength(3);
    ofOne!.forEach((probability, at) => expect(probability).toBeCloseTo(ofOther![at]!, 5));
  });

  it("leave what was there if there is nothing to write, and say what is wrong", async () => {
    const out = path.join(folder, "nothing.clip-vision");
    expect(await run("index", "--model", SHAPES, "--out", out, "none.png")).toMatchObject({ status: 1, stderr: expect.stringContaining("is not written") });
    mkdirSync(path.join(folder, "empty"));
    expect(await run("index", "--model", SHAPES, "--out", out, path.join(folder, "empty"))).toMatchObject({ status: 1, stderr: expect.stringContaining("no photos") });
    expect(readdirSync(folder)).not.toContain("nothing.clip-vision");
    expect(await run("search", "--model", SHAPES, "--in", out, "x")).toMatchObject({ status: 1, stderr: expect.stringContaining("nothing.clip-vision") });
    const other = path.join(folder, "other.clip-vision");
    await run("index", "--model", golden("models", "odd-widths"), "--out", other, PHOTO);
    const wrong = await run("search", "--model", SHAPES, "--in", other, "x");
    expect(wrong).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining('is of the model "odd-widths", not of "shapes"') });
    const forced = await run("search", "--model", SHAPES, "--in", other, "--json", "--name", "odd-widths", "x");
    expect(forced.status).toBe(1);
    expect(lines(forced)[0]!["error"]).toMatch(/96 values .* 37/);
  });

  it("know the model's name, however its folder is written, and take addresses of photos", async () => {
    const out = path.join(folder, "named.clip-vision");
    const address = pathToFileURL(PHOTO).href;
    const data = `data:image/png;base64,${readFileSync(PHOTO).toString("base64")}`;
    expect(await run("index", "--model", `${SHAPES}/`, "--out", out, address, data)).toMatchObject({ status: 0 });
    const collection = await Embeddings.load(out);
    expect([collection.model, collection.ids()]).toEqual(["shapes", [address, data]]);
    const found = lines(await run("search", "--model", "models/shapes", "--in", out, "--json", address)) as { found: { score: number }[] }[];
    expect(found[0]!.found.map(({ score }) => score > 0.999)).toEqual([true, true]);
    // One that a page saved, with the whole address.
    const pages = new Embeddings<string>({ model: "https://example.org/models/shapes/" });
    await pages.add("a", await clip.embed(PHOTO));
    writeFileSync(out, new Uint8Array(await (await pages.toBlob()).arrayBuffer()));
    expect(await run("search", "--model", SHAPES, "--in", out, "x")).toMatchObject({ status: 0, stderr: "" });
    pages.close();
    collection.close();
  });

  it("give a token to a model at an address alone, and never the Hub's to another", async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer(({ headers }, response) => {
      asked.push(headers.authorization);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const model = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model/`;
    vi.stubEnv("HF_TOKEN", "hf_environment");
    try {
      expect(await run("embed", "--model", model, PHOTO)).toMatchObject({ status: 1, stderr: expect.stringContaining("404") });
      expect(new Set(asked)).toEqual(new Set([undefined]));
      expect(await run("embed", "--model", model, "--token", "mine", PHOTO)).toMatchObject({ status: 1 });
      expect(asked).toContain("Bearer mine");
      expect(await run("embed", "--model", SHAPES, PHOTO)).toMatchObject({ status: 0 });
      expect(await run("embed", "--model", SHAPES, "--revision", "main", PHOTO)).toMatchObject({ status: 1, stderr: expect.stringContaining("--revision is for a Hub model") });
    } finally {
      vi.unstubAllEnvs();
      server.close();
    }
  });
});

// `script` of util-linux makes a terminal.
describe.skipIf(process.platform !== "linux" || !existsSync("/usr/bin/script"))("on a terminal", () => {
  it("a name's control characters are written out, and go as they are elsewhere", async () => {
    const name = "\x1b[2Jevil\u009b.png";
    const out = path.join(folder, "evil.clip-vision");
    const rows = new Embeddings<string>({ model: "shapes" });
    await rows.addMany([name, "plain.png"], [await clip.embedText("a"), await clip.embedText("b")]);
    writeFileSync(out, new Uint8Array(await (await rows.toBlob()).arrayBuffer()));
    rows.close();
    const search = ["search", "--model", SHAPES, "--in", out, "a"];
    expect((await run(...search)).stdout).toContain(`\t${name}\n`);
    const command = [process.execPath, cli, ...search, "no-such-\x1b[31m.png"].map((word) => `'${word}'`).join(" ");
    const printed = await new Promise<string>((resolve, reject) => {
      const child = execFile("/usr/bin/script", ["--quiet", "--return", "--command", command, "/dev/null"], { cwd: root, timeout: 50_000 }, (error, stdout) => {
        if (error) reject(error);
        else resolve(stdout);
      });
      child.stdin?.on("error", () => {}); // it stays open, and says nothing
    });
    expect(printed).toContain("\t\\u001b[2Jevil\\u009b.png");
    expect(printed).toContain("no-such-\\u001b[31m.png");
    expect(printed).not.toMatch(/\x1b|\u009b/);
  });
});

describe("arguments", () => {
  it.each([
    [],
    ["embed"],
    ["embed", PHOTO],
    ["embed", "--model", SHAPES],
    ["embed", "--model", SHAPES, "--unknown", PHOTO],
    ["embed", "--model", SHAPES, "--precision", "f8", PHOTO],
    ["embed", "--model", SHAPES, "--decode", "quick", PHOTO],
    ["embed-text", "--model", SHAPES],
    ["classify", "--model", SHAPES, PHOTO],
    ["classify", "--model", SHAPES, "--labels", "a", "--template", "none", PHOTO],
    ["search", "--model", SHAPES, "--in", "x", "--top", "0", "x"],
    ["convert", "--model", SHAPES],
    ["convert", "--model", SHAPES, "--out", "x", "--precision", "f32"],
    ["convert", "--model", SHAPES, "--out", "x", "more"],
    ["classify", "--model", SHAPES, "--labels", "a", "--in", "x", PHOTO],
    ["classify", "--model", SHAPES, "--labels", "a", "--in", "x", "--decode", "fast"],
    ["classify", "--model", SHAPES, "--labels", "a", "--name", "x", PHOTO],
    ["duplicates", "--in", "x", "--threshold", "1.5"],
    ["duplicates", "--in", "x", PHOTO],
    ["duplicates", "--in", "x", "--in", "y"],
    ["search", "--model", SHAPES, "--model", SHAPES, "--in", "x", "a"],
    ["index", "--model", SHAPES, "-o", "x.parquet", PHOTO],
    ["info", "x.clip-vision"],
    ["unknown"],
    ["toString"],
    ...["white", "fff", "+12345", "1234567", "é1234", ""].map((color) => ["embed", "--model", SHAPES, `--background=${color}`, PHOTO]),
  ].map((args) => [args]))("%j make no sense: status 2", async (args) => {
    expect(await run(...args)).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/^error: |Usage/) });
  });

  it("that the command line in Rust alone has are told so", async () => {
    for (const option of [["--thumbnails", "never"], ["--thumbnails=blocks"]]) {
      const { status, stderr } = await run("search", "--model", SHAPES, "--in", "x", ...option, "a dog");
      expect([status, stderr]).toEqual([2, expect.stringContaining("only the command line in Rust has the option '--thumbnails'")]);
    }
    const { status, stderr } = await run("search", "--model", SHAPES, "--in", "x", "--in", "y", "a dog");
    expect([status, stderr]).toEqual([2, expect.stringContaining("only the command line in Rust searches several files")]);
  });

  it("that ask for help or the version are answered", async () => {
    const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    expect(await run("--version")).toEqual({ status: 0, stdout: `clip-vision ${version}\n`, stderr: "" });
    for (const args of [["--help"], ["-h"], ["help", "index"], ["index", "--help"]]) {
      expect(await run(...args)).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage: clip-vision "), stderr: "" });
    }
  });
});
