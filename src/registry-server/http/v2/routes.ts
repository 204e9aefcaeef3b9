import type { Access, Caller, Principal } from "#registry-server/access/access.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { jsonAnswer } from "#registry-server/http/answers.ts";
import type { Exchange } from "#registry-server/http/exchange.ts";
import { tryParseRepositoryName } from "#spec/distribution/names.ts";
import { answerBlob } from "./blobs.ts";
import { nextPage, readCount, requireRead, type V2Call, type V2Parts } from "./context.ts";
import { answerReferrers, answerTags } from "./lists.ts";
import { answerManifest } from "./manifests.ts";
import { answerUpload, answerUploads } from "./uploads.ts";

const CATALOG_DEFAULT = 100;
const CATALOG_MAX = 1000;

type Handler = (call: V2Call) => Promise<Response>;

/** What a path below `/v2/` means. A repository may be called `a/blobs/b`: the end of the path decides. */
export function findHandler(
  path: string,
): { readonly name: string; readonly handle: Handler } | undefined {
  const parts = path.split("/");
  const [third = "", second = "", first = ""] = parts.slice(-3);
  const [nameOfThree, nameOfTwo] = [parts.slice(0, -3).join("/"), parts.slice(0, -2).join("/")];
  if (third === "blobs" && second === "uploads") {
    const handle: Handler =
      first === "" ? answerUploads : (call: V2Call) => answerUpload(call, first);
    return { name: nameOfThree, handle };
  }
  if (second === "blobs" && first === "uploads") return { name: nameOfTwo, handle: answerUploads };
  switch (second) {
    case "blobs":
      return { name: nameOfTwo, handle: (call) => answerBlob(call, first) };
    case "manifests":
      return { name: nameOfTwo, handle: (call) => answerManifest(call, first) };
    case "referrers":
      return { name: nameOfTwo, handle: (call) => answerReferrers(call, first) };
    case "tags":
      return first === "list" ? { name: nameOfTwo, handle: answerTags } : undefined;
    default:
      return undefined;
  }
}

/** Answers everything whose path begins with `/v2`. */
export async function answerV2(parts: V2Parts, exchange: Exchange): Promise<Response> {
  const rest = exchange.path.slice("/v2/".length);
  if (rest === "") return answerVersion(parts, exchange);
  if (rest === "_catalog") return await answerCatalog(parts, exchange);
  const found = findHandler(rest);
  if (!found) throw new RegistryError("UNSUPPORTED", "no such endpoint", { status: 404 });
  const repository = tryParseRepositoryName(found.name);
  if (repository === undefined) {
    throw new RegistryError("NAME_INVALID", "", { detail: { name: found.name.slice(0, 300) } });
  }
  return await found.handle({ parts, exchange, repository });
}

/** Which repositories the catalogue shows depends on who asks: whoever shows nothing is asked. */
function requireCatalog(access: Access, caller: Caller, principal: Principal): void {
  const isAllowed =
    principal.kind === "account" ||
    (principal.kind === "bearer" && principal.scopes.some(({ type }) => type === "registry"));
  if (isAllowed || !access.asksForLogin) return;
  throw access.refusal(caller, principal, [{ type: "registry", name: "catalog", actions: ["*"] }]);
}

function answerVersion({ access }: V2Parts, exchange: Exchange): Response {
  requireRead(exchange);
  const { caller, principal } = exchange;
  if (access.asksForLogin && principal.kind === "anonymous") {
    throw access.refusal(caller, principal, []);
  }
  return jsonAnswer({});
}

async function answerCatalog(parts: V2Parts, exchange: Exchange): Promise<Response> {
  requireRead(exchange);
  const { query, principal, caller } = exchange;
  requireCatalog(parts.access, caller, principal);
  const count = readCount(query, { default: CATALOG_DEFAULT, max: CATALOG_MAX });
  const after = query.get("last") ?? "";
  const found = await parts.repositories.list(principal, after, {
    count: count + 1,
    text: "",
  });
  const repositories = found.slice(0, count).map((repository) => repository.name);
  const last = repositories.at(-1);
  const hasMore = found.length > count && last !== undefined;
  const link = hasMore && { Link: nextPage("/v2/_catalog", { n: String(count), last }) };
  return jsonAnswer({ repositories }, { ...link });
}
