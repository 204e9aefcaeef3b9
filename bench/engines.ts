import { openSync } from "node:fs";
import { join } from "node:path";

/** Runs a program to its end. @returns What it printed, without the last line's end. */
export async function command(
  argv: readonly string[],
  options: { readonly input?: Blob; readonly mayFail?: boolean } = {},
): Promise<string> {
  const child = Bun.spawn([...argv], {
    stdin: options.input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, DOCKER_HOST: "", DOCKER_CONTEXT: "", WHARF_AUTOSTART: "0" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0 && options.mayFail !== true) {
    throw new Error(`${argv.join(" ")} exited ${code}: ${stderr}`);
  }
  return stdout.trim();
}

/** Waits until somebody answers well. */
export async function answers(url: string, unix?: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const options = unix === undefined ? {} : { unix };
    const answer = await fetch(url, options).catch(() => undefined);
    if (answer?.ok) return;
    await Bun.sleep(20);
  }
  throw new Error(`${url} does not answer`);
}

/** Starts an engine with all that is its own below `root`: `wharf.sock`, `data`, `run`, `daemon.log`. */
export async function startWharf(
  program: string,
  root: string,
  bridge: string,
): Promise<Bun.Subprocess> {
  const log = openSync(join(root, "daemon.log"), "a");
  const daemon = Bun.spawn(
    [
      ...[program, "daemon", "-H", `unix://${root}/wharf.sock`, "--data-root", `${root}/data`],
      ...["--exec-root", `${root}/run`, "--pidfile", `${root}/wharf.pid`, "--bridge", bridge],
    ],
    { stdin: "ignore", stdout: log, stderr: log },
  );
  await answers("http://wharf/_ping", `${root}/wharf.sock`);
  return daemon;
}
