/** The worker in WebKit: which build it gets, errors, taking back, crashes, close. */

import { testChoice } from "../browser/both/flavors.ts";
import { testOrigins } from "../browser/both/origins.ts";
import { testRefusals } from "../browser/both/refusals.ts";
import { testWorker } from "../browser/both/worker.ts";
import { test } from "./test.ts";

testChoice(test);
testWorker(test);
testOrigins(test);
testRefusals(test);
