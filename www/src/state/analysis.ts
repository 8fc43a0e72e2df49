/** The worker of what takes long, started when it is first needed, and the embeddings of everything for it. */

import { type Remote, transfer, wrap } from "comlink";
import type { Embeddings } from "clip-vision/search";
import type { Analysis } from "../analysis/analysis.ts";

let started: Remote<Analysis> | undefined;

export const analysis = (): Remote<Analysis> =>
  (started ??= wrap<Analysis>(new Worker(new URL("../analysis/worker.ts", import.meta.url), { type: "module", name: "analysis" })));

/** All embeddings, to be given away. */
export async function allRows(rows: Embeddings<number>): Promise<{ seqs: number[]; values: Float32Array<ArrayBuffer> }> {
  const seqs = rows.ids();
  const values = (await rows.getMany(seqs)) as Float32Array<ArrayBuffer>;
  return { seqs, values: transfer(values, [values.buffer]) };
}
