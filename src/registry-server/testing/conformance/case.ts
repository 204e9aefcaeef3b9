/**
 * One request and what must come back. In `send`, `headers` and what is expected, `{repo}` and `{other}` stand for two
 * repositories of the case's own, `{location}` for the `Location` that came last, `{next}` for the target of the last
 * `Link`.
 */
export interface Step {
  /** `GET /v2/{repo}/tags/list` */
  readonly send: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
  /** Of the first error in the body. */
  readonly code?: string;
  /** Headers of the answer; null: it has none of that name. */
  readonly shows?: Readonly<Record<string, string | null>>;
  readonly text?: string;
  readonly json?: unknown;
}

/** Steps one after the other, beginning with empty repositories. */
export interface ConformanceCase {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Carries a case out. @throws {Error} Naming the first step that was answered otherwise, and how. */
export async function runCase(
  url: string,
  { steps }: ConformanceCase,
  repository: string,
): Promise<void> {
  const known = new Map([
    ["repo", repository],
    ["other", `${repository}-other`],
  ]);
  const fill = (text: string): string =>
    text.replaceAll(/\{(repo|other|location|next)\}/g, (_, name: string) => known.get(name) ?? "");
  for (const [at, step] of steps.entries()) {
    const [method = "", target = ""] = fill(step.send).split(" ");
    const answer = await fetch(new URL(target, url), {
      method,
      headers: { ...step.headers },
      ...(step.body === undefined ? {} : { body: step.body }),
      redirect: "manual",
    });
    const text = await answer.text();
    const wrong = [...differences(step, answer, text, fill)];
    if (wrong.length > 0) {
      throw new Error(`step ${at + 1}, ${method} ${target}: ${wrong.join("; ")}\n${text}`);
    }
    known.set("location", answer.headers.get("location") ?? known.get("location") ?? "");
    const next = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
    known.set("next", next ?? known.get("next") ?? "");
  }
}

function* differences(
  step: Step,
  answer: Response,
  text: string,
  fill: (text: string) => string,
): Generator<string> {
  if (answer.status !== step.status) yield `status ${answer.status}, want ${step.status}`;
  if (answer.headers.get("docker-distribution-api-version") !== "registry/2.0") {
    yield "no version of the API";
  }
  const code = step.code === undefined ? undefined : errorCodeIn(text);
  if (code !== step.code) yield `code ${code}, want ${step.code}`;
  for (const [name, wanted] of Object.entries(step.shows ?? {})) {
    const shown = answer.headers.get(name);
    const want = wanted === null ? null : fill(wanted);
    if (shown !== want) yield `${name} is ${shown}, want ${want}`;
  }
  if (step.text !== undefined && text !== step.text) yield "another body";
  if (step.json === undefined) return;
  const want = fill(JSON.stringify(step.json));
  if (!Bun.deepEquals(JSON.parse(text), JSON.parse(want))) yield `body is not ${want}`;
}

function errorCodeIn(text: string): string {
  try {
    const body = JSON.parse(text) as { readonly errors?: readonly { readonly code?: string }[] };
    return body.errors?.[0]?.code ?? "none";
  } catch {
    return "none";
  }
}
