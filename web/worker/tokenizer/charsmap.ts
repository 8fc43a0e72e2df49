/**
 * sentencepiece's map of characters, as a `Precompiled` normalizer has it: base64 of a length, of a trie of as many bytes,
 * and of texts that end with a zero.
 *
 * The trie is a double array of 32-bit units (<https://github.com/s-yata/darts-clone>), from the bytes of a character to the
 * place of a text. `src/…/tokenizer/file/charsmap.rs` refuses the same maps for Rust.
 */

/** Bytes of a map; sentencepiece's own has 240,007. */
const MOST_BYTES = 4 << 20;
/** Bytes of what one character becomes; in Unicode's tables at most 33. */
const LONGEST_TEXT = 256;
/** A longer cluster of characters is looked up character by character. */
const LONGEST_CLUSTER = 6;

/** Bit of a unit that is the end of a key, and holds a place. */
const IS_VALUE = 1 << 31;
/** Bit of a unit that has such an end below it. */
const HAS_VALUE = 1 << 8;

const offset = (unit: number): number => (unit >>> 10) << ((unit & (1 << 9)) >> 6);

/** What a text becomes by a map. Throws a text that says what is wrong with the map. */
export function readCharsmap(base64: string): (text: string) => string {
  if (base64.length > (MOST_BYTES / 3) * 4) throw "is too long";
  const bytes = decoded(base64);
  const size = bytes.length < 4 ? -1 : new DataView(bytes.buffer).getUint32(0, true);
  if (size < 0 || size % 4 !== 0 || 4 + size > bytes.length) throw "has not the length that it says";
  const view = new DataView(bytes.buffer, 4, size);
  const units = Uint32Array.from({ length: size / 4 }, (_, index) => view.getUint32(4 * index, true));
  const texts = bytes.subarray(4 + size);
  check(units, texts);
  return normalizer(units, texts);
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    throw "is not base64";
  }
}

function check(units: Uint32Array, texts: Uint8Array): void {
  let start = 0;
  for (let end = 0; end <= texts.length; end += 1) {
    if (end < texts.length && texts[end] !== 0) continue;
    if (end - start > LONGEST_TEXT) throw "has a long text";
    start = end + 1;
  }
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(texts);
  } catch {
    throw "has texts that are not UTF-8";
  }
  // Within a character all bytes but the first begin with 10.
  const isBoundary = (at: number) => at === texts.length || (at < texts.length && (texts[at]! & 0xc0) !== 0x80);
  const leadsOut = (unit: number, index: number) => {
    if (unit & IS_VALUE) return false;
    const below = index ^ offset(unit);
    const value = ((units[below] ?? 0) & ~IS_VALUE) >>> 0;
    return (below | 0xff) >>> 0 >= units.length || ((unit & HAS_VALUE) !== 0 && !isBoundary(value));
  };
  if (units.length === 0 || units.some(leadsOut)) throw "leads out of itself";
}

function normalizer(units: Uint32Array, texts: Uint8Array): (text: string) => string {
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
  /** What the shortest beginning of some characters that has a text becomes. */
  const find = (characters: string): string | undefined => {
    let at = offset(units[0]!);
    for (const byte of encoder.encode(characters)) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at]!;
      if ((unit & (IS_VALUE | 0xff)) !== byte) return undefined;
      at ^= offset(unit);
      if (unit & HAS_VALUE) {
        const start = (units[at]! & ~IS_VALUE) >>> 0;
        const end = texts.indexOf(0, start);
        return decoder.decode(texts.subarray(start, end < 0 ? undefined : end));
      }
    }
    return undefined;
  };
  // Texts repeat their characters.
  const known = new Map<string, string | undefined>();
  const become = (characters: string): string | undefined => {
    if (known.has(characters)) return known.get(characters);
    const found = find(characters);
    if (known.size < 4096) known.set(characters, found);
    return found;
  };
  return (text) => {
    let made = "";
    for (const cluster of clusters(text)) {
      const whole = encoder.encode(cluster).length < LONGEST_CLUSTER ? become(cluster) : undefined;
      made += whole ?? Array.from(cluster, (letter) => become(letter) ?? letter).join("");
    }
    return made;
  };
}

/** Characters with what stands on them; nearly so in browsers that can't tell. */
function* clusters(text: string): Generator<string> {
  if (!("Segmenter" in Intl)) return yield* (text as string).match(/\r\n|\P{M}[\p{M}\u200C\u200D]*|\p{M}+/gu) ?? [];
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) yield segment;
}
