/** How much is kept in this browser, and the way to get rid of it. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { cancel } from "../state/indexing.ts";
import { allPhotos, hideAll, library } from "../state/library.ts";
import { collection, embedded } from "../state/model.ts";
import { bytes, t } from "../texts/index.ts";

export function StoragePanel() {
  const { library: words } = t.value;
  const used = useSignal<StorageEstimate>({});
  useSignalEffect(() => {
    allPhotos.value;
    void navigator.storage?.estimate?.().then((estimate) => (used.value = estimate));
  });
  const clear = async (): Promise<void> => {
    if (!confirm(words.clearSure)) return;
    await cancel();
    await library.clear();
    await collection.value?.remove(...collection.value.ids());
    hideAll();
    embedded.value = 0;
  };
  return (
    <section class="panel" aria-labelledby="storage">
      <h2 id="storage">{words.store}</h2>
      {used.value.quota !== undefined && <p class="hint">{words.used(bytes(used.value.usage ?? 0), bytes(used.value.quota))}</p>}
      <div class="actions"><button type="button" class="quiet" onClick={() => void clear()}><span>{words.clear}</span></button></div>
    </section>
  );
}
