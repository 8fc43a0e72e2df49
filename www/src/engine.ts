/** The package, as the demo uses it: this is all that it takes. */

import { ClipVision } from "clip-vision";
import type { ModelSource } from "./model_source.ts";
import type { OpenEngine } from "./session.ts";

/** Where Vite puts the bundled model, relative to the page. */
const BUNDLED = "models/shapes/";

export const openEngine: OpenEngine = async (source, options) => {
  const clip = await load(source, options);
  return {
    info: clip.info,
    embed: (photo, signal) => clip.embed(photo, { details: true, signal }),
    embedText: (text, signal) => clip.embedText(text, { signal }),
    classify: (embedding, labels, signal) => clip.classify(embedding, labels, { signal }),
    close: () => clip.close(),
  };
};

type LoadOptions = Parameters<OpenEngine>[1];

function load(source: ModelSource, options: LoadOptions): Promise<ClipVision> {
  switch (source.kind) {
    case "bundled":
      return ClipVision.load(new URL(BUNDLED, document.baseURI).href, options);
    case "address":
      return ClipVision.load(source.url, options);
    case "hub": {
      const { id, revision, hub } = source;
      return ClipVision.load(id, { ...options, hub: { ...(revision && { revision }), ...(hub && { endpoint: hub }) } });
    }
    case "folder": {
      const { config, weights, optional } = source;
      return ClipVision.load({ config, weights, ...optional }, options);
    }
  }
}
