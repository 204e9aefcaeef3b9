import { openFixture } from "./fixture.ts";

/*
 * A daemon to be killed: `bun doomed-daemon.ts <runtime> <stateDir>` brings containers into the states that
 * a successor may find, prints "ready" and stays. `midway` is killed while conmon creates,
 * `early` while conmon waits to be told of what.
 */
const [runtimeName = "crun", stateDir = ""] = process.argv.slice(2);
const fixture = await openFixture({
  runtimeName: runtimeName === "runc" ? "runc" : "crun",
  stateDir,
});
const { runtime, request } = fixture;
const { signal } = new AbortController();

await runtime.create(request("waiting", "exit 3"), signal);
const input = { openStdin: true, stdinOnce: false };
await runtime.create(request("running", "read line; echo got $line; exit 4", input), signal);
await runtime.start("running");
await runtime.create(request("frozen", "sleep 100"), signal);
await runtime.start("frozen");
await runtime.pause("frozen");
await runtime.create(request("finished", "read line; exit 5", input), signal);
await runtime.start("finished");
void runtime.create(request("midway", "sleep 100"), signal);
const never = new Promise<never>(() => {});
void runtime.create({ ...request("early", ""), spec: () => never }, signal);
process.stdout.write("ready\n");
setInterval(() => {}, 1 << 30);
