// A Chromium and the matching chromedriver, for the tests only. What is there is used: CHROME and CHROMEDRIVER name
// others. The two have to be of one major version, so where one is missing both come from one place.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Stop, warn } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";
import { ask, which } from "../lib/run.mjs";
import { aptInstall, hasApt } from "./apt.mjs";

const CHROMES = [
  "chromium",
  "chromium-browser",
  "google-chrome-stable",
  "google-chrome",
  "chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The program that an environment variable names, or else the first of some names that there is; or null. */
export function findProgram(variable, names) {
  const named = process.env[variable];
  if (!named) return names.map((name) => which(name)).find(Boolean) ?? null;
  const path = which(named);
  if (!path) throw new Stop(`${variable} is set to ${named}, but there is no program of that name.`, `unset ${variable}`);
  return path;
}

const majorOf = (program) => ask(program, ["--version"])?.match(/(\d+)\.\d+\.\d+/)?.[1] ?? null;

/**
 * The environment in which tests find the browser: CHROME, CHROMEDRIVER (absent where wasm-pack is to fetch one), and
 * WASM_BINDGEN_TEST_WEBDRIVER_JSON, which is webdriver.json with this machine's browser written in.
 */
export async function ensureBrowser() {
  const look = () => ({ chrome: findProgram("CHROME", CHROMES), driver: findProgram("CHROMEDRIVER", ["chromedriver"]) });
  let { chrome, driver } = look();
  if (!(chrome && driver) && hasApt() && !process.env.CHROME) {
    await aptInstall(["chromium", "chromium-driver"], "the tests run in a real browser");
    ({ chrome, driver } = look());
  }
  if (!chrome) {
    throw new Stop(
      "The tests need Chrome or Chromium, and there is none on this machine (CHROME can name one).",
      process.platform === "darwin" ? "brew install --cask google-chrome" : "install Chromium or Google Chrome",
    );
  }
  if (!driver) {
    warn(`There is a browser (${chrome}) but no chromedriver: wasm-pack will try to download one that matches.`);
  } else if (majorOf(chrome) !== majorOf(driver)) {
    warn(`${chrome} is version ${majorOf(chrome)}, ${driver} is ${majorOf(driver)}: they may not work together.`);
  }
  return {
    CHROME: chrome,
    ...(driver && { CHROMEDRIVER: driver }),
    WASM_BINDGEN_TEST_WEBDRIVER_JSON: writeWebdriverJson(chrome),
  };
}

/** webdriver.json holds the flags for everyone; the path of the browser differs from machine to machine. */
function writeWebdriverJson(chrome) {
  const capabilities = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"));
  capabilities["goog:chromeOptions"].binary = chrome;
  const file = inRoot("target", "webdriver.json");
  mkdirSync(inRoot("target"), { recursive: true });
  writeFileSync(file, JSON.stringify(capabilities, null, 2));
  return file;
}
