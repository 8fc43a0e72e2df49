/**
 * What is on the drawings: for each number one scene, the same on every device, so that none has to be stored. The words are
 * those that the bundled model was trained with (scripts/shapes/words.py).
 */

import { SHAPE_NAMES, type Shape } from "./shapes.ts";

/** Tones that go by each name. */
export const TONES = {
  red: ["#e53935", "#dc143c", "#ef4444"],
  orange: ["#fb8c00", "#ff8c00", "#f97316"],
  yellow: ["#fdd835", "#facc15", "#ffeb3b"],
  green: ["#2e9e46", "#22a35a", "#15803d"],
  blue: ["#1e88e5", "#3b6ff6", "#0d47a1"],
  purple: ["#8e24aa", "#9333ea", "#6a0dad"],
  pink: ["#ff69b4", "#f472b6", "#ff96be"],
  brown: ["#8b4513", "#795548", "#78350f"],
  black: ["#141414", "#212121", "#0a0a0a"],
  white: ["#ffffff", "#fafafa", "#f2f2f2"],
  gray: ["#808080", "#8c8c8c", "#6b7280"],
} as const;

export type Color = keyof typeof TONES;
export const COLOR_NAMES = Object.keys(TONES) as Color[];
export const PATTERNS = ["plain", "plain", "striped", "checkered", "gradient"] as const;

export interface Scene {
  shape: Shape;
  color: Color;
  tone: string;
  count: number;
  /** Part of the height that a thing takes. */
  size: number;
  /** Turned by so many radians. */
  turn: number;
  pattern: (typeof PATTERNS)[number];
  /** Of what is behind. */
  behind: readonly [Color, Color];
  behindTones: readonly [string, string];
  width: number;
  height: number;
  /** More numbers in 0..1 for whoever draws. */
  random: () => number;
}

/** Colors that are told apart badly. */
const ALIKE: readonly (readonly Color[])[] = [["red", "orange", "brown", "pink"], ["orange", "yellow"], ["purple", "pink"], ["purple", "blue"], ["black", "brown"], ["white", "yellow"], ["gray", "blue", "purple", "green", "brown"], ["red", "purple"], ["green", "blue"], ["white", "pink"], ["orange", "pink"]];
const alike = (a: Color, b: Color): boolean => a === b || ALIKE.some((group) => group.includes(a) && group.includes(b));

/** Numbers in 0..1, the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = (seed + 1) * 0x9e3779b1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SIZES = [[480, 480], [640, 480], [480, 640]] as const;

/** The scene of a number: all 88 kinds of shape and color come up in turn. */
export function sceneOf(index: number): Scene {
  const random = randomOf(index);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const kind = (index * 37) % (SHAPE_NAMES.length * COLOR_NAMES.length); // 37 and 88 have no factor in common
  const shape = SHAPE_NAMES[kind % SHAPE_NAMES.length] as Shape;
  const color = COLOR_NAMES[Math.floor(kind / SHAPE_NAMES.length)] as Color;
  const behind = COLOR_NAMES.filter((other) => !alike(other, color));
  const first = pick(behind);
  const second = pick(behind.filter((other) => !alike(other, first)).concat(behind.length > 1 ? [] : behind));
  const count = random() < 0.7 ? 1 : 2 + Math.floor(random() * 3);
  const [width, height] = pick(SIZES);
  return {
    shape, color, count, width, height, random,
    tone: pick(TONES[color]),
    size: count === 1 ? 0.34 + random() * 0.42 : 0.3,
    turn: (random() - 0.5) * (shape === "moon" ? 2 : 0.4),
    pattern: pick(PATTERNS),
    behind: [first, second ?? first],
    behindTones: [pick(TONES[first]), pick(TONES[second ?? first])],
  };
}

const NUMBERS = ["no", "a", "two", "three", "four"];
const plural = (noun: string): string => (noun === "cross" ? "crosses" : `${noun}s`);
const article = (words: string): string => (/^[aeiou]/.test(words) ? "an" : "a");

/** What one would call it: "two red stars on a striped background". */
export function captionOf({ shape, color, count, pattern, behind }: Scene): string {
  const thing = count === 1 ? `${article(color)} ${color} ${shape}` : `${NUMBERS[count]} ${color} ${plural(shape)}`;
  const what = pattern === "plain" ? behind[0] : pattern;
  return `${thing} on ${article(what)} ${what} background`;
}

/** The file's name of a number. */
export const nameOf = (index: number): string => `${captionOf(sceneOf(index)).replace(/^an? /, "").replaceAll(" ", "-")}.jpg`;
