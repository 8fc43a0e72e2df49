// npm run test:cuda [-- pack]: builds the command line and tests/devices.rs with the feature `cuda`, and runs that test: on the GPU where
// there is one; where there is none it says so, and that all compiles is what was tested. Not a stage of `npm test`: CUDA's compiler and
// libraries are 3 GB of packages where no toolkit is installed, and candle's kernels take minutes.
//
// With `pack`, what a machine with a GPU needs goes to target/cuda/clip-vision-cuda.tar.gz: both programs, CUDA's libraries, models and
// goldens. There: `tar xzf clip-vision-cuda.tar.gz && clip-vision-cuda/run.sh`. It needs NVIDIA's driver (580 or later for what PyPI's
// packages make) and nothing else.
//
// CUDA_HOME or an nvcc on PATH names the toolkit, CUDA_COMPUTE_CAP the oldest GPU (80: Ampere; where there is a GPU, that one).

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop, ask, filesUnder, inRoot, main, note, run, step, which } from "./lib.mjs";
import { ensurePython } from "./setup.mjs";

const build = inRoot("target", "cuda", "build");
/** What the programs load of CUDA, beside the driver's own library. */
const LIBRARIES = /^lib(cudart|cublas|cublasLt|curand|nvrtc|nvrtc-builtins)\.so\.\d/;

/** The toolkit that is installed, or that of PyPI's packages in the shape of one. */
async function findToolkit() {
  const installed = process.env.CUDA_HOME ?? (which("nvcc") && path.dirname(path.dirname(which("nvcc"))));
  if (installed) return installed;
  if (process.platform !== "linux" || process.arch !== "x64") throw new Stop("There is no CUDA toolkit here: CUDA_HOME can name one.");
  const { skipped, python } = await ensurePython("cuda", "scripts/cuda/requirements.txt");
  if (skipped) throw new Stop(skipped);
  const site = ask(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]) ?? "";
  const packages = path.join(site, "nvidia", "cu13");
  const toolkit = inRoot("target", "cuda", "toolkit");
  rmSync(toolkit, { recursive: true, force: true });
  mkdirSync(path.join(toolkit, "lib64"), { recursive: true });
  for (const folder of ["bin", "include", "nvvm"]) symlinkSync(path.join(packages, folder), path.join(toolkit, folder));
  // The packages have no names without versions, by which a linker looks for libraries.
  for (const file of readdirSync(path.join(packages, "lib"))) {
    const [name] = file.split(".so.");
    for (const link of new Set([file, file.includes(".so.") ? `${name}.so` : file])) symlinkSync(path.join(packages, "lib", file), path.join(toolkit, "lib64", link));
  }
  symlinkSync("lib64", path.join(toolkit, "lib"));
  return toolkit;
}

/**
 * In place of the driver's library where there is no driver: programs are linked with it, and are told by it that there is no GPU. It has
 * all functions that the crate `cudarc` knows.
 */
async function makeStub(folder) {
  const metadata = ["metadata", "--format-version", "1", "--locked", "--features", "clip-vision/cuda"];
  const { packages } = JSON.parse(ask("cargo", metadata) ?? '{"packages":[]}');
  const manifest = packages.find(({ name }) => name === "cudarc")?.manifest_path;
  if (!manifest) throw new Stop("cargo does not say where the crate cudarc is.", `cargo ${metadata.join(" ")}`);
  const bindings = path.join(path.dirname(manifest), "src", "driver", "sys", "mod.rs");
  const names = new Set(readFileSync(bindings, "utf8").match(/(?<=\bfn )cu[A-Z]\w*/g));
  if (names.size === 0) throw new Stop(`No function of the driver is in ${bindings}.`);
  mkdirSync(folder, { recursive: true });
  const source = path.join(folder, "stub.c");
  // 100 is CUDA_ERROR_NO_DEVICE.
  writeFileSync(source, [...names].map((name) => `int ${name}(void) { return 100; }\n`).join(""));
  const library = path.join(folder, "libcuda.so.1");
  await run("cc", ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", library, source]);
  rmSync(path.join(folder, "libcuda.so"), { force: true });
  symlinkSync("libcuda.so.1", path.join(folder, "libcuda.so"));
}

/** Puts all that a machine with a GPU needs into one file. */
async function pack(toolkit, program, test) {
  const name = "clip-vision-cuda";
  const folder = inRoot("target", "cuda", name);
  rmSync(folder, { recursive: true, force: true });
  const put = (from, ...to) => cpSync(from, path.join(folder, ...to), { recursive: true, dereference: true });
  put(program, "bin", "clip-vision");
  put(test, "bin", "devices");
  for (const file of readdirSync(path.join(toolkit, "lib64")).filter((file) => LIBRARIES.test(file))) put(path.join(toolkit, "lib64", file), "lib", file);
  put(inRoot("models", "shapes"), "models", "shapes");
  for (const part of ["models", "expected", "images"]) put(inRoot("tests", "golden", part), "tests", "golden", part);
  const script = `#!/bin/sh
# Tests every device that is here, then embeds pictures on the first GPU.
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib:$LD_LIBRARY_PATH" CLIP_VISION_ROOT="$here"
"$here/bin/devices" && "$here/bin/clip-vision" embed --device cuda --model "$here/models/shapes" "$here/tests/golden/images/gray.png" > /dev/null && echo "clip-vision --device cuda: passed"
`;
  writeFileSync(path.join(folder, "run.sh"), script);
  chmodSync(path.join(folder, "run.sh"), 0o755);
  await run("tar", ["-czf", `${name}.tar.gz`, name], { cwd: path.dirname(folder) });
  note(`target/cuda/${name}.tar.gz is written: ${filesUnder([path.relative(inRoot(), folder)]).length} files`);
}

await main(async () => {
  const toolkit = await findToolkit();
  const hasDriver = which("nvidia-smi") !== null;
  const stubs = inRoot("target", "cuda", "stubs");
  const libraries = [existsSync(path.join(toolkit, "lib64")) ? path.join(toolkit, "lib64") : path.join(toolkit, "lib"), ...(hasDriver ? [] : [stubs])];
  const joined = (name) => [...libraries, process.env[name]].filter(Boolean).join(path.delimiter);
  const env = {
    CUDA_HOME: toolkit,
    CUDA_PATH: toolkit,
    CUDA_ROOT: toolkit,
    NVCC: path.join(toolkit, "bin", "nvcc"),
    PATH: `${path.join(toolkit, "bin")}${path.delimiter}${process.env.PATH}`,
    LIBRARY_PATH: joined("LIBRARY_PATH"),
    LD_LIBRARY_PATH: joined("LD_LIBRARY_PATH"),
    ...(!hasDriver && { CUDA_COMPUTE_CAP: process.env.CUDA_COMPUTE_CAP ?? "80" }),
  };
  step("Compiling for CUDA", `with the toolkit in ${toolkit}`);
  if (!hasDriver) await makeStub(stubs);
  // Both at once: in builds of their own the features of what they share differ, and candle's kernels would be compiled for each.
  const programs = ["--features", "clip-vision/cuda,clip-vision-cli/cuda", "-p", "clip-vision", "--test", "devices", "-p", "clip-vision-cli", "--bin", "clip-vision"];
  const cargo = ["build", "--release", "--locked", "--target-dir", build, ...programs];
  await run("cargo", cargo, { env });
  const told = ask("cargo", [...cargo, "--message-format", "json"], { env }) ?? "";
  const test = told.split("\n").map((line) => JSON.parse(line || "{}")).find((line) => line.executable && line.target?.name === "devices")?.executable;
  if (!test) throw new Stop("cargo names no program of tests/devices.rs.");
  step("Testing every device", hasDriver ? "on this machine" : "on this machine, which has no driver of NVIDIA's: a GPU is skipped");
  await run(test, ["--nocapture"], { env });
  if (process.argv[2] === "pack") await pack(toolkit, path.join(build, "release", "clip-vision"), test);
});
