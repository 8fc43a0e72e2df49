/** A part of the page whose code comes when it is first shown. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../texts/index.ts";

type Component = () => preact.JSX.Element;

export function later(load: () => Promise<Component>): Component {
  const loaded = signal<Component>(Nothing);
  return function Later() {
    useEffect(() => void load().then((component) => (loaded.value = component), () => (loaded.value = Failed)), []);
    return <loaded.value />;
  };
}

const Nothing: Component = () => <></>;

function Failed() {
  const { failed, reload } = t.value.later;
  return (
    <div class="empty" role="alert">
      <h1>{failed}</h1>
      <button type="button" onClick={() => location.reload()}>{reload}</button>
    </div>
  );
}
