/** What browsers refuse on some pages and devices. */

import { testRefusals } from "./both/refusals.ts";
import { test } from "./test.ts";

testRefusals(test);
