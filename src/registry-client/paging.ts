import type { HttpAnswer } from "./http/send.ts";

/** Where the next page of a list is. Of `Link: </v2/a/tags/list?n=1&last=b>; rel="next"`. */
export function nextPage(answer: HttpAnswer): URL | undefined {
  const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.header("link") ?? "")?.[1];
  return (link === undefined ? undefined : URL.parse(link, answer.request.url.href)) ?? undefined;
}
