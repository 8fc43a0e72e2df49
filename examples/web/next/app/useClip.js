import { ClipVision } from "clip-vision";
import { useEffect, useState } from "react";

/** A model for as long as the component is there. In strict mode effects run twice: the first load is canceled. */
export function useClip(model) {
  const [state, setState] = useState({ progress: 0 });
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const loading = ClipVision.load(model, {
      signal,
      onProgress: ({ overall }) => signal.aborted || setState({ progress: overall }),
    });
    loading.then(
      (clip) => signal.aborted || setState({ clip, progress: 1 }),
      (error) => signal.aborted || setState({ error, progress: 0 }),
    );
    return () => {
      controller.abort();
      loading.then((clip) => clip.close()).catch(() => {}); // frees the memory
    };
  }, [model]);
  return state;
}
