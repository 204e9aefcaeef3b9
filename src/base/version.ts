declare const WHARF_VERSION: string | undefined;
declare const WHARF_BUILD_ID: string | undefined;
declare const WHARF_BUILD_TIME: string | undefined;

/** Version of client and engine; the same as in package.json, unless scripts/build.ts was told another. */
export const wharfVersion: string = typeof WHARF_VERSION === "string" ? WHARF_VERSION : "0.1.0";

/** Short git hash that scripts/build.ts puts in; `dev` when run from source. */
export const buildId: string = typeof WHARF_BUILD_ID === "string" ? WHARF_BUILD_ID : "dev";

/** RFC 3339; empty when run from source. */
export const buildTime: string = typeof WHARF_BUILD_TIME === "string" ? WHARF_BUILD_TIME : "";
