/** The frame of every view: navigation, what goes on in the background, the line about privacy. */

import { useEffect } from "preact/hooks";
import { Announcer } from "./parts/announcer.tsx";
import { DropTarget } from "./parts/drop_target.tsx";
import { later } from "./parts/later.tsx";
import { Navigation } from "./parts/navigation.tsx";
import { PhotoDialog } from "./parts/photo_dialog.tsx";
import { PrivacyLine } from "./parts/privacy_line.tsx";
import { StatusLine } from "./parts/status_line.tsx";
import { type View, view } from "./state/route.ts";
import { settings } from "./state/settings.ts";
import { t } from "./texts/index.ts";
import { SearchView } from "./views/search.tsx";

/** The first view is there at once, the code of another comes when it is opened. */
const SHOWN: Record<View, () => preact.JSX.Element> = {
  search: SearchView,
  library: later(() => import("./views/library.tsx").then(({ LibraryView }) => LibraryView)),
  labels: later(() => import("./views/labels.tsx").then(({ LabelsView }) => LabelsView)),
  map: later(() => import("./views/map.tsx").then(({ MapView }) => MapView)),
  live: later(() => import("./views/live.tsx").then(({ LiveView }) => LiveView)),
  inside: later(() => import("./views/inside.tsx").then(({ InsideView }) => InsideView)),
  models: later(() => import("./views/models.tsx").then(({ ModelsView }) => ModelsView)),
  settings: later(() => import("./views/settings.tsx").then(({ SettingsView }) => SettingsView)),
};

export function App() {
  const Shown = SHOWN[view.value];
  useEffect(() => {
    document.documentElement.lang = settings.value.language;
    document.title = `${t.value.views[view.value]} · clip-vision`;
  }, [view.value, settings.value.language]);
  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>{t.value.skip}</a>
      <Navigation />
      <main id="main" tabIndex={-1} class={`view view-${view.value}`}>
        <Shown key={view.value} />
      </main>
      <footer class="foot">
        <StatusLine />
        <PrivacyLine />
      </footer>
      <PhotoDialog />
      <DropTarget />
      <Announcer />
    </>
  );
}

/** The address behind # is the view's, so the link can't lead there by itself. */
function focusMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
