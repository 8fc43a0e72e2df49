/** The inputs in WebKit. */

import { testEmbeddings } from "../browser/both/embeddings.ts";
import { testInputs } from "../browser/both/inputs.ts";
import { MODEL } from "../browser/both/tab.ts";
import { test } from "./test.ts";

// WebKit multiplies the colors of all that is a bitmap by their opacity, whatever `premultiplyAlpha` asks for; and those of a
// WebP even in a texture, from which the fixtures have their bytes.
const MULTIPLIED = ["an <img>", "a bitmap that is not multiplied", "a VideoFrame of a bitmap"];
const WEBP = ["RGBA pixels of lossless-alpha.webp", "a VideoFrame of bytes of lossless-alpha.webp"];

testInputs(test, 0.998, [...MULTIPLIED, ...WEBP]);
testEmbeddings(test, MODEL);
