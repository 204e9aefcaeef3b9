// Makes dist/wharf: one executable that is client and daemon.
import { mkdirSync } from "node:fs";

mkdirSync("dist", { recursive: true });
const result = await Bun.build({
  entrypoints: ["src/main.ts"],
  target: "bun",
  minify: { whitespace: true, syntax: true, identifiers: false },
  bytecode: true,
  format: "esm",
  compile: { outfile: "dist/wharf" },
}).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
if (!result.success) {
  console.error(result.logs);
  process.exit(1);
}
