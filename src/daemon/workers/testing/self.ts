import { runWorker } from "#daemon/workers/main.ts";

// Stands in for the built executable: `bun self.ts worker …`
process.exitCode = await runWorker(process.argv.slice(3));
