/** What has left this device, as the service worker, which sees every request, counts it. */

import { offline, requests, sent } from "../state/offline.ts";
import { t } from "../texts/index.ts";
import { Icon } from "./icon.tsx";

export function PrivacyLine() {
  const { privacy } = t.value;
  const hosts = Object.keys(requests.value);
  const sentence = sent.value ? privacy.sent(sent.value) : hosts.length ? privacy.model(hosts.join(", ")) : privacy.nothing;
  return (
    <p class="privacy" data-sent={sent.value || undefined}>
      <Icon name="shield" />
      <span>{sentence}</span>
      {offline.value && <span class="quiet-word">{privacy.offline}</span>}
    </p>
  );
}
