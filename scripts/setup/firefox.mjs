// A Firefox for the tests in a second engine: the system's own, or the one that FIREFOX names.

import { note } from "../lib/log.mjs";
import { aptInstall, hasApt } from "./apt.mjs";
import { findProgram } from "./browser.mjs";

const FIREFOXES = ["firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];

/** `{ FIREFOX }`, or `{ skipped: "why" }`: nobody has to have a second browser. */
export async function ensureFirefox() {
  const look = () => findProgram("FIREFOX", FIREFOXES);
  if (!look() && hasApt()) {
    try {
      await aptInstall(["firefox-esr"], "the tests run in a second browser engine");
    } catch (error) {
      note(error.message);
    }
  }
  const firefox = look();
  return firefox ? { FIREFOX: firefox } : { skipped: "there is no Firefox here, and it could not be installed (FIREFOX can name one)" };
}
