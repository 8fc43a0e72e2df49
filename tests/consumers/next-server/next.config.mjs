import path from "node:path";
import { fileURLToPath } from "node:url";

export default {
  serverExternalPackages: ["clip-vision"],
  output: "standalone", // with all files that the server needs, and no others
  outputFileTracingRoot: path.dirname(path.dirname(fileURLToPath(import.meta.url))),
  // For this fixture only: the packages are a folder up, and there are lockfiles further up as well.
  turbopack: { root: path.dirname(path.dirname(fileURLToPath(import.meta.url))) },
};
