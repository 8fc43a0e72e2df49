"use client";

import { useEffect, useState } from "react";
import { run } from "../../app/app.js";

// Rendered to a string at build time, where there is no browser; the effect runs in one.
export default function Page() {
  const [state, setState] = useState("embedding");
  useEffect(() => {
    void run().then(({ error }) => setState(error ?? "done"));
  }, []);
  return <p>{state}</p>;
}
