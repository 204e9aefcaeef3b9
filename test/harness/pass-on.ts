/** Passes a request on to a server, and its answer back; places that it names stay relative. */
export async function passOn(request: Request, url: string): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const isRead = ["GET", "HEAD"].includes(request.method);
  const headers = new Headers(request.headers);
  for (const name of ["authorization", "content-length", "host"]) headers.delete(name);
  const answer = await fetch(`${url}${pathname}${search}`, {
    method: request.method,
    headers,
    redirect: "manual",
    ...(isRead ? {} : { body: await request.arrayBuffer() }),
  });
  const passed = new Headers(answer.headers);
  const location = passed.get("location");
  if (location !== null) passed.set("location", location.replace(/^https?:\/\/[^/]+/, ""));
  const body = request.method === "HEAD" ? null : await answer.arrayBuffer();
  return new Response(body, { status: answer.status, headers: passed });
}
