import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "./cli.ts";
import { type Command, between, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { openCredentialStore } from "./registry-auth.ts";
import { hideTyping } from "./terminal/hide-typing.ts";
import {
  DOCKER_HUB_ADDRESS,
  domainOfServerAddress,
  serverAddressOfDomain,
} from "#spec/engine-api/registry-auth.ts";

interface LoginFlags {
  readonly username: string;
  readonly password: string;
  readonly "password-stdin": boolean;
}

interface Given {
  readonly username: string;
  readonly password: string;
  /** Of an earlier login, in place of the password. */
  readonly identityToken?: string;
}

const PLAIN_WARNING = (path: string): string =>
  [
    "",
    `WARNING! Your credentials are stored unencrypted in '${path}'.`,
    "Configure a credential helper to remove this warning. See",
    "https://docs.docker.com/go/credential-store/",
    "",
    "",
  ].join("\n");

function checkFlags(cli: Cli, flags: LoginFlags): void {
  if (flags.password !== "") {
    cli.errors.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (flags["password-stdin"]) {
      throw new InvalidArgumentError(
        "conflicting options: cannot specify both --password and --password-stdin",
      );
    }
  }
  if (flags["password-stdin"] && flags.username === "") {
    throw new InvalidArgumentError("the --password-stdin option requires --username to be set");
  }
}

async function readInput(cli: Cli): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of cli.input.chunks()) text += decoder.decode(chunk, { stream: true });
  return text.replace(/\r?\n$/, "");
}

/** One line that the user types. */
async function prompt(cli: Cli, question: string, isHidden: boolean): Promise<string> {
  cli.output.write(question);
  const { fd } = cli.input;
  using _hidden = isHidden && fd !== undefined ? hideTyping(fd) : undefined;
  let line = "";
  for await (const chunk of cli.input.chunks()) {
    line += new TextDecoder().decode(chunk);
    if (line.includes("\n")) break;
  }
  if (isHidden) cli.output.write("\n");
  return (line.split("\n")[0] ?? "").trim();
}

async function ask(cli: Cli, flags: LoginFlags, address: string): Promise<Given> {
  if (flags["password-stdin"]) return { username: flags.username, password: await readInput(cli) };
  if (flags.username !== "" && flags.password !== "") return flags;
  const stored = await openCredentialStore(cli).get(address);
  const isStored = flags.username === "" && flags.password === "";
  if (isStored && stored.identityToken) {
    return { username: stored.username ?? "", password: "", identityToken: stored.identityToken };
  }
  if (isStored && stored.username && stored.password) {
    cli.output.write("Authenticating with existing credentials...\n");
    return { username: stored.username, password: stored.password };
  }
  if (!cli.input.isTerminal) {
    throw new InvalidArgumentError(
      "error: cannot perform an interactive login from a non-TTY device",
    );
  }
  const username = flags.username || (await prompt(cli, "Username: ", false));
  if (username === "") throw new InvalidArgumentError("error: username is required");
  const password = flags.password || (await prompt(cli, "Password: ", true));
  if (password === "") throw new InvalidArgumentError("error: password is required");
  return { username, password };
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVER]",
  description: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
  args: between(0, 1),
  flags: {
    password: stringFlag("Password or Personal Access Token (PAT)", { short: "p" }),
    "password-stdin": boolFlag("Take the Password or Personal Access Token (PAT) from stdin"),
    username: stringFlag("Username", { short: "u" }),
  },
  async run(cli, { flags, args: [server = ""] }) {
    checkFlags(cli, flags);
    const address =
      server === "" ? DOCKER_HUB_ADDRESS : serverAddressOfDomain(domainOfServerAddress(server));
    const { username, password, identityToken } = await ask(cli, flags, address);
    const engine = await cli.engine();
    const answer = await engine.postJson<{ IdentityToken?: string; Status?: string }>("/auth", {
      json: {
        username,
        password,
        serveraddress: address,
        ...(identityToken === undefined ? {} : { identitytoken: identityToken }),
      },
    });
    const token = answer.IdentityToken || identityToken;
    const credentials = token
      ? { username, secret: token, isToken: true }
      : { username, secret: password, isToken: false };
    const helper = await openCredentialStore(cli).store(address, credentials);
    if (helper === undefined)
      cli.errors.write(PLAIN_WARNING(`${cli.globals.configDir}/config.json`));
    cli.output.write(`${answer.Status || "Login Succeeded"}\n`);
    return 0;
  },
});
