import { FailedPreconditionError, messageOf } from "#base/errors.ts";

/** What one registry knows a user by. */
export interface StoredCredentials {
  readonly username: string;
  /** Or token; see `isToken`. */
  readonly secret: string;
  /** The secret is an identity token. */
  readonly isToken: boolean;
}

/** The name that helpers give a secret that is a token. */
const TOKEN_USERNAME = "<token>";
const NOT_FOUND = /credentials not found in native keychain/;

async function callHelper(helper: string, verb: string, input: string): Promise<string> {
  const program = `docker-credential-${helper}`;
  let child: Bun.Subprocess<Blob, "pipe", "pipe">;
  try {
    child = Bun.spawn([program, verb], {
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (cause) {
    throw new FailedPreconditionError(
      `error getting credentials - err: exec: ${JSON.stringify(program)}: ${messageOf(cause)}`,
      { cause },
    );
  }
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code === 0) return output;
  // helpers say what is wrong on standard output
  const reason = output.trim() || errors.trim() || `exit status ${code}`;
  throw new FailedPreconditionError(`error ${verb}ing credentials with ${program}: ${reason}`);
}

/**
 * Asks a program `docker-credential-<helper>`, which keeps secrets in a keychain.
 *
 * @returns Undefined where it has none for the registry.
 * @throws {FailedPreconditionError} There is no such program, or it fails.
 * @see docker-credential-helpers, "Development".
 */
export async function getFromHelper(
  helper: string,
  address: string,
): Promise<StoredCredentials | undefined> {
  let output: string;
  try {
    output = await callHelper(helper, "get", address);
  } catch (error) {
    if (NOT_FOUND.test(messageOf(error))) return undefined;
    throw error;
  }
  const { Username: username, Secret: secret } = parseAnswer(helper, output);
  if (typeof username !== "string" || typeof secret !== "string") return undefined;
  return { username, secret, isToken: username === TOKEN_USERNAME };
}

export async function storeInHelper(
  helper: string,
  address: string,
  { username, secret, isToken }: StoredCredentials,
): Promise<void> {
  const entry = {
    ServerURL: address,
    Username: isToken ? TOKEN_USERNAME : username,
    Secret: secret,
  };
  await callHelper(helper, "store", JSON.stringify(entry));
}

/** Removing what is not there is no failure. */
export async function eraseFromHelper(helper: string, address: string): Promise<void> {
  try {
    await callHelper(helper, "erase", address);
  } catch (error) {
    if (!NOT_FOUND.test(messageOf(error))) throw error;
  }
}

function parseAnswer(helper: string, output: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(output);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // said below
  }
  throw new FailedPreconditionError(`docker-credential-${helper} answered with no JSON object`);
}
