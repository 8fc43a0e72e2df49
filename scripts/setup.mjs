// Set-up: what the builds and the tests take beside Node, npm and cargo, installed where it is missing. Each step says what it
// does and why, once, and is silent when there is nothing to do. What was found goes into this process's environment, and so
// into that of every command that the scripts run.
//
//     npm run setup [build] [-- --install]     all of it (or what builds need; system packages through sudo too), and then the
//                                              environment as shell lines, for cargo by hand

import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Stop, ask, inCache, inRoot, main, note, once, run, seconds, step, warn, which } from "./lib.mjs";

const OLDEST_NODE = 20;
/** On the command line of `npm test` and `npm run setup`: system packages that are missing may be installed through sudo. */
export const INSTALL = "--install";
const WASM = "wasm32-unknown-unknown";
const AARCH64 = "aarch64-unknown-linux-gnu";

// A target that is missing is added to the compiler that is there; left to itself, rustup takes the occasion to replace it.
process.env.RUSTUP_AUTO_INSTALL ??= "0";

/** npm's packages only: enough for TypeScript and the demo once the wasm files are there. */
export async function setUpNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE) {
    throw new Stop(`Node ${process.versions.node} is too old: this project needs ${OLDEST_NODE} or newer.`, "nvm install --lts");
  }
  // A link to another clone's is used as it is: npm would empty what it points to.
  if (lstatSync(inRoot("node_modules"), { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const { devDependencies } = JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
  const packages = {
    what: "Installing npm packages",
    why: "TypeScript, Vite, wasm-opt and the test runners, as package-lock.json names them",
    files: [inRoot("package-lock.json")],
    how: [devDependencies, process.versions.modules, process.platform],
    outputs: [inRoot("node_modules", ".package-lock.json")],
  };
  await once("npm", packages, () => npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]));
}

/** Everything that building the package takes; wasm-bindgen follows while cargo compiles ({@link ensureWasmBindgen}). */
export async function setUpBuild() {
  requireCargo(); // before minutes are spent on anything else
  await Promise.all([setUpNode(), rustup("target", WASM, [WASM, "lib"], "the compiler has no standard library for wasm yet")]);
}

/** What the tests take on top: CHROME, CHROMEDRIVER and WASM_BINDGEN_TEST_WEBDRIVER_JSON in the environment. */
export async function setUpTests() {
  await setUpBuild();
  await ensureBrowser();
}

/** Runs this Node's own npm where npm started us, so that no other version rewrites a lockfile; else the one on PATH. */
export function npm(args, options) {
  const script = process.env.npm_execpath;
  if (script && /\.c?js$/.test(script)) return run(process.execPath, [path.resolve(script), ...args], options);
  return run("npm", args, options);
}

/**
 * In a folder under target/, the packages of a lockfile elsewhere in the repository, unless they are there. Install scripts
 * are not run: what they would download comes as packages of its own. Whether anything was installed.
 */
export function ensurePackages(stamp, { folder, from, what, why }) {
  const files = ["package.json", "package-lock.json"].map((file) => path.join(from, file));
  const how = [process.versions.modules, process.platform];
  const outputs = [path.join(folder, "node_modules", ".package-lock.json")];
  return once(stamp, { what: `Installing ${what}`, why, files, how, outputs }, async () => {
    mkdirSync(folder, { recursive: true });
    for (const file of files) copyFileSync(file, path.join(folder, path.basename(file)));
    // Not `npm ci`: it refuses a lockfile without the packages of other platforms that the registry in use does not have.
    await npm(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  });
}

// --- Rust

/** cargo and rustc, which this project can't install for a person: stops with the command if they are missing or old. */
export function requireCargo() {
  const version = which("cargo") && ask("rustc", ["--version"])?.match(/(\d+)\.(\d+)/);
  if (!version) {
    throw new Stop(
      "There is no Rust compiler on PATH (cargo and rustc).",
      "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . ~/.cargo/env",
    );
  }
  const oldest = readFileSync(inRoot("Cargo.toml"), "utf8").match(/^rust-version = "(\d+)\.(\d+)/m);
  if (oldest && Number(version[2]) < Number(oldest[2])) {
    throw new Stop(`Rust ${version[0]} is too old: the crate needs ${oldest[1]}.${oldest[2]} or newer.`, "rustup update stable");
  }
}

/** A target or a component of the compiler's own version, which is there when lib/rustlib/`place` is. */
async function rustup(kind, name, place, why) {
  const there = () => existsSync(path.join(ask("rustc", ["--print", "sysroot"]) ?? "", "lib", "rustlib", ...place));
  if (there()) return;
  const command = `rustup ${kind} add ${name}`;
  if (which("rustup")) {
    step(command, why);
    await run("rustup", [kind, "add", name]);
  }
  if (!there()) throw new Stop(`The Rust compiler has no ${name}: ${why}.`, command);
}

/** The source of the standard library, which the builds with threads compile anew (`-Z build-std`). */
export const ensureStdSource = () =>
  rustup("component", "rust-src", ["src", "rust", "library", "std"], "for threads the standard library is compiled anew");

/** The version of a crate that Cargo.lock fixes. */
export function lockedVersion(crate) {
  const match = readFileSync(inRoot("Cargo.lock"), "utf8").match(new RegExp(`name = "${crate}"\\r?\\nversion = "([^"]+)"`));
  if (!match) throw new Stop(`Cargo.lock names no version of ${crate}, which the wasm build needs.`);
  return match[1];
}

let wasmBindgen;

/**
 * wasm-bindgen and wasm-bindgen-test-runner on PATH, of the version of the crate in Cargo.lock: the format of the JavaScript
 * that it writes changes with every release. One that is already on PATH is used as it is; otherwise cargo builds it, once
 * for all clones. It takes no more than that cargo, so it can be begun while another cargo compiles, and awaited later.
 */
export const ensureWasmBindgen = () => (wasmBindgen ??= installWasmBindgen());

async function installWasmBindgen() {
  const version = lockedVersion("wasm-bindgen");
  const source = inRoot("scripts", "wasm-bindgen");
  const manifest = path.join(source, "Cargo.toml");
  if (!readFileSync(manifest, "utf8").includes(`wasm-bindgen-cli = { version = "=${version}"`)) {
    throw new Stop(`scripts/wasm-bindgen/Cargo.toml names another version of wasm-bindgen than Cargo.lock, which has ${version}.`);
  }
  await cargoInstall("wasm-bindgen-cli", version, {
    there: () => ask("wasm-bindgen", ["--version"])?.split(" ")[1] === version,
    why: "it writes the JavaScript around the wasm files (some 2 minutes, once)",
    args: ["--path", source],
  });
}

const CARGO_DENY = "0.20.2";

/** cargo-deny on PATH; `install` false: only if it was installed before. Whether it is there. */
export async function ensureCargoDeny(install) {
  const there = () => ask("cargo-deny", ["--version"]) === `cargo-deny ${CARGO_DENY}`;
  if (!install && !there() && !isInstalled("cargo-deny", CARGO_DENY)) return false;
  await cargoInstall("cargo-deny", CARGO_DENY, {
    there,
    why: "it knows what is allowed of crates (some 5 minutes, once)",
    args: ["cargo-deny", "--version", CARGO_DENY],
  });
  return true;
}

const CARGO_SEMVER_CHECKS = "0.51.0";

/** cargo-semver-checks on PATH. */
export function ensureCargoSemverChecks() {
  return cargoInstall("cargo-semver-checks", CARGO_SEMVER_CHECKS, {
    there: () => ask("cargo-semver-checks", ["semver-checks", "--version"]) === `cargo-semver-checks ${CARGO_SEMVER_CHECKS}`,
    why: "it knows what breaks programs",
    args: ["cargo-semver-checks", "--version", CARGO_SEMVER_CHECKS],
  });
}

const toolFolder = (name, version) => inCache("tools", `${name}-${version}`);
const isInstalled = (name, version) => existsSync(path.join(toolFolder(name, version), ".complete"));

/** Puts on PATH what `cargo install` makes with `args`, unless `there` finds it: built once, for all clones. */
async function cargoInstall(name, version, { there, why, args }) {
  const folder = toolFolder(name, version);
  if (!isInstalled(name, version)) {
    if (there()) return;
    step(`Installing ${name} ${version}`, why);
    const begin = Date.now();
    const options = ["--locked", "--root", folder, "--target-dir", inRoot("target", name), "--force", "--quiet"];
    // Tools that run for seconds: to compile them is what takes long.
    const env = { CARGO_PROFILE_RELEASE_OPT_LEVEL: "1", CARGO_PROFILE_RELEASE_LTO: "off", CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16" };
    await run("cargo", ["install", ...args, ...options], { env });
    writeFileSync(path.join(folder, ".complete"), `${version}\n`);
    note(`${name} is in ${folder} (${seconds(begin)})`);
  }
  process.env.PATH = [path.join(folder, "bin"), process.env.PATH].join(path.delimiter);
}

// --- System packages

/** Whether the person at the keyboard, or the machine's own settings, said that system packages may be installed. */
const mayUseSudo = process.argv.includes(INSTALL) || ["1", "true"].includes(process.env.CI ?? "");

/** The full path of a program that a variable names, or else of the first of some names that there is; or null. */
function findProgram(variable, names) {
  const named = process.env[variable];
  if (!named) return names.map((name) => which(name)).find(Boolean) ?? null;
  const found = which(named);
  if (!found) throw new Stop(`${variable} is set to ${named}, but there is no program of that name.`, `unset ${variable}`);
  return found;
}

/**
 * Installs packages on Debian and its kin: as root, or through sudo without a password where that was asked for (`--install`,
 * or `CI=true`). Otherwise the command to run is said. `why` ends the line that says what happens.
 */
async function aptInstall(packages, why) {
  if (process.platform !== "linux" || !which("apt-get")) return;
  const command = `sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`;
  const sudo = process.getuid() === 0 ? [] : ["sudo", "-n"];
  if (sudo.length && !(mayUseSudo && ask("sudo", ["-n", "true"]) !== null)) {
    const how = mayUseSudo ? "Installing it needs root." : "With --install, `npm test` does it through sudo.";
    throw new Stop(`Missing: ${packages.join(", ")} — ${why}. ${how}`, command);
  }
  step(`Installing ${packages.join(", ")} with apt-get`, why);
  const begin = Date.now();
  const apt = (...args) => {
    const [program, ...rest] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...args];
    return run(program, rest, { quiet: true });
  };
  await apt("update").catch(() => note("apt-get update failed; trying with the lists that are here"));
  try {
    await apt("install", "-y", "--no-install-recommends", ...packages);
  } catch (error) {
    throw new Stop(`${error.message}.`, command);
  }
  note(`installed (${seconds(begin)})`);
}

const APPLICATIONS = "/Applications/";
const CHROMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"].concat(
  ["Google Chrome", "Chromium"].map((name) => `${APPLICATIONS}${name}.app/Contents/MacOS/${name}`),
);
const FIREFOXES = ["firefox-esr", "firefox", `${APPLICATIONS}Firefox.app/Contents/MacOS/firefox`];

/**
 * A Chromium and the chromedriver of the same version, for the tests: those that CHROME and CHROMEDRIVER name, or that are
 * on PATH, or Debian's.
 */
export async function ensureBrowser() {
  const look = () => ({ chrome: findProgram("CHROME", CHROMES), driver: findProgram("CHROMEDRIVER", ["chromedriver"]) });
  let { chrome, driver } = look();
  if (!(chrome && driver) && !process.env.CHROME) {
    await aptInstall(["chromium", "chromium-driver"], "the tests run in a real browser"); // both, to be of one version
    ({ chrome, driver } = look());
  }
  if (!chrome || !driver) {
    const missing = chrome ? `chromedriver (CHROMEDRIVER can name one) for ${chrome}` : "Chromium or Chrome (CHROME can name one)";
    const commands = { darwin: "brew install --cask google-chrome chromedriver" };
    throw new Stop(`The tests need ${missing}.`, commands[process.platform] ?? "install Chromium and its chromedriver");
  }
  const major = (program) => ask(program, ["--version"])?.match(/(\d+)\.\d+\.\d+/)?.[1] ?? null;
  if (major(chrome) !== major(driver)) {
    warn(`${chrome} is version ${major(chrome)}, ${driver} is ${major(driver)}: they may not work together.`);
  }
  // webdriver.json holds the flags for everyone; the path of the browser differs from machine to machine.
  const capabilities = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"));
  capabilities["goog:chromeOptions"].binary = chrome;
  const json = inRoot("target", "webdriver.json");
  mkdirSync(path.dirname(json), { recursive: true });
  writeFileSync(json, JSON.stringify(capabilities, null, 2));
  Object.assign(process.env, { CHROME: chrome, CHROMEDRIVER: driver, WASM_BINDGEN_TEST_WEBDRIVER_JSON: json });
}

/** Tries to have what nobody has to have: `{ skipped: "why" }` where it is not to be had. */
async function attempt(look, what, install) {
  let reason = "it could not be installed";
  if (!look()) await install().catch((error) => void (reason = error.message));
  return look() ? {} : { skipped: `no ${what} here: ${reason}` };
}

/** A Firefox for the tests in a second engine: FIREFOX in the environment, or `{ skipped: "why" }`. */
export async function ensureFirefox() {
  const look = () => findProgram("FIREFOX", FIREFOXES);
  const outcome = await attempt(look, "Firefox (FIREFOX can name one)", () =>
    aptInstall(["firefox-esr"], "the tests run in a second browser engine"),
  );
  if (!outcome.skipped) process.env.FIREFOX = look();
  return outcome;
}

/**
 * WebKitGTK's driver, with the browser that it comes with, and a display for it that nobody sees: WEBKIT_DRIVER and XVFB in the
 * environment, or `{ skipped: "why" }`.
 */
export async function ensureWebKit() {
  const look = () => {
    const [driver, display] = [findProgram("WEBKIT_DRIVER", ["WebKitWebDriver"]), findProgram("XVFB", ["Xvfb"])];
    return driver && display && { WEBKIT_DRIVER: driver, XVFB: display };
  };
  const outcome = await attempt(look, "WebKitWebDriver (WEBKIT_DRIVER can name one) and Xvfb (XVFB)", () =>
    aptInstall(["webkit2gtk-driver", "xvfb"], "the tests run in a third browser engine"),
  );
  if (!outcome.skipped) Object.assign(process.env, look());
  return outcome;
}

/** What compiles for a 64-bit ARM and runs that here: `{ target, env }` for cargo, or `{ skipped: "why" }`. */
export async function ensureAarch64() {
  const [linker, emulator] = ["aarch64-linux-gnu-gcc", "qemu-aarch64"];
  const outcome = await attempt(() => which(linker) && which(emulator), `${linker} and ${emulator}`, () =>
    aptInstall(["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"], "the tests of SIMD run on an emulated ARM too"),
  );
  if (outcome.skipped) return outcome;
  try {
    await rustup("target", AARCH64, [AARCH64, "lib"], "the tests of SIMD run on an emulated ARM too");
  } catch (error) {
    return { skipped: error.message };
  }
  const variable = `CARGO_TARGET_${AARCH64.replaceAll("-", "_").toUpperCase()}`;
  return {
    target: AARCH64,
    env: { [`${variable}_LINKER`]: linker, [`${variable}_RUNNER`]: `${emulator} -L /usr/aarch64-linux-gnu` },
  };
}

/** A processor that does a GPU's work, by Vulkan: `{}`, or `{ skipped: "why" }`. */
export async function ensureVulkan() {
  const folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
  const isThere = () => folders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
  return attempt(isThere, "a Vulkan driver", () =>
    aptInstall(["mesa-vulkan-drivers", "libvulkan1"], "the tests of GPUs run on a processor that does a GPU's work"),
  );
}

/** A Python of their own for the packages of a requirements.txt: `{ python }`, or `{ skipped: "why" }`. */
export async function ensurePython(name, requirements) {
  const system = findProgram("PYTHON", ["python3", "python"]);
  if (!system) return { skipped: "no Python here (PYTHON can name one)" };
  const folder = inRoot("target", "python", name);
  const python = path.join(folder, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
  const packages = { what: `Installing Python packages`, why: `those of ${requirements}`, files: [inRoot(requirements)], how: [ask(system, ["--version"])], outputs: [python] };
  try {
    await once(`python-${name}`, packages, async () => {
      await run(system, ["-m", "venv", "--clear", folder]);
      await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", inRoot(requirements)]);
    });
  } catch (error) {
    return { skipped: `the packages of ${requirements} could not be installed: ${error.message}` };
  }
  return { python };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { PATH, ...before } = process.env;
    await (process.argv.includes("build") ? setUpBuild() : setUpTests());
    await ensureWasmBindgen();
    console.log("\n# For cargo and wasm-bindgen by hand:");
    const added = process.env.PATH.slice(0, -PATH.length);
    if (added) console.log(`export PATH='${added}'"$PATH"`);
    for (const [name, value] of Object.entries(process.env)) {
      if (name !== "PATH" && value !== before[name]) console.log(`export ${name}='${value}'`);
    }
  });
}
