// The JavaScript that wasm-bindgen writes around the engine, made small: a page without a bundler downloads it before anything else.
// What the worker never uses is left out, what is written many times is written once, and names that page and worker never see
// become short, in the wasm files as well.

import { Stop } from "./lib.mjs";

/** Replaces a part of a text that has to be there: wasm-bindgen is pinned, and a newer one may write something else. */
function replaced(text, part, by) {
  if (text.search(part) < 0) throw new Stop(`wasm-bindgen's glue has changed: it has no ${part}`, "look at scripts/glue.mjs");
  return text.replace(part, by);
}

/** What has memory of the engine's: freed by its owner, or once it is garbage. */
const OWNED = `
const garbage = new FinalizationRegistry(([free, ptr]) => free(ptr, 1));

function own(owner, ptr) {
    owner.__wbg_ptr = ptr;
    garbage.register(owner, [owner.constructor.__free, ptr], owner);
    return owner;
}

class Owner {
    static __wrap(ptr) {
        return own(Object.create(this.prototype), ptr);
    }
    static __taken([ptr, thrown, failed]) {
        done([thrown, failed]);
        return this.__wrap(ptr);
    }
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        garbage.unregister(this);
        return ptr;
    }
    free() {
        this.constructor.__free(this.__destroy_into_raw(), 0);
    }
}
`;

/**
 * Strings and views of the memory, made anew each time: they are few and small, the memory's buffer changes when it grows, and
 * Safari's decoders end after 2 GiB. No decoder reads shared memory: it gets a copy.
 */
const VALUES = `
const getDataViewMemory0 = () => new DataView(wasm.memory.buffer);
const getFloat32ArrayMemory0 = () => new Float32Array(wasm.memory.buffer);
const getFloat64ArrayMemory0 = () => new Float64Array(wasm.memory.buffer);
const getUint32ArrayMemory0 = () => new Uint32Array(wasm.memory.buffer);
const getUint8ArrayMemory0 = () => new Uint8Array(wasm.memory.buffer);

function getStringFromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(getUint8ArrayMemory0().slice(ptr, ptr + len));
}

const passStringToWasm0 = (text) => passArray8ToWasm0(new TextEncoder().encode(text));

/** A text that Rust gives away. */
function takeString(ptr, len) {
    const text = getStringFromWasm0(ptr, len);
    wasm.__wbindgen_free(ptr, len, 1);
    return text;
}

/** Two values, where Rust expects them. */
function answer(at, first, second) {
    const view = getDataViewMemory0();
    view.setInt32(at >>> 0, first, true);
    view.setInt32((at >>> 0) + 4, second, true);
}

/** Throws what a call has failed with. */
function done([thrown, failed]) {
    if (failed) throw takeFromExternrefTable0(thrown);
}

/** What a call has given, or throws what it failed with. */
function taken([value, thrown, failed]) {
    done([thrown, failed]);
    return takeFromExternrefTable0(value);
}

const caught = (work) => (...given) => {
    try {
        return work(...given);
    } catch (e) {
        wasm.__wbindgen_exn_store(addToExternrefTable0(e));
    }
};

/** A value in words, for an error. */
function debugString(value) {
    if (typeof value === 'string') return JSON.stringify(value);
    if (Object(value) !== value) return String(value);
    const name = Object.prototype.toString.call(value).slice(8, -1);
    try {
        return ['Array', 'Object'].includes(name) ? JSON.stringify(value) : name;
    } catch {
        return name;
    }
}
`;

/** The engine is given as a module; of builds with threads each thread has its stack. */
const START = `
let WASM_VECTOR_LEN = 0;
let wasm;

async function start({ module, memory, thread_stack_size }) {
    wasm = (await WebAssembly.instantiate(module, __wbg_get_imports(memory))).exports;
    wasm.__wbindgen_start(thread_stack_size);
    return wasm;
}
`;

/** What the worker takes of the glue; the rest it is given by that. */
const TAKEN = ["ModelLoader", "Preparer", "Sha256", "refusedBytes", "failThreads", "helpThreads", "setHelpers"];

/** What memory is taken by; arrays of one width differ in their views alone. */
const MALLOC = /, wasm\.__wbindgen_malloc(?:, wasm\.__wbindgen_realloc)?\)/g;

/** The glue of a build, for builds with and without threads: the memory is the one that is given, if any. */
export function smallGlue(written) {
  let glue = written.replace(/^( {8}memory: memory) \|\| new WebAssembly\.Memory\(.*?\),$/m, "$1,");
  if (!glue.includes("__wbg_get_imports(memory)")) glue = replaced(glue, /^function __wbg_get_imports\(\) \{/m, "function __wbg_get_imports(memory) {");
  // Classes: what each begins with, how each ends, and constructors.
  glue = replaced(glue, /^if \(Symbol\.dispose\).*\n/gm, "");
  glue = replaced(glue, /^const \w+Finalization = .*\n.*\n.*\n/gm, "");
  glue = replaced(glue, / {4}static __wrap\(ptr\) \{\n[^]*?\n {4}\}\n/g, "");
  glue = replaced(glue, / {4}__destroy_into_raw\(\) \{\n[^]*?\n {4}\}\n/g, "");
  glue = replaced(glue, / {4}free\(\) \{\n.*\n {8}wasm\.(\w+)\(ptr, 0\);\n {4}\}\n/g, "    static __free = (ptr, dropped) => wasm.$1(ptr, dropped);\n");
  glue = replaced(glue, /^export class (\w+) \{/gm, "export class $1 extends Owner {");
  glue = replaced(glue, /^( {4}constructor\(.*\) \{\n)/gm, "$1        super();\n");
  glue = replaced(glue, / {8}this\.__wbg_ptr = (ret(?:\[0\])?);\n.*Finalization\.register.*\n {8}return this;\n/g, "        own(this, $1);\n");
  // What fails while arguments are passed on has stopped the engine.
  glue = replaced(glue, / {8}let ptr0, len0.*;\n {8}try \{\n([^]*?) {8}\} catch \(e\) \{\n[^]*?\n {8}\}\n/g, (_, passed) =>
    passed.replace(/^ {12}(ptr|len)/gm, "        const $1"));
  glue = replaced(glue, MALLOC, ")");
  glue = replaced(glue, /^(function passArray\w+\(\w+), malloc\) \{\n {4}const ptr = malloc\(/gm, "$1) {\n    const ptr = wasm.__wbindgen_malloc(");
  // What comes back.
  glue = replaced(glue, / {8}if \(ret\[2\]\) \{\n.*ret\[1\]\);\n {8}\}\n {8}return (\w+)\.__wrap\(ret\[0\]\);\n/g, "        return $1.__taken(ret);\n");
  glue = replaced(glue, / {8}if \(ret\[1\]\) \{\n.*ret\[0\]\);\n {8}\}\n/g, "        done(ret);\n");
  glue = replaced(glue, / {8}if \(ret\[2\]\) \{\n.*ret\[1\]\);\n {8}\}\n {8}return takeFromExternrefTable0\(ret\[0\]\);\n/g, "        return taken(ret);\n");
  glue = replaced(glue, / {8}let deferred1_0;\n[^]*? {12}const ret = (wasm\.\w+\().*?\);\n[^]*?\n {8}\} finally \{\n.*\n {8}\}\n/g, (whole, call) => {
    const given = whole.includes("__destroy_into_raw") ? "this.__destroy_into_raw()" : "this.__wbg_ptr";
    return `        const ret = ${call}${given});\n        return takeString(ret[0], ret[1]);\n`;
  });
  glue = replaced(glue, / {8}let v1;\n {8}if \(ret\[0\] !== 0\) \{\n {12}v1 = getString.*\n.*\n {8}\}\n {8}return v1;\n/g, "        return ret[0] === 0 ? undefined : takeString(ret[0], ret[1]);\n");
  // What Rust imports.
  glue = replaced(glue, /: function\(\) \{ return handleError\(function \(([^)]*)\) \{\n([^]*?)\n {8}\}, arguments\); \},/g, ": caught(($1) => {\n$2\n        }),");
  glue = replaced(glue, /^( {8}\w+): function\(([^)]*)\) \{/gm, "$1: ($2) => {");
  glue = replaced(glue, / {12}let result;\n {12}try \{\n {16}result = (.*);\n {12}\} catch \(_\) \{\n.*\n {12}\}\n {12}const ret = result;\n/g, "            const ret = $1;\n");
  glue = replaced(glue, / {12}getDataViewMemory0\(\)\.setInt32\(\(arg0 >>> 0\) \+ 4 \* 1, (\w+), true\);\n {12}getDataViewMemory0\(\)\.setInt32\(\(arg0 >>> 0\) \+ 4 \* 0, (\w+), true\);/g, "            answer(arg0, $2, $1);");
  glue = replaced(glue, / {12}let deferred0_0;\n[^]*?console\.error.*\n {12}\} finally \{\n.*\n {12}\}\n/, "            console.error(takeString(arg0, arg1));\n");
  // There is a globalThis wherever there is SIMD.
  glue = replaced(glue, /(__wbg_static_accessor_GLOBAL_THIS_\w+: \(\) => \{\n).*\n.*\n/, "$1            return addToExternrefTable0(globalThis);\n");
  glue = replaced(glue, /(__wbg_static_accessor_(?:GLOBAL|SELF|WINDOW)_(?!THIS)\w+: \(\) => \{\n).*\n.*\n/g, "$1            return 0;\n");
  // The functions that are written anew.
  glue = replaced(glue, /\nexport function start\(\) \{\n.*\n\}\n/, "\n");
  for (const name of ["_assertClass", "handleError", "debugString", "getStringFromWasm0", "passStringToWasm0", "decodeText"]) {
    glue = replaced(glue, new RegExp(`\\nfunction ${name}\\([^]*?\\n\\}\\n`), "\n");
  }
  glue = replaced(glue, / {8}_assertClass\(.*\n/g, "");
  glue = replaced(glue, /\nlet cached\w+Memory0 = null;\nfunction get\w+Memory0\(\) \{\n[^]*?\n\}\n/g, "\n");
  glue = replaced(glue, /\nlet cachedTextDecoder = [^]*$/, "\n");
  const taken = TAKEN.filter((name) => new RegExp(`^export (class|function) ${name}\\b`, "m").test(glue));
  glue = replaced(glue, /^export (class|function) /gm, "$1 ");
  return `${OWNED}${glue}${VALUES}${START}\nexport const glue = { start, ${taken.join(", ")} };\n`;
}

/** What wasm files and their glue call the module that is imported from. */
const MODULE = '"./clip_vision_bg.js"';

const IMPORTED = /^( {8})(__wb\w+):/gm;
const EXPORTED = /\bwasm\.(\w+)/g;
/** What others look for too: the worker's script, and the tests' (trap.js). */
const KEPT = ["memory", "model_prepare"];

/** What a wasm file may import of its glue: the names with their hashes. */
export const importsOf = (glue) => [...glue.matchAll(IMPORTED)].map(([, , name]) => name);

/** Short names for what the wasm files import and export, by those that wasm-bindgen gave them: the same in all that these glues are for. */
export function shortNames(glues) {
  const exportsOf = (glue) => [...glue.matchAll(EXPORTED)].map(([, name]) => name);
  const short = (namesOf) => new Map([...new Set(glues.flatMap(namesOf))].filter((name) => !KEPT.includes(name)).map((name, index) => [name, `_${index.toString(36)}`]));
  return { imported: short(importsOf), exported: short(exportsOf) };
}

/** The glue with short names, those of its classes' own properties among them. */
export function withShortNames(glue, { imported, exported }) {
  return glue
    .replace(IMPORTED, (_, space, name) => `${space}${imported.get(name)}:`)
    .replace(EXPORTED, (_, name) => `wasm.${exported.get(name) ?? name}`)
    .replace(MODULE, '"_"')
    .replace(/\b__(?:wbg_)?(ptr|wrap|unwrap|taken|free|destroy_into_raw)\b/g, (_, name) => `_${name[0]}`);
}

const IMPORT_SECTION = 2;
const EXPORT_SECTION = 7;

/** A wasm file's bytes with those names: https://webassembly.github.io/spec/core/binary/modules.html. */
export function renamedWasm(bytes, { imported, exported }) {
  let at = 8; // behind the magic number and the version
  const number = () => {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    } while (byte & 0x80);
    return value;
  };
  const written = (value) => {
    const out = [];
    do {
      const rest = Math.floor(value / 128);
      out.push((value % 128) | (rest > 0 ? 0x80 : 0));
      value = rest;
    } while (value > 0);
    return out;
  };
  const text = () => {
    const length = number();
    at += length;
    return Buffer.from(bytes.subarray(at - length, at)).toString();
  };
  const named = (name) => [...written(Buffer.byteLength(name)), ...Buffer.from(name)];
  const limits = () => {
    const flags = number();
    number();
    if (flags & 1) number();
  };
  /** Skips what an import is. */
  const description = () => {
    const kind = bytes[at];
    at += 1;
    if (kind === 0) return void number();
    if (kind === 3) return void (at += 2);
    if (kind === 1) at += 1;
    if (kind > 3) throw new Stop(`A wasm file imports something of the kind ${kind}`, "look at scripts/glue.mjs");
    limits();
  };
  const parts = [bytes.subarray(0, at)];
  while (at < bytes.length) {
    const start = at;
    const section = bytes[at];
    at += 1;
    const end = number() + at;
    if (section !== IMPORT_SECTION && section !== EXPORT_SECTION) {
      at = end;
      parts.push(bytes.subarray(start, end));
      continue;
    }
    const count = number();
    const body = [...written(count)];
    for (let index = 0; index < count; index += 1) {
      if (section === IMPORT_SECTION) {
        const [module, name] = [text(), text()];
        const begin = at;
        description();
        body.push(...named(JSON.stringify(module) === MODULE ? "_" : module), ...named(imported.get(name) ?? name), ...bytes.subarray(begin, at));
      } else {
        const name = text();
        const begin = at;
        at += 1;
        number();
        body.push(...named(exported.get(name) ?? name), ...bytes.subarray(begin, at));
      }
    }
    parts.push(Buffer.from([section, ...written(body.length), ...body]));
  }
  return Buffer.concat(parts);
}
