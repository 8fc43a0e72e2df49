// The package's worker, watched.

import "./memory_spy.js";
import "/dist/worker.js";
