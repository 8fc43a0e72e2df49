import { t } from "../texts/index.ts";

export function MapView() {
  return <div class="column"><h1>{t.value.views.map}</h1></div>;
}
