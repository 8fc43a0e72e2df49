import { Injectable, signal } from "@angular/core";
import { ClipVision } from "clip-vision";

// A folder of this site (public/models/shapes), or a model of the Hub: "openai/clip-vit-base-patch32".
const MODEL = "./models/shapes/";

/** The model, for the whole app. */
@Injectable({ providedIn: "root" })
export class Clip {
  readonly progress = signal(0);
  readonly model = ClipVision.load(MODEL, {
    // Angular's builder takes no workers out of packages: angular.json copies the scripts and the WebAssembly.
    worker: () => new Worker(new URL("clip-vision/worker.js", document.baseURI), { type: "module" }),
    onProgress: ({ overall }) => this.progress.set(overall),
  });
}
