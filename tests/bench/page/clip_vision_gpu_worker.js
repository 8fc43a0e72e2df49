// The package's worker, whose GPU is counted.

import "./gpu_counter.js";
import "./memory_spy.js";
import "/dist/worker.js";
