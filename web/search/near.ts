/**
 * Near duplicates in the search module: the part that a collection's worker has, and a page that only calls `topK` does without.
 * See `crates/search/src/links.rs`.
 */

import { aligned } from "../shared/values.js";
import { ALIGNMENT, type RowPrecision, type SearchEngine } from "./engine.js";

/** Rows in the memory, and what is looked for in them. */
export interface NearRows {
  /** The address of the rows. */
  rows: number;
  precision: RowPrecision;
  count: number;
  /** A value a row; NaN for one that was removed. */
  scales: Float32Array;
  /** The least cosine of a link. */
  threshold: number;
}

/** Rows that are nearly the same. */
export interface NearGroups {
  /** Of each row the number of its group, or 2³² - 1 of one that has none. */
  labels: Uint32Array<ArrayBuffer>;
  /** Of each group the weakest link that holds it together. */
  similarities: Float32Array<ArrayBuffer>;
}

/** What the module has for this; see `crates/search/wasm/src/near.rs`. */
interface NearExports {
  near_prepare(near: number): void;
  near_sketch(near: number, first: number, end: number): void;
  near_link(near: number, first: number, firstEnd: number, second: number, secondEnd: number, links: number): number;
  near_reduce(near: number, links: number): number;
  near_groups(near: number, links: number): number;
}

const LINK = 12; // two u32 and an f32

// Of crates/search/src/sketch.rs.
const SKETCH = 64;
const PANEL = 16;
const VECTORS = 63;
/** Panels that are sketched, or compared with as many, in one go: a millisecond. */
const PANELS = 16;

/** What a part of all pairs gave: the links that decide the groups, each of two rows and a cosine, for {@link groupsOf}. */
export interface NearLinks {
  /** Rows that were looked at. */
  count: number;
  links: Uint8Array<ArrayBuffer>;
}

/** Room for what the module works with, from `free` on: at least two of these links a row. */
function placesOf(engine: SearchEngine, count: number, free: number, sketching: boolean) {
  let end = free;
  const room = (bytes: number): number => {
    const at = aligned(end, ALIGNMENT);
    end = at + bytes;
    return at;
  };
  const near = room(14 * 4);
  const work = (bytes: number): number => (sketching ? room(bytes) : near);
  const vectors = 4 * VECTORS * engine.dimension;
  const places = {
    scales: work(4 * count),
    inverse: work(4 * count),
    basis: work(vectors),
    next: work(vectors),
    row: work(4 * engine.dimension),
    panels: work(4 * SKETCH * PANEL * Math.ceil(count / PANEL)),
    links: room(2 * LINK * count),
    parents: room(4 * count),
    labels: room(4 * count),
  };
  engine.reserve(end);
  return { near, places };
}

function describe(engine: SearchEngine, near: number, head: readonly number[], places: object, threshold: number): void {
  const words = [...head, ...(Object.values(places) as number[])];
  new Uint32Array(engine.bytes.buffer, near, words.length).set(words);
  engine.floats(near + 4 * words.length, 1)[0] = threshold;
}

/**
 * The links between rows that are nearly the same, of the pairs of one part of several, in memory from `free` on. Yields how many
 * pairs are done, every millisecond or so; all but nothing takes long that comes before the first.
 *
 * @param part which one, from 0, and of how many, which are equally large
 * @throws {@link ClipVisionError} `out-of-memory`
 */
export function* nearLinks(
  engine: SearchEngine,
  { rows, precision, count, scales, threshold }: NearRows,
  free: number,
  [part, parts]: readonly [part: number, parts: number],
): Generator<number, NearLinks> {
  const module = engine.exports as NearExports;
  const panels = Math.ceil(count / PANEL);
  const { near, places } = placesOf(engine, count, free, true);
  engine.floats(places.scales, count).set(scales);
  describe(engine, near, [rows, precision === "int8" ? 1 : 0, count, engine.dimension], places, threshold);

  module.near_prepare(near);
  const blocks = Array.from({ length: Math.ceil(panels / PANELS) }, (_, i) => [i * PANELS, Math.min((i + 1) * PANELS, panels)] as const);
  for (const [first, last] of blocks) {
    module.near_sketch(near, first, last);
    yield 0;
  }
  let [links, done] = [0, 0];
  for (const [i, [second, secondEnd]] of blocks.entries()) {
    if (i % parts !== part) continue;
    const columns = Math.min(secondEnd * PANEL, count) - second * PANEL;
    for (const [first, firstEnd] of blocks) {
      if (first > second) break;
      links = module.near_link(near, first, firstEnd, second, secondEnd, links);
      done += first < second ? (firstEnd - first) * PANEL * columns : (columns * (columns - 1)) / 2;
      yield done;
    }
  }
  links = module.near_reduce(near, links);
  return { count, links: new Uint8Array(engine.bytes.buffer, places.links, links * LINK).slice() as Uint8Array<ArrayBuffer> };
}

/**
 * The groups that the links of all parts make, in memory from `free` on: the same, to the bit, whatever the parts were.
 *
 * @throws {@link ClipVisionError} `out-of-memory`
 */
export function groupsOf(engine: SearchEngine, parts: readonly NearLinks[], free: number): NearGroups {
  const module = engine.exports as NearExports;
  const count = parts[0]?.count ?? 0;
  const { near, places } = placesOf(engine, count, free, false);
  describe(engine, near, [0, 0, count, engine.dimension], places, 0);
  let links = 0;
  for (const part of parts) {
    engine.bytes.set(part.links, places.links + links * LINK);
    links = module.near_reduce(near, links + part.links.length / LINK);
  }
  const groups = module.near_groups(near, links);
  const found = engine.floats(places.links, (groups * LINK) / 4);
  return {
    labels: new Uint32Array(engine.bytes.buffer, places.labels, count).slice() as Uint32Array<ArrayBuffer>,
    similarities: Float32Array.from({ length: groups }, (_, i) => found[3 * i + 2] as number),
  };
}
