import { expect } from "bun:test";
import { type Project, UsedContainer } from "../project.ts";

export const nginx: Project = {
  name: "nginx",
  arguments: { SITE_TITLE: "Ahoy" },
  change: {
    path: "site/index.html",
    from: "Served from",
    to: "Still served from",
    doneAgain: [
      "[pages 3/4] COPY site/ ./",
      "[pages 4/4] RUN <<'EOF' (set -eu...)",
      "[stage-1 5/5] COPY --from=pages --chown=root:www-data --chmod=u=rwX,g=rX,o= /site /var/www/site",
    ],
  },
  use: async (engine, image) => {
    await using web = await UsedContainer.start(
      ...([engine, "-p", "127.0.0.1::8080", "-e", "NGINX_PORT=8080", image] as const),
    );
    const address = `http://${await web.address(8080)}/`;
    const page = await fetch(address);
    // packed by a step of the build
    expect(page.headers.get("content-encoding")).toBe("gzip");
    expect(await page.text()).toContain("<h1>Ahoy</h1>");
    const style = await fetch(`${address}style.css`, {
      headers: { "Accept-Encoding": "identity" },
    });
    expect([style.headers.get("content-type"), await style.text()]).toEqual([
      "text/css",
      expect.stringContaining("sans-serif"),
    ]);
    expect((await fetch(`${address}none`)).status).toBe(404);
    expect(await web.exec("stat", "-c", "%U", "/proc/1")).toBe("www-data");
    expect(await web.exec("/sbin/getcap", "/usr/sbin/nginx")).toContain("cap_net_bind_service=ep");
    expect(await web.logs()).toContain('"GET /style.css HTTP/1.1" 200');
    expect(await web.stop()).toBe("0");

    await using privileged = await UsedContainer.start(engine, "-p", "127.0.0.1::80", image);
    expect(await (await fetch(`http://${await privileged.address(80)}/health`)).text()).toBe(
      "ok\n",
    );
  },
};
