/** The worker of what takes long. */

import { expose } from "comlink";
import { Analysis } from "./analysis.ts";

expose(new Analysis());
