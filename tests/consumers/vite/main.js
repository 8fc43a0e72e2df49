import { run } from "../app/app.js";

void run();
