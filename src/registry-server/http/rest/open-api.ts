import { wharfVersion } from "#base/version.ts";
import type { RestRoute } from "./route.ts";

function parameters({ path, query }: RestRoute): readonly object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((found) => ({
    name: found[1],
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query ?? {}).map(([name, description]) => ({
    name,
    in: "query",
    description,
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery];
}

function requestBody({ body }: RestRoute): object {
  if (!body) return {};
  const properties = Object.fromEntries(
    Object.entries(body).map(([name, { type, description }]) => [
      name,
      { type, description, ...(type === "array" ? { items: {} } : {}) },
    ]),
  );
  const required = Object.entries(body)
    .filter(([, property]) => property.isRequired)
    .map(([name]) => name);
  const schema = { type: "object", properties, ...(required.length > 0 ? { required } : {}) };
  return { requestBody: { content: { "application/json": { schema } } } };
}

function operation(route: RestRoute): object {
  const failure = {
    description: "Refused",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Errors" } } },
  };
  return {
    summary: route.summary,
    parameters: parameters(route),
    ...requestBody(route),
    ...(route.requires === "anyone" ? { security: [{}, { basic: [] }, { token: [] }] } : {}),
    responses: {
      ...(route.method === "DELETE"
        ? { "204": { description: "Done" } }
        : {
            [route.method === "POST" ? "201" : "200"]: {
              description: "Done",
              content: { "application/json": { schema: { type: "object" } } },
            },
          }),
      default: failure,
    },
  };
}

/** The routes as OpenAPI 3.1. */
export function openApiDocument(routes: readonly RestRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const methods = (paths[`/api/v1${route.path}`] ??= {});
    methods[route.method.toLowerCase()] = operation(route);
  }
  const item = {
    type: "object",
    properties: { code: { type: "string" }, message: { type: "string" }, detail: {} },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "Wharf registry",
      version: wharfVersion,
      description:
        "Names of repositories come percent-encoded: acme%2Fapp. Basic takes a password or a token in its place; Bearer takes a personal access token.",
    },
    security: [{ basic: [] }, { token: [] }],
    paths,
    components: {
      securitySchemes: {
        basic: { type: "http", scheme: "basic" },
        token: { type: "http", scheme: "bearer" },
      },
      schemas: {
        Errors: { type: "object", properties: { errors: { type: "array", items: item } } },
      },
    },
  };
}
