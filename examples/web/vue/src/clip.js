import { ClipVision } from "clip-vision";
import { defineStore } from "pinia";

/** The model, for the whole app. It may stand in a store, a `ref` or a `reactive` like any other object. */
export const useClip = defineStore("clip", {
  state: () => ({ clip: undefined, progress: 0, error: undefined }),
  actions: {
    async load(model) {
      this.error = undefined;
      try {
        this.clip = await ClipVision.load(model, { onProgress: ({ overall }) => (this.progress = overall) });
      } catch (error) {
        this.error = error;
      }
    },
    close() {
      this.clip?.close(); // frees the memory
      this.clip = undefined;
    },
  },
});
