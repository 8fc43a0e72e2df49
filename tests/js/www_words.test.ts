// The demo's words, with an engine that knows colors: order of a search, labels, another model, words that can't be read.

import { ClipVisionError, type ClipVisionInfo, type Classification, type EmbeddingDetails } from "clip-vision";
import { beforeEach, expect, test, vi } from "vitest";
import { BUNDLED } from "../../www/src/model_source.ts";
import { type Engine, Session } from "../../www/src/session.ts";
import { Words } from "../../www/src/words.ts";

const INFO = { model: "m", dimension: 2, imageSize: 8, precision: "f32", simd: "simd128", threads: 1, bytes: 9 } as ClipVisionInfo;
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));
const VALUES: Record<string, [number, number]> = { red: [1, 0], violet: [0.7, 0.7], blue: [0, 1] };

/** Names are what is in the photo. */
class ColorEngine implements Engine {
  readonly info = INFO;
  readonly asked: string[] = [];
  async embed(photo: Blob): Promise<EmbeddingDetails> {
    const embedding = Float32Array.from(VALUES[(photo as File).name] ?? [0, 0]);
    return { embedding, timings: { decode: 1, preprocess: 1, forward: 1 }, model: "m", decoder: "rust", width: 4, height: 3 };
  }
  async embedText(text: string): Promise<Float32Array> {
    this.asked.push(text);
    const value = VALUES[text];
    if (!value) throw new ClipVisionError("config", "no tokenizer");
    return Float32Array.from(value);
  }
  async classify(embedding: Float32Array, labels: readonly string[]): Promise<Classification[]> {
    const [name] = Object.entries(VALUES).find(([, values]) => `${Float32Array.from(values)}` === `${embedding}`)!;
    this.asked.push(`${name}: ${labels.join()}`);
    return labels.map((label) => ({ label, score: label === name ? 0.9 : 0.1 })).sort((a, b) => b.score - a.score);
  }
  close(): void {}
}

let engines: ColorEngine[];
let session: Session;
let words: Words;
beforeEach(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  engines = [];
  session = new Session(async () => {
    engines.push(new ColorEngine());
    return engines.at(-1)!;
  });
  words = new Words(session);
  await session.choose(BUNDLED);
  session.add(["blue", "red", "violet"].map((name) => new File([name], name)));
  await settle();
});

const names = (): string[] => words.found.map(({ photo }) => photo.name);
const firstLabels = (): (string | undefined)[] => session.photos.map((photo) => words.labelsOf(photo)?.[0]?.label);

test("a search puts the nearest first, and photos that come later into their place", async () => {
  await words.search(" red ");
  expect(names()).toEqual(["red", "violet", "blue"]);
  expect(words.found[0]?.similarity).toBeCloseTo(1);
  session.add([new File([""], "violet")]);
  await settle();
  expect(names()).toEqual(["red", "violet", "violet", "blue"]);
  await words.search("");
  expect(words.query).toBeNull();
  expect(engines[0]?.asked).toEqual(["red"]);
});

test("labels are asked of each photo once, of new photos too, and anew when they change", async () => {
  await words.label(["red", "blue"]);
  expect(firstLabels()).toEqual(["blue", "red", "red"]);
  session.add([new File([""], "blue")]);
  await settle();
  expect(firstLabels()).toEqual(["blue", "red", "red", "blue"]);
  expect(engines[0]?.asked).toEqual(["blue: red,blue", "red: red,blue", "violet: red,blue", "blue: red,blue"]);
  await words.label(["violet"]);
  expect(firstLabels()).toEqual(["violet", "violet", "violet", "violet"]);
  await words.label([]);
  expect(firstLabels()).toEqual([undefined, undefined, undefined, undefined]);
});

test("another model is asked again", async () => {
  await words.search("blue");
  await words.label(["red"]);
  await session.choose({ ...BUNDLED });
  await settle();
  expect(engines[1]?.asked).toContain("blue");
  expect(engines[1]?.asked.filter((text) => text.endsWith(": red"))).toHaveLength(3);
  expect(names()).toEqual(["blue", "violet", "red"]);
});

test("words that can't be read are a sentence, and the next ones are tried", async () => {
  await words.search("nonsense");
  expect(words.complaint).toEqual({ sentence: expect.stringMatching(/no tokenizer/), detail: "no tokenizer" });
  expect(words.query).toBeNull();
  await words.search("red");
  expect(words.complaint).toBeNull();
  expect(names()).toEqual(["red", "violet", "blue"]);
});
