/** What comes from other servers than the page. */

import { testOrigins } from "./both/origins.ts";
import { test } from "./test.ts";

testOrigins(test);
