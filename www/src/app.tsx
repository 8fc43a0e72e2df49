/** The frame of every view: navigation, what goes on in the background, the line about privacy. */

import { useEffect } from "preact/hooks";
import { Announcer } from "./parts/announcer.tsx";
import { DropTarget } from "./parts/drop_target.tsx";
import { Navigation } from "./parts/navigation.tsx";
import { PhotoDialog } from "./parts/photo_dialog.tsx";
import { PrivacyLine } from "./parts/privacy_line.tsx";
import { StatusLine } from "./parts/status_line.tsx";
import { type View, view } from "./state/route.ts";
import { settings } from "./state/settings.ts";
import { t } from "./texts/index.ts";
import { InsideView } from "./views/inside.tsx";
import { LabelsView } from "./views/labels.tsx";
import { LibraryView } from "./views/library.tsx";
import { LiveView } from "./views/live.tsx";
import { MapView } from "./views/map.tsx";
import { ModelsView } from "./views/models.tsx";
import { SearchView } from "./views/search.tsx";
import { SettingsView } from "./views/settings.tsx";

const SHOWN: Record<View, () => preact.JSX.Element> = {
  search: SearchView, library: LibraryView, labels: LabelsView, map: MapView, live: LiveView, inside: InsideView, models: ModelsView, settings: SettingsView,
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
