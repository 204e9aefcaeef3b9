// Makes dist/wharf: one executable that is client and daemon.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";

mkdirSync("dist", { recursive: true });
const git = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" });
const buildId = git.status === 0 ? git.stdout.trim() : "dev"; // no git in a source archive
const result = await Bun.build({
  entrypoints: ["src/main.ts"],
  target: "bun",
  minify: { whitespace: true, syntax: true, identifiers: false },
  bytecode: true,
  format: "esm",
  splitting: true, // one chunk a command: `--version` does not read the rest, 4 ms of CPU instead of 12
  define: {
    WHARF_BUILD_ID: JSON.stringify(buildId),
    WHARF_BUILD_TIME: JSON.stringify(new Date().toISOString()),
  },
  compile: { outfile: "dist/wharf" },
}).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
if (!result.success) {
  console.error(result.logs);
  process.exit(1);
}
