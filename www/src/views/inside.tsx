import { t } from "../texts/index.ts";

export function InsideView() {
  return <div class="column"><h1>{t.value.views.inside}</h1></div>;
}
