"use client";

import { useEffect, useState } from "react";
import { useClip } from "./useClip.js";

// A folder of this site (public/models/shapes), or a model of the Hub: "openai/clip-vit-base-patch32".
const MODEL = "/models/shapes/";
const LABELS = ["red circle", "blue square", "green star"];

// On the server this is rendered without a model: effects run in the browser.
export default function Page() {
  const { clip, progress, error } = useClip(MODEL);
  const [photo, setPhoto] = useState();
  const [answer, setAnswer] = useState({});

  useEffect(() => {
    setAnswer({});
    if (!clip || !photo) return;
    const controller = new AbortController();
    const { signal } = controller;
    clip.classify(photo, LABELS, { signal }).then(
      (found) => setAnswer({ found }),
      (error) => signal.aborted || setAnswer({ error }),
    );
    return () => controller.abort(); // another photo was chosen meanwhile
  }, [clip, photo]);

  const failure = error ?? answer.error;
  return (
    <main>
      <h1>What is in the photo?</h1>
      <input type="file" accept="image/*" onChange={(event) => setPhoto(event.target.files[0])} />
      {!clip && !error && <progress value={progress} />}
      {failure && <p role="alert">{failure.message}</p>}
      <ol>
        {answer.found?.map(({ label, score }) => (
          <li key={label}>
            {label}: {(100 * score).toFixed(1)} %
          </li>
        ))}
      </ol>
    </main>
  );
}
