/**
 * The package in Node, 20 or newer: the same API. A worker thread takes the Web Worker's place, and what is not an address
 * is a path: `ClipVision.load("./models/clip")`, `clip.embed("photos/cat.jpg")`. There are no elements and no bitmaps;
 * photos in formats that only browsers decode are `unsupported-format`.
 *
 * @packageDocumentation
 */

import "./platform.js";

export * from "../index.js";
