/** The families beside OpenAI's CLIP, and open_clip's files: what the page gets of photos is what Python computed. Of texts there are ids alone. */

import { readdirSync, readFileSync } from "node:fs";
import { cosine, maxDifference, Safetensors } from "./golden.ts";
import { expect, test } from "./test.ts";

const FOLDER = new URL("../golden/families/", import.meta.url);

for (const name of readdirSync(FOLDER).sort()) {
  const read = (file: string): Buffer => readFileSync(new URL(`${name}/${file}`, FOLDER));
  const golden = new Safetensors(read("expected.safetensors"));
  const { pictures } = JSON.parse(read("expected.json").toString()) as { pictures: string[] };

  test(`${name}: pixel tensors and embeddings are Python's, from the server and from the cache`, async ({ page, server }) => {
    await page.evaluate(() => clipVision.deleteCached());
    for (const precision of ["f32", "int8", "f32"] as const) {
      const found = await page.evaluate(
        async ({ name, precision, pictures }) => {
          const clip = await clipVision.ClipVision.load(`/golden/families/${name}`, { precision });
          const all: { pixels: number[]; embedding: number[] }[] = [];
          for (const picture of pictures) {
            const options = { background: "drop" } as const;
            const { data } = await clip.tensor(`/golden/images/${picture}`, options);
            all.push({ pixels: Array.from(data), embedding: Array.from(await clip.embed(`/golden/images/${picture}`, options)) });
          }
          clip.close();
          return all;
        },
        { name, precision, pictures },
      );
      for (const [index, picture] of pictures.entries()) {
        const { pixels, embedding } = found[index]!;
        expect(maxDifference(pixels, golden.values(`${picture}/pixels`)!), picture).toBeLessThanOrEqual(2e-6);
        const python = golden.values(`${picture}/embedding`)!;
        const length = Math.hypot(...python);
        if (precision === "int8") expect(cosine(embedding, python), picture).toBeGreaterThanOrEqual(0.998);
        else expect(maxDifference(embedding, python.map((value) => value / length)), picture).toBeLessThanOrEqual(1e-5);
      }
    }
    expect(server.requests.filter((path) => path.endsWith("model.safetensors") && path.includes(`families/${name}/`)).length).toBeGreaterThan(0);
  });
}
