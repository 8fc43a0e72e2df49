/** The way between views: a rail on a desk; on a phone a bar, whose last button opens the rest. */

import { useSignal } from "@preact/signals";
import { VIEWS, type View, linkTo, view } from "../state/route.ts";
import { t } from "../texts/index.ts";
import { Icon } from "./icon.tsx";

/** On a phone there is room for these. */
const FIRST = 4;

export function Navigation() {
  const open = useSignal(false);
  const hidden = VIEWS.indexOf(view.value) >= FIRST;
  return (
    <nav class="rail" aria-label={t.value.navigation} data-open={open.value || undefined}>
      <a class="wordmark" href={linkTo("search")} onClick={() => (open.value = false)}>
        <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" /><path d="M7 21l6-7 5 5 3-3 4 5M22 10.500h.01" /></svg>
        <span>clip-vision</span>
      </a>
      <ul>
        {VIEWS.map((name, i) => <Entry key={name} name={name} late={i >= FIRST} onFollow={() => (open.value = false)} />)}
      </ul>
      <button type="button" class="more" aria-expanded={open.value} data-current={hidden || undefined} onClick={() => (open.value = !open.value)}>
        <Icon name="more" />
        <span>{t.value.more}</span>
      </button>
    </nav>
  );
}

function Entry({ name, late, onFollow }: { name: View; late: boolean; onFollow: () => void }) {
  return (
    <li class={late ? "late" : undefined}>
      <a href={linkTo(name)} aria-current={view.value === name ? "page" : undefined} onClick={onFollow}>
        <Icon name={name} />
        <span>{t.value.views[name]}</span>
      </a>
    </li>
  );
}
