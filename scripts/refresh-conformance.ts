// Writes anew what a real docker answers to the commands of test/e2e/api/testdata/docker-conformance.txt:
//   DOCKER_HOST=unix:///run/docker.sock bun scripts/refresh-conformance.ts
import { writeFileSync } from "node:fs";
import {
  CONFORMANCE_FILE,
  readConformanceCases,
  runConformanceCase,
} from "../test/harness/api/conformance.ts";

const host = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
let text = "";
let topic = "";
for (const { topic: own, command } of readConformanceCases()) {
  if (own !== topic) text += `${text === "" ? "" : "\n"}# ${own}\n`;
  topic = own;
  text += `$ ${command}\n${await runConformanceCase(command, host)}`;
}
writeFileSync(CONFORMANCE_FILE, text);
