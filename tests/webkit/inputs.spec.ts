/** The inputs in WebKit. */

import { testEmbeddings } from "../browser/both/embeddings.ts";
import { testInputs } from "../browser/both/inputs.ts";
import { MODEL } from "../browser/both/tab.ts";
import { test } from "./test.ts";

testInputs(test, 0.998);
testEmbeddings(test, MODEL);
