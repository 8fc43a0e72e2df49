/** `clip-vision/search` in Node: a collection is in a thread. */

import "./platform.js";

export * from "../search/index.js";
