/** The library's worker. */

import { expose } from "comlink";
import { Library } from "./library.ts";

expose(new Library());
