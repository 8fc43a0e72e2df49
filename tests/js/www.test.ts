/** The demo's pure parts. */

import { describe, expect, it } from "vitest";
import { models } from "clip-vision";
import { Analysis } from "../../www/src/analysis/analysis.ts";
import { COLOR_NAMES, captionOf, nameOf, randomOf, sceneOf } from "../../www/src/drawings/scenes.ts";
import { SHAPE_NAMES } from "../../www/src/drawings/shapes.ts";
import { combined, termsIn } from "../../www/src/state/query.ts";
import { bytesOf, recommended } from "../../www/src/state/recommend.ts";
import { de } from "../../www/src/texts/de.ts";
import { en } from "../../www/src/texts/en.ts";
import { es } from "../../www/src/texts/es.ts";

describe("a query's words", () => {
  const signed = (text: string): string[] => termsIn(text).map((term) => (term.kind === "text" ? `${term.sign > 0 ? "+" : "-"}${term.text}` : ""));

  it.each([
    ["beach", ["+beach"]],
    ["beach −people", ["+beach", "-people"]],
    ["  a beach   - many people +sunset ", ["+a beach", "-many people", "+sunset"]],
    ["t-shirt", ["+t-shirt"]],
    ["−red", ["-red"]],
    ["star –", ["+star –"]],
    ["", []],
    [" \t ", []],
  ])("%j", (text, parts) => expect(signed(text)).toEqual(parts));

  it("become one embedding: plus adds, minus takes away less", () => {
    const [x, y] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
    expect(combined([{ sign: 1, embedding: x }])).toEqual(x);
    const [a, b] = combined([{ sign: 1, embedding: x }, { sign: -1, embedding: y }]);
    expect(a).toBe(1);
    expect(b).toBeLessThan(0);
    expect(b).toBeGreaterThan(-1);
    expect(combined([])).toHaveLength(0);
  });
});

describe("the drawings", () => {
  it("are the same for the same number, and show every shape in every color", () => {
    const { random: _, ...scene } = sceneOf(5);
    expect(sceneOf(5)).toMatchObject(scene);
    const kinds = new Set(Array.from({ length: 88 }, (_, i) => `${sceneOf(i).shape} ${sceneOf(i).color}`));
    expect(kinds.size).toBe(SHAPE_NAMES.length * COLOR_NAMES.length);
  });

  it("never stand before their own color, and are called what they show", () => {
    for (let i = 0; i < 2000; i += 1) {
      const scene = sceneOf(i);
      expect(scene.behind).not.toContain(scene.color);
      expect(captionOf(scene)).toContain(scene.color);
      expect(nameOf(i)).toMatch(/^[a-z-]+\.jpg$/);
    }
  });
});

describe("the recommended model", () => {
  const device = { memory: 8, cores: 8, slow: false, language: "en" };
  const id = (change: object): string | undefined => recommended(models, { ...device, ...change })?.id;

  it("fits the memory, the network and the language", () => {
    expect(id({ slow: true })).toBe("wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M");
    expect(id({ memory: 2 })).toBe("wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M");
    expect(id({ language: "ja" })).toMatch(/siglip2/);
    const large = models.find((model) => model.id === id({}));
    expect(large!.accuracy!.imagenet).toBeGreaterThan(70);
  });

  it("is always one of photos and texts whose license allows any use", () => {
    for (const memory of [0.25, 1, 2, 4, 8]) for (const slow of [true, false]) for (const language of ["en", "de", "xx"]) {
      const model = recommended(models, { memory, cores: 2, slow, language })!;
      expect([model.task, model.license.includes("NC")]).toEqual(["photos and texts", false]);
      expect(bytesOf(model)).toBeLessThan(1.7e9);
    }
  });
});

describe("what takes long", () => {
  const next = randomOf(3);
  const near = (x: number, y: number): number[] => [x + 0.05 * next(), y + 0.05 * next(), 0.05 * next()];
  const rows = Float32Array.from(Array.from({ length: 60 }, (_, i) => (i % 2 ? near(1, 0) : near(0, 1))).flat());

  it("gives each photo the label that is nearest", () => {
    const { label, score } = new Analysis().assign(rows.slice(), Float32Array.of(1, 0, 0, 0, 1, 0), 2);
    expect(Array.from(label)).toEqual(Array.from({ length: 60 }, (_, i) => (i % 2 ? 0 : 1)));
    expect(Math.min(...score)).toBeGreaterThan(0.9);
    expect(Math.max(...score)).toBeLessThanOrEqual(1);
  });

  it("puts photos that are alike together on the map, which is within 0 and 1", async () => {
    const places = await new Analysis().map(rows.slice(), 3, () => undefined);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThanOrEqual(1);
    const at = (i: number): [number, number] => [places[2 * i]!, places[2 * i + 1]!];
    const distance = (i: number, j: number): number => Math.hypot(at(i)[0] - at(j)[0], at(i)[1] - at(j)[1]);
    const mean = (pairs: [number, number][]): number => pairs.reduce((sum, [i, j]) => sum + distance(i, j), 0) / pairs.length;
    const all = Array.from({ length: 58 }, (_, i) => i);
    expect(mean(all.map((i) => [i, i + 2]))).toBeLessThan(0.5 * mean(all.map((i) => [i, i + 1])));
  });
});

describe("the texts", () => {
  it.each([["de", de], ["es", es]] as const)("in %s say everything that the English ones say", (_, texts) => {
    const shape = (value: unknown): unknown => (typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value).filter(([key]) => Number.isNaN(Number(key))).map(([key, part]) => [key, shape(part)])) : typeof value);
    expect(shape(texts)).toEqual(shape(en));
  });
});
