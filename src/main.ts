import { printVersion } from "#cli/print-version.ts";

// The one entry point: the client loads nothing of the daemon, and for `--version` next to nothing.
async function main(): Promise<number> {
  const [, program = "", ...words] = process.argv;
  const [first] = words;
  if (!Bun.isMainThread) {
    const { runDnsThread } = await import("#daemon/workers/dns.ts");
    return await runDnsThread();
  }
  if (words.length === 1 && (first === "--version" || first === "-v")) {
    return printVersion();
  }
  if (first === "worker") {
    const { runWorker } = await import("#daemon/workers/main.ts");
    return runWorker(words.slice(1));
  }
  const isDaemon = [process.argv0, program].some((path) => /(?:^|\/)wharfd$/.test(path));
  if (isDaemon || first === "daemon") {
    const { runDaemon } = await import("#daemon/main.ts");
    return runDaemon(isDaemon && first !== "daemon" ? words : words.slice(1));
  }
  if (first === "help" && words[1] === "daemon") {
    const { runDaemon } = await import("#daemon/main.ts");
    return runDaemon(["--help"]);
  }
  const { runCli } = await import("#cli/main.ts");
  return runCli(words, {
    serveRegistry: async (options) => {
      const { serveRegistry } = await import("#daemon/registry/serve.ts");
      return await serveRegistry(options);
    },
  });
}

// process.exit rather than a natural end: it spares 6 ms of tearing the runtime down.
process.exit(await main());
