import { t } from "../texts/index.ts";

export function LiveView() {
  return <div class="column"><h1>{t.value.views.live}</h1></div>;
}
