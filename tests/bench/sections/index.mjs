// The sections of the benchmark, in the order in which they run and are reported. A section is
//
//     { name, what, needs, models, rounds, run }
//
// `needs` and `models` are those of setup/index.mjs, `rounds` is how many it takes unless told otherwise (absent where
// nothing is timed), `flags` what its browser is started with besides; `run(bench)` resolves to tables as lib/table.mjs writes them, where
// `bench` is
//
//     tab(module, options)      opens a tab and starts a module of page/ in it: see lib/tabs.mjs
//     chrome, native, images, python    paths of programs, where the section needs them
//     missing                   by need, why something is not there: who needs it is skipped
//     rounds                    to take
//     say(text)                 what is happening

import accuracy from "./accuracy.mjs";
import browserForward from "./browser_forward.mjs";
import busyPage from "./busy_page.mjs";
import endToEnd from "./end_to_end.mjs";
import firstEmbedding from "./first_embedding.mjs";
import gpu from "./gpu.mjs";
import images from "./images.mjs";
import load from "./load.mjs";
import nativeFolder from "./native_folder.mjs";
import nativeForward from "./native_forward.mjs";
import query from "./query.mjs";
import search from "./search.mjs";

export const sections = [
  ...browserForward, accuracy, endToEnd, load, firstEmbedding, busyPage, query, gpu, ...nativeForward, nativeFolder, ...images, search,
];
