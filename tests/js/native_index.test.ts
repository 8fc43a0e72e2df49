/** An index that the command line in Rust wrote (crates/cli/tests/index.rs writes the same bytes) opens in the package. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Embeddings } from "clip-vision/search";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../golden/search/native", import.meta.url));
interface Expected {
  query: string;
  embedding: number[];
  found: { id: string; score: number }[];
}
const expected = JSON.parse(readFileSync(path.join(folder, "found.json"), "utf8")) as Expected[];

describe("an index of the command line in Rust", () => {
  it("gives the same top ten, with the same scores", async () => {
    const photos = await Embeddings.load<string>(path.join(folder, "photos.clip-vision"));
    expect([photos.size, photos.model]).toEqual([48, "shapes"]);
    expect(expected.length).toBe(3);
    for (const { embedding, found } of expected) {
      const here = await photos.search(embedding, 10);
      expect(here.map(({ id }) => id)).toEqual(found.map(({ id }) => id));
      here.forEach(({ score }, i) => expect(score).toBeCloseTo(found[i]!.score, 6));
    }
    // Written again it is the same, but for the notes at its end and their length.
    const [mine, theirs] = [new Uint8Array(await (await photos.toBlob()).arrayBuffer()), readFileSync(path.join(folder, "photos.clip-vision"))];
    expect(Buffer.from(mine.subarray(64)).equals(theirs.subarray(64, mine.length))).toBe(true);
    expect(JSON.parse(theirs.subarray(mine.length).toString())).toMatchObject({ model: "shapes", decode: "exact", dimension: 96 });
    photos.close();
  });

  it("in 8 bits too, to the bit as the package would have kept it", async () => {
    const photos = await Embeddings.load<string>(path.join(folder, "photos-int8.clip-vision"));
    const whole = await Embeddings.load<string>(path.join(folder, "photos.clip-vision"));
    const again = new Embeddings<string>({ precision: "int8", model: "shapes" });
    for (const id of whole.ids()) await again.add(id, (await whole.get(id))!);
    const [mine, theirs] = [new Uint8Array(await (await again.toBlob()).arrayBuffer()), readFileSync(path.join(folder, "photos-int8.clip-vision"))];
    expect(Buffer.from(mine.subarray(64)).equals(theirs.subarray(64, mine.length))).toBe(true);
    for (const one of [photos, whole, again]) one.close();
  });
});
