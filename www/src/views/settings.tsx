/** What can be chosen, what has left the device, and what is kept on it. */

import { StoragePanel } from "../parts/storage_panel.tsx";
import { download, useModel } from "../state/model.ts";
import { requests } from "../state/offline.ts";
import { type WantedDevice, choose, settings } from "../state/settings.ts";
import { LANGUAGES, type Language, decimal, t } from "../texts/index.ts";

export function SettingsView() {
  const { views, settings: words } = t.value;
  return (
    <div class="column">
      <h1>{views.settings}</h1>
      <section class="panel">
        <label class="field">
          <span>{words.language}</span>
          <select value={settings.value.language} onChange={(event) => choose({ language: event.currentTarget.value as Language })}>
            {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
          </select>
        </label>
        <Device />
        <label class="field">
          <span>{words.strictness}</span>
          <input type="range" min={0} max={6} step={0.05} value={settings.value.least} onInput={(event) => choose({ least: Number(event.currentTarget.value) })} />
          <output>{settings.value.least === 0 ? words.everything : decimal(settings.value.least, 2)}</output>
          <small class="hint">{words.strictnessMore}</small>
        </label>
      </section>
      <Privacy />
      <StoragePanel />
    </div>
  );
}

/** A GPU that can't be had is a sentence in the status line, and the choice stays what it was. */
function Device() {
  const { settings: words } = t.value;
  return (
    <label class="field">
      <span>{words.device}</span>
      <select value={settings.value.device} disabled={Boolean(download.value)} onChange={(event) => void useModel({ device: event.currentTarget.value as WantedDevice })}>
        {Object.entries(words.devices).map(([device, name]) => <option key={device} value={device}>{name}</option>)}
      </select>
      <small class="hint">{words.deviceMore}</small>
    </label>
  );
}

function Privacy() {
  const { settings: words } = t.value;
  const hosts = Object.entries(requests.value);
  return (
    <section class="panel" aria-labelledby="privacy">
      <h2 id="privacy">{words.privacy}</h2>
      <p class="hint">{words.privacyMore}</p>
      {hosts.length === 0 ? <p>{words.noRequests}</p> : <ul>{hosts.map(([host, count]) => <li key={host}>{words.requests(host, count)}</li>)}</ul>}
    </section>
  );
}
